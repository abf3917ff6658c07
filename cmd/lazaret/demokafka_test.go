package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lazaret/lazaret/internal/kafkaio"
	"github.com/lazaret/lazaret/internal/kafkatest"
	"github.com/lazaret/lazaret/internal/workload"
)

// The whole story from Kafka to Kafka, on a real broker, with few events.
func TestDemoKafka(t *testing.T) {
	b := kafkatest.Start(t) // which outlives this test's folder
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	got := runWith(t.Context(), nil, "", "demo", "--events", "3000", "--kafka", b.Addr())
	t.Cleanup(func() { deleteTopics(t, b, got.stdout) })
	if got.code != exitOK {
		t.Fatalf("exit code %d\n%s\n%s", got.code, got.stdout, got.stderr)
	}
	for _, want := range []string{"4 partitions", "2. Produce 3,000", "+ event.amount <= 10000", "mirror's topic", "Nothing was lost"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("%q is not in\n%s", want, got.stdout)
		}
	}
	if n := strings.Count(got.stdout, "✓"); n != 14 || strings.Contains(got.stdout, "✗") {
		t.Errorf("%d accounts balance, want 14\n%s", n, got.stdout)
	}
	for l := range strings.Lines(got.stdout) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(l, "\n")); n > 100 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	if !strings.Contains(got.stderr, "stays there: the topics lazaret-demo-") {
		t.Errorf("it does not tell what stays:\n%s", got.stderr)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// deleteTopics removes what the demo left on a broker that is not ours alone.
func deleteTopics(t *testing.T, b *kafkatest.Broker, story string) {
	_, rest, _ := strings.Cut(story, "reads")
	in, _, found := strings.Cut(strings.TrimSpace(rest), ",")
	if !found {
		return
	}
	for _, topic := range []string{in, in + ".checked", in + ".quarantine"} {
		if err := b.DeleteTopic(context.Background(), topic); err != nil {
			t.Errorf("deleting %s: %v", topic, err)
		}
	}
}

func TestDemoKafkaUsage(t *testing.T) {
	for _, args := range [][]string{
		{"--kafka", "nowhere"}, {"--kafka", "a:1", "--kafka-broker", "b"}, {"--kafka", "a:1", "--size", "900001"},
	} {
		got := runWith(t.Context(), nil, "", append([]string{"demo"}, args...)...)
		if got.code != exitUsage {
			t.Errorf("%q: exit code %d\n%s", args, got.code, got.stderr)
		}
	}
}

// fakeBroker is the environment variable that makes the test binary a program as the demo
// starts a broker: what it says, after "listening on ".
const fakeBroker = "LAZARET_TEST_BROKER"

// pretend is that program.
func pretend(address string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if address == "nothing" {
		fmt.Fprintln(os.Stderr, "no Java here")
		return 1
	}
	fmt.Println("listening on " + address)
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	select {
	case <-ctx.Done():
		return 0
	case <-ended:
		return 3
	}
}

func startFake(t *testing.T, says string, keep bool) (*child, error) {
	t.Helper()
	t.Setenv(fakeBroker, says)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e := &env{stderr: io.Discard, getenv: os.Getenv}
	return startBroker(t.Context(), e, self, t.TempDir(), keep)
}

// A broker is known by what it says, and ends when it is told to.
func TestBrokerChild(t *testing.T) {
	for _, keep := range []bool{false, true} {
		c, err := startFake(t, "127.0.0.1:9", keep)
		if err != nil {
			t.Fatal(err)
		}
		if c.url != "127.0.0.1:9" {
			t.Errorf("it is at %q", c.url)
		}
		if err := c.stop(); err != nil {
			t.Error(err)
		}
	}
}

// A broker ends with us, however we end, unless it is to be kept.
func TestBrokerChildEndsWithUs(t *testing.T) {
	c, err := startFake(t, "127.0.0.1:9", false)
	if err != nil {
		t.Fatal(err)
	}
	c.release() // as the end of our process does
	if err := <-c.done; err == nil || c.cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("it ended with %v", err)
	}
	kept, err := startFake(t, "127.0.0.1:9", true)
	if err != nil {
		t.Fatal(err)
	}
	kept.release()
	select {
	case err := <-kept.done:
		t.Errorf("one that is to be kept ended: %v", err)
	case <-time.After(100 * time.Millisecond):
		if err := kept.stop(); err != nil {
			t.Error(err)
		}
	}
}

// demoOn runs the demo on the pretended broker, and checks that it leaves nothing.
func demoOn(t *testing.T, ctx context.Context, says string) result {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv(fakeBroker, says)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	got := runWith(ctx, nil, "", "demo", "--kafka-broker", self)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	return got
}

// What a broker says about why it does not start is told, and nothing is left.
func TestDemoWithoutBroker(t *testing.T) {
	got := demoOn(t, t.Context(), "nothing")
	if got.code != exitFindings || !strings.Contains(got.stderr, "no Java here") {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
}

// An interrupt ends the broker as well.
func TestDemoKafkaInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	got := demoOn(t, ctx, "127.0.0.1:9") // where nobody answers
	if got.code != exitFindings || !strings.Contains(got.stdout, "Kafka is up") {
		t.Errorf("exit code %d\n%s\n%s", got.code, got.stdout, got.stderr)
	}
}

// topicBooks are the sink's topic and the mirror's as a gateway that works leaves them.
type topicBooks struct {
	sink, mirror []landed
}

type landed struct {
	partition int32
	record    kafkaio.Record
}

// trueTopics moves what is in the sink's lines to topics, and mirrors what was refused.
func trueTopics(t *testing.T) (*ledger, *books, *topicBooks) {
	t.Helper()
	l, err := newLedger(workload.Config{Events: 400, Size: 768, Invalid: 0.2, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(l.reader())
	if err != nil {
		t.Fatal(err)
	}
	l.mirrors = true
	_, b, _ := trueBooks(t)
	topics := &topicBooks{}
	var later []landed
	for i, line := range strings.Split(strings.TrimSuffix(string(all), "\n"), "\n") {
		f, user := l.fates[i], userOf([]byte(line))
		row := landed{kafkaio.PartitionFor(user, demoPartitions), kafkaio.Record{Key: user, Value: []byte(line)}}
		if f.bad || f.victim {
			topics.mirror = append(topics.mirror, row)
		}
		switch {
		case f.victim:
			row.record.Headers = []kafkaio.Header{{Key: "lazaret-quarantine-id", Value: []byte("x")}}
			later = append(later, row)
		case !f.bad:
			topics.sink = append(topics.sink, row)
		}
	}
	topics.sink = append(topics.sink, later...)
	return l, b, topics
}

// auditTopics reads the books and returns the lines that do not balance.
func auditTopics(t *testing.T, l *ledger, b *books, topics *topicBooks) string {
	t.Helper()
	for _, r := range topics.sink {
		l.forwarded(r.partition, &r.record)
	}
	for _, r := range topics.mirror {
		l.mirrored(r.partition, &r.record)
	}
	b.sink = nil
	return strings.Join(audit(t, l, b), "\n")
}

func TestTopicLedgerBalances(t *testing.T) {
	l, b, topics := trueTopics(t)
	if wrong := auditTopics(t, l, b, topics); wrong != "" {
		t.Errorf("these do not balance: %q; %q", wrong, l.problems)
	}
}

// The demo can fail from Kafka to Kafka, too.
func TestTopicLedgerFindsEachFault(t *testing.T) {
	const order = "records under another key, or out of order"
	for name, c := range map[string]struct {
		tamper func(topics *topicBooks)
		shows  string
	}{
		"a good event is lost":          {func(x *topicBooks) { x.sink = x.sink[1:] }, "good events, in the sink once, to the byte"},
		"a good event is there twice":   {func(x *topicBooks) { x.sink = append(x.sink, x.sink[0]) }, "events that are anywhere twice"},
		"an event was not released":     {func(x *topicBooks) { x.sink = x.sink[:len(x.sink)-1] }, "good events refused by the wrong rule, released once"},
		"an event was released twice":   {func(x *topicBooks) { x.sink = append(x.sink, x.sink[len(x.sink)-1]) }, "good events refused by the wrong rule, released once"},
		"a release does not say so":     {func(x *topicBooks) { x.sink[len(x.sink)-1].record.Headers = nil }, "good events refused by the wrong rule, released once"},
		"a bad event got through":       {func(x *topicBooks) { x.sink = append(x.sink, x.mirror[0]) }, "every event in exactly one place"},
		"a byte was changed":            {func(x *topicBooks) { x.sink[0].record.Value = append([]byte(" "), x.sink[0].record.Value...) }, "bytes that nobody sent"},
		"another key":                   {func(x *topicBooks) { x.sink[0].record.Key = []byte("user_1") }, order},
		"no key":                        {func(x *topicBooks) { x.sink[0].record.Key = nil }, order},
		"another partition":             {func(x *topicBooks) { x.sink[0].partition = (x.sink[0].partition + 1) % demoPartitions }, order},
		"another order":                 {swapped, order},
		"another key in the mirror":     {func(x *topicBooks) { x.mirror[0].record.Key = []byte("user_1") }, order},
		"the mirror lost an event":      {func(x *topicBooks) { x.mirror = x.mirror[1:] }, "refused events, in the mirror's topic once, to the byte"},
		"the mirror has an event twice": {func(x *topicBooks) { x.mirror = append(x.mirror, x.mirror[0]) }, "events that are anywhere twice"},
		"the mirror has a good event":   {func(x *topicBooks) { x.mirror = append(x.mirror, x.sink[0]) }, "good events in the mirror's topic"},
		"the mirror changed a byte":     {func(x *topicBooks) { x.mirror[0].record.Value = []byte("{}") }, "bytes that nobody sent"},
	} {
		t.Run(name, func(t *testing.T) {
			l, b, topics := trueTopics(t)
			c.tamper(topics)
			if wrong := auditTopics(t, l, b, topics); !strings.Contains(wrong, c.shows) {
				t.Errorf("%q balances; only these do not: %q", c.shows, wrong)
			}
		})
	}
}

// swapped changes the order of two events of one partition.
func swapped(x *topicBooks) {
	for i := 1; ; i++ {
		if x.sink[i].partition == x.sink[0].partition {
			x.sink[0], x.sink[i] = x.sink[i], x.sink[0]
			return
		}
	}
}

// The user is found in what is no JSON, too.
func TestUserOf(t *testing.T) {
	for event, want := range map[string]string{
		`{"event_id":"x","user_id":"user_7","a":1}`: "user_7",
		`{"user_id":"user_7","amo`:                  "user_7",
		`{"user_id":"use`:                           "",
		`{"user_id":7}`:                             "",
		`{}`:                                        "",
	} {
		if got := userOf([]byte(event)); string(got) != want || (want == "") != (got == nil) {
			t.Errorf("of %s it finds %q", event, got)
		}
	}
}
