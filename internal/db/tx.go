package db

import (
	"context"
	"database/sql"
	"fmt"
)

// maxStatements bounds the cache of prepared statements; a query beyond it is
// prepared anew each time.
const maxStatements = 256

// Tx is the transaction that a function given to Write works in. It is valid until
// that function returns, and is for one goroutine.
type Tx struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// Exec runs a statement. The statement is prepared once for the life of the store, so
// pass values as arguments.
func (t *Tx) Exec(query string, args ...any) (sql.Result, error) {
	if s, err := t.stmt(query); err != nil {
		return nil, err
	} else if s != nil {
		return s.ExecContext(context.Background(), args...)
	}
	return t.conn.ExecContext(context.Background(), query, args...)
}

// Query runs a query that sees the transaction's own changes. Close the rows before
// the function returns.
func (t *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	if s, err := t.stmt(query); err != nil {
		return nil, err
	} else if s != nil {
		return s.QueryContext(context.Background(), args...)
	}
	return t.conn.QueryContext(context.Background(), query, args...)
}

// QueryRow runs a query of one row that sees the transaction's own changes.
func (t *Tx) QueryRow(query string, args ...any) *sql.Row {
	if s, err := t.stmt(query); err == nil && s != nil {
		return s.QueryRowContext(context.Background(), args...)
	}
	return t.conn.QueryRowContext(context.Background(), query, args...)
}

func (t *Tx) stmt(query string) (*sql.Stmt, error) {
	if s, ok := t.stmts[query]; ok {
		return s, nil
	}
	if len(t.stmts) >= maxStatements {
		return nil, nil
	}
	s, err := t.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("preparing a statement: %w", err)
	}
	t.stmts[query] = s
	return s, nil
}
