package db

import (
	"context"
	"database/sql"
	"strings"
)

// mostStatements bounds the cache of one connection. Our texts are few; those built from filters
// beyond it are prepared each time.
const mostStatements = 400

// statements runs texts on one SQLite connection and keeps them prepared, by text. It is used by
// one goroutine at a time.
type statements struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
	// broken is the first error of the present transaction that may have ended it (full disk,
	// I/O). SQLite may then have left the transaction by itself, and a further statement would
	// commit on its own: so nothing runs after it.
	broken error
	// open are the rows of the present transaction. Rows that a panic or a bug left open would keep
	// their snapshot, their statement and the connection for ever.
	open []*sql.Rows
}

func newStatements(conn *sql.Conn) *statements {
	return &statements{conn: conn, prepared: make(map[string]*sql.Stmt, 64)}
}

// prepare returns nil for a text that cannot be prepared or kept; it is then run directly, which
// shows the error to the caller.
func (s *statements) prepare(query string) *sql.Stmt {
	if st, ok := s.prepared[query]; ok {
		return st
	}
	if len(s.prepared) >= mostStatements {
		return nil
	}
	st, err := s.conn.PrepareContext(context.Background(), forSQLite(query))
	if err != nil {
		return nil
	}
	s.prepared[query] = st
	return st
}

// forSQLite drops row locks: SQLite has one writer at a time and does not know the words.
func forSQLite(query string) string {
	query = strings.ReplaceAll(query, " FOR UPDATE SKIP LOCKED", "")
	return strings.ReplaceAll(query, " FOR UPDATE", "")
}

// forPostgres drops SQLite's word about where rows live, and says that text is compared byte by byte,
// as SQLite does without being told.
func forPostgres(query string) string {
	query = strings.ReplaceAll(query, ") WITHOUT ROWID", ")")
	return strings.ReplaceAll(query, `/* COLLATE "C" */`, `COLLATE "C"`)
}

func (s *statements) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	var res sql.Result
	var err error
	if st := s.prepare(query); st != nil {
		res, err = st.ExecContext(ctx, args...)
	} else {
		res, err = s.conn.ExecContext(ctx, forSQLite(query), args...)
	}
	s.note(err)
	return res, err
}

func (s *statements) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	var rows *sql.Rows
	var err error
	if st := s.prepare(query); st != nil {
		rows, err = st.QueryContext(ctx, args...)
	} else {
		rows, err = s.conn.QueryContext(ctx, forSQLite(query), args...)
	}
	if err == nil {
		s.open = append(s.open, rows)
	}
	s.note(err)
	return rows, err
}

func (s *statements) row(ctx context.Context, query string, args []any) *sql.Row {
	if s.broken != nil {
		// Only database/sql can make a row with an error: a context that is over does.
		over, cancel := context.WithCancel(ctx)
		cancel()
		return s.conn.QueryRowContext(over, "SELECT 1")
	}
	var row *sql.Row
	if st := s.prepare(query); st != nil {
		row = st.QueryRowContext(ctx, args...)
	} else {
		row = s.conn.QueryRowContext(ctx, forSQLite(query), args...)
	}
	s.note(row.Err())
	return row
}

func (s *statements) note(err error) {
	if err != nil && s.broken == nil && fatalSQLite(err) {
		s.broken = err
	}
}

// closeRows ends what fn left open. Closing twice costs nothing.
func (s *statements) closeRows() {
	for i, rows := range s.open {
		_ = rows.Close()
		s.open[i] = nil
	}
	s.open = s.open[:0]
}

// close ends the prepared statements. database/sql does not close those of a *sql.Conn with it, and
// SQLite keeps a connection with living statements as a zombie: its files stay open and locked until
// the process ends, and the log is never folded into the file.
func (s *statements) close() {
	s.closeRows()
	for query, st := range s.prepared {
		_ = st.Close()
		delete(s.prepared, query)
	}
}

// do runs a text without arguments outside the rules above: BEGIN, COMMIT, savepoints.
func (s *statements) do(query string) error {
	ctx := context.Background()
	var err error
	if st := s.prepare(query); st != nil {
		_, err = st.ExecContext(ctx)
	} else {
		_, err = s.conn.ExecContext(ctx, query)
	}
	return err
}
