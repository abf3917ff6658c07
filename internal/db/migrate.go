package db

import (
	"context"
	"fmt"
)

// Migrate brings the tables of one owner (a package) up to date. Steps are SQL
// scripts, each run once and in order, each in a transaction of its own with the
// record that it ran. The list is append-only: a step that has ever been released must
// not be changed. A store that has more steps than the list was written by a newer
// version and is refused.
func (d *DB) Migrate(ctx context.Context, owner string, steps []string) error {
	done, err := d.migrated(ctx, owner)
	if err != nil {
		return fmt.Errorf("store migrations: %w", err)
	}
	if done > len(steps) {
		return fmt.Errorf("the store was written by a newer lazaret: %s has %d migrations, this version knows %d", owner, done, len(steps))
	}
	for i := done; i < len(steps); i++ {
		err := d.Write(ctx, func(tx *Tx) error {
			var ran bool // by another process, meanwhile
			err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM migrations WHERE owner = ? AND step = ?)`, owner, i+1).Scan(&ran)
			if ran || err != nil {
				return err
			}
			if _, err := tx.conn.ExecContext(ctx, steps[i]); err != nil {
				return err
			}
			_, err = tx.Exec(`INSERT INTO migrations (owner, step) VALUES (?, ?)`, owner, i+1)
			return err
		})
		if err != nil {
			return fmt.Errorf("store migration %s/%d: %w", owner, i+1, err)
		}
	}
	return nil
}

// migrated returns how many steps have run. It writes only in a new store, so that one
// whose disk is full can be opened and looked at.
func (d *DB) migrated(ctx context.Context, owner string) (done int, err error) {
	var exists bool
	if err := d.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations')`).Scan(&exists); err != nil {
		return 0, err
	}
	if !exists {
		return 0, d.Write(ctx, func(tx *Tx) error {
			_, err := tx.Exec(`CREATE TABLE IF NOT EXISTS migrations (
				owner TEXT NOT NULL, step INTEGER NOT NULL, PRIMARY KEY (owner, step))`)
			return err
		})
	}
	err = d.QueryRow(ctx, `SELECT COUNT(*) FROM migrations WHERE owner = ?`, owner).Scan(&done)
	return done, err
}
