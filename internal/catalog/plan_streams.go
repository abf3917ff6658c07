package catalog

import (
	"errors"
	"fmt"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

// putStreams puts the streams of the changes, and gives every other stream that they
// affect its next version: one whose rule set changed, or that follows a subject which
// has a new latest version.
func (p *planner) putStreams(changes []Change, puts map[string]Change) error {
	stored, err := p.c.conf.Streams.ListTx(p.tx)
	if err != nil {
		return err
	}
	p.before = make(map[string]gateway.Stream, len(stored))
	for _, s := range stored {
		p.before[s.Name] = s
	}
	for _, ch := range changes {
		if ch.If == nil {
			continue
		}
		if err := ch.If(stored); err != nil {
			return err
		}
	}
	for _, s := range stored {
		if _, ok := puts[s.Name]; ok || !p.affects(changes, s) {
			continue
		}
		created, next, err := p.putStream(s)
		if err != nil {
			return err
		}
		if created {
			p.streams = append(p.streams, next)
			p.follow = append(p.follow, s.Name)
		}
	}
	for i, ch := range changes {
		if _, ok := puts[ch.Resource.Name]; !ok || ch.Resource.Kind != KindStream || ch.Delete {
			continue
		}
		if err := p.putNamed(ch, &p.results[i]); err != nil {
			return err
		}
	}
	p.lonely(stored, puts)
	return nil
}

// affects says whether a stream that is not itself changed may get another version.
func (p *planner) affects(changes []Change, s gateway.Stream) bool {
	for _, ch := range changes {
		switch ch.Resource.Kind {
		case KindRuleSet:
			if ch.Resource.Name == s.Name {
				return true
			}
		case KindSchema:
			if !ch.Delete && s.Schema != nil && s.Schema.Version == 0 && s.Schema.Subject == ch.Resource.Name {
				return true
			}
		}
	}
	return false
}

func (p *planner) putNamed(ch Change, r *Result) error {
	before, err := p.streamState(r.Name)
	if err != nil {
		return err
	}
	if err := before.check(ch); err != nil {
		return err
	}
	s := ch.Resource.Stream
	s.Name = r.Name
	created, next, err := p.putStream(s)
	if err != nil {
		return err
	}
	if next.Version == 0 {
		return nil // a fault was noted
	}
	p.streams = append(p.streams, next)
	r.Action, r.Version, r.Tag = before.action(created), next.Version, StreamTag(next)
	return nil
}

// putStream resolves what the stream is judged with and stores that as its version. The
// version is 0 if a fault was noted instead.
func (p *planner) putStream(s gateway.Stream) (created bool, next gateway.Stream, err error) {
	s.SchemaVersion, s.RuleSet, s.Version = 0, 0, 0
	if s.Schema != nil {
		v, err := p.c.conf.Schemas.GetTx(p.tx, s.Schema.Subject, s.Schema.Version)
		if errors.Is(err, schemas.ErrNotFound) || err == nil && !v.Live() {
			p.fault(p.missing(s))
			return false, s, nil
		} else if err != nil {
			return false, s, err
		}
		s.SchemaVersion = v.Number
		if missing, err := p.missingAccepted(s); err != nil || len(missing) > 0 {
			p.faults = append(p.faults, missing...)
			return false, s, err
		}
	}
	v, err := p.c.conf.Rules.GetTx(p.tx, s.Name, 0)
	if err != nil && !errors.Is(err, rules.ErrNotFound) {
		return false, s, err
	} else if err == nil {
		s.RuleSet = v.Number
	}
	if s.Version, created, err = p.c.conf.Streams.Put(p.tx, s); err != nil {
		return false, s, err
	}
	next, err = p.c.conf.Streams.GetTx(p.tx, s.Name)
	return created, next, err
}

func (p *planner) missing(s gateway.Stream) Fault {
	f := Fault{Resource: key(KindStream, s.Name), Pointer: "/schema/subject"}
	f.Message = fmt.Sprintf("there is no schema of the subject %s: put it first, or in the same bundle", s.Schema.Subject)
	if latest, err := p.c.conf.Schemas.GetTx(p.tx, s.Schema.Subject, 0); err == nil {
		f.Pointer = "/schema/version"
		f.Message = fmt.Sprintf("the subject %s has no version %d: its latest is %d", s.Schema.Subject, s.Schema.Version, latest.Number)
	}
	return f
}

// missingAccepted are the faults of versions that the stream accepts and that do not exist.
func (p *planner) missingAccepted(s gateway.Stream) (list []Fault, err error) {
	for i, a := range s.Schema.Accept {
		if a.All {
			continue
		}
		switch v, err := p.c.conf.Schemas.GetTx(p.tx, s.Schema.Subject, a.Version); {
		case errors.Is(err, schemas.ErrNotFound), err == nil && !v.Live():
			list = append(list, Fault{
				Resource: key(KindStream, s.Name), Pointer: fmt.Sprintf("/schema/accept/%d/version", i),
				Message: fmt.Sprintf("the subject %s has no version %d; all: true accepts those to come", s.Schema.Subject, a.Version),
			})
		case err != nil:
			return nil, err
		}
	}
	return list, nil
}

// lonely notes rule sets that are for no stream yet.
func (p *planner) lonely(stored []gateway.Stream, puts map[string]Change) {
	known := map[string]bool{}
	for _, s := range stored {
		known[s.Name] = true
	}
	for i := range p.results {
		r := &p.results[i]
		_, put := puts[r.Name]
		if r.Kind == KindRuleSet && r.Action != Deleted && r.Action != "" && !known[r.Name] && !put {
			r.Notices = append(r.Notices, fmt.Sprintf("there is no stream %s yet; the rules will judge it when there is", r.Name))
		}
	}
}
