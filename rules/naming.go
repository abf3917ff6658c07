package rules

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/cloudevents"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/internal/lru"
	"github.com/lazaret/lazaret/schemas"
)

// arm is one version of the schema, made ready to judge by.
type arm struct {
	number  int
	id      int64
	schema  *schemas.Schema
	checker *schemas.Checker // nil for the reference
	until   time.Time
}

// Bounds on the versions that were found and are kept ready: how many, and the bytes of their
// documents.
const (
	maxFound      = 256
	maxFoundBytes = 2 << 20
)

// naming finds out which version an event is judged by.
type naming struct {
	Versions
	subject  string
	fields   []located // by place in By; used where that is a field
	first    int       // the first place that is a field
	frames   bool      // frames are taken off
	active   *arm
	accepted map[int]*arm
	ids      map[int64][]*arm
	any      *arm                // accepts all that is JSON
	likely   atomic.Pointer[arm] // that of the last event that named one in a field
	ready    func(number int, id int64, s *schemas.Schema) (*arm, error)

	making sync.Mutex // held by the one who makes a version ready
	mu     sync.RWMutex
	found  *lru.Cache[int, *arm] // by number
}

// newNaming makes the naming of a contract; nil if events name no versions. It adds to the
// pointers what is to be captured.
func newNaming(cfg *ContractConfig, pointers []string) (*naming, []string, error) {
	v := cfg.Versions
	if v == nil || len(v.By) == 0 {
		return nil, pointers, nil
	}
	if v.All && v.Find == nil {
		return nil, nil, errors.New("versions: All needs Find")
	}
	n := &naming{
		Versions: *v, subject: cfg.Version.Subject, fields: make([]located, len(v.By)), first: len(v.By),
		accepted: map[int]*arm{}, ids: map[int64][]*arm{}, found: lru.New[int, *arm](maxFound, maxFoundBytes),
	}
	for i, by := range v.By {
		n.frames = n.frames || by.RegistryID
		if by.Field == "" {
			continue
		}
		if !validPointer(by.Field) {
			return nil, nil, fmt.Errorf("named by the field %q: that is not a JSON Pointer; write it like /schema_version", by.Field)
		}
		n.first = min(n.first, i)
		n.fields[i], pointers = locate(by.Field, pointers)
	}
	return n, pointers, nil
}

// prepare makes what does not have to be found, once the pointers are known.
func (n *naming) prepare(c *Contract) (err error) {
	n.ready, n.active = c.arm, c.active
	if n.any, err = c.arm(0, 0, c.schema.Anything()); err != nil {
		return err
	}
	known := []*arm{n.active}
	for _, a := range n.Accept {
		ready, err := c.arm(a.Number, a.ID, a.Schema)
		if err != nil {
			return err
		}
		ready.until = a.Until
		n.accepted[a.Number] = ready
		known = append(known, ready)
	}
	for _, a := range known {
		if a.id > 0 {
			n.ids[a.id] = append(n.ids[a.id], a)
		}
	}
	n.likely.Store(n.active)
	return nil
}

// guidHeader is where newer clients of Confluent's put the id of a value's schema: a zero and
// the id, or a one and a GUID.
const guidHeader = "__value_schema_id"

// outside is what the event names at a place of By that is not in its payload.
func (n *naming) outside(i int, w *worker, e *lazaret.Event, ce *cloudevents.Envelope) versionName {
	var v versionName
	switch by := n.By[i]; {
	case by.DataSchema && ce != nil:
		v = parseName(ce.DataSchema, n.subject)
	case by.Header != "":
		v = parseName(headerFold(e, by.Header), n.subject)
	case by.RegistryID:
		v = registryName(w, e)
	}
	v.by = i
	return v
}

func registryName(w *worker, e *lazaret.Event) versionName {
	if w.framed {
		return versionName{kind: namesID, id: w.frame}
	}
	header := e.Header(guidHeader)
	switch {
	case header == "":
		return versionName{}
	case len(header) == lazaret.FrameSize && header[0] == 0:
		var raw [lazaret.FrameSize]byte
		copy(raw[:], header)
		id, _, _ := lazaret.CutFrame(raw[:])
		return versionName{kind: namesID, id: id}
	}
	return versionName{kind: namesGUID}
}

// headerFold is the first value of a header, upper and lower case being one.
func headerFold(e *lazaret.Event, name string) string {
	for i := range e.Headers {
		if strings.EqualFold(e.Headers[i].Name, name) {
			return e.Headers[i].Value
		}
	}
	return ""
}

// inside is what the event names at a place of By that is in its payload, which is
// well-formed. spans are where its values stand; nil if that is not known.
func (n *naming) inside(i int, payload []byte, spans []schemas.Span) versionName {
	var raw []byte
	if spans == nil {
		raw, _ = jsonread.Find(payload, n.By[i].Field)
	} else {
		raw = n.fields[i].find(payload, spans)
	}
	v := versionName{kind: namesNothing}
	if len(raw) == 0 || raw[0] != '{' && raw[0] != '[' {
		v = parseName(scalarText(raw), n.subject)
	}
	v.by = i
	return v
}

// refusal is why an event is not judged by the version that it names; "" if it is.
type refusal string

// choose finds the version by which an event of that name is judged.
func (n *naming) choose(ctx context.Context, v versionName, e *lazaret.Event) (*arm, refusal, error) {
	switch v.kind {
	case namesNone:
		return n.active, "", nil
	case namesNumber:
		return n.byNumber(ctx, v.number, e)
	case namesID:
		return n.byID(ctx, v.id, e)
	case namesOther:
		return nil, refusal("the event names a version of another schema than " + n.subject), nil
	case namesGUID:
		return nil, "the event names its schema by a GUID, which is not supported: have the producer write the id before the payload", nil
	}
	return nil, refusal("what the event gives as the version of its schema is not one; write a number, lazaret:" + n.subject + ":number, or a registry's URL that ends with /subjects/" + n.subject + "/versions/number or /schemas/ids/id"), nil
}

func (n *naming) byNumber(ctx context.Context, number int, e *lazaret.Event) (*arm, refusal, error) {
	if number == n.active.number {
		return n.active, "", nil
	}
	if a := n.accepted[number]; a != nil {
		if ended(a.until, e) {
			return nil, endedAt(fmt.Sprintf("version %d of the schema %s, which the event names,", number, n.subject), a.until), nil
		}
		return a, "", nil
	}
	switch {
	case !n.All:
		return nil, refusal("the event names a version of the schema " + n.subject + " that this stream does not accept"), nil
	case ended(n.AllUntil, e):
		return nil, endedAt("naming this version of the schema "+n.subject, n.AllUntil), nil
	}
	f, err := n.Find.Version(ctx, number)
	switch {
	case errors.Is(err, schemas.ErrNotFound), err == nil && !e.AsOf.IsZero() && f.Created.After(e.AsOf):
		return nil, refusal("the event names a version of the schema " + n.subject + " that does not exist"), nil
	case err != nil:
		return nil, "", unavailable(err)
	}
	a, err := n.keep(number, f)
	return a, "", err
}

// byID looks at all versions of the subject that have the id, which are the same document.
func (n *naming) byID(ctx context.Context, id int64, e *lazaret.Event) (*arm, refusal, error) {
	var why refusal
	for _, a := range n.ids[id] {
		if !ended(a.until, e) {
			return a, "", nil
		}
		why = endedAt(fmt.Sprintf("version %d of the schema %s, which the event names by its id,", a.number, n.subject), a.until)
	}
	other := refusal("the event names, by its id, a schema that is no version of " + n.subject + " which this stream accepts")
	if n.Find == nil {
		return nil, cmp.Or(why, other), nil
	}
	numbers, err := n.Find.Numbers(ctx, id)
	if err != nil && !errors.Is(err, schemas.ErrNotFound) {
		return nil, "", unavailable(err)
	}
	for _, number := range numbers {
		a, no, err := n.byNumber(ctx, number, e)
		if err != nil || a != nil {
			return a, "", err
		}
		why = no
	}
	return nil, cmp.Or(why, other), nil
}

// keep makes a version ready that was found, once for all who wait for it.
func (n *naming) keep(number int, f Found) (*arm, error) {
	if a := n.kept(number, f); a != nil {
		return a, nil
	}
	n.making.Lock()
	defer n.making.Unlock()
	if a := n.kept(number, f); a != nil {
		return a, nil
	}
	a, err := n.ready(number, f.ID, f.Schema)
	if err != nil {
		return nil, unavailable(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.found.Put(number, a, f.Schema.Size())
	return a, nil
}

// kept is what is ready of a version; nil if it is not, or if the version is another one now.
func (n *naming) kept(number int, f Found) *arm {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if a, ok := n.found.Get(number); ok && a.schema == f.Schema {
		return a
	}
	return nil
}

func unavailable(err error) error {
	return fmt.Errorf("%w: the version of the schema that an event names: %w", lazaret.ErrSchemaUnavailable, err)
}

// ended says whether an event came too late for what is accepted until then.
func ended(until time.Time, e *lazaret.Event) bool {
	return !until.IsZero() && !e.Received.Before(until)
}

func endedAt(what string, until time.Time) refusal {
	return refusal(what + " ended at " + until.UTC().Format(time.RFC3339))
}

// reason is why the event is bad.
func (n *naming) reason(v versionName, why refusal) lazaret.Reason {
	r := lazaret.Reason{Code: lazaret.CodeSchemaUnknown, Message: string(why)}
	where := "before its payload"
	switch by := n.By[v.by]; {
	case by.Field != "":
		r.Path = by.Field
		return r
	case by.DataSchema:
		where = "in its dataschema"
	case by.Header != "":
		where = "in the header " + by.Header
	case v.kind == namesGUID:
		where = "in the header " + guidHeader
	}
	r.Message += " (named " + where + ")"
	return r
}
