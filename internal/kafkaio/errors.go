package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// What the package's errors are, for errors.Is.
var (
	// ErrFenced: somebody newer has the transactional id, or the coordinator ended a
	// transaction that took too long, which cannot be told apart. The producer is of no
	// further use; a new one fences in its turn.
	ErrFenced = errors.New("kafka: fenced off by a newer producer of the transactional id")
	// ErrStale: the group went on without this member, whose offsets it no longer takes.
	ErrStale = errors.New("kafka: the group went on without this member")
	// ErrOffsetOutOfRange: the partition does not hold the offset, or no longer.
	ErrOffsetOutOfRange = errors.New("kafka: the offset is not within the partition")
	// ErrRefused: the message will not be taken however often it is written.
	ErrRefused = errors.New("kafka: refused for good")
	// ErrCorrupt: a broker's answer or a record batch is damaged or not of a known format.
	ErrCorrupt = errors.New("kafka: damaged data")
	// ErrClosed: the producer was closed.
	ErrClosed = errors.New("kafka: the producer is closed")
	// ErrMustAbort: something in the transaction failed, so that it can only be aborted.
	ErrMustAbort = errors.New("kafka: the transaction can only be aborted")
	// ErrCommitted: the transaction that was to be aborted had been committed, by a Commit
	// whose answer was lost.
	ErrCommitted = errors.New("kafka: the transaction was committed after all")
)

// brokerError is an error code of a broker.
type brokerError struct{ code kafkago.Error }

// codeError makes an error of a broker's code; nil for 0.
func codeError(code int16) error {
	if code == 0 {
		return nil
	}
	return &brokerError{code: kafkago.Error(code)}
}

func (e *brokerError) Error() string {
	if title := e.code.Title(); title != "" {
		return fmt.Sprintf("%s (code %d)", title, int(e.code))
	}
	return fmt.Sprintf("code %d", int(e.code))
}

func (e *brokerError) Unwrap() error { return e.code }

// Is says which of the package's errors the code means.
func (e *brokerError) Is(target error) bool {
	switch target {
	case ErrFenced:
		return e.code == kafkago.InvalidProducerEpoch || e.code == kafkago.ProducerFenced ||
			e.code == kafkago.TransactionCoordinatorFenced
	case ErrStale:
		return e.code == kafkago.IllegalGeneration || e.code == kafkago.UnknownMemberId || e.code == kafkago.FencedInstanceID
	case ErrOffsetOutOfRange:
		return e.code == kafkago.OffsetOutOfRange
	case ErrRefused:
		return refusal(e.code)
	case ErrCorrupt:
		return e.code == kafkago.InvalidMessage
	}
	return false
}

// refusal reports whether a broker's code says that a record in the batch is at fault.
func refusal(code kafkago.Error) bool {
	switch code {
	case kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge, kafkago.InvalidRecord, kafkago.InvalidTimestamp:
		return true
	}
	return false
}

// codeOf is the broker's error code within err, 0 if there is none.
func codeOf(err error) kafkago.Error {
	var code kafkago.Error
	errors.As(err, &code)
	return code
}

// Retriable reports whether what failed may succeed later without a change: the broker or
// the coordinator moved, is down or busy, or an answer got lost.
func Retriable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	var code kafkago.Error
	if errors.As(err, &code) {
		return retriableCode(code)
	}
	var unknown protocol.Error // no such topic, no leader, an answer to another request
	var network net.Error
	return errors.As(err, &unknown) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// retriableCode adds to kafka-go's list what it leaves out.
func retriableCode(code kafkago.Error) bool {
	switch code {
	case kafkago.BrokerNotAvailable, kafkago.ReplicaNotAvailable, kafkago.ConcurrentTransactions, kafkago.Unknown:
		return true
	case kafkago.GroupSubscribedToTopic, kafkago.ElectionNotNeeded, kafkago.NoReassignmentInProgress:
		return false // temporary by kafka-go's list; none goes away by waiting
	}
	return code.Temporary()
}
