package db

import (
	"context"
	"strings"
)

// mostStatements bounds the cache of one connection. Our texts are few; those built from filters
// beyond it are prepared each time.
const mostStatements = 400

// statements runs texts on one SQLite connection and keeps them prepared, by text. It is used by
// one goroutine at a time.
type statements struct {
	conn     *liteConn
	prepared map[string]*liteStmt
	// broken is the first error of the present transaction that may have ended it (full disk,
	// I/O). SQLite may then have left the transaction by itself, and a further statement would
	// commit on its own: so nothing runs after it.
	broken error
	// wrote says that a statement that may write was run. For who asks, after he has set it to false.
	wrote bool
	// open are the rows of the present transaction. Rows that a panic or a bug left open would keep
	// their snapshot and their statement for ever.
	open []*liteRows
}

func newStatements(conn *liteConn) *statements {
	return &statements{conn: conn, prepared: make(map[string]*liteStmt, 64)}
}

// prepare returns the statement of a text, and whether it is for this once: the cache is full, or
// somebody still reads the rows of the one that is kept.
func (s *statements) prepare(query string) (st *liteStmt, once bool, err error) {
	kept, ok := s.prepared[query]
	if ok && !kept.busy {
		return kept, false, nil
	}
	if text := forSQLite(query); text != query {
		// The same statement with a lock and without one is one to SQLite.
		if st, once, err = s.prepare(text); err == nil && !once {
			s.prepared[query] = st
		}
		return st, once, err
	}
	once = ok || len(s.prepared) >= mostStatements
	if st, err = s.conn.prepare(query, !once); err != nil {
		return nil, false, err
	}
	if once {
		return st, true, nil
	}
	s.prepared[query] = st
	return st, false, nil
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

func (s *statements) exec(_ context.Context, query string, args []any) (int64, error) {
	if s.broken != nil {
		return 0, s.broken
	}
	st, once, err := s.prepare(query)
	if err != nil {
		s.note(err)
		return 0, err
	}
	s.wrote = s.wrote || st.writes
	n, err := st.exec(args)
	if once {
		_ = st.close()
	}
	s.note(err)
	return n, err
}

func (s *statements) query(_ context.Context, query string, args []any) (resultRows, error) {
	rows, err := s.begin(query, args)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (s *statements) row(_ context.Context, query string, args []any) scanner {
	rows, err := s.begin(query, args)
	if err != nil {
		return failedRow{err}
	}
	return (*liteRow)(rows)
}

func (s *statements) begin(query string, args []any) (*liteRows, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	st, once, err := s.prepare(query)
	if err != nil {
		s.note(err)
		return nil, err
	}
	s.wrote = s.wrote || st.writes
	rows, err := st.query(args)
	if err != nil {
		if once {
			_ = st.close()
		}
		s.note(err)
		return nil, err
	}
	rows.once = once
	for n := len(s.open); n > 0 && s.open[n-1].closed; n-- {
		s.open = s.open[:n-1]
	}
	s.open = append(s.open, rows)
	return rows, nil
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

// close ends the prepared statements.
func (s *statements) close() {
	s.closeRows()
	for query, st := range s.prepared {
		if forSQLite(query) == query { // else it stands there under its own text, too
			_ = st.close()
		}
	}
	clear(s.prepared)
}

// do runs a text without arguments outside the rules above: BEGIN, COMMIT, savepoints.
func (s *statements) do(query string) error {
	st, once, err := s.prepare(query)
	if err != nil {
		return err
	}
	_, err = st.exec(nil)
	if once {
		_ = st.close()
	}
	return err
}
