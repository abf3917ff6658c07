package app_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/app"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/config"
	"github.com/lazaret/lazaret/internal/kafkaio"
	"github.com/lazaret/lazaret/internal/kafkatest"
)

// Each way to connect that docs/kafka.md names works as lazaret.yaml says it, from topic to
// topic in a transaction; a wrong one is explained, and no secret is in any log.
func TestKafkaSecurity(t *testing.T) {
	t.Parallel()
	const password, wrong = "wonder-land", "looking-glass"
	b := kafkatest.New(t, kafkatest.Options{
		Listeners: []kafkatest.Security{kafkatest.TLS, kafkatest.SASL, kafkatest.SASLTLS}, ClientCert: true,
		Users: map[string]string{"alice": password},
	})
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key := b.ClientFiles()
	tls := fmt.Sprintf("tls: {enabled: true, ca: '%s', cert: '%s', key: '%s'}\n", b.CAFile(), cert, key)
	unknown := "tls: {enabled: true}\n"
	sasl := func(mechanism, password string) string {
		return fmt.Sprintf("  sasl: {mechanism: %s, username: alice, password_file: '%s'}\n", mechanism, file(password, password+"\n"))
	}
	lookup := func(name string) (string, bool) { return password, name == "KAFKA_TEST_PASSWORD" }
	for _, c := range []struct {
		name     string
		listener kafkatest.Security
		yaml     string
		refused  string // what the log says; "": it works
	}{
		{"certificate", kafkatest.TLS, tls, ""},
		{"plain", kafkatest.SASLTLS, tls + sasl("PLAIN", password), ""},
		{"scram-512", kafkatest.SASLTLS, tls + sasl("SCRAM-SHA-512", password), ""},
		{"scram-256", kafkatest.SASL, `sasl: {mechanism: SCRAM-SHA-256, username: alice, password: "${KAFKA_TEST_PASSWORD}"}` + "\n", ""},
		{"wrong plain", kafkatest.SASLTLS, tls + sasl("PLAIN", wrong), "SASL Authentication Failed"},
		{"wrong scram", kafkatest.SASLTLS, tls + sasl("SCRAM-SHA-512", wrong), "SASL Authentication Failed"},
		{"unknown authority", kafkatest.TLS, unknown, "certificate signed by unknown authority"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := &lab{t: t, broker: b, cluster: connect(t, b.Addr())}
			home := t.TempDir()
			text := fmt.Sprintf("listen: {http: '127.0.0.1:0'}\nstore: {path: '%s'}\nkafka:\n  brokers: ['%s']\n  %s", filepath.Join(home, "lazaret.db"), b.AddrOf(c.listener), c.yaml)
			conf, err := config.Parse("lazaret.yaml", []byte(text), lookup)
			l.ok(err)
			l.start(app.Config{Config: conf, Version: "test"})
			in, out := b.Topic(t, 1, nil), b.Topic(t, 1, nil)
			s := between("s", in, out)
			s.Delivery = gateway.ExactlyOnce
			l.apply(s)
			if c.refused == "" {
				produced(l, in)
				l.taken(s)
				if got := l.records(out); len(got) != 1 {
					t.Errorf("%d records at the sink", len(got))
				}
			} else {
				l.refused(s.Name, c.refused)
			}
			for _, secret := range []string{password, wrong} {
				if strings.Contains(l.log.String(), secret) {
					t.Error("the log has a password")
				}
			}
		})
	}
}

// produced writes one event.
func produced(l *lab, topic string) {
	l.t.Helper()
	l.write(topic, kafkaio.Message{Value: []byte(`{"id":"1"}`)})
}

// refused waits until the log and /readyz say why the broker cannot be used, and the sender
// is told to come again.
func (l *lab) refused(stream, why string) {
	l.t.Helper()
	l.await("the log says why", func() bool { return strings.Contains(l.log.String(), why) })
	start := time.Now()
	_, err := l.c.Ingest(l.t.Context(), client.Post{Stream: stream, Body: []byte(`{"id":"1"}`)})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable {
		l.t.Errorf("the sender is told %v", err)
	}
	l.t.Logf("the sender is told so after %s: %v", time.Since(start).Round(time.Millisecond), err)
	res, err := http.Get(l.url + "/readyz")
	l.ok(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	l.ok(err)
	if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), why) {
		l.t.Errorf("/readyz says %s: %s", res.Status, body)
	}
}
