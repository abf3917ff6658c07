package web

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Problem is an RFC 9457 problem document, and the error that a handler returns to
// send one. Nothing in it may hold a value out of a payload.
type Problem struct {
	// Type names the kind of problem, for programs. Default "about:blank".
	Type string `json:"type"`
	// Title is the same for every problem of a type. Default: the status's own text.
	Title string `json:"title"`
	// Status is the HTTP status, 400 to 599.
	Status int `json:"status"`
	// Detail is for people: what is wrong here and what to do.
	Detail string `json:"detail,omitempty"`
	// Errors points at what is wrong in what was sent.
	Errors []FieldError `json:"errors,omitempty"`
	// RequestID is set when the problem is sent.
	RequestID string `json:"request_id,omitempty"`

	// Members, if set, is a struct or map whose JSON object adds members to the document.
	Members any `json:"-"`
	// RetryAfter, if above zero, is sent as Retry-After, in whole seconds rounded up.
	RetryAfter time.Duration `json:"-"`
	// Headers are sent along, such as WWW-Authenticate.
	Headers map[string]string `json:"-"`
}

// FieldError is one thing that is wrong in a document that was sent.
type FieldError struct {
	Resource string `json:"resource,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Pointer  string `json:"pointer,omitempty"`
	Message  string `json:"message"`
	Snippet  string `json:"snippet,omitempty"`
}

// Error says the problem in one line.
func (p *Problem) Error() string {
	title := p.Title
	if title == "" {
		title = http.StatusText(p.Status)
	}
	if p.Detail == "" {
		return fmt.Sprintf("%d %s", p.Status, title)
	}
	return fmt.Sprintf("%d %s: %s", p.Status, title, p.Detail)
}

// encode fills in the defaults and returns the document.
func (p *Problem) encode(requestID string) []byte {
	q := *p
	if q.Type == "" {
		q.Type = "about:blank"
	}
	if q.Title == "" {
		q.Title = http.StatusText(q.Status)
	}
	q.RequestID = requestID
	b, err := json.Marshal(q)
	if err == nil && q.Members != nil {
		var more []byte
		if more, err = json.Marshal(q.Members); err == nil && len(more) > 2 && more[0] == '{' {
			b = append(append(b[:len(b)-1], ','), more[1:]...)
		}
	}
	if err != nil { // the document is sent with an error's status all the same
		return []byte(`{"type":"about:blank","title":"The problem could not be encoded"}`)
	}
	return append(b, '\n')
}

func retryAfter(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(d.Seconds())))
}
