package kafkaio

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

const (
	// fetchGrace is how long a broker may take over a fetch besides MaxWait.
	fetchGrace = 10 * time.Second
	// enoughUnfolded ends the decoding of a fetch after the batch with which its compressed
	// batches have unfolded to so much, and enoughRecords after that with which there are so
	// many; the rest is fetched again.
	enoughUnfolded = 16 << 20
	enoughRecords  = 50_000

	fetchDefaultBytes = 1 << 20
	fetchDefaultWait  = 500 * time.Millisecond
)

// FetchRequest says what is to be fetched from one partition.
type FetchRequest struct {
	Partition Partition
	Offset    int64
	MaxBytes  int           // of batches as stored; the first one comes whole; default 1 MiB
	MinBytes  int           // the broker waits for so many; default 1
	MaxWait   time.Duration // but no longer than this; default 500 ms
	// Uncommitted reads records also of transactions that were aborted or are open.
	Uncommitted bool
}

// Fetched is what a fetch found.
type Fetched struct {
	// Records are those from the offset asked for on. What transactions aborted and the
	// records that mark their ends are left out. Each fetch has its own memory, which lives
	// as long as anyone holds a part of any record.
	Records []Record
	// Next is the offset to go on at. It may be beyond the last record, when what came after
	// it was left out, and is the one asked for if there was nothing new.
	Next                                int64
	HighWatermark, LastStable, LogStart int64
}

// aborted is a transaction that was aborted: its producer and its first offset.
type aborted struct{ producer, first int64 }

// answered is a broker's answer for the one partition.
type answered struct {
	Fetched
	aborted []aborted
	batches []byte
}

// Fetch reads one partition from an offset on. It returns what there is when MinBytes are
// there or MaxWait has passed, which may be nothing.
func (c *Cluster) Fetch(ctx context.Context, req FetchRequest) (*Fetched, error) {
	if req.MaxBytes <= 0 {
		req.MaxBytes = fetchDefaultBytes
	}
	if req.MaxWait <= 0 {
		req.MaxWait = fetchDefaultWait
	}
	r := &call{
		api: protocol.Fetch, partition: req.Partition, oldest: 4, newest: 11,
		build: func(version int16) []byte { return c.fetchBytes(&req, version) },
	}
	if err := c.exchange(ctx, req.MaxWait+fetchGrace, r); err != nil {
		return nil, fmt.Errorf("kafka: fetching %s/%d: %w", req.Partition.Topic, req.Partition.ID, err)
	}
	a, err := readFetched(r.answer, r.version, &req)
	if err == nil {
		err = a.decode(&req, &unfolder{codecs: &c.codecs})
	}
	if err != nil {
		return nil, fmt.Errorf("kafka: fetching %s/%d: %w", req.Partition.Topic, req.Partition.ID, err)
	}
	return &a.Fetched, nil
}

func (c *Cluster) fetchBytes(req *FetchRequest, version int16) []byte {
	most := int32(min(req.MaxBytes, math.MaxInt32))
	b := c.requestHead(make([]byte, 0, 128+len(req.Partition.Topic)))
	b = appendInt32(b, -1) // not a replica
	b = appendInt32(b, int32(req.MaxWait.Milliseconds()))
	b = appendInt32(b, int32(max(1, min(req.MinBytes, req.MaxBytes, math.MaxInt32))))
	b = appendInt32(b, most)
	if req.Uncommitted {
		b = append(b, 0)
	} else {
		b = append(b, 1)
	}
	if version >= 7 {
		b = appendInt32(b, 0)  // no session
		b = appendInt32(b, -1) // and none wanted
	}
	b = appendInt32(b, 1)
	b = appendString(b, req.Partition.Topic)
	b = appendInt32(b, 1)
	b = appendInt32(b, req.Partition.ID)
	if version >= 9 {
		b = appendInt32(b, -1) // the leader's epoch is not known
	}
	b = appendInt64(b, req.Offset)
	if version >= 5 {
		b = appendInt64(b, -1) // a follower would say where its log starts
	}
	b = appendInt32(b, most)
	if version >= 7 {
		b = appendInt32(b, 0) // nothing to forget
	}
	if version >= 11 {
		b = appendString(b, "") // rack
	}
	return b
}

// readFetched takes the answer to req apart, up to its batches.
func readFetched(answer []byte, version int16, req *FetchRequest) (*answered, error) {
	r := &wireReader{buf: answer}
	r.int32() // throttled for
	if version >= 7 {
		code := r.int16()
		r.int32() // session
		if err := codeError(code); err != nil {
			return nil, err
		}
	}
	for range r.count(6) {
		topic := r.string()
		for range r.count(30) {
			id := r.int32()
			code := r.int16()
			a := readPartition(r, version)
			if r.bad || topic != req.Partition.Topic || id != req.Partition.ID {
				continue
			}
			if err := codeError(code); err != nil {
				return nil, err
			}
			return a, nil
		}
	}
	return nil, fmt.Errorf("%w: the answer does not hold the partition", ErrCorrupt)
}

func readPartition(r *wireReader, version int16) *answered {
	a := &answered{}
	a.HighWatermark = r.int64()
	a.LastStable = r.int64()
	if version >= 5 {
		a.LogStart = r.int64()
	}
	if n := r.count(16); n > 0 {
		a.aborted = make([]aborted, n)
		for i := range a.aborted {
			a.aborted[i] = aborted{producer: r.int64(), first: r.int64()}
		}
	}
	if version >= 11 {
		r.int32() // a replica to read from; without a rack there is none
	}
	a.batches = r.bytes()
	return a
}

// decode turns the batches into records. Those before a damaged batch are given; the next
// fetch meets it first, and fails.
func (a *answered) decode(req *FetchRequest, u *unfolder) error {
	a.Next = req.Offset
	slices.SortFunc(a.aborted, func(x, y aborted) int { return cmp.Compare(x.first, y.first) })
	var gone map[int64]bool // producers in whose aborted transactions the position is
	for rest := a.batches; len(rest) > 0 && u.total < enoughUnfolded && len(a.Records) < enoughRecords; {
		b, more, ok, err := nextBatch(rest)
		if err == nil && !ok {
			if a.Next > req.Offset {
				return nil
			}
			return corrupt(req.Offset, "the broker sent only part of it")
		}
		rest = more
		for len(a.aborted) > 0 && a.aborted[0].first <= b.last {
			if gone == nil {
				gone = map[int64]bool{}
			}
			gone[a.aborted[0].producer] = true
			a.aborted = a.aborted[1:]
		}
		if err == nil {
			err = a.take(&b, req, gone, u)
		}
		if err != nil {
			if a.Next > req.Offset {
				return nil
			}
			return err
		}
		a.Next = max(a.Next, b.last+1)
	}
	return nil
}

// take adds the records of one batch, unless they are not to be seen.
func (a *answered) take(b *batch, req *FetchRequest, gone map[int64]bool, u *unfolder) error {
	if b.last < req.Offset {
		return nil
	}
	if b.control() {
		if !req.Uncommitted && gone[b.producer] && b.aborts() {
			delete(gone, b.producer)
		}
		return nil
	}
	if !req.Uncommitted && b.transactional() && gone[b.producer] {
		return nil
	}
	var err error
	a.Records, err = b.appendRecords(a.Records, req.Offset, u)
	return err
}
