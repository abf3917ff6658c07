package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSASLIsWholeOrAbsent(t *testing.T) {
	for text, wrong := range map[string]string{
		"{}": "",
		"{mechanism: PLAIN, username: u, password: p}":                            "",
		"{mechanism: SCRAM-SHA-256, username: u, password_file: f}":               "",
		"{mechanism: GSSAPI, username: u, password: p}":                           "kafka.sasl.mechanism: ",
		"{mechanism: PLAIN, password: p}":                                         "kafka.sasl.username: ",
		"{mechanism: PLAIN, username: u}":                                         "kafka.sasl: ",
		"{mechanism: PLAIN, username: u, password: hidden-one, password_file: f}": "kafka.sasl: ",
		"{password: hidden-one}":                                                  "kafka.sasl.mechanism: ",
	} {
		_, err := parse("kafka: {sasl: "+text+"}", nil)
		if wrong == "" && err != nil || wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)) {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "hidden-one") {
			t.Errorf("the password is in %v", err)
		}
	}
}

// The password comes from the environment or from a file, and is not shown by accident.
func TestKafkaPassword(t *testing.T) {
	env := map[string]string{"KAFKA_PASSWORD": `s3cret: "x" # y`}
	c, err := parse(`kafka: {brokers: ["k:9092"], sasl: {mechanism: PLAIN, username: u, password: "${KAFKA_PASSWORD}"}}`, env)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Kafka.SASL.Secret(); err != nil || got != env["KAFKA_PASSWORD"] {
		t.Errorf("%q %v", got, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if shown := fmt.Sprintf(verb, c); strings.Contains(shown, "s3cret") {
			t.Errorf("%s shows the password", verb)
		}
	}
	file := filepath.Join(t.TempDir(), "password")
	s := SASL{Mechanism: "PLAIN", Username: "u", PasswordFile: file}
	if _, err := s.Secret(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for text, want := range map[string]string{" pass word \n": " pass word ", "x\r\n": "x", "\n": ""} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Secret(); got != want || (want == "") != (err != nil) {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
}

// Every topic is allowed unless a list says less; an empty list allows none.
func TestTopicsThatAreAllowed(t *testing.T) {
	for _, c := range []struct {
		list    []string
		yes, no string
	}{
		{Default().Kafka.Topics.Produce, "a clicks.checked", ""},
		{[]string{}, "", "a"},
		{[]string{"clicks[.].*", "dead"}, "clicks.checked dead", "clicks xclicks.checked deader"},
		{[]string{"a|b"}, "a b", "ab xa"},
	} {
		allowed := KafkaTopics{Produce: c.list}.MayProduce()
		for _, topic := range strings.Fields(c.yes) {
			if !allowed(topic) {
				t.Errorf("%q do not allow %s", c.list, topic)
			}
		}
		for _, topic := range strings.Fields(c.no) {
			if allowed(topic) {
				t.Errorf("%q allow %s", c.list, topic)
			}
		}
	}
	if Default().Kafka.Topics.MayConsume()("a") != true || Default().Kafka.Enabled() {
		t.Error("the default has changed")
	}
}

func TestKafkaTLS(t *testing.T) {
	if conf, err := (KafkaTLS{}).Config(); conf != nil || err != nil {
		t.Errorf("%v %v", conf, err)
	}
	cert, key := selfSigned(t)
	conf, err := KafkaTLS{Enabled: true, CA: cert, Cert: cert, Key: key, ServerName: "broker"}.Config()
	if err != nil || conf.RootCAs == nil || len(conf.Certificates) != 1 || conf.ServerName != "broker" || conf.InsecureSkipVerify {
		t.Errorf("%+v %v", conf, err)
	}
	if conf, err := (KafkaTLS{Enabled: true}).Config(); err != nil || conf.RootCAs != nil {
		t.Errorf("%+v %v", conf, err)
	}
	for _, bad := range []KafkaTLS{{CA: key}, {CA: "absent.pem"}, {Cert: cert, Key: cert}, {Cert: "absent.pem", Key: key}} {
		bad.Enabled = true
		if _, err := bad.Config(); err == nil || !strings.HasPrefix(err.Error(), "kafka.tls.") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"broker"}}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", signed), write("key.pem", "PRIVATE KEY", raw)
}
