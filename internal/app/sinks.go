package app

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/sink"
)

// openSink opens the sink of a stream, within what lazaret.yaml allows.
func (a *App) openSink(s gateway.Stream) (gateway.Sink, error) {
	onCommit := func(c sink.Commit) { a.metrics.SinkWrite(s.Name, c.Took, c.Err) }
	switch spec := s.Sink; {
	case spec.File != nil:
		return opened(sink.NewFile(sink.FileConfig{
			Root: a.cfg.Sinks.File.Root, Spec: *spec.File, Stream: s.Name, Log: a.log, OnCommit: onCommit,
		}))
	case spec.HTTP != nil:
		return opened(sink.NewHTTP(a.httpConfig(s.Name, *spec.HTTP)))
	case spec.Kafka != nil:
		return a.openKafka(s)
	case spec.Stdout != nil:
		return opened(sink.NewStdout(sink.StdoutConfig{Writer: a.cfg.Stdout, Spec: *spec.Stdout, Stream: s.Name, OnCommit: onCommit}))
	}
	return nil, fmt.Errorf("stream %s names no sink", s.Name)
}

// opened keeps a nil *T from becoming a gateway.Sink that is not nil.
func opened[S gateway.Sink](s S, err error) (gateway.Sink, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (a *App) httpConfig(stream string, spec gateway.HTTPSink) sink.HTTPConfig {
	cfg := sink.HTTPConfig{
		Spec: spec, Stream: stream, AllowHosts: a.cfg.Sinks.HTTP.Hosts, Log: a.log,
		OnCommit: func(c sink.Commit) { a.metrics.SinkWrite(stream, c.Took, c.Err) },
	}
	if spec.HeadersFile != "" {
		// gateway.Stream.Validate lets only a plain file name through.
		cfg.HeadersFile = filepath.Join(a.cfg.Sinks.SecretsDir, filepath.Base(spec.HeadersFile))
	}
	return cfg
}

// checkSink says why a sink cannot be had here, before a stream that names it is stored.
func (a *App) checkSink(spec gateway.SinkSpec) error {
	switch {
	case spec.Kafka != nil:
		return a.checkKafka("write to the topic "+spec.Kafka.Topic, spec.Kafka.Topic, a.cfg.Kafka.Topics.MayProduce(), "produce")
	case spec.HTTP == nil:
		return nil
	}
	cfg := a.httpConfig("", *spec.HTTP)
	s, err := sink.NewHTTP(cfg)
	if err != nil {
		return err
	}
	return s.Close(context.Background())
}

// checkSource says why a source cannot be had here. What a pattern will match is not known;
// topics that are not allowed are left out when it is read.
func (a *App) checkSource(spec gateway.SourceSpec) error {
	if spec.Kafka == nil {
		return nil
	}
	if !a.cfg.Kafka.Enabled() || len(a.cfg.Kafka.Topics.Consume) == 0 {
		return a.checkKafka("read from Kafka", "", nil, "consume")
	}
	may := a.cfg.Kafka.Topics.MayConsume()
	for _, topic := range spec.Kafka.Topics {
		if err := a.checkKafka("read the topic "+topic, topic, may, "consume"); err != nil {
			return err
		}
	}
	return nil
}

// checkKafka says why a topic cannot be read or written, and what to put into lazaret.yaml;
// may being nil, no topic can.
func (a *App) checkKafka(do, topic string, may func(string) bool, list string) error {
	if !a.cfg.Kafka.Enabled() {
		return fmt.Errorf("there are no Kafka brokers here to %s: put kafka: {brokers: [host:port]} into lazaret.yaml and restart the server", do)
	}
	if may == nil || !may(topic) {
		return fmt.Errorf("no stream here may %s: put a pattern for it into kafka.topics.%s in lazaret.yaml and restart the server", do, list)
	}
	return nil
}
