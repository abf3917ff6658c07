package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// shared is the broker that the tests of this process have together: the one variable of
// the package, because a process has tests once.
var shared struct {
	sync.Mutex
	broker *Broker
	err    error
}

// Start returns the broker that the tests of a package share, which the first call starts:
// the broker that KAFKA_BROKERS names, or else one of ours. No test may kill or stop it.
func Start(t testing.TB) *Broker {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.broker == nil && shared.err == nil {
		shared.broker, shared.err = first()
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.broker
}

func first() (*Broker, error) {
	list := os.Getenv("KAFKA_BROKERS")
	if list == "" {
		return Run(context.Background(), Options{})
	}
	addr, _, _ := strings.Cut(list, ",")
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, fmt.Errorf("KAFKA_BROKERS: %w", err)
	}
	b := &Broker{addrs: map[Security]string{plaintext: addr}}
	if _, err := b.describe(context.Background()); err != nil {
		return nil, fmt.Errorf("KAFKA_BROKERS: %w", err)
	}
	return b, nil
}

// New starts a broker for one test, which may kill and restart it; it ends with the test.
func New(t testing.TB, o Options) *Broker {
	t.Helper()
	b, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// Main runs the tests of a package and ends the broker that they shared, if they did.
// TestMain hands what it returns to os.Exit.
func Main(m *testing.M) (code int) {
	defer func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.broker == nil {
			return
		}
		if err := shared.broker.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		shared.broker, shared.err = nil, errors.New("kafkatest: the tests are over")
	}()
	return m.Run()
}

var odd = regexp.MustCompile(`[^A-Za-z0-9]+`)

// Topic makes a topic of a name that nobody has used, and waits until each of its
// partitions has a leader. Of a broker that is not ours it is removed after the test.
func (b *Broker) Topic(t testing.TB, partitions int, config map[string]string) string {
	t.Helper()
	const most = 200 // Kafka takes 249 characters
	name := strings.Trim(odd.ReplaceAllString(t.Name(), "-"), "-")
	name = name[:min(len(name), most)] + "-" + uuid.NewString()[:8]
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	if err := b.CreateTopic(ctx, name, partitions, config); err != nil {
		t.Fatal(err)
	}
	if b.jars == "" {
		t.Cleanup(func() {
			if err := b.DeleteTopic(context.Background(), name); err != nil {
				t.Error(err)
			}
		})
	}
	return name
}
