package kafkatest

import (
	"context"
	"fmt"
	"net"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/createtopics"
	"github.com/segmentio/kafka-go/protocol/deletetopics"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

const (
	// askTime bounds one request of ours.
	askTime = 10 * time.Second
	// pollTime is how long we wait before we ask again for what is not so yet.
	pollTime = 25 * time.Millisecond
)

// The versions of the requests that we send: each broker from 2.4 on knows them.
const (
	metadataVersion     = 7
	createTopicsVersion = 4
	deleteTopicsVersion = 3
)

// ask sends one request over a connection of its own, in plain text.
func ask[R protocol.Message](ctx context.Context, addr string, version int16, request protocol.Message) (answer R, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	socket, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return answer, err
	}
	defer socket.Close()
	stop := context.AfterFunc(ctx, func() { socket.Close() })
	defer stop()
	conn := protocol.NewConn(socket, "kafkatest")
	conn.SetVersions(map[protocol.ApiKey]int16{request.ApiKey(): version})
	message, err := conn.RoundTrip(request)
	if err != nil {
		return answer, err
	}
	answer, ok := message.(R)
	if !ok {
		return answer, fmt.Errorf("the broker answered a %T with a %T", request, message)
	}
	return answer, nil
}

// describe asks what the broker knows of topics; of none, what it knows of its cluster.
func (b *Broker) describe(ctx context.Context, topics ...string) (*metadata.Response, error) {
	if topics == nil {
		topics = []string{}
	}
	return ask[*metadata.Response](ctx, b.Addr(), metadataVersion, &metadata.Request{TopicNames: topics})
}

// CreateTopic makes a topic and waits until each of its partitions has a leader.
func (b *Broker) CreateTopic(ctx context.Context, name string, partitions int, config map[string]string) error {
	topic := createtopics.RequestTopic{Name: name, NumPartitions: int32(partitions), ReplicationFactor: -1}
	for k, v := range config {
		topic.Configs = append(topic.Configs, createtopics.RequestConfig{Name: k, Value: v})
	}
	answer, err := ask[*createtopics.Response](ctx, b.Addr(), createTopicsVersion, &createtopics.Request{
		Topics: []createtopics.RequestTopic{topic}, TimeoutMs: int32(askTime / time.Millisecond),
	})
	if err != nil {
		return fmt.Errorf("creating the topic %s: %w", name, err)
	}
	for _, t := range answer.Topics {
		if t.ErrorCode != 0 {
			return fmt.Errorf("creating the topic %s: %w: %s", name, kafkago.Error(t.ErrorCode), t.ErrorMessage)
		}
	}
	for {
		answer, err := b.describe(ctx, name)
		if err == nil && led(answer, partitions) {
			return nil
		}
		if pause(ctx, pollTime) != nil {
			return fmt.Errorf("the topic %s has no leader yet (%w; last answer: %v)", name, context.Cause(ctx), err)
		}
	}
}

// led tells whether the one topic of an answer is whole and each partition has a leader.
func led(answer *metadata.Response, partitions int) bool {
	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != partitions {
		return false
	}
	for _, p := range answer.Topics[0].Partitions {
		if p.ErrorCode != 0 || p.LeaderID < 0 {
			return false
		}
	}
	return true
}

// DeleteTopic removes a topic.
func (b *Broker) DeleteTopic(ctx context.Context, name string) error {
	answer, err := ask[*deletetopics.Response](ctx, b.Addr(), deleteTopicsVersion, &deletetopics.Request{
		TopicNames: []string{name}, TimeoutMs: int32(askTime / time.Millisecond),
	})
	if err != nil {
		return fmt.Errorf("deleting the topic %s: %w", name, err)
	}
	for _, t := range answer.Responses {
		if t.ErrorCode != 0 {
			return fmt.Errorf("deleting the topic %s: %w", name, kafkago.Error(t.ErrorCode))
		}
	}
	return nil
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
