package gateway

import (
	"errors"
	"time"
)

// The kinds of failure. Use errors.Is: what is returned is usually an *Error that says
// more. Each is ours or the request's as a whole; a bad event is never an error.
var (
	// ErrNotFound: there is no such stream, or no such version of it.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable: the sink, the store or the judge cannot do its work now. Nothing was
	// acknowledged.
	ErrUnavailable = errors.New("unavailable")
	// ErrDraining: the gateway is shutting down and takes nothing new.
	ErrDraining = errors.New("shutting down")
	// ErrTooManyEvents: the request has more events than the limit.
	ErrTooManyEvents = errors.New("too many events")
	// ErrInternal: we have a defect. Nothing was acknowledged.
	ErrInternal = errors.New("internal error")
	// ErrKeyReused: the idempotency key was used before with another request.
	ErrKeyReused = errors.New("idempotency key reused")
	// ErrInProgress: a request with this idempotency key is being worked on.
	ErrInProgress = errors.New("request in progress")
	// ErrKeyUnusable: the first request with this idempotency key began under a version
	// of the stream that is gone, so it can be neither finished nor repeated.
	ErrKeyUnusable = errors.New("idempotency key cannot be used any more")
)

// Error is a failure with what a person needs to know of it.
type Error struct {
	// Kind is one of the package's errors.
	Kind error
	// Message says what failed and what to do. It holds no value of a payload.
	Message string
	// RetryAfter is when a retry may succeed; 0 if a retry makes no sense or nothing is known.
	RetryAfter time.Duration
	// Cause is for the log, not for the client; it may be nil.
	Cause error
}

// Error returns the message, and the cause if there is one.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Message + " (" + e.Cause.Error() + ")"
	}
	return e.Message
}

// Unwrap makes errors.Is find the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause != nil {
		return []error{e.Kind, e.Cause}
	}
	return []error{e.Kind}
}

// twice is said wherever a failure leaves open what became durable.
const twice = "Nothing was acknowledged, but part of the request may have been written: a retry can deliver twice unless it carries the same Idempotency-Key as this request did."

func unavailable(what string, cause error) *Error {
	return &Error{Kind: ErrUnavailable, Message: what + " " + twice, RetryAfter: 2 * time.Second, Cause: cause}
}
