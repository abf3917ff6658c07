package httpin

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"mime"
	"slices"
	"strings"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/web"
)

// mode is how a body becomes events.
type mode int

const (
	modeJSON mode = iota
	modeLines
	modeStructured
	modeBatch
	modeBinary
)

// acceptPost lists what a POST may hold, for those who sent something else.
const acceptPost = "application/json, application/x-ndjson, application/cloudevents+json, application/cloudevents-batch+json"

// maxKey is how long an idempotency key may be, in bytes.
const maxKey = 255

// params is all that a request says outside its body.
type params struct {
	mode        mode
	contentType string // as sent
	encoding    string // "", "gzip" or "zstd"
	headers     []lazaret.Header
	reject      bool
	atomic      bool
	all         bool
	key         string
	naming      []string // headers that may name a version of the schema
}

func readParams(c *web.Ctx, naming []string) (*params, error) {
	p := &params{contentType: c.Header("Content-Type"), naming: naming}
	if err := p.query(c); err != nil {
		return nil, err
	}
	if err := p.media(c); err != nil {
		return nil, err
	}
	if err := p.contentEncoding(c); err != nil {
		return nil, err
	}
	if err := p.idempotencyKey(c); err != nil {
		return nil, err
	}
	c.EachHeader(p.keep)
	return p, p.named()
}

// query takes the three parameters that there are, and nothing else: a misspelt one
// would change what is done with the events.
func (p *params) query(c *web.Ctx) error {
	values, err := c.QueryValues()
	if err != nil {
		return err
	}
	for name, v := range values {
		flag, want := (*bool)(nil), ""
		switch name {
		case "invalid":
			flag, want = &p.reject, "reject"
		case "atomic":
			flag, want = &p.atomic, "true"
		case "results":
			flag, want = &p.all, "all"
		default:
			return &web.Problem{Status: 400, Type: kind("query"), Detail: "There is a query parameter that is not known. Those known are invalid=reject, atomic=true and results=all."}
		}
		if len(v) != 1 || v[0] != want {
			return &web.Problem{Status: 400, Type: kind("query"), Detail: fmt.Sprintf("The query parameter %s must be given once, as %s=%s, or left out.", name, name, want)}
		}
		*flag = true
	}
	return nil
}

func (p *params) media(c *web.Ctx) error {
	media, _, err := mime.ParseMediaType(p.contentType)
	if err != nil && p.contentType != "" {
		media = "?" // not a media type: refused below
	}
	binary := c.Header("ce-specversion") != ""
	switch media {
	case "application/cloudevents-batch+json":
		p.mode = modeBatch
	case "application/cloudevents+json":
		p.mode = modeStructured
	case "application/json":
		p.mode = modeJSON
		if binary {
			p.mode = modeBinary
		}
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		p.mode = modeLines
		if binary {
			return unsupported("A CloudEvent in binary mode is one event, not lines of them.")
		}
	case "":
		if !binary {
			return unsupported("There is no Content-Type.")
		}
		p.mode = modeBinary // no datacontenttype means JSON
	default:
		if !binary || !strings.HasSuffix(media, "+json") {
			return unsupported("The Content-Type is not one of those that are taken.")
		}
		p.mode = modeBinary
	}
	return nil
}

func unsupported(what string) error {
	return &web.Problem{Status: 415, Type: kind("content-type"), Detail: what + " Taken are: " + acceptPost + ".",
		Headers: map[string]string{"Accept-Post": acceptPost}}
}

func (p *params) contentEncoding(c *web.Ctx) error {
	for _, value := range c.HeaderValues("Content-Encoding") {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			switch {
			case name == "" || name == "identity":
			case p.encoding == "" && (name == "gzip" || name == "x-gzip"):
				p.encoding = "gzip"
			case p.encoding == "" && name == "zstd":
				p.encoding = "zstd"
			default:
				return &web.Problem{Status: 415, Type: kind("content-encoding"),
					Detail:  "The Content-Encoding must be one of gzip and zstd, applied once.",
					Headers: map[string]string{"Accept-Encoding": "gzip, zstd"}}
			}
		}
	}
	return nil
}

// idempotencyKey reads the header of the IETF draft: a structured-field string, which
// is quoted. A key without quotes means the same.
func (p *params) idempotencyKey(c *web.Ctx) error {
	values := c.HeaderValues("Idempotency-Key")
	if len(values) == 0 {
		return nil
	}
	key := strings.TrimSpace(values[0])
	if len(key) >= 2 && key[0] == '"' && key[len(key)-1] == '"' {
		key = key[1 : len(key)-1]
	}
	plain := func(r rune) bool { return r < '!' || r > '~' || r == '"' || r == '\\' }
	if len(values) > 1 || key == "" || len(key) > maxKey || strings.ContainsFunc(key, plain) {
		return &web.Problem{Status: 400, Type: kind("idempotency-key"),
			Detail: fmt.Sprintf("The Idempotency-Key must be sent once, as 1 to %d visible ASCII characters without spaces, quotes and backslashes; a UUID is fine.", maxKey)}
	}
	p.key = key
	return nil
}

// maxTrace is how long a trace header may be to be kept, in bytes: what W3C Trace Context
// asks a platform to pass on.
const maxTrace = 512

// keep keeps the headers that belong to the events, and none that are secrets.
func (p *params) keep(name, value string) {
	name = strings.ToLower(name)
	switch {
	case name == "traceparent", name == "tracestate":
		if len(value) > maxTrace {
			return // W3C lets a long one be dropped; each event of the request would carry it
		}
	case p.mode == modeBinary && strings.HasPrefix(name, "ce-"), gateway.KeepsHeader(p.naming, name):
	default:
		return
	}
	p.headers = append(p.headers, lazaret.Header{Name: name, Value: value})
}

// maxNamed is how long a header that names a version may be, in bytes: each event of the
// request carries it.
const maxNamed = 512

// named refuses a request whose version cannot be kept with each of its events.
func (p *params) named() error {
	for _, h := range p.headers {
		if len(h.Value) > maxNamed && gateway.KeepsHeader(p.naming, h.Name) {
			return &web.Problem{Status: 400, Type: kind("header"), Detail: fmt.Sprintf("The header that names the version of the schema has more than %d bytes.", maxNamed)}
		}
	}
	return nil
}

// eventType is the media type of one event of this request.
func (p *params) eventType() string {
	switch p.mode {
	case modeLines:
		return "application/json"
	case modeBatch:
		return "application/cloudevents+json"
	default:
		return p.contentType
	}
}

func (p *params) request(stream string, events []*lazaret.Event, body []byte) gateway.Request {
	req := gateway.Request{
		Stream: stream, Events: events, RejectInvalid: p.reject, Atomic: p.atomic, AllResults: p.all, IdempotencyKey: p.key,
	}
	if p.key != "" {
		req.Fingerprint = p.fingerprint(body)
	}
	return req
}

// fingerprint covers the decoded body and every choice that changes what becomes of it;
// not the headers that a retry may change, such as the trace.
func (p *params) fingerprint(body []byte) [sha256.Size]byte {
	parts := []string{fmt.Sprint(p.mode, p.reject, p.atomic, p.all), p.contentType}
	var attributes []string
	for _, h := range p.headers {
		if strings.HasPrefix(h.Name, "ce-") || gateway.KeepsHeader(p.naming, h.Name) {
			attributes = append(attributes, h.Name+"="+h.Value)
		}
	}
	slices.Sort(attributes)
	h := sha256.New()
	for _, part := range append(parts, attributes...) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	h.Write([]byte{0}) // the body is the rest
	h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}
