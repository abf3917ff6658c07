package kafkaio

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/kafkatest"
)

// BenchmarkCopy copies a topic of four partitions to another, a fetch a time: the limit of
// what can be had between two topics of one broker. It tells CPU-seconds of this process
// for each GB beside MB/s.
func BenchmarkCopy(b *testing.B) {
	broker := kafkatest.Start(b)
	c, err := New(Config{Brokers: []string{broker.Addr()}})
	must(b, err)
	defer c.Close()
	for _, size := range []int{750, 10_000} {
		const partitions = 4
		total := 200 << 20
		from := broker.Topic(b, partitions, nil)
		preload(b, c, from, partitions, total, size)
		for _, codec := range []Compression{None, LZ4, Zstd} {
			for _, mode := range []string{"idempotent", "transactional"} {
				b.Run(fmt.Sprintf("%dB/%s/%s", size, codec.testName(), mode), func(b *testing.B) {
					cpu := processTime(b)
					b.SetBytes(int64(total))
					for b.Loop() {
						to := broker.Topic(b, partitions, nil)
						cfg := ProducerConfig{Compression: codec}
						if mode == "transactional" {
							cfg.TransactionalID = to
						}
						copyTopic(b, c, from, to, partitions, cfg)
					}
					used := processTime(b) - cpu
					b.ReportMetric(used.Seconds()/(float64(total)*float64(b.N)/1e9), "cpu-s/GB")
				})
			}
		}
	}
}

func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func preload(b *testing.B, c *Cluster, topic string, partitions, total, size int) {
	p := c.NewProducer(ProducerConfig{})
	defer p.Close()
	r := rand.New(rand.NewPCG(1, 2))
	value := make([]byte, 1<<20)
	for i := range value {
		value[i] = "0123456789abcdef\":{},{}"[r.IntN(23)]
	}
	for done := 0; done < total; {
		list := make([]Message, 1000)
		for i := range list {
			at := r.IntN(len(value) - size)
			list[i] = Message{Partition: int32(i % partitions), Key: fmt.Append(nil, i), Value: value[at : at+size]}
			done += size
		}
		must(b, p.Write(b.Context(), topic, list))
	}
}

// copyTopic has one reader a partition, and one producer for all, or one each if it is
// transactional, with a transaction for every ten fetches.
func copyTopic(b *testing.B, c *Cluster, from, to string, partitions int, cfg ProducerConfig) {
	var group sync.WaitGroup
	shared := c.NewProducer(cfg)
	defer shared.Close()
	for id := range int32(partitions) {
		group.Go(func() {
			p, txn := shared, cfg.TransactionalID != ""
			if txn {
				own := cfg
				own.TransactionalID += fmt.Sprint(id)
				p = c.NewProducer(own)
				defer p.Close()
			}
			if err := copyPartition(b.Context(), c, p, txn, Partition{from, id}, to); err != nil {
				b.Error(err)
			}
		})
	}
	group.Wait()
}

func copyPartition(ctx context.Context, c *Cluster, p *Producer, txn bool, from Partition, to string) error {
	req := FetchRequest{Partition: from, MaxBytes: 1 << 20}
	ahead := make(chan *Fetched, 1)
	failed := make(chan error, 1)
	go func() {
		defer close(ahead)
		for {
			f, err := c.Fetch(ctx, req)
			if err != nil {
				failed <- err
				return
			}
			ahead <- f
			if req.Offset = f.Next; f.Next >= f.HighWatermark {
				return
			}
		}
	}()
	n := 0
	var list []Message
	for f := range ahead {
		if txn && n%10 == 0 {
			if err := p.Begin(ctx); err != nil {
				return err
			}
		}
		list = list[:0]
		for i := range f.Records {
			r := &f.Records[i]
			list = append(list, Message{Partition: from.ID, Key: r.Key, Value: r.Value, Headers: r.Headers, Time: r.Time})
		}
		if err := p.Write(ctx, to, list); err != nil {
			return err
		}
		if n++; txn && n%10 == 0 {
			if err := p.Commit(ctx); err != nil {
				return err
			}
		}
	}
	select {
	case err := <-failed:
		return err
	default:
	}
	if txn && n%10 != 0 {
		return p.Commit(ctx)
	}
	return nil
}
