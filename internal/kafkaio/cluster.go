package kafkaio

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Config says how a cluster is reached.
type Config struct {
	Brokers  []string // host:port; at least one
	ClientID string   // default "lazaret"
	TLS      *tls.Config
	SASL     *SASL
	Log      *slog.Logger
}

// SASL is how the client says who it is.
type SASL struct {
	Mechanism          string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	Username, Password string
}

// Cluster is a connection to a Kafka cluster. It is made without asking the brokers; the
// first request finds out whether they answer.
type Cluster struct {
	transport *kafkago.Transport
	client    *kafkago.Client
	log       *slog.Logger
	cancel    context.CancelFunc
	codecs    codecs
}

const (
	dialTimeout = 5 * time.Second
	// metadataTTL is how old what is known of brokers and leaders may be.
	metadataTTL = 2 * time.Second
	// requestTimeout bounds a request that names no time of its own.
	requestTimeout = 30 * time.Second
)

// New makes a cluster. Close it when nothing uses it any more.
func New(cfg Config) (*Cluster, error) {
	if len(cfg.Brokers) == 0 {
		return nil, errors.New("kafka: no brokers are configured")
	}
	for _, b := range cfg.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			return nil, fmt.Errorf("kafka: broker %q is not host:port", b)
		}
	}
	if cfg.ClientID == "" {
		cfg.ClientID = "lazaret"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	mechanism, err := mechanism(cfg.SASL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &kafkago.Transport{
		Dial:        (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		DialTimeout: dialTimeout, IdleTimeout: time.Minute, MetadataTTL: metadataTTL,
		ClientID: cfg.ClientID, TLS: cfg.TLS, SASL: mechanism, Context: ctx,
	}
	client := &kafkago.Client{Addr: kafkago.TCP(cfg.Brokers...), Timeout: requestTimeout, Transport: t}
	return &Cluster{transport: t, client: client, log: cfg.Log, cancel: cancel}, nil
}

// Close lets the connections go. Requests under way fail.
func (c *Cluster) Close() {
	c.cancel()
	c.transport.CloseIdleConnections()
}

func mechanism(s *SASL) (sasl.Mechanism, error) {
	if s == nil {
		return nil, nil
	}
	switch s.Mechanism {
	case "PLAIN":
		return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, s.Username, s.Password)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, s.Username, s.Password)
	}
	return nil, fmt.Errorf("kafka: there is no SASL mechanism %q: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are known", s.Mechanism)
}
