package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/kafka"
	"github.com/lazaret/lazaret/gateway/replay"
	"github.com/lazaret/lazaret/internal/kafkaio"
)

// connect makes the connection to the cluster that lazaret.yaml names, if it does. No
// broker is asked yet: one that is down does not keep the gateway from starting.
func (a *App) connect(ctx context.Context, streams *gateway.StreamStore) error {
	cfg := a.cfg.Kafka
	if !cfg.Enabled() {
		return nil
	}
	encryption, err := cfg.TLS.Config()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	conf := kafkaio.Config{Brokers: cfg.Brokers, ClientID: cfg.ClientID, TLS: encryption, Log: a.log}
	if cfg.SASL.Mechanism != "" {
		password, err := cfg.SASL.Secret()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
		conf.SASL = &kafkaio.SASL{Mechanism: cfg.SASL.Mechanism, Username: cfg.SASL.Username, Password: password}
	}
	if cfg.SASL.Mechanism == "PLAIN" && encryption == nil {
		a.log.Warn("kafka.sasl: PLAIN without kafka.tls sends the password to the brokers in clear text")
	}
	if a.cluster, err = kafkaio.New(conf); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	a.onStop("the connection to Kafka", func(context.Context) error { a.cluster.Close(); return nil })
	a.instance, err = streams.Instance(ctx)
	return err
}

var errNoKafka = errors.New("this server has no Kafka: put kafka: {brokers: [host:port]} into lazaret.yaml and restart it")

// openKafka opens a topic as a stream's sink.
func (a *App) openKafka(s gateway.Stream) (gateway.Sink, error) {
	if a.cluster == nil {
		return nil, errNoKafka
	}
	return kafka.NewSink(kafka.SinkConfig{
		Cluster: a.cluster, Spec: *s.Sink.Kafka, Stream: s.Name, Instance: a.instance,
		OnWrite: func(_ int, took time.Duration, err error) { a.metrics.SinkWrite(s.Name, took, err) },
	}), nil
}

// openMirror opens the topic that mirrors a stream's quarantine. Its records are as large as
// those of the stream's own topic may be.
func (a *App) openMirror(s gateway.Stream) (gateway.Sink, error) {
	if a.cluster == nil {
		return nil, errNoKafka
	}
	spec := gateway.KafkaSink{Topic: s.MirrorTopic()}
	if k := s.Sink.Kafka; k != nil {
		spec.Compression, spec.MaxBytes = k.Compression, k.MaxBytes
	}
	return kafka.NewSink(kafka.SinkConfig{Cluster: a.cluster, Spec: spec, Stream: s.Name, Instance: a.instance + "-mirror", Mirror: true}), nil
}

// openSource makes a source of a stream.
func (a *App) openSource(s gateway.Stream, number int) (runner, error) {
	if a.cluster == nil {
		return nil, errNoKafka
	}
	conf := kafka.SourceConfig{
		Cluster: a.cluster, Stream: s, Spec: *s.Sources[number].Kafka, Gateway: a.gateway,
		May: a.cfg.Kafka.Topics.MayConsume(), InFlight: int64(a.cfg.Limits.InFlight), Observer: a.metrics, Log: a.log,
		OnWrite: func(took time.Duration, err error) { a.metrics.SinkWrite(s.Name, took, err) },
	}
	if id := a.cfg.Kafka.InstanceID; id != "" {
		conf.InstanceID = fmt.Sprintf("%s-%s-%d", id, s.Name, number)
	}
	return kafka.NewSource(conf)
}

// past is where replays read; nil without Kafka.
func (a *App) past() replay.Topics {
	if a.cluster == nil {
		return nil
	}
	return kafka.NewReplays(kafka.ReplayConfig{
		Cluster: a.cluster, Gateway: a.gateway, May: a.cfg.Kafka.Topics.MayConsume(), Log: a.log,
	})
}
