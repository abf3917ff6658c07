package schemas

import (
	"errors"
	"fmt"
)

// ErrNotFound is wrapped by what Get and Delete return when there is no such subject or version.
var ErrNotFound = errors.New("no such schema")

// ErrSubject is wrapped by what Put returns when the subject's name is not one.
var ErrSubject = errors.New("not a subject name")

// ErrTaken is wrapped by what Put returns when the id or the number that a draft asks for
// is not free.
var ErrTaken = errors.New("taken already")

// CompileError says where a schema document is wrong, and what to do.
type CompileError struct {
	// Pointer is the JSON Pointer (RFC 6901) to the place in the document; "" is the
	// whole document. In the document of another subject that is referred to it is
	// prefixed, as in "lazaret:orders:3#/properties/id".
	Pointer string
	// Line and Column are the place in the document's text, from 1; columns count characters.
	// Both are 0 where the place is not known.
	Line, Column int
	// Message is for people.
	Message string
}

// Error is the message, with line, column and pointer where they are known.
func (e *CompileError) Error() string {
	switch {
	case e.Line > 0 && e.Pointer != "":
		return fmt.Sprintf("schema, line %d, column %d (%s): %s", e.Line, e.Column, e.Pointer, e.Message)
	case e.Line > 0:
		return fmt.Sprintf("schema, line %d, column %d: %s", e.Line, e.Column, e.Message)
	case e.Pointer != "":
		return fmt.Sprintf("schema (%s): %s", e.Pointer, e.Message)
	default:
		return "schema: " + e.Message
	}
}
