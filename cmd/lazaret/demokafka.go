package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lazaret/lazaret/examples"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/kafkaio"
	"github.com/lazaret/lazaret/internal/words"
)

const (
	// demoPartitions is how many partitions each topic of the story has.
	demoPartitions = 4
	// demoRecord is the largest event that fits a topic as brokers make them, with its
	// key and headers.
	demoRecord = 900_000
	// demoBatch and demoBatchBytes bound what is produced in one go.
	demoBatch      = 1000
	demoBatchBytes = 4 << 20
	// demoStall is how long the gateway may get on with nothing.
	demoStall = time.Minute
	// demoAsk bounds what is asked of brokers that may not be there.
	demoAsk = 30 * time.Second
	// demoProbe is how long brokers may take to say that they are there.
	demoProbe = 10 * time.Second
)

// flow is what the story has of Kafka, when it goes from Kafka to Kafka.
type flow struct {
	brokers string // --kafka: somebody else's
	program string // --kafka-broker: a program that is one of ours

	addrs   []string
	broker  *child // ours, if it is
	cluster *kafkaio.Cluster

	group           string
	in, out, mirror string // topics
	made            bool   // there are topics
}

// on says whether the story goes from Kafka to Kafka.
func (f *flow) on() bool { return f.brokers != "" || f.program != "" }

func (f *flow) check(eventSize int) error {
	if f.brokers != "" && f.program != "" {
		return usage("either --kafka or --kafka-broker")
	}
	if f.on() && eventSize > demoRecord {
		return usage("--size %d: with Kafka at most %d, for a topic takes records of 1 MB", eventSize, demoRecord)
	}
	if f.brokers == "" {
		return nil
	}
	f.addrs = strings.Split(f.brokers, ",")
	c, err := kafkaio.New(kafkaio.Config{Brokers: f.addrs})
	if err != nil {
		return usage("--kafka: %v", err)
	}
	c.Close()
	return nil
}

// startKafka starts the broker, unless there is one, and connects to it.
func (d *demo) startKafka(ctx context.Context) (err error) {
	f := &d.kafka
	if f.program != "" {
		began := time.Now()
		if f.broker, err = startBroker(ctx, d.env, f.program, d.dir, d.keep); err != nil {
			return err
		}
		f.addrs = []string{f.broker.url}
		d.say("Kafka is up in %.1f s on %s", time.Since(began).Seconds(), f.broker.url)
	}
	if f.cluster, err = kafkaio.New(kafkaio.Config{Brokers: f.addrs, ClientID: "lazaret-demo"}); err != nil {
		return err
	}
	ask, cancel := context.WithTimeout(ctx, demoProbe)
	defer cancel()
	if _, err := f.cluster.Topics(ask, func(string) bool { return false }); err != nil {
		return fmt.Errorf("no broker answers on %s: %w", strings.Join(f.addrs, ","), err)
	}
	return nil
}

// connect turns the clickstream into the one from Kafka to Kafka, and makes its topics. On
// somebody else's brokers they have names that nobody has.
func (d *demo) connect(ctx context.Context, resources []catalog.Resource) ([]catalog.Resource, error) {
	dir := filepath.Join(d.dir, "manifests-kafka")
	if err := os.CopyFS(dir, examples.ClickstreamKafka()); err != nil {
		return nil, err
	}
	list, err := catalog.LoadDir(dir)
	if err != nil {
		return nil, err
	}
	f, s := &d.kafka, &list[0].Stream
	source := s.Sources[0].Kafka
	prefix := ""
	f.group = "lazaret-" + demoStream // the default
	if f.broker == nil {
		var b [4]byte
		_, _ = rand.Read(b[:])
		f.group = "lazaret-demo-" + hex.EncodeToString(b[:])
		source.Group, prefix = f.group, f.group+"."
	}
	f.in, f.out, f.mirror = prefix+source.Topics[0], prefix+s.Sink.Kafka.Topic, prefix+s.Quarantine.Mirror.Topic
	source.Topics, s.Sink.Kafka.Topic, s.Quarantine.Mirror.Topic = []string{f.in}, f.out, f.mirror
	ask, cancel := context.WithTimeout(ctx, demoAsk)
	defer cancel()
	for _, topic := range []string{f.in, f.out, f.mirror} {
		if err := f.cluster.CreateTopic(ask, topic, demoPartitions, -1, nil); err != nil {
			return nil, fmt.Errorf("making the topic %s on %s: %w", topic, strings.Join(f.addrs, ","), err)
		}
		f.made = true
	}
	for i := range resources {
		if resources[i].Kind == list[0].Kind {
			resources[i] = list[0]
		}
	}
	return resources, nil
}

// joined waits until the gateway reads all partitions, so that what is measured is not the
// group's beginning.
func (d *demo) joined(ctx context.Context) error {
	f := &d.kafka
	ctx, cancel := context.WithTimeout(ctx, demoStall)
	defer cancel()
	for {
		now, err := readings(ctx, d.client)
		if err != nil {
			return err
		}
		if now["lazaret_source_partitions"] == demoPartitions {
			break
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("the gateway was not given the partitions of %s: %w", f.in, err)
		}
	}
	t := pairs()
	t.add("reads", fmt.Sprintf("%s, %d partitions, as %s", f.in, demoPartitions, f.group))
	t.add("writes", f.out+", exactly once")
	t.add("mirrors", "what it quarantines to "+f.mirror)
	fmt.Fprintln(d.stdout)
	d.table(t)
	return nil
}

// pause waits, or ends with ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// produce writes the generated events to the source's topic while the gateway reads it,
// until it has committed them all, and shows the verdicts.
func (d *demo) produce(ctx context.Context) error {
	d.title("Produce %s events of about %s, %d%% of them bad", words.Count(d.cfg.Events), size(int64(d.cfg.Size)), int(d.cfg.Invalid*100+0.5))
	began := time.Now()
	seconds, err := d.consumed(ctx)
	took := time.Since(began).Seconds()
	if err != nil {
		return err
	}
	n := int64(d.cfg.Events)
	d.say("%s events, %s in %.1f s: %s events/s, %s/s", words.Count(n), size(d.ledger.bytes), took,
		words.Count(int64(float64(n)/took)), size(int64(float64(d.ledger.bytes)/took)))
	d.say("from the first produced to the last forwarded and committed; producing alone took %.1f s", seconds)
	now, err := readings(ctx, d.client)
	if err != nil {
		return err
	}
	groups, _, err := allGroups(ctx, d.client, client.Filter{Stream: demoStream})
	if err != nil {
		return err
	}
	s := sent{Received: n, Accepted: now["lazaret_forwarded_total"], Quarantined: now["lazaret_quarantined_total"], Reasons: map[string]int{}}
	for _, g := range groups {
		s.Reasons[groupReason(g)] += int(g.Count)
	}
	d.verdicts(s)
	return nil
}

// consumed produces all events and waits until the group has committed them. It returns
// how long producing took.
func (d *demo) consumed(ctx context.Context) (seconds float64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var filler sync.WaitGroup
	defer func() {
		cancel()
		filler.Wait()
	}()
	p := d.env.progress("  consuming", words.Count[int64])
	defer p.clear()
	filled := make(chan error, 1)
	began := time.Now()
	filler.Go(func() {
		err := d.kafka.fill(ctx, d.ledger)
		seconds = time.Since(began).Seconds()
		filled <- err
	})
	total, done, last, moved := int64(d.cfg.Events), false, int64(0), time.Now()
	for {
		select {
		case err := <-filled:
			if err != nil {
				return 0, err
			}
			done = true
		default:
		}
		now, err := readings(ctx, d.client)
		if err != nil {
			return 0, err
		}
		got := now["lazaret_received_total"]
		p.update(got, total, words.Count(now["lazaret_quarantined_total"])+" quarantined")
		if got != last {
			last, moved = got, time.Now()
		}
		if done && got >= total {
			return seconds, d.kafka.committed(ctx, total)
		}
		if time.Since(moved) > demoStall {
			return 0, fmt.Errorf("the gateway has taken no event for %v; it has %s of %s", demoStall, words.Count(got), words.Count(total))
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// fill produces the events to the source's topic, keyed by their user as a shop would.
func (f *flow) fill(ctx context.Context, l *ledger) error {
	events := l.reader()
	defer events.Close()
	p := f.cluster.NewProducer(kafkaio.ProducerConfig{})
	defer p.Close()
	in := bufio.NewReaderSize(events, 1<<16)
	var list []kafkaio.Message
	bytes := 0
	for {
		line, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n := len(line); n > 0 {
			data := line[:n-1]
			list, bytes = append(list, kafkaio.Message{Partition: -1, Key: userOf(data), Value: data}), bytes+n
		}
		if len(list) >= demoBatch || bytes >= demoBatchBytes || err != nil && len(list) > 0 {
			if werr := p.Write(ctx, f.in, list); werr != nil {
				return fmt.Errorf("producing to %s: %w", f.in, werr)
			}
			list, bytes = list[:0], 0
		}
		if err != nil {
			return nil
		}
	}
}

// committed checks that the group has committed all that was produced, and nothing else.
func (f *flow) committed(ctx context.Context, want int64) error {
	at, err := f.cluster.FetchOffsets(ctx, f.group, partitions(f.in))
	if err != nil {
		return err
	}
	got := int64(0)
	for _, o := range at {
		got += o.Next
	}
	if got != want {
		return fmt.Errorf("%s events were produced, and the group %s has committed %s", words.Count(want), f.group, words.Count(got))
	}
	return nil
}

func partitions(topic string) []kafkaio.Partition {
	list := make([]kafkaio.Partition, demoPartitions)
	for i := range list {
		list[i] = kafkaio.Partition{Topic: topic, ID: int32(i)}
	}
	return list
}

// each hands out all committed records of a topic, a partition after the other. Nobody
// writes to the topic any more.
func (f *flow) each(ctx context.Context, topic string, take func(partition int32, r *kafkaio.Record)) error {
	ends, err := f.ends(ctx, topic)
	if err != nil {
		return err
	}
	for _, p := range partitions(topic) {
		for next := int64(0); next < ends[p]; {
			got, err := f.cluster.Fetch(ctx, kafkaio.FetchRequest{Partition: p, Offset: next, MaxBytes: 4 << 20})
			if err != nil {
				return fmt.Errorf("reading %s: %w", topic, err)
			}
			for i := range got.Records {
				take(p.ID, &got.Records[i])
			}
			next = got.Next
		}
	}
	return nil
}

// ends is where the partitions of a topic end. The marks of a transaction that has been
// committed may come a moment later: it waits for them.
func (f *flow) ends(ctx context.Context, topic string) (map[kafkaio.Partition]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, demoAsk)
	defer cancel()
	for {
		all, err := f.cluster.ListOffsets(ctx, partitions(topic), kafkaio.Latest)
		if err != nil {
			return nil, err
		}
		stable, err := f.cluster.ListOffsets(ctx, partitions(topic), kafkaio.LatestCommitted)
		if err != nil {
			return nil, err
		}
		open := 0
		for p, end := range all {
			if stable[p] != end {
				open++
			}
		}
		if open == 0 {
			return all, nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return nil, fmt.Errorf("a transaction on %s is still open: %w", topic, err)
		}
	}
}

// kept tells what stays in Kafka, and how to look at it.
func (f *flow) kept(t *table) {
	addr := strings.Join(f.addrs, ",")
	t.add("kafka", addr)
	t.add("topics", strings.Join([]string{f.in, f.out, f.mirror}, ", "))
	t.add("look", fmt.Sprintf("kcat -C -e -b %s -t %s -f 'key %%k\\n%%h\\n%%s\\n\\n' | less", addr, f.mirror))
	t.add("", fmt.Sprintf("kafka-console-consumer.sh --bootstrap-server %s --topic %s --from-beginning --isolation-level read_committed", addr, f.out))
}

// leaveKafka ends what there is of Kafka, after the gateway has ended. On somebody else's
// brokers the topics stay.
func (d *demo) leaveKafka() (err error) {
	f := &d.kafka
	if f.cluster != nil {
		if f.broker == nil && f.made {
			ctx, cancel := context.WithTimeout(context.Background(), demoAsk)
			defer cancel()
			groups := []string{f.group}
			if d.ledger.job.ID != "" {
				groups = append(groups, "lazaret-reprocess-"+d.ledger.job.ID)
			}
			err = f.cluster.DeleteGroups(ctx, groups...)
			d.status("what was made on %s stays there: the topics %s, %s and %s", strings.Join(f.addrs, ","), f.in, f.out, f.mirror)
		}
		f.cluster.Close()
	}
	if f.broker != nil {
		err = errors.Join(err, f.broker.stop())
	}
	return err
}
