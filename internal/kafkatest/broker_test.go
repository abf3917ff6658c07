package kafkatest_test

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/lazaret/lazaret/internal/kafkatest"
)

// patience bounds what a test waits for.
const patience = 30 * time.Second

// write sends one record, acknowledged by all, over a transport of its own unless one is
// given: kafka-go's default one does not ask for topics that came in the last 6 s.
func write(t *testing.T, transport *kafkago.Transport, addr, topic, value string) error {
	t.Helper()
	if transport == nil {
		transport = &kafkago.Transport{}
	}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w := &kafkago.Writer{
		Addr: kafkago.TCP(addr), Topic: topic, Transport: transport,
		RequiredAcks: kafkago.RequireAll, BatchTimeout: time.Millisecond, MaxAttempts: 3,
	}
	err := w.WriteMessages(ctx, kafkago.Message{Value: []byte(value)})
	if list := (kafkago.WriteErrors)(nil); errors.As(err, &list) {
		err = errors.Join(list...) // errors.Is does not look into the list
	}
	return errors.Join(err, w.Close())
}

// read returns the record of partition 0 at an offset.
func read(t *testing.T, addr, topic string, offset int64) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: []string{addr}, Topic: topic, MaxWait: 100 * time.Millisecond})
	defer r.Close()
	if err := r.SetOffset(offset); err != nil {
		t.Fatal(err)
	}
	m, err := r.ReadMessage(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(m.Value)
}

func TestSharedBroker(t *testing.T) {
	b := kafkatest.Start(t)
	if again := kafkatest.Start(t); again != b {
		t.Error("Start started a second broker")
	}
	topic := b.Topic(t, 3, map[string]string{"cleanup.policy": "compact"})
	if other := b.Topic(t, 1, nil); other == topic {
		t.Errorf("two topics are called %s", topic)
	}
	plain := b.Topic(t, 1, nil)
	if err := write(t, nil, b.Addr(), plain, "one"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, b.Addr(), plain, 0); got != "one" {
		t.Errorf("read %q", got)
	}
	if err := b.CreateTopic(t.Context(), plain, 1, nil); !errors.Is(err, kafkago.TopicAlreadyExists) {
		t.Errorf("the same topic again: %v", err)
	}
	if err := b.CreateTopic(t.Context(), plain+"-odd", 1, map[string]string{"no.such": "setting"}); err == nil {
		t.Error("a topic with a setting that there is not was made")
	}
}

// What was acknowledged is there after a crash and after a stop, on the same port.
func TestRestartKeepsData(t *testing.T) {
	b := kafkatest.New(t, kafkatest.Options{})
	addr, topic := b.Addr(), b.Topic(t, 1, nil)
	for i, end := range []func() error{b.Kill, b.Stop} {
		value := []string{"before the crash", "before the stop"}[i]
		if err := write(t, nil, addr, topic, value); err != nil {
			t.Fatal(err)
		}
		ended := b.Done()
		if err := end(); err != nil {
			t.Fatal(err)
		}
		<-ended
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			t.Error("an ended broker answers")
		}
		start := time.Now()
		if err := b.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("restarted in %v", time.Since(start).Round(time.Millisecond))
		if b.Addr() != addr {
			t.Errorf("it moved from %s to %s", addr, b.Addr())
		}
		if got := read(t, addr, topic, int64(i)); got != value {
			t.Errorf("read %q, not %q", got, value)
		}
	}
}

// Two brokers know nothing of each other's topics.
func TestTwoBrokers(t *testing.T) {
	one, two := kafkatest.Start(t), kafkatest.New(t, kafkatest.Options{Config: map[string]string{"message.max.bytes": "2000"}})
	topic := one.Topic(t, 1, nil)
	if err := two.CreateTopic(t.Context(), topic, 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := write(t, nil, one.Addr(), topic, strings.Repeat("x", 3000)); err != nil {
		t.Error(err)
	}
	if err := write(t, nil, two.Addr(), topic, strings.Repeat("x", 3000)); !errors.Is(err, kafkago.MessageSizeTooLarge) {
		t.Errorf("a record beyond Options.Config's limit: %v", err)
	}
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	if err := two.Close(); err != nil {
		t.Errorf("Close, the second time: %v", err)
	}
	if err := two.Restart(t.Context()); err == nil {
		t.Error("a closed broker was restarted")
	}
}

func TestNoBroker(t *testing.T) {
	_, err := kafkatest.Run(t.Context(), kafkatest.Options{Config: map[string]string{"num.io.threads": "none"}})
	if err == nil || !strings.Contains(err.Error(), "num.io.threads") {
		t.Errorf("a broker that cannot start does not say why: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := kafkatest.Run(ctx, kafkatest.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a start that was given up: %v", err)
	}
	if _, err := kafkatest.Run(t.Context(), kafkatest.Options{Users: map[string]string{"a": `"`}}); err == nil {
		t.Error("a password that ends its own quotes was taken")
	}
}

// A process that is killed takes its broker with it, and the broker's data.
func TestBrokerDiesWithItsProcess(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(line)
	if len(words) != 2 || words[0] == "error:" {
		t.Fatalf("the child said %q", line)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	until(t, "the broker still listens", func() bool {
		c, err := net.Dial("tcp", words[0])
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	until(t, "the broker's data is still there", func() bool {
		_, err := os.Stat(filepath.Dir(words[1]))
		return errors.Is(err, fs.ErrNotExist)
	})
}

// until polls until a thing is so.
func until(t *testing.T, not string, so func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(not)
		}
	}
}
