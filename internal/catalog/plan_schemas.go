package catalog

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lazaret/lazaret/schemas"
)

// schemaState is what there is of a subject, and the latest version that is in use.
func (p *planner) schemaState(subject string) (state, schemas.Settings, error) {
	own, err := p.c.conf.Schemas.SettingsTx(p.tx, subject)
	if err != nil {
		return state{}, own, err
	}
	latest, err := p.c.conf.Schemas.GetTx(p.tx, subject, 0)
	if err != nil && !errors.Is(err, schemas.ErrNotFound) {
		return state{}, own, err
	}
	return state{exists: err == nil, version: latest.Number, tag: SchemaTag(latest, own.Level)}, own, nil
}

func (p *planner) putSchema(ch Change, r *Result) error {
	before, own, err := p.schemaState(r.Name)
	if err != nil {
		return err
	}
	if err := before.check(ch); err != nil {
		return err
	}
	earlier, err := p.c.conf.Schemas.VersionsTx(p.tx, r.Name, false)
	if err != nil {
		return err
	}
	v, created, err := p.c.conf.Schemas.Put(p.tx, schemas.Draft{
		Subject: r.Name, Document: ch.Resource.Schema, References: ch.Resource.References,
		Note: ch.Note, ID: ch.ID, Number: ch.Version, Once: ch.Once,
	})
	if errors.Is(err, schemas.ErrSubject) {
		p.fault(Fault{Resource: r.Key(), Pointer: "/subject", Message: err.Error()})
		return nil
	} else if err != nil {
		return p.take(schemaFault(r.Name, err))
	}
	id := schemaID{v.Subject, v.Number}
	p.schemas[id], p.created[id] = v, created
	r.Action, r.Version, r.ID = before.action(created), v.Number, v.ID
	if err := p.setLevel(ch, r, &own); err != nil {
		return err
	}
	r.Tag = SchemaTag(v, own.Level)
	now, err := p.c.conf.Schemas.EffectiveTx(p.tx, r.Name)
	if err != nil || r.Action == Unchanged {
		return err
	}
	if created && len(earlier) > 0 && now.Mode != schemas.ModeImport {
		p.checks = append(p.checks, pending{result: r, id: id, level: now.Level, earlier: earlier, force: ch.Force})
	}
	return allowed(r.Name, now.Mode, ch, created)
}

// setLevel makes the level that the resource asks for the subject's own.
func (p *planner) setLevel(ch Change, r *Result, own *schemas.Settings) error {
	want := ch.Resource.Compatibility
	if want == "" || want == own.Level {
		return nil
	}
	text := "compatibility is " + string(want) + " from now on"
	if own.Level != "" {
		text += ", and was " + string(own.Level)
	}
	r.Notices = append(r.Notices, text)
	if r.Action == Unchanged {
		r.Action = Updated
	}
	own.Level = want
	return p.c.conf.Schemas.Set(p.tx, r.Name, *own)
}

// allowed says whether the subject's mode lets it be changed so.
func allowed(subject string, mode schemas.Mode, ch Change, put bool) error {
	explicit := ch.ID != 0 || !ch.Delete && ch.Version != 0
	switch {
	case mode.ReadOnly():
		return fmt.Errorf("changing schema %s is %w: it is in the mode %s", subject, ErrMode, mode)
	case explicit && mode != schemas.ModeImport:
		return fmt.Errorf("giving schema %s an id or a number is %w: it is in the mode %s, and not %s", subject, ErrMode, mode, schemas.ModeImport)
	case put && !explicit && mode == schemas.ModeImport:
		return fmt.Errorf("changing schema %s is %w: it is in the mode %s, which takes versions with their ids only", subject, ErrMode, mode)
	}
	return nil
}

// named notes the references of new versions that lead to nothing once all changes are
// made. That a document uses its references is not asked for.
func (p *planner) named() error {
	for id, v := range p.schemas {
		if !p.created[id] {
			continue
		}
		if err := p.leads(v); err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) leads(v schemas.Version) error {
	for _, ref := range v.References {
		other, err := p.c.conf.Schemas.GetTx(p.tx, ref.Subject, ref.Version)
		own := ref.Subject == v.Subject && ref.Version == v.Number // which was not there to be named
		if errors.Is(err, schemas.ErrNotFound) || err == nil && (!other.Live() || own) {
			p.fault(Fault{Resource: key(KindSchema, v.Subject), Message: fmt.Sprintf("the reference %.100q leads to version %d of the schema %s, which there is not", ref.Name, ref.Version, ref.Subject)})
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) deleteSchema(ch Change, r *Result) error {
	before, _, err := p.schemaState(r.Name)
	if err != nil {
		return err
	}
	before.exists = before.exists || ch.Permanent // more is said below
	if err := before.check(ch); err != nil {
		return err
	}
	settings, err := p.c.conf.Schemas.EffectiveTx(p.tx, r.Name)
	if err != nil {
		return err
	}
	if err := allowed(r.Name, settings.Mode, ch, false); err != nil {
		return err
	}
	if ch.Permanent {
		if err := p.gone(ch, r); err != nil {
			return err
		}
	}
	users, err := p.users(r.Name, ch)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return fmt.Errorf("schema %s is %w by %s", r.Name, ErrInUse, strings.Join(users, ", "))
	}
	r.Action, r.Version = Deleted, before.version
	if ch.Version != 0 {
		r.Version = ch.Version
	}
	if ch.Soft {
		_, err = p.c.conf.Schemas.SoftDelete(p.tx, r.Name, ch.Version)
	} else {
		_, err = p.c.conf.Schemas.Delete(p.tx, r.Name, ch.Version)
	}
	if err == nil && ch.Version == 0 { // a subject of this name starts anew
		err = p.c.conf.Schemas.Set(p.tx, r.Name, schemas.Settings{})
	}
	return err
}

// gone makes sure that what is to be deleted for good was soft-deleted before.
func (p *planner) gone(ch Change, r *Result) error {
	versions, err := p.c.conf.Schemas.VersionsTx(p.tx, r.Name, false)
	for _, v := range versions {
		if ch.Version == 0 || ch.Version == v.Number {
			return fmt.Errorf("schema %s version %d is %w", r.Name, v.Number, ErrLive)
		}
	}
	return err
}

// users names the streams and the other schemas that need a subject, or the version of it
// that is to be deleted.
func (p *planner) users(subject string, ch Change) (list []string, err error) {
	streams, err := p.c.conf.Streams.ListTx(p.tx)
	if err != nil {
		return nil, err
	}
	for _, s := range streams {
		if s.Schema.Needs(subject, ch.Version, s.SchemaVersion) {
			list = append(list, "stream "+s.Name)
		}
	}
	// What is soft-deleted itself holds what it refers to, unless that is only to be soft-deleted too.
	versions, err := p.c.conf.Schemas.List(p.ctx, schemas.Query{Deleted: !ch.Soft})
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		if v.Subject != subject && refersTo(v, subject, ch.Version) {
			list = append(list, fmt.Sprintf("schema %s version %d", v.Subject, v.Number))
		}
	}
	return list, nil
}

// refersTo says whether a version needs a version of another subject; 0 is any.
func refersTo(v schemas.Version, subject string, number int) bool {
	for _, ref := range v.References {
		if ref.Subject == subject && (number == 0 || number == ref.Version) {
			return true
		}
	}
	// A mention outside of a $ref keeps the subject as well: better too careful.
	want := "lazaret:" + subject + ":"
	if number != 0 {
		want += fmt.Sprint(number)
	}
	text := string(v.Document)
	for {
		_, rest, found := strings.Cut(text, want)
		if !found || number == 0 || rest == "" || rest[0] < '0' || rest[0] > '9' {
			return found
		}
		text = rest
	}
}
