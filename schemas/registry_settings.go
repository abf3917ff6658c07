package schemas

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/internal/db"
)

// Mode says what may be done to a subject.
type Mode string

// The modes, with the names of the Confluent Schema Registry.
const (
	ModeReadWrite Mode = "READWRITE"
	ModeReadOnly  Mode = "READONLY"
	// ModeReadOnlyOverride is ModeReadOnly for all subjects, whatever modes they have.
	ModeReadOnlyOverride Mode = "READONLY_OVERRIDE"
	// ModeImport takes versions with the ids and numbers that another registry gave them.
	ModeImport Mode = "IMPORT"
)

// Modes lists the modes.
func Modes() []Mode { return []Mode{ModeReadWrite, ModeReadOnly, ModeReadOnlyOverride, ModeImport} }

// ParseMode reads a mode's name, in capitals or not.
func ParseMode(name string) (Mode, error) {
	mode := Mode(strings.ToUpper(name))
	if !slices.Contains(Modes(), mode) {
		return "", fmt.Errorf("%q is not a mode; use one of %s", truncate(name, maxLiteral), strings.Trim(fmt.Sprint(Modes()), "[]"))
	}
	return mode, nil
}

// ReadOnly says whether nothing may be changed.
func (m Mode) ReadOnly() bool { return m == ModeReadOnly || m == ModeReadOnlyOverride }

// Settings are those of a subject, or of all. An empty field is not set.
type Settings struct {
	Level Level
	Mode  Mode
}

// DefaultSettings hold where nothing is set.
var DefaultSettings = Settings{Level: LevelBackward, Mode: ModeReadWrite}

// Settings returns what is set for a subject itself; for the subject "" what is set for all.
func (r *Registry) Settings(ctx context.Context, subject string) (Settings, error) {
	return settings(func(query string, args ...any) *sql.Row { return r.db.QueryRow(ctx, query, args...) }, subject)
}

// Effective returns what holds for a subject: what is set for it, else for all, else the
// default.
func (r *Registry) Effective(ctx context.Context, subject string) (Settings, error) {
	return effective(func(query string, args ...any) *sql.Row { return r.db.QueryRow(ctx, query, args...) }, subject)
}

// SettingsTx is Settings as the transaction sees it.
func (r *Registry) SettingsTx(tx *db.Tx, subject string) (Settings, error) {
	return settings(tx.QueryRow, subject)
}

// EffectiveTx is Effective as the transaction sees it.
func (r *Registry) EffectiveTx(tx *db.Tx, subject string) (Settings, error) {
	return effective(tx.QueryRow, subject)
}

func settings(query func(string, ...any) *sql.Row, subject string) (s Settings, err error) {
	err = query(`SELECT compatibility, mode FROM schema_settings WHERE subject = ?`, subject).Scan(&s.Level, &s.Mode)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s, fmt.Errorf("schemas: settings of %s: %w", truncate(subject, maxSubject), err)
	}
	return s, nil
}

func effective(query func(string, ...any) *sql.Row, subject string) (Settings, error) {
	all, err := settings(query, "")
	if err != nil || subject == "" {
		return all.over(DefaultSettings), err
	}
	own, err := settings(query, subject)
	s := own.over(all).over(DefaultSettings)
	if all.Mode == ModeReadOnlyOverride {
		s.Mode = all.Mode
	}
	return s, err
}

// over is s, with what it does not set as in below.
func (s Settings) over(below Settings) Settings {
	return Settings{Level: cmp.Or(s.Level, below.Level), Mode: cmp.Or(s.Mode, below.Mode)}
}

// Set stores what is set for a subject, or with the subject "" for all. ErrSubject if the
// name is not one. A subject need not have versions yet.
func (r *Registry) Set(tx *db.Tx, subject string, s Settings) error {
	if subject != "" && !validSubject(subject) {
		return ErrSubject
	}
	_, err := tx.Exec(`INSERT INTO schema_settings (subject, compatibility, mode) VALUES (?, ?, ?)
		ON CONFLICT (subject) DO UPDATE SET compatibility = excluded.compatibility, mode = excluded.mode`, subject, s.Level, s.Mode)
	if err != nil {
		return fmt.Errorf("schemas: settings of %s: %w", subject, err)
	}
	return nil
}
