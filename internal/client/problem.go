package client

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// Problem is an answer that is not 2xx: an RFC 9457 problem document.
type Problem struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail string  `json:"detail"`
	Errors []Fault `json:"errors,omitempty"`
	// Comparisons are those of schemas that were refused because they are not compatible,
	// by resource, such as "Schema/orders".
	Comparisons map[string]*SchemaCheck `json:"comparisons,omitempty"`
}

// Fault is one thing that is wrong with what was sent, and where.
type Fault struct {
	Resource string `json:"resource,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Pointer  string `json:"pointer,omitempty"`
	Message  string `json:"message"`
	Snippet  string `json:"snippet,omitempty"`
}

// Error is the problem as a person would want to read it, over several lines where
// there are several faults.
func (p *Problem) Error() string {
	var b strings.Builder
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if text == "" {
		text = http.StatusText(p.Status)
	}
	fmt.Fprintf(&b, "%s (%d)", text, p.Status)
	for _, f := range p.Errors {
		b.WriteString("\n  ")
		b.WriteString(f.String())
	}
	return b.String()
}

// String is one line with the place, and the snippet below it. Line and column come
// after the pointer, since they count within what it points to.
func (f Fault) String() string {
	var b strings.Builder
	at := ""
	if f.Line > 0 {
		at = fmt.Sprintf("%d:%d", f.Line, f.Column)
	}
	switch {
	case f.File != "" && at != "":
		b.WriteString(f.File + ":" + at + ": ")
		at = ""
	case f.File != "":
		b.WriteString(f.File + ": ")
	}
	if place := strings.Join(strings.Fields(f.Resource+" "+f.Pointer+" "+at), " "); place != "" {
		b.WriteString(place + ": ")
	}
	b.WriteString(f.Message)
	if f.Snippet != "" {
		b.WriteString("\n    " + strings.ReplaceAll(strings.TrimRight(f.Snippet, "\n"), "\n", "\n    "))
	}
	return b.String()
}

// readProblem makes the best of any answer, for a proxy may stand between.
func readProblem(resp *http.Response) *Problem {
	p := &Problem{}
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "application/problem+json" {
		if json.Unmarshal(data, p) != nil {
			*p = Problem{}
		}
	}
	p.Status = resp.StatusCode
	if p.Title == "" && p.Detail == "" && resp.Request != nil {
		// Who it is that answers is not known, so that the address is what helps.
		p.Detail = fmt.Sprintf("%s: %s %s", http.StatusText(p.Status), resp.Request.Method, resp.Request.URL.Redacted())
	}
	return p
}
