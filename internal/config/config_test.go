package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/yamlread"
)

func parse(text string, env map[string]string) (Config, error) {
	return Parse("lazaret.yaml", []byte(text), func(k string) (string, bool) { v, ok := env[k]; return v, ok })
}

const example = "../../deploy/lazaret.yaml"

// The file that users copy says the defaults, and names every key there is.
func TestExampleEqualsDefaults(t *testing.T) {
	c, err := Load(example)
	if err != nil {
		t.Fatal(err)
	}
	c.Tokens, c.Sinks.HTTP.Hosts, c.Kafka.Brokers = nil, nil, nil // written [] there
	if d := Default(); !reflect.DeepEqual(c, d) {
		t.Errorf("the example:\n%+v\nthe defaults:\n%+v", c, d)
	}
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	keys := yamlKeys(reflect.TypeFor[Config]())
	if len(keys) < 30 {
		t.Fatalf("found %d keys only", len(keys))
	}
	for _, k := range keys {
		if !strings.Contains(string(text), k+":") {
			t.Errorf("the example does not have %s", k)
		}
	}
}

func yamlKeys(t reflect.Type) (keys []string) {
	switch t.Kind() {
	case reflect.Slice:
		return yamlKeys(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			keys = append(keys, t.Field(i).Tag.Get("yaml"))
			keys = append(keys, yamlKeys(t.Field(i).Type)...)
		}
	}
	return keys
}

func TestEmptyFileIsTheDefault(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "limits: {}\n", "limits:\nlog:\n"} {
		c, err := parse(text, nil)
		if err != nil || !reflect.DeepEqual(c, Default()) {
			t.Errorf("%q: %v, %+v", text, err, c)
		}
	}
}

func TestEachKeyIsRead(t *testing.T) {
	c, err := parse(`
listen: {http: "0.0.0.0:9000", admin: "127.0.0.1:9001"}
tls: {cert: a.pem, key: b.pem}
store: {path: /var/x.db, min_free: 1GiB}
sinks:
  file: {root: /data}
  http: {hosts: [example.com, "10.0.0.1:80", "[::1]:443"]}
  secrets_dir: /run/secrets
kafka:
  brokers: ["k1:9092", "[::1]:9093"]
  client_id: c
  instance_id: i-1
  topics: {produce: ["clicks[.].*", dead], consume: []}
  tls: {enabled: true, ca: ca.pem, cert: c.pem, key: k.pem, server_name: broker}
  sasl: {mechanism: SCRAM-SHA-512, username: u, password: p, password_file: ""}
limits:
  body: 1 MiB
  decoded: 2MiB
  event: 4096
  batch_events: 7
  in_flight: 3MiB
  json_depth: 9
  json_keys: 10
  admin_body: 2MB
  read_timeout: 1s
  write_timeout: 1m30s
  idle_timeout: 3s
tokens:
  - {name: a, scopes: [read, ingest], streams: [s], sha256: `+strings.Repeat("ab", 32)+`}
log: {level: debug, format: json}
reprocess: {concurrency: 5}
shutdown_timeout: 4s
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Listen: Listen{"0.0.0.0:9000", "127.0.0.1:9001"}, TLS: TLS{"a.pem", "b.pem"}, Store: Store{"/var/x.db", 1 << 30},
		Sinks: Sinks{File: FileSinks{"/data"}, HTTP: HTTPSinks{[]string{"example.com", "10.0.0.1:80", "[::1]:443"}}, SecretsDir: "/run/secrets"},
		Kafka: Kafka{Brokers: []string{"k1:9092", "[::1]:9093"}, ClientID: "c", InstanceID: "i-1",
			Topics: KafkaTopics{Produce: []string{"clicks[.].*", "dead"}, Consume: []string{}},
			TLS:    KafkaTLS{true, "ca.pem", "c.pem", "k.pem", "broker"}, SASL: SASL{"SCRAM-SHA-512", "u", "p", ""}},
		Limits: Limits{Body: 1 << 20, Decoded: 2 << 20, Event: 4096, BatchEvents: 7, InFlight: 3 << 20, JSONDepth: 9, JSONKeys: 10,
			AdminBody: 2e6, ReadTimeout: Duration(time.Second), WriteTimeout: Duration(90 * time.Second), IdleTimeout: Duration(3 * time.Second)},
		Tokens: []Token{{Name: "a", Scopes: []string{"read", "ingest"}, Streams: []string{"s"}, SHA256: strings.Repeat("ab", 32)}},
		Log:    Log{"debug", "json"}, Reprocess: Reprocess{5}, ShutdownTimeout: Duration(4 * time.Second),
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

// An unknown key is an error with its file, line and column (issue: bad input).
func TestUnknownKeyIsRefusedWithItsPlace(t *testing.T) {
	_, err := parse("listen:\n  http: 127.0.0.1:1\nlimits:\n  bodi: 3\n", nil)
	var at *yamlread.Error
	if !errors.As(err, &at) || at.File != "lazaret.yaml" || at.Line != 4 || at.Column != 3 {
		t.Fatalf("%v", err)
	}
	if !strings.HasPrefix(err.Error(), "lazaret.yaml:4:3: ") || !strings.Contains(err.Error(), "bodi") {
		t.Error(err)
	}
}

func TestValidateReportsEverythingAtOnce(t *testing.T) {
	_, err := parse(`
listen: {http: nonsense, admin: "127.0.0.1:99999"}
tls: {cert: a.pem}
sinks: {http: {hosts: ["https://example.com"]}}
kafka:
  brokers: ["kafka", "k:0", "PLAINTEXT://k:9092"]
  client_id: ""
  instance_id: a/b
  topics: {produce: ["a)|(b"], consume: [ok, ""]}
  tls: {cert: a.pem}
  sasl: {username: u}
limits: {body: 128MiB, event: 1, in_flight: 1, json_depth: 0, read_timeout: 0s}
tokens:
  - {scopes: [ingest], sha256: abc}
  - {name: a, scopes: [root], file: x, sha256: y}
  - {name: a, scopes: []}
log: {level: loud, format: xml}
reprocess: {concurrency: -1}
shutdown_timeout: 100h
`, nil)
	if err == nil {
		t.Fatal("taken")
	}
	for _, key := range []string{"listen.http", "listen.admin", "tls", "sinks.http.hosts[0]", "kafka.brokers[0]", "kafka.brokers[1]", "kafka.brokers[2]",
		"kafka.client_id", "kafka.instance_id", "kafka.topics.produce[0]", "kafka.topics.consume[1]", "kafka.tls", "kafka.tls.enabled", "kafka.sasl.mechanism", "limits.decoded", "limits.event", "limits.in_flight",
		"limits.json_depth", "limits.read_timeout", "tokens[0].name", "tokens[0].sha256", "tokens[1].scopes", "tokens[1]", "tokens[2].name",
		"tokens[2].scopes", "tokens[2]", "log.level", "log.format", "reprocess.concurrency", "shutdown_timeout"} {
		if !strings.Contains(err.Error(), key+": ") {
			t.Errorf("%s is not reported", key)
		}
	}
	if !strings.HasPrefix(err.Error(), "lazaret.yaml: ") {
		t.Errorf("the file is not named: %v", err)
	}
}

func TestSizes(t *testing.T) {
	good := map[string]Size{"0": 0, "512": 512, "1B": 1, "64KiB": 64 << 10, "16 MiB": 16 << 20, "2GiB": 2 << 30, "1TiB": 1 << 40, "3KB": 3000, "5MB": 5e6}
	for text, want := range good {
		var s, again Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q: %d, %v", text, s, err)
		}
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Errorf("%q written as %q reads as %d, %v", text, s, again, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5GiB", "1e3", "16mib", "0x10", "9223372036854775807KiB", "99999999999999999999", "1 2", "+1"} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %d", text, s)
		}
	}
}

// A token in a file gives the same hash as the token would; one that can be guessed is refused.
func TestStaticTokens(t *testing.T) {
	token := auth.NewToken()
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := Default()
	c.Tokens = []Token{{Name: "f", Scopes: []string{"read"}, File: file}}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	write(token + "\n")
	list, err := c.StaticTokens()
	if err != nil || len(list) != 1 || list[0].Sum != auth.SumOf(token) || list[0].Scopes[0] != auth.Read {
		t.Errorf("%+v, %v", list, err)
	}
	write("secret\n")
	if _, err := c.StaticTokens(); err == nil || strings.Contains(err.Error(), "secret\n") {
		t.Errorf("a short token: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := c.StaticTokens(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
