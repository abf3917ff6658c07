package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/addoffsetstotxn"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/endtxn"
	"github.com/segmentio/kafka-go/protocol/txnoffsetcommit"
)

// notAttempted is the code of a partition that was not added to a transaction because of
// another's error. kafka-go has another name for it.
const notAttempted = 55

var errTooLarge = fmt.Errorf("%w: larger than any broker takes", ErrRefused)

// transaction is the state of a producer's transaction.
type transaction struct {
	turn   chan struct{} // held by the one step that is under way; guards what follows
	open   bool
	told   bool // the coordinator was asked for something, so it has to be told of the end
	ending bool // a Commit got no answer
	parts  map[Partition]bool
	groups map[string]bool
	fenced error

	mu     sync.Mutex
	failed error // why it can only be aborted
	// stale: something of this epoch may still arrive at a broker, so that the next
	// transaction needs another.
	stale bool
}

func newTransaction() transaction {
	return transaction{turn: make(chan struct{}, 1), parts: map[Partition]bool{}, groups: map[string]bool{}}
}

// spoil notes that something within the transaction failed.
func (t *transaction) spoil(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = err
	}
	t.stale = true
}

// lostAnswer notes that a request may still arrive, if err is not a broker's answer.
func (t *transaction) lostAnswer(err error) {
	if codeOf(err) != 0 || unsent(err) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stale = true
}

func (t *transaction) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

func concurrent(err error) bool { return codeOf(err) == kafkago.ConcurrentTransactions }

// toTransaction is a request that goes to the coordinator of a transactional id.
type toTransaction struct {
	direct
	id string
}

func (r *toTransaction) Transaction() string { return r.id }

// askCoordinator makes one attempt at a request to the coordinator of the transactional id.
func (p *Producer) askCoordinator(ctx context.Context, req protocol.Message) (protocol.Message, error) {
	return p.c.ask(ctx, attemptTimeout, &toTransaction{direct: p.c.direct(req), id: p.cfg.TransactionalID})
}

// tell is askCoordinator for a request that says who the producer is.
func (p *Producer) tell(ctx context.Context, request func(who identity) protocol.Message) (protocol.Message, error) {
	who, err := p.identity(ctx)
	if err != nil {
		return nil, err
	}
	return p.askCoordinator(ctx, request(who))
}

// step begins a step of a transaction and bounds its time. The caller calls end.
func (p *Producer) step(ctx context.Context) (bounded context.Context, end func(), err error) {
	if p.cfg.TransactionalID == "" {
		return nil, nil, errors.New("kafka: the producer has no transactional id")
	}
	if err := p.enter(); err != nil {
		return nil, nil, err
	}
	bounded, cancel := p.bound(ctx, time.Now().Add(p.cfg.DeliveryTimeout))
	select {
	case p.txn.turn <- struct{}{}:
	case <-bounded.Done():
		cancel()
		p.working.Done()
		return nil, nil, p.why(ctx, bounded.Err())
	}
	end = func() {
		<-p.txn.turn
		cancel()
		p.working.Done()
	}
	if p.txn.fenced != nil {
		end()
		return nil, nil, p.txn.fenced
	}
	return bounded, end, nil
}

// usable is nil if the open transaction can take more.
func (t *transaction) usable() error {
	if !t.open {
		return errors.New("no transaction is open")
	}
	if err := t.failure(); err != nil {
		return fmt.Errorf("%w: %w", ErrMustAbort, err)
	}
	return nil
}

// fail notes what a step's error means for the transaction, and names the step.
func (p *Producer) fail(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("kafka: %s: %w", what, p.why(ctx, err))
	t := &p.txn
	t.lostAnswer(err)
	t.spoil(err)
	if errors.Is(err, ErrFenced) {
		t.open, t.fenced = false, err
	}
	if codeOf(err) == kafkago.InvalidProducerIDMapping {
		p.mu.Lock()
		p.who = nobody // the coordinator has forgotten the id: begin anew
		p.mu.Unlock()
	}
	return err
}

// Begin opens a transaction. The first time it fences all other producers of the
// transactional id. It asks a broker only then, and after something went wrong.
func (p *Producer) Begin(ctx context.Context) error {
	bounded, end, err := p.step(ctx)
	if err != nil {
		return err
	}
	defer end()
	t := &p.txn
	if t.open {
		return errors.New("kafka: a transaction is open already")
	}
	p.mu.Lock()
	who := p.who
	p.mu.Unlock()
	t.mu.Lock()
	stale := t.stale
	t.mu.Unlock()
	if who == nobody || stale {
		if _, err := p.introduce(bounded, who); err != nil {
			return p.fail(ctx, "beginning a transaction", err)
		}
	}
	t.mu.Lock()
	t.failed, t.stale = nil, false
	t.mu.Unlock()
	t.open, t.told, t.ending = true, false, false
	clear(t.parts)
	clear(t.groups)
	return nil
}

// join tells the coordinator which partitions the transaction is about to write to.
func (p *Producer) join(ctx context.Context, topic string, groups []group) error {
	bounded, end, err := p.step(ctx)
	if err != nil {
		return err
	}
	defer end()
	t := &p.txn
	if err := t.usable(); err != nil {
		return err
	}
	var fresh []int32
	for _, g := range groups {
		if !t.parts[Partition{topic, g.partition}] {
			fresh = append(fresh, g.partition)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	t.told = true
	err = p.insist(bounded, func(ctx context.Context) error { return p.addPartitions(ctx, topic, fresh) })
	if err != nil {
		return p.fail(ctx, "adding partitions to the transaction", err)
	}
	for _, id := range fresh {
		t.parts[Partition{topic, id}] = true
	}
	return nil
}

func (p *Producer) addPartitions(ctx context.Context, topic string, ids []int32) error {
	res, err := p.tell(ctx, func(who identity) protocol.Message {
		return &addpartitionstotxn.Request{
			TransactionalID: p.cfg.TransactionalID, ProducerID: who.id, ProducerEpoch: who.epoch,
			Topics: []addpartitionstotxn.RequestTopic{{Name: topic, Partitions: ids}},
		}
	})
	if err != nil {
		return err
	}
	var code int16
	for _, t := range res.(*addpartitionstotxn.Response).Results {
		for _, r := range t.Results {
			if r.ErrorCode != 0 && (code == 0 || code == notAttempted) {
				code = r.ErrorCode
			}
		}
	}
	return codeError(code)
}

// SendOffsets has the transaction, when it commits, commit offsets of a consumer group.
// ErrStale says that the group went on without g; then the transaction can only be aborted.
func (p *Producer) SendOffsets(ctx context.Context, g GroupIdentity, offsets map[Partition]Offset) error {
	bounded, end, err := p.step(ctx)
	if err != nil {
		return err
	}
	defer end()
	t := &p.txn
	if err := t.usable(); err != nil {
		return fmt.Errorf("kafka: sending offsets: %w", err)
	}
	if len(offsets) == 0 {
		return nil
	}
	if !t.groups[g.Group] {
		t.told = true
		err := p.insist(bounded, func(ctx context.Context) error { return p.addGroup(ctx, g.Group) })
		if err != nil {
			return p.fail(ctx, "adding offsets to the transaction", err)
		}
		t.groups[g.Group] = true
	}
	err = p.insist(bounded, func(ctx context.Context) error { return p.commitOffsets(ctx, g, offsets) })
	if codeOf(err) == kafkago.RebalanceInProgress {
		err = fmt.Errorf("%w: %w", ErrStale, err)
	}
	return p.fail(ctx, "sending offsets", err)
}

func (p *Producer) addGroup(ctx context.Context, group string) error {
	res, err := p.tell(ctx, func(who identity) protocol.Message {
		return &addoffsetstotxn.Request{
			TransactionalID: p.cfg.TransactionalID, ProducerID: who.id, ProducerEpoch: who.epoch, GroupID: group,
		}
	})
	if err != nil {
		return err
	}
	return codeError(res.(*addoffsetstotxn.Response).ErrorCode)
}

func (p *Producer) commitOffsets(ctx context.Context, g GroupIdentity, offsets map[Partition]Offset) error {
	who, err := p.identity(ctx)
	if err != nil {
		return err
	}
	req := &txnoffsetcommit.Request{
		TransactionalID: p.cfg.TransactionalID, GroupID: g.Group, ProducerID: who.id, ProducerEpoch: who.epoch,
		GenerationID: g.Generation, MemberID: g.Member, GroupInstanceID: g.InstanceID,
	}
	topics := map[string]int{}
	for part, o := range offsets {
		i, ok := topics[part.Topic]
		if !ok {
			i = len(req.Topics)
			topics[part.Topic] = i
			req.Topics = append(req.Topics, txnoffsetcommit.RequestTopic{Name: part.Topic})
		}
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, txnoffsetcommit.RequestPartition{
			Partition: part.ID, CommittedOffset: o.Next, CommittedLeaderEpoch: -1, CommittedMetadata: o.Metadata,
		})
	}
	res, err := p.c.askGroup(ctx, attemptTimeout, g.Group, req)
	if err != nil {
		return err
	}
	for _, t := range res.(*txnoffsetcommit.Response).Topics {
		for _, r := range t.Partitions {
			if r.ErrorCode != 0 {
				return codeError(r.ErrorCode)
			}
		}
	}
	return nil
}

// Commit commits the transaction. All its Writes must have returned. After an error it is
// not committed if that is ErrMustAbort; else it is not known, and Abort finds out.
func (p *Producer) Commit(ctx context.Context) error {
	bounded, end, err := p.step(ctx)
	if err != nil {
		return err
	}
	defer end()
	t := &p.txn
	if err := t.usable(); err != nil {
		return fmt.Errorf("kafka: committing: %w", err)
	}
	if t.told {
		err = p.insist(bounded, func(ctx context.Context) error { return p.endTransaction(ctx, true) })
	}
	if err == nil {
		t.open = false
		return nil
	}
	if codeOf(err) == kafkago.InvalidTransactionState {
		err = fmt.Errorf("%w: %w", ErrMustAbort, err)
	} else {
		t.ending = true
	}
	return p.fail(ctx, "committing", err)
}

// Abort aborts the transaction, if one is open: what it wrote is never seen by those who
// read what is committed. ErrCommitted says that it had been committed by a Commit that
// failed; it is not open any more then. After another error Abort can be called again.
func (p *Producer) Abort(ctx context.Context) error {
	bounded, end, err := p.step(ctx)
	if err != nil {
		return err
	}
	defer end()
	t := &p.txn
	if !t.open {
		return nil
	}
	t.spoil(ErrMustAbort) // the next one begins with a new epoch: nothing late can get into it
	if err := p.wait(bounded); err != nil {
		return p.fail(ctx, "aborting", err)
	}
	if !t.told {
		t.open = false
		return nil
	}
	err = p.insist(bounded, func(ctx context.Context) error { return p.endTransaction(ctx, false) })
	switch code := codeOf(err); {
	case code == kafkago.InvalidTransactionState:
		// There is none under way: it was committed, or the coordinator never heard of it.
		t.open = false
		if t.ending {
			return ErrCommitted
		}
		return nil
	case code == kafkago.InvalidProducerIDMapping:
		t.open = false
	}
	if err == nil {
		t.open = false
	}
	return p.fail(ctx, "aborting", err)
}

func (p *Producer) endTransaction(ctx context.Context, commit bool) error {
	res, err := p.tell(ctx, func(who identity) protocol.Message {
		return &endtxn.Request{
			TransactionalID: p.cfg.TransactionalID, ProducerID: who.id, ProducerEpoch: who.epoch, Committed: commit,
		}
	})
	if err != nil {
		return err
	}
	return codeError(res.(*endtxn.Response).ErrorCode)
}
