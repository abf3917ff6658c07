package gateway

import "github.com/lazaret/lazaret"

// Request is a number of events for one stream that are acknowledged together.
type Request struct {
	Stream string
	Events []*lazaret.Event
	// RejectInvalid answers bad events instead of keeping them.
	RejectInvalid bool
	// Atomic takes all events or, if any is bad, none.
	Atomic bool
	// AllResults lists every event in the answer, not only those not plainly accepted.
	AllResults bool
	// IdempotencyKey, where it is not empty, makes a retry get the first answer again.
	IdempotencyKey string
	// Fingerprint is a SHA-256 over everything that the sender chose; a retry with another
	// one is not a retry. It is looked at only with an IdempotencyKey.
	Fingerprint [32]byte
}

// Answer is what became of a request, in the form that the ingest API answers with.
type Answer struct {
	Received    int `json:"received"`
	Accepted    int `json:"accepted"`
	Quarantined int `json:"quarantined"`
	Rejected    int `json:"rejected"`
	// Results lists the events that were not plainly accepted: those that are bad, and
	// those that a rule warned of. In order of Index.
	Results []Result `json:"results"`
	// Refused: the request was atomic, some events are bad, and so nothing was taken.
	// Results then lists the bad ones, though all are rejected.
	Refused bool `json:"-"`
	// Replayed: this is the stored answer to an earlier request with the same key.
	Replayed bool `json:"-"`
}

// Result is what became of one event.
type Result struct {
	// Index is the event's place in the request, from 0.
	Index int `json:"index"`
	// ID is the event's own id, or the one that it was given.
	ID           string           `json:"id,omitempty"`
	Status       lazaret.Status   `json:"status"`
	QuarantineID string           `json:"quarantine_id,omitempty"`
	Reasons      []lazaret.Reason `json:"reasons,omitempty"`
	// More is how many reasons there are beyond those listed.
	More     int              `json:"more_reasons,omitempty"`
	Warnings []lazaret.Reason `json:"warnings,omitempty"`
}

// settle counts the judged events and lists those that the sender wants to hear of.
func settle(req *Request, records []lazaret.Record, refused bool) (*Answer, Counts) {
	a := &Answer{Received: len(records), Results: []Result{}, Refused: refused}
	n := Counts{Source: kindOf(records), Received: len(records)}
	for i := range records {
		v := &records[i].Verdict
		switch v.Status {
		case lazaret.Accepted:
			a.Accepted++
		case lazaret.Quarantined:
			a.Quarantined++
		default:
			a.Rejected++
		}
		n.tally(&records[i])
		plain := len(v.Reasons) == 0 && len(v.Warnings) == 0
		if plain && !req.AllResults {
			continue
		}
		a.Results = append(a.Results, Result{
			Index: i, ID: v.ID, Status: v.Status, QuarantineID: records[i].QuarantineID,
			Reasons: v.Reasons, More: v.More, Warnings: v.Warnings,
		})
	}
	n.Forwarded, n.Quarantined, n.Rejected = a.Accepted, a.Quarantined, a.Rejected
	return a, n
}

// kindOf is where the records came from: all of a request come from one source.
func kindOf(records []lazaret.Record) string {
	if len(records) == 0 {
		return ""
	}
	return records[0].Event.Source.Kind
}

// tally adds what one event has beside its status.
func (n *Counts) tally(r *lazaret.Record) {
	size := int64(len(r.Event.Data))
	n.Bytes += size
	v := &r.Verdict
	switch v.Status {
	case lazaret.Accepted:
		n.ForwardedBytes += size
	case lazaret.Quarantined:
		n.QuarantinedFor = append(n.QuarantinedFor, v.Reasons)
	default:
		n.RejectedFor = append(n.RejectedFor, v.Reasons)
	}
	if len(v.Warnings) > 0 {
		n.Warned = append(n.Warned, v.Warnings)
	}
}
