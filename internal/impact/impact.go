// Package impact says what a proposed schema would do to real traffic: it runs the proposed
// version of a stream, with the stream's rules, over the sample of what the stream accepted
// last and over what is in its quarantine, beside the version that is active. Nothing is
// changed. How much is looked at is bounded, and the answer says how much that was.
package impact

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/recent"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/quarantine"
	"github.com/lazaret/lazaret/schemas"
)

// Bounds on a query.
const (
	DefaultRecent  = 1000
	DefaultEntries = 10_000
	MaxEntries     = 100_000
	defaultWithin  = 30 * time.Second
	maxAtOnce      = 2
)

// Config is what impacts are measured with. Recent may be nil.
type Config struct {
	Catalog    *catalog.Catalog
	Quarantine *quarantine.Store
	Recent     *recent.Samples
	// Within is how long one measuring takes at most; default 30 s.
	Within time.Duration
}

// Meter measures impacts, a few at a time. It is safe for concurrent use.
type Meter struct {
	conf  Config
	slots chan struct{}
}

// New makes a Meter.
func New(conf Config) (*Meter, error) {
	if conf.Catalog == nil || conf.Quarantine == nil {
		return nil, errors.New("impact: Config needs Catalog and Quarantine")
	}
	if conf.Within <= 0 {
		conf.Within = defaultWithin
	}
	return &Meter{conf: conf, slots: make(chan struct{}, maxAtOnce)}, nil
}

// Query is a proposed schema, and what it is to be tried on.
type Query struct {
	Subject  string
	Document []byte
	// References are the document's; none stands for those of the subject's latest version.
	References []schemas.Reference
	// Stream is the one that is meant; "" is every stream that is judged by the subject.
	Stream string
	// Recent is how many of the events that were accepted last are looked at, and Entries how
	// many of the quarantine's, the newest first.
	Recent, Entries int
	// Payloads puts the events' bytes into the examples.
	Payloads bool
}

// Report is what a schema would do.
type Report struct {
	Subject string `json:"subject"`
	// BaseVersion is the subject's latest version.
	BaseVersion int      `json:"base_version"`
	Streams     []Stream `json:"streams"`
	// Cut says that time was up before all that was asked for was looked at.
	Cut bool `json:"cut,omitempty"`
	// Summary is the report in words, a line each.
	Summary []string `json:"summary"`
}

// Stream is what it would do to one stream.
type Stream struct {
	Stream string `json:"stream"`
	// Pinned is the version that the stream names; it follows no new one.
	Pinned     int        `json:"pinned,omitempty"`
	Recent     Recent     `json:"recent"`
	Quarantine Quarantine `json:"quarantine"`
}

// Recent is about what was accepted last.
type Recent struct {
	// Sampled is false if the stream keeps no sample: nothing is known then.
	Sampled bool `json:"sampled"`
	// Cut says that time was up before all that was asked for was looked at.
	Cut bool `json:"cut,omitempty"`
	// Kept is how many events are in the sample, LookedAt how many of them were judged, and
	// Passing how many of those pass today.
	Kept     int `json:"kept"`
	LookedAt int `json:"looked_at"`
	Passing  int `json:"passing"`
	// CannotSay is how many of those looked at pass, or do not, depending on values that are
	// redacted; they are counted in none of the other numbers.
	CannotSay int `json:"cannot_say"`
	// CannotSayNow is how many of those it cannot even be said of whether they pass today:
	// they were accepted by another version, and are redacted. CannotSayRefused is how many of
	// them the proposed version would refuse for certain; why is in Reasons.
	CannotSayNow     int `json:"cannot_say_now,omitempty"`
	CannotSayRefused int `json:"cannot_say_refused,omitempty"`
	// WouldRefuse is how many of those that pass today would be refused.
	WouldRefuse int `json:"would_refuse"`
	// Untried says why the sample tells nothing of what would be refused; "" if it does. That
	// none would be is no promise then.
	Untried string    `json:"untried,omitempty"`
	Since   time.Time `json:"since,omitzero"` // when the sample, which is in memory, was begun
	From    time.Time `json:"from,omitzero"`  // when the oldest and the newest were received
	To      time.Time `json:"to,omitzero"`
	// Redacted says which values are not in the sample.
	Redacted *gateway.Redact `json:"redacted,omitempty"`
	Reasons  []Group         `json:"reasons"`
}

// Quarantine is about the entries that are quarantined now.
type Quarantine struct {
	Entries  int64 `json:"entries"`
	LookedAt int   `json:"looked_at"`
	// Cut says that time was up before all that was asked for was looked at.
	Cut bool `json:"cut,omitempty"`
	// WouldRelease is how many of those looked at would pass, and do not today; PassToday
	// is how many would pass if they were reprocessed as things are.
	WouldRelease int `json:"would_release"`
	PassToday    int `json:"pass_today"`
	// Released are examples of entries that would pass, and Reasons why others would not.
	Released []Example `json:"released"`
	Reasons  []Group   `json:"reasons"`
}

// Group is a number of events that would be refused alike. An event with several reasons is
// in several groups.
type Group struct {
	Code       lazaret.Code `json:"code"`
	Path       string       `json:"path"` // array indices as *
	SchemaPath string       `json:"schema_path,omitempty"`
	Rule       string       `json:"rule,omitempty"`
	Message    string       `json:"message"`
	Events     int          `json:"events"`
	Examples   []Example    `json:"examples"`
}

// Example is one event.
type Example struct {
	// ID is the id of the quarantine's entry; "" for an event of the sample.
	ID       string        `json:"id,omitempty"`
	EventID  string        `json:"event_id,omitempty"`
	Key      string        `json:"key,omitempty"`    // the event's, or else the Kafka record's
	Source   string        `json:"source,omitempty"` // its place in a topic or a file
	Received time.Time     `json:"received"`
	Reason   string        `json:"reason,omitempty"` // the message for this very event
	Path     string        `json:"path,omitempty"`   // its place in this very event
	Payload  *string       `json:"payload,omitempty"`
	event    func() []byte // for Payload
}

// Measure runs the proposed schema. What is wrong with it is a *catalog.Refused.
func (m *Meter) Measure(ctx context.Context, q Query) (Report, error) {
	select {
	case m.slots <- struct{}{}:
		defer func() { <-m.slots }()
	case <-ctx.Done():
		return Report{}, ctx.Err()
	}
	latest, err := m.conf.Catalog.Schemas().Get(ctx, q.Subject, 0)
	if err != nil {
		return Report{}, err
	}
	streams, err := m.streams(q)
	if err != nil {
		return Report{}, err
	}
	counts, err := m.conf.Quarantine.Counts(ctx)
	if err != nil {
		return Report{}, err
	}
	r := Report{Subject: q.Subject, BaseVersion: latest.Number, Streams: []Stream{}, Summary: []string{}}
	end := time.Now().Add(m.conf.Within)
	for i, s := range streams {
		share := time.Until(end) / time.Duration(len(streams)-i)
		one, err := m.stream(ctx, s, q, share)
		if err != nil {
			return Report{}, err
		}
		for _, c := range counts {
			if c.Stream == s.Name && c.Status == quarantine.Quarantined {
				one.Quarantine.Entries = c.Entries
			}
		}
		r.Streams = append(r.Streams, one)
		r.Summary = append(r.Summary, one.lines()...)
		r.Cut = r.Cut || one.Recent.Cut || one.Quarantine.Cut
	}
	if len(streams) == 0 {
		r.Summary = append(r.Summary, fmt.Sprintf("no stream is judged by the subject %s", q.Subject))
	}
	return r, nil
}

// stream looks at one stream, for its share of the time: at the sample for half of that at most.
func (m *Meter) stream(ctx context.Context, s gateway.Stream, q Query, share time.Duration) (Stream, error) {
	one := Stream{Stream: s.Name, Pinned: s.Schema.Version,
		Recent: Recent{Reasons: []Group{}}, Quarantine: Quarantine{Released: []Example{}, Reasons: []Group{}}}
	all, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	p, err := m.conf.Catalog.Propose(all, s.Name, q.Document, q.References...)
	if up(ctx, all, err) {
		one.Recent.Cut, one.Quarantine.Cut = true, true
		one.Recent.Untried = one.Recent.untried()
		return one, nil
	} else if err != nil {
		return one, err
	}
	deadline, _ := all.Deadline()
	half, cancelHalf := context.WithTimeout(all, time.Until(deadline)/2)
	defer cancelHalf()
	if err = m.recent(half, p, q, &one.Recent); up(ctx, half, err) {
		one.Recent.Cut, err = true, nil // what was found until then is the answer
	}
	one.Recent.Untried = one.Recent.untried()
	if err != nil {
		return one, err
	}
	if err = m.quarantine(all, p, q, &one.Quarantine); up(ctx, all, err) {
		one.Quarantine.Cut, err = true, nil
	}
	return one, err
}

// up says whether something failed because its time was up, and for no other reason.
func up(asked, bounded context.Context, err error) bool {
	return err != nil && asked.Err() == nil && errors.Is(bounded.Err(), context.DeadlineExceeded)
}

func (m *Meter) streams(q Query) ([]gateway.Stream, error) {
	list := m.conf.Catalog.JudgedBy(q.Subject)
	if q.Stream == "" {
		return list, nil
	}
	for _, s := range list {
		if s.Name == q.Stream {
			return []gateway.Stream{s}, nil
		}
	}
	return nil, fmt.Errorf("stream %q that is judged by the subject %s: %w", q.Stream, q.Subject, gateway.ErrNotFound)
}

// recent judges the sample by both versions.
func (m *Meter) recent(ctx context.Context, p *catalog.Proposed, q Query, r *Recent) error {
	if m.conf.Recent == nil {
		return nil
	}
	sample, ok := m.conf.Recent.Last(p.Active.Stream.Name, q.Recent)
	if !ok {
		return nil
	}
	r.Sampled, r.Kept, r.Since = true, sample.Kept, sample.Since
	look := looker{p: p}
	if !sample.Redacted.IsZero() {
		r.Redacted = &sample.Redacted
		look.redactor = recent.NewRedactor(sample.Redacted)
	}
	groups := newGroups(q.Payloads)
	defer func() { r.Reasons = groups.sorted() }()
	for _, e := range sample.Events {
		got, err := look.look(ctx, e)
		if err != nil {
			return err
		}
		r.LookedAt++
		if r.From = e.Received; r.LookedAt == 1 {
			r.To = e.Received
		}
		switch {
		case got.now == schemas.Incompatible:
		case got.now == schemas.Undecided || got.then == schemas.Undecided:
			r.CannotSay++
			if got.now == schemas.Undecided {
				r.CannotSayNow++
			}
			if got.then == schemas.Incompatible {
				r.CannotSayRefused++
				groups.add(got.reasons, look.example(e, got))
			}
		default:
			if r.Passing++; got.then == schemas.Incompatible {
				r.WouldRefuse++
				groups.add(got.reasons, look.example(e, got))
			}
		}
	}
	return nil
}

// quarantine judges the newest entries by both versions.
func (m *Meter) quarantine(ctx context.Context, p *catalog.Proposed, q Query, r *Quarantine) error {
	groups := newGroups(q.Payloads)
	defer func() { r.Reasons = groups.sorted() }()
	filter := quarantine.Filter{Stream: p.Active.Stream.Name, Status: quarantine.Quarantined}
	return m.conf.Quarantine.Newest(ctx, filter, q.Entries, func(entry quarantine.Entry, event func() (*lazaret.Event, error)) error {
		e, err := event()
		if err != nil {
			return err
		}
		then, err := p.Judge.Judge(ctx, e)
		if err != nil {
			return err
		}
		now, err := p.Active.Judge.Judge(ctx, e)
		if err != nil {
			return err
		}
		r.LookedAt++
		example := Example{ID: entry.ID, EventID: entry.EventID, Received: entry.Received, event: func() []byte { return e.Data }}
		switch {
		case now.Status == lazaret.Accepted:
			r.PassToday++
		case then.Status == lazaret.Accepted:
			r.WouldRelease++
			if len(r.Released) < maxExamples {
				r.Released = append(r.Released, example.shown(q.Payloads))
			}
		default:
			groups.add(then.Reasons, example)
		}
		return nil
	})
}
