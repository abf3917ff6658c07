package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/kafkaio"
)

// ledger writes batches that have an ID, once. What has landed stands in the metadata of an
// offset that is committed with the records: of partition 0 of the topic, in a group of the
// batch's job or of the batch itself.
type ledger struct {
	cfg *SinkConfig

	turn     chan struct{} // holds one while there is a transaction: one at a time
	producer *kafkaio.Producer

	memory sync.Mutex      // of the fields below
	alone  map[string]bool // batches that landed by a group of their own and are not forgotten
	forgot []string        // groups that nobody needs any more
}

// landed is what the metadata says of one batch.
type landed struct {
	ID      string   `json:"id"`
	Refused [][2]int `json:"refused,omitempty"` // runs of positions that the brokers refused
}

const (
	// maxMetadata is what brokers take as an offset's metadata.
	maxMetadata = 4096
	// maxLanded is how many batches of a job are kept in mind. One is open at a time for each
	// stream, or a few if it was divided.
	maxLanded = 16
	// forgetAtOnce is how many groups are deleted together.
	forgetAtOnce = 100
	// txnTimeout is when brokers end a transaction that its producer left.
	txnTimeout = 30 * time.Second
)

func (l *ledger) init(cfg *SinkConfig) {
	l.cfg, l.alone, l.turn = cfg, map[string]bool{}, make(chan struct{}, 1)
	l.producer = l.open()
}

func (l *ledger) open() *kafkaio.Producer {
	conf := l.cfg.producer()
	conf.TransactionalID, conf.TransactionTimeout = "lazaret-"+l.cfg.Stream+"-"+l.cfg.Instance, txnTimeout
	return l.cfg.Cluster.NewProducer(conf)
}

const batchGroup = "lazaret-batch-"

// groupOf names the group in which it stands that a batch has landed.
func groupOf(b lazaret.Batch) string {
	if b.Job != "" {
		return "lazaret-reprocess-" + b.Job
	}
	return batchGroup + b.ID
}

// write makes the batch land but for what is too large, unless it has.
func (l *ledger) write(ctx context.Context, b lazaret.Batch, list []kafkaio.Message, tooLarge map[int]error) error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	l.sweep(ctx, forgetAtOnce)
	err := l.once(ctx, b, list, tooLarge)
	var w *kafkaio.WriteError
	if err != nil && !errors.As(err, &w) {
		// Whatever state the transaction is in, the next producer ends it.
		l.producer.Close()
		l.producer = l.open()
	}
	return err
}

// once is one attempt to make the batch land.
func (l *ledger) once(ctx context.Context, b lazaret.Batch, list []kafkaio.Message, tooLarge map[int]error) error {
	// The first thing, for it ends what an earlier process may have under way.
	if err := l.producer.Begin(ctx); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	group := groupOf(b)
	known, err := l.read(ctx, group)
	if err != nil {
		return l.abort(ctx, err)
	}
	if i := slices.IndexFunc(known, func(k landed) bool { return k.ID == b.ID }); i >= 0 {
		if err := l.abort(ctx, nil); err != nil && !errors.Is(err, kafkaio.ErrCommitted) {
			return err
		}
		l.remember(b)
		return known[i].refused(len(list), tooLarge)
	}
	more, err := l.attempt(ctx, group, b, known, list, tooLarge, nil)
	if err == nil && len(more) > len(tooLarge) { // only what can land, in a transaction of its own
		if err = l.producer.Begin(ctx); err == nil {
			var again map[int]error
			again, err = l.attempt(ctx, group, b, known, list, more, beyond(more, tooLarge))
			if err == nil && len(again) > len(more) {
				err = errors.New("the brokers refuse other records each time that the batch is written")
			}
		}
	}
	if err == nil && len(more) > 0 {
		err = &kafkaio.WriteError{Failed: more}
	}
	return err
}

// attempt writes the batch but for some messages, and commits. It returns all that is
// refused; if that is more than without, nothing has landed. What the brokers refused before
// is kept in mind with the batch; what is too large is found again each time.
func (l *ledger) attempt(ctx context.Context, group string, b lazaret.Batch, known []landed, list []kafkaio.Message, without map[int]error, refused []int) (map[int]error, error) {
	err := writeOthers(ctx, l.producer, l.cfg.Spec.Topic, list, without)
	var w *kafkaio.WriteError
	switch {
	case errors.As(err, &w) && len(w.Failed) > len(without):
		return w.Failed, l.abort(ctx, nil)
	case err != nil && w == nil:
		return nil, l.abort(ctx, err)
	}
	entry := landed{ID: b.ID, Refused: spans(refused)}
	metadata, err := l.metadata(known, entry)
	if err != nil {
		return nil, l.abort(ctx, err)
	}
	at := map[kafkaio.Partition]kafkaio.Offset{{Topic: l.cfg.Spec.Topic}: {Next: int64(len(list)), Metadata: metadata}}
	outside := kafkaio.GroupIdentity{Group: group, Generation: -1}
	if err := l.producer.SendOffsets(ctx, outside, at); err != nil {
		return nil, l.abort(ctx, err)
	}
	if err := l.producer.Commit(ctx); err != nil {
		if err = l.abort(ctx, err); !errors.Is(err, kafkaio.ErrCommitted) {
			return nil, fmt.Errorf("commit the transaction: %w", err)
		}
	}
	l.remember(b)
	return without, nil
}

// remember notes that the batch has landed, in a group of its own if it is of no job.
func (l *ledger) remember(b lazaret.Batch) {
	if b.Job == "" {
		l.memory.Lock()
		defer l.memory.Unlock()
		l.alone[b.ID] = true
	}
}

// metadata says which batches have landed: the last ones of the job, and this.
func (l *ledger) metadata(known []landed, entry landed) (string, error) {
	list := append(slices.Clone(known), entry)
	list = list[max(0, len(list)-maxLanded):]
	for {
		text, err := json.Marshal(list)
		switch {
		case err != nil:
			return "", err
		case len(text) <= maxMetadata:
			return string(text), nil
		case len(list) == 1:
			return "", fmt.Errorf("the brokers refuse records at %d places of the batch, more than can be kept in mind", len(entry.Refused))
		}
		list = list[1:]
	}
}

// beyond lists the positions of all that are not among some.
func beyond(all, some map[int]error) (list []int) {
	for _, at := range slices.Sorted(maps.Keys(all)) {
		if some[at] == nil {
			list = append(list, at)
		}
	}
	return list
}

// spans are ascending positions as runs: the first and the last of each.
func spans(list []int) (runs [][2]int) {
	for _, at := range list {
		if n := len(runs); n > 0 && runs[n-1][1] == at-1 {
			runs[n-1][1] = at
		} else {
			runs = append(runs, [2]int{at, at})
		}
	}
	return runs
}

// refused is what was refused of a batch when it landed, and what is too large.
func (k *landed) refused(records int, tooLarge map[int]error) error {
	failed := maps.Clone(tooLarge)
	for _, run := range k.Refused {
		if run[0] < 0 || run[0] > run[1] || run[1] >= records {
			return errLedger
		}
		for at := run[0]; at <= run[1]; at++ {
			if failed == nil {
				failed = map[int]error{}
			}
			failed[at] = errRefusedBefore
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return &kafkaio.WriteError{Failed: failed}
}

var (
	errRefusedBefore = fmt.Errorf("it was refused when the batch was written first: %w", kafkaio.ErrRefused)
	errLedger        = errors.New("what the broker keeps of the batch is not of this batch")
)

// read returns the batches that have landed by a group.
func (l *ledger) read(ctx context.Context, group string) ([]landed, error) {
	at := kafkaio.Partition{Topic: l.cfg.Spec.Topic}
	offsets, err := l.cfg.Cluster.FetchOffsets(ctx, group, []kafkaio.Partition{at})
	if err != nil {
		return nil, fmt.Errorf("read what has landed: %w", err)
	}
	var list []landed
	if text := offsets[at].Metadata; text != "" {
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return nil, errors.Join(errLedger, err)
		}
	}
	return list, nil
}

// abort ends the transaction and returns the cause, or why it could not be ended.
func (l *ledger) abort(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), txnTimeout)
	defer cancel()
	return errors.Join(cause, l.producer.Abort(ctx))
}

// forget lets a batch go. The group of a job stays, for its other batches; brokers delete
// it when offsets expire.
func (l *ledger) forget(id string) {
	l.memory.Lock()
	defer l.memory.Unlock()
	if l.alone[id] {
		delete(l.alone, id)
		l.forgot = append(l.forgot, batchGroup+id)
	}
}

// sweep deletes the groups of forgotten batches, if there are at least that many. What
// cannot be deleted expires by itself.
func (l *ledger) sweep(ctx context.Context, least int) {
	l.memory.Lock()
	list := l.forgot
	if len(list) < least {
		list = nil
	} else {
		l.forgot = nil
	}
	l.memory.Unlock()
	if len(list) > 0 {
		_ = l.cfg.Cluster.DeleteGroups(ctx, list...)
	}
}

func (l *ledger) close(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.turn }()
	l.sweep(ctx, 1)
	l.producer.Close()
	return nil
}
