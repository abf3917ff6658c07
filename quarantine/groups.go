package quarantine

import (
	"maps"
	"math"
	"slices"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

// groupChange is what one transaction does to the counts of a group.
type groupChange struct {
	quarantined, released, discarded int64
	joined                           *joined // the first of those that joined; nil if none did
	firstSeen, lastSeen              int64   // received times of those that joined
	left                             bool    // some entry moved to another group
}

// joined is what a group is made from if it does not exist yet.
type joined struct {
	stream  string
	traits  []trait
	message string
	sample  string
}

// groupChanges collects the changes of one transaction by fingerprint.
type groupChanges map[string]*groupChange

func (c groupChanges) of(fingerprint string) *groupChange {
	g := c[fingerprint]
	if g == nil {
		g = &groupChange{firstSeen: math.MaxInt64}
		c[fingerprint] = g
	}
	return g
}

// join counts one quarantined entry into a group.
func (c groupChanges) join(fingerprint string, received int64, by joined) {
	g := c.of(fingerprint)
	g.quarantined++
	if g.joined == nil {
		g.joined = &by
	}
	g.firstSeen, g.lastSeen = min(g.firstSeen, received), max(g.lastSeen, received)
}

// leave counts one quarantined entry out of a group, because it now fails otherwise.
func (c groupChanges) leave(fingerprint string) {
	g := c.of(fingerprint)
	g.quarantined--
	g.left = true
}

// apply brings the table of groups up to date. It runs after the entries were changed.
func (c groupChanges) apply(tx *db.Tx) error {
	for _, fingerprint := range slices.Sorted(maps.Keys(c)) {
		if err := c[fingerprint].apply(tx, fingerprint); err != nil {
			return err
		}
	}
	return nil
}

func (g *groupChange) apply(tx *db.Tx, fingerprint string) error {
	res, err := tx.Exec(`UPDATE quarantine_groups SET quarantined = quarantined + ?, released = released + ?, discarded = discarded + ?,
		first_seen = CASE WHEN ? < first_seen THEN ? ELSE first_seen END,
		last_seen = CASE WHEN ? > last_seen THEN ? ELSE last_seen END WHERE fingerprint = ?`,
		g.quarantined, g.released, g.discarded, g.firstSeen, g.firstSeen, g.lastSeen, g.lastSeen, fingerprint)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 && g.joined != nil {
		return g.insert(tx, fingerprint)
	}
	if g.left {
		return tidyGroup(tx, fingerprint)
	}
	return nil
}

func (g *groupChange) insert(tx *db.Tx, fingerprint string) error {
	_, err := tx.Exec(`INSERT INTO quarantine_groups
		(fingerprint, stream, quarantined, released, discarded, first_seen, last_seen, message, sample) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		fingerprint, g.joined.stream, g.quarantined, g.released, g.discarded, g.firstSeen, g.lastSeen, g.joined.message, g.joined.sample)
	if err != nil {
		return err
	}
	for _, t := range g.joined.traits {
		if _, err := tx.Exec(`INSERT INTO quarantine_group_reasons (grp, code, rule, path) VALUES (?, ?, ?, ?)`,
			fingerprint, string(t.code), t.rule, t.path); err != nil {
			return err
		}
	}
	return nil
}

// tidyGroup removes a group that its last entry has left, and gives it another sample
// if the sample has left.
func tidyGroup(tx *db.Tx, fingerprint string) error {
	res, err := tx.Exec(`DELETE FROM quarantine_groups WHERE fingerprint = ? AND quarantined = 0 AND released = 0 AND discarded = 0`, fingerprint)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n > 0 {
		_, err = tx.Exec(`DELETE FROM quarantine_group_reasons WHERE grp = ?`, fingerprint)
		return err
	}
	_, err = tx.Exec(`UPDATE quarantine_groups SET sample = (SELECT e.id FROM quarantine_entries e WHERE e.grp = ? ORDER BY e.seq LIMIT 1)
		WHERE fingerprint = ? AND NOT EXISTS (SELECT 1 FROM quarantine_entries e WHERE e.id = quarantine_groups.sample AND e.grp = ?)`,
		fingerprint, fingerprint, fingerprint)
	return err
}

// message is what a group shows of an entry's reasons.
func message(reasons []lazaret.Reason) string {
	if len(reasons) == 0 {
		return ""
	}
	return reasons[0].Message
}
