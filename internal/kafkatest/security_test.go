package kafkatest_test

import (
	"crypto/tls"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/lazaret/lazaret/internal/kafkatest"
)

// mechanisms are the ways to log in.
func mechanisms(t *testing.T, user, password string) map[string]sasl.Mechanism {
	t.Helper()
	list := map[string]sasl.Mechanism{"PLAIN": plain.Mechanism{Username: user, Password: password}}
	for name, algorithm := range map[string]scram.Algorithm{"SCRAM-SHA-256": scram.SHA256, "SCRAM-SHA-512": scram.SHA512} {
		m, err := scram.Mechanism(algorithm, user, password)
		if err != nil {
			t.Fatal(err)
		}
		list[name] = m
	}
	return list
}

// Each secured listener takes the right credentials and refuses the others.
func TestSecurity(t *testing.T) {
	b := kafkatest.New(t, kafkatest.Options{
		Listeners: []kafkatest.Security{kafkatest.TLS, kafkatest.SASL, kafkatest.SASLTLS},
		Users:     map[string]string{"alice": "wonder-land", "bob": "builder"},
	})
	topic := b.Topic(t, 1, nil)
	trusting, err := b.TLS()
	if err != nil {
		t.Fatal(err)
	}
	try := func(name string, s kafkatest.Security, c *tls.Config, m sasl.Mechanism, good bool) {
		t.Run(name, func(t *testing.T) {
			if err := write(t, &kafkago.Transport{TLS: c, SASL: m}, b.AddrOf(s), topic, name); (err == nil) != good {
				t.Errorf("good is %v, and the answer %v", good, err)
			}
		})
	}
	try("TLS", kafkatest.TLS, trusting, nil, true)
	try("TLS, an unknown authority", kafkatest.TLS, &tls.Config{MinVersion: tls.VersionTLS12}, nil, false)
	try("TLS, in plain text", kafkatest.TLS, nil, nil, false)
	try("SASL, nobody", kafkatest.SASL, nil, nil, false)
	for _, user := range []struct {
		name, password string
		good           bool
	}{{"alice", "wonder-land", true}, {"bob", "builder", true}, {"alice", "builder", false}, {"carol", "builder", false}} {
		for name, m := range mechanisms(t, user.name, user.password) {
			name += " " + user.name + " " + user.password
			try(name, kafkatest.SASL, nil, m, user.good)
			try(name+" over TLS", kafkatest.SASLTLS, trusting, m, user.good)
		}
	}
}

// A listener that asks for a client's certificate refuses who has none.
func TestClientCertificate(t *testing.T) {
	b := kafkatest.New(t, kafkatest.Options{Listeners: []kafkatest.Security{kafkatest.TLS}, ClientCert: true})
	topic := b.Topic(t, 1, nil)
	c, err := b.TLS()
	if err != nil {
		t.Fatal(err)
	}
	if err := write(t, &kafkago.Transport{TLS: c}, b.AddrOf(kafkatest.TLS), topic, "known"); err != nil {
		t.Error(err)
	}
	cert, key := b.ClientFiles()
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		t.Error(err)
	}
	bare := c.Clone()
	bare.Certificates = nil
	if err := write(t, &kafkago.Transport{TLS: bare}, b.AddrOf(kafkatest.TLS), topic, "unknown"); err == nil {
		t.Error("a client without a certificate was taken")
	}
}
