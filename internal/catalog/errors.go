package catalog

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotFound: what is to be deleted or matched does not exist.
	ErrNotFound = errors.New("not found")
	// ErrPrecondition: the resource is not in the state that the change asks for
	// (If-Match, If-None-Match).
	ErrPrecondition = errors.New("precondition failed")
	// ErrInUse: something that stays depends on what is to be deleted.
	ErrInUse = errors.New("in use")
	// ErrMode: the mode of the subject does not allow the change.
	ErrMode = errors.New("not allowed by its mode")
	// ErrLive: a version that is to be deleted for good was not soft-deleted before.
	ErrLive = errors.New("not soft-deleted yet")
	// ErrConflict: the store was changed by somebody else meanwhile; nothing was done.
	ErrConflict = errors.New("changed meanwhile")
)

// Fault is one thing that is wrong in what is to be applied, and where. No field holds
// a value out of an event.
type Fault struct {
	// Resource is the key of the resource, such as "RuleSet/clickstream".
	Resource string
	// File is set for resources that were read from files.
	File string
	// Line and Column, from 1, are within the resource's document, or, for a rule,
	// within its expression; 0 where no place is known.
	Line, Column int
	// Pointer is the JSON Pointer into the resource.
	Pointer string
	Message string
	// Snippet shows the line and a caret, where there is one.
	Snippet string
	// Check is the comparison that says so, of a schema that is not compatible; else nil.
	Check *Check
}

// String is the fault on one line, with the snippet below it.
func (f Fault) String() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File + ": ")
	}
	if f.Resource != "" {
		b.WriteString(f.Resource + ": ")
	}
	if f.Pointer != "" {
		b.WriteString(f.Pointer + ": ")
	}
	if f.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", f.Line, f.Column)
	}
	b.WriteString(f.Message)
	if f.Snippet != "" {
		b.WriteString("\n" + f.Snippet)
	}
	return b.String()
}

// Refused is the error of changes that are not taken because something in them is
// wrong. It lists everything that was found.
type Refused struct{ Faults []Fault }

// Error lists the faults.
func (r *Refused) Error() string {
	list := make([]string, len(r.Faults))
	for i, f := range r.Faults {
		list[i] = f.String()
	}
	return "refused: " + strings.Join(list, "\n")
}
