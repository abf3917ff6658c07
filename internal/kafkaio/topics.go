package kafkaio

import (
	"context"
	"fmt"
	"slices"
	"strings"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/createtopics"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// metadata asks a broker for all topics and their leaders. kafka-go would answer from what
// it knew some time ago, and goes on doing so while no broker can be reached.
func (c *Cluster) metadata(ctx context.Context) (*metadata.Response, error) {
	d := c.direct(&metadata.Request{})
	res, err := c.ask(ctx, attemptTimeout, &d)
	if err != nil {
		return nil, fmt.Errorf("kafka: asking for topics: %w", err)
	}
	return res.(*metadata.Response), nil
}

// Topics returns how many partitions each topic has whose name matches, as a broker knows
// it now. Kafka's internal topics are left out.
func (c *Cluster) Topics(ctx context.Context, match func(string) bool) (map[string]int32, error) {
	found := map[string]int32{}
	err := persist(ctx, func(ctx context.Context) error {
		res, err := c.metadata(ctx)
		if err != nil {
			return err
		}
		clear(found)
		for i := range res.Topics {
			t := &res.Topics[i]
			if !t.IsInternal && len(t.Partitions) > 0 && match(t.Name) {
				found[t.Name] = int32(len(t.Partitions))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// CreateTopic makes a topic and waits until all its partitions have a leader. It is nil if
// there is a topic of that name, whatever its partitions and its configuration are.
// Partitions or replicas of -1 are the broker's default.
func (c *Cluster) CreateTopic(ctx context.Context, name string, partitions, replicas int, config map[string]string) error {
	topic := createtopics.RequestTopic{Name: name, NumPartitions: int32(partitions), ReplicationFactor: int16(replicas)}
	for key, value := range config {
		topic.Configs = append(topic.Configs, createtopics.RequestConfig{Name: key, Value: value})
	}
	slices.SortFunc(topic.Configs, func(a, b createtopics.RequestConfig) int { return strings.Compare(a.Name, b.Name) })
	if err := persist(ctx, func(ctx context.Context) error { return c.createTopic(ctx, topic) }); err != nil {
		return err
	}
	return persist(ctx, func(ctx context.Context) error { return c.led(ctx, name) })
}

func (c *Cluster) createTopic(ctx context.Context, topic createtopics.RequestTopic) error {
	// The Transport then also waits until it knows the topic, so that requests to the
	// leaders of its partitions find them.
	res, err := c.ask(ctx, attemptTimeout, &createtopics.Request{
		Topics:    []createtopics.RequestTopic{topic},
		TimeoutMs: int32(attemptTimeout.Milliseconds()) / 2,
	})
	if err != nil {
		return fmt.Errorf("kafka: creating topic %s: %w", topic.Name, err)
	}
	for _, t := range res.(*createtopics.Response).Topics {
		switch kafkago.Error(t.ErrorCode) {
		case 0, kafkago.TopicAlreadyExists:
		default:
			return fmt.Errorf("%w (%s)", failure("creating topic "+topic.Name, t.ErrorCode), t.ErrorMessage)
		}
	}
	return nil
}

// led is nil if each partition of the topic has a leader.
func (c *Cluster) led(ctx context.Context, name string) error {
	res, err := c.metadata(ctx)
	if err != nil {
		return err
	}
	for _, t := range res.Topics {
		if t.Name != name {
			continue
		}
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return onPartition("the leader", Partition{Topic: name, ID: p.PartitionIndex}, p.ErrorCode)
			}
		}
		if len(t.Partitions) > 0 {
			return nil
		}
	}
	return failure("topic "+name, int16(kafkago.UnknownTopicOrPartition))
}
