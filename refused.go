package lazaret

import (
	"errors"
	"fmt"
)

// ErrSchemaUnavailable reports that the version of the schema that an event names cannot be
// read, or does not compile: schema.unavailable. That is our failure and none of the event's,
// which is judged when it is to be had again.
var ErrSchemaUnavailable = errors.New("schema.unavailable")

// ErrRefused reports that a sink's receiver refused a batch for good: writing the same
// batch again will not help until something is mended.
var ErrRefused = errors.New("receiver refused the batch")

// RefusedError reports that a sink's receiver refused some records of a batch that has an
// ID because of what they hold. For errors.Is it is an ErrRefused; an ErrRefused that is
// no RefusedError says nothing about what landed.
type RefusedError struct {
	// Records are the positions in the batch of the records that were refused, ascending
	// and without repetition. Records that were refused together are all listed, though
	// one of them alone may be the cause. All records that are not listed are durable.
	Records []int
	// Each says that each record that is listed was refused for what it holds itself.
	Each bool
	// Err is why, without a payload's values.
	Err error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%d records were refused: %v", len(e.Records), e.Err)
}

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// Is makes each of them an ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }
