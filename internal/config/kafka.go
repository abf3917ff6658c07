package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Kafka is the one cluster that streams read from and write to.
type Kafka struct {
	// Brokers are host:port. Default: none, and no stream may name Kafka.
	Brokers []string `yaml:"brokers"`
	// ClientID is what brokers call this gateway. Default lazaret.
	ClientID string `yaml:"client_id"`
	// InstanceID makes it a static member of its consumer groups: one that leaves and comes
	// back under the same ID within the session's time causes no rebalance. No two gateways
	// may have the same. Default "": a dynamic member.
	InstanceID string      `yaml:"instance_id"`
	Topics     KafkaTopics `yaml:"topics"`
	TLS        KafkaTLS    `yaml:"tls"`
	SASL       SASL        `yaml:"sasl"`
}

// KafkaTopics bounds what streams may name, as regular expressions (RE2) that the whole
// name of a topic matches. Default: every topic; unlike hosts for http sinks, brokers were
// named on purpose, and have access control of their own.
type KafkaTopics struct {
	Produce []string `yaml:"produce"` // in kafka sinks and mirrors
	Consume []string `yaml:"consume"` // in kafka sources
}

// KafkaTLS says how connections to brokers are encrypted.
type KafkaTLS struct {
	Enabled    bool   `yaml:"enabled"`     // default false
	CA         string `yaml:"ca"`          // path of a PEM file; default: the system's
	Cert       string `yaml:"cert"`        // path of a PEM file: the client's certificate; default: none
	Key        string `yaml:"key"`         // path of a PEM file: its private key
	ServerName string `yaml:"server_name"` // in the brokers' certificates; default: each broker's host
}

// SASL says who the gateway is to brokers.
type SASL struct {
	Mechanism    string `yaml:"mechanism"` // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; default "": none
	Username     string `yaml:"username"`
	Password     Secret `yaml:"password"`      // as "${VAR}", from the environment
	PasswordFile string `yaml:"password_file"` // path of a file that holds it, in place of password
}

// Secret is a text that is not shown when it is printed.
type Secret string

// String hides the text, and shows whether there is one.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(hidden)"
}

// GoString hides it as well.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// Enabled says whether there is a cluster.
func (k Kafka) Enabled() bool { return len(k.Brokers) > 0 }

// MayProduce returns what says whether streams may write to a topic. The configuration must
// be valid.
func (t KafkaTopics) MayProduce() func(topic string) bool { return matchAny(t.Produce) }

// MayConsume returns what says whether streams may read a topic.
func (t KafkaTopics) MayConsume() func(topic string) bool { return matchAny(t.Consume) }

func matchAny(patterns []string) func(string) bool {
	list := make([]*regexp.Regexp, 0, len(patterns))
	for _, p := range patterns {
		if re, err := whole(p); err == nil {
			list = append(list, re)
		}
	}
	return func(topic string) bool {
		return slices.ContainsFunc(list, func(re *regexp.Regexp) bool { return re.MatchString(topic) })
	}
}

// whole compiles a pattern that a whole name has to match.
func whole(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil { // within a group it could be another
		return nil, err
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// Config reads the files and returns what connections need; nil if TLS is not enabled.
func (t KafkaTLS) Config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.ca: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka.tls.ca: there is no certificate in %s", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.cert and kafka.tls.key: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// Secret returns the password, reading the file that holds it. Line breaks at its end are
// not part of it.
func (s SASL) Secret() (string, error) {
	if s.PasswordFile == "" {
		return string(s.Password), nil
	}
	b, err := os.ReadFile(s.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("kafka.sasl.password_file: %w", err)
	}
	password := strings.TrimRight(string(b), "\r\n")
	if password == "" {
		return "", fmt.Errorf("kafka.sasl.password_file: %s is empty", s.PasswordFile)
	}
	return password, nil
}

var (
	mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}
	instanceID = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,180}$`) // Kafka takes 249; the name of a stream is added
)

func (p *problems) kafka(k Kafka) {
	for i, b := range k.Brokers {
		p.check(validBroker(b), fmt.Sprintf("kafka.brokers[%d]", i), "expected host:port, such as kafka-1:9092")
	}
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	p.check(k.ClientID != "" && len(k.ClientID) <= 249 && !strings.ContainsFunc(k.ClientID, unprintable),
		"kafka.client_id", "expected 1 to 249 printable characters")
	p.check(k.InstanceID == "" || instanceID.MatchString(k.InstanceID) && strings.Trim(k.InstanceID, ".") != "",
		"kafka.instance_id", "expected 1 to 180 characters a-z, A-Z, 0-9, '.', '_' and '-'")
	p.patterns("kafka.topics.produce", k.Topics.Produce)
	p.patterns("kafka.topics.consume", k.Topics.Consume)
	p.kafkaTLS(k.TLS)
	p.sasl(k.SASL)
}

func (p *problems) patterns(key string, list []string) {
	for i, pattern := range list {
		_, err := whole(pattern)
		if err == nil && pattern == "" {
			err = errors.New("it is empty, and would match no topic")
		}
		if err != nil {
			p.add(fmt.Sprintf("%s[%d]", key, i), "expected a regular expression (RE2): %w", err)
		}
	}
}

func (p *problems) kafkaTLS(t KafkaTLS) {
	p.check((t.Cert == "") == (t.Key == ""), "kafka.tls", "cert and key go together: give both or neither")
	named := t.CA != "" || t.Cert != "" || t.Key != "" || t.ServerName != ""
	p.check(t.Enabled || !named, "kafka.tls.enabled", "is false, so that nothing else there has an effect: set it to true")
}

func (p *problems) sasl(s SASL) {
	if s.Mechanism == "" {
		p.check(s.Username == "" && s.Password == "" && s.PasswordFile == "", "kafka.sasl.mechanism",
			"is missing, so that nothing else there has an effect: expected %s", strings.Join(mechanisms, ", "))
		return
	}
	p.check(slices.Contains(mechanisms, s.Mechanism), "kafka.sasl.mechanism", "expected one of %s", strings.Join(mechanisms, ", "))
	p.check(s.Username != "", "kafka.sasl.username", "must not be empty")
	p.check((s.Password == "") != (s.PasswordFile == ""), "kafka.sasl", "give exactly one of password and password_file")
}

func validBroker(s string) bool {
	host, port, err := net.SplitHostPort(s)
	n, perr := strconv.Atoi(port)
	return err == nil && perr == nil && n >= 1 && n <= 65535 && host != "" && !strings.ContainsAny(host, "/@ \t?#*")
}
