package db

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"unsafe"

	sqlite3 "modernc.org/sqlite/lib"
)

// liteRows are the rows of one query.
type liteRows struct {
	st     *liteStmt
	fresh  bool // the first row was reached already, by the query itself
	found  bool
	closed bool
	once   bool // the statement was prepared for these rows alone
	err    error
}

var errRowsClosed = errors.New("rows are closed")

// Next goes to the next row; after the last one, or an error, the rows are closed.
func (r *liteRows) Next() bool {
	if r.closed {
		return false
	}
	if r.fresh {
		r.fresh = false
	} else {
		r.found, r.err = r.st.step()
	}
	if !r.found {
		_ = r.Close()
	}
	return r.found
}

// Err says why Next did not go on, nil at the end.
func (r *liteRows) Err() error { return r.err }

// Close ends reading. Closing twice costs nothing.
func (r *liteRows) Close() error {
	if r.closed {
		return nil
	}
	r.closed, r.found = true, false
	r.st.reset()
	if r.once {
		return r.st.close()
	}
	return nil
}

// Scan copies the row's columns.
func (r *liteRows) Scan(dest ...any) error {
	if r.closed || !r.found {
		return errors.Join(errRowsClosed, r.err)
	}
	if len(dest) != r.st.columns {
		return fmt.Errorf("%d columns for %d places", r.st.columns, len(dest))
	}
	for i, to := range dest {
		if err := r.column(int32(i), to); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

func (r *liteRows) column(i int32, to any) error {
	var err error
	switch to := to.(type) {
	case *string:
		*to, err = r.text(i)
	case *int64:
		*to, err = r.integer(i)
	case *int:
		var n int64
		n, err = r.integer(i)
		*to = int(n)
	case *bool:
		var n int64
		n, err = r.integer(i)
		*to = n != 0
	case *sql.NullInt64:
		if to.Valid = r.kind(i) != sqlite3.SQLITE_NULL; to.Valid {
			to.Int64, err = r.integer(i)
		}
	case *sql.NullString:
		if to.Valid = r.kind(i) != sqlite3.SQLITE_NULL; to.Valid {
			to.String, err = r.text(i)
		}
	case *any:
		*to = r.value(i)
	case *[]byte:
		*to, _ = r.value(i).([]byte)
	case sql.Scanner:
		err = to.Scan(r.value(i))
	default:
		err = fmt.Errorf("no way to read into %T", to)
	}
	return err
}

func (r *liteRows) kind(i int32) int32 {
	return sqlite3.Xsqlite3_column_type(r.st.c.tls, r.st.handle, i)
}

var errNull = errors.New("NULL where a value is needed")

func (r *liteRows) text(i int32) (string, error) {
	p := sqlite3.Xsqlite3_column_text(r.st.c.tls, r.st.handle, i)
	if p == 0 {
		if r.kind(i) == sqlite3.SQLITE_NULL {
			return "", errNull
		}
		return "", r.st.c.failure(sqlite3.SQLITE_NOMEM)
	}
	return string(r.bytes(p, i)), nil
}

// bytes are SQLite's own, until the next step.
func (r *liteRows) bytes(p uintptr, i int32) []byte {
	return unsafe.Slice((*byte)(at(p)), sqlite3.Xsqlite3_column_bytes(r.st.c.tls, r.st.handle, i))
}

func (r *liteRows) integer(i int32) (int64, error) {
	switch r.kind(i) {
	case sqlite3.SQLITE_INTEGER:
		return sqlite3.Xsqlite3_column_int64(r.st.c.tls, r.st.handle, i), nil
	case sqlite3.SQLITE_NULL:
		return 0, errNull
	}
	text, err := r.text(i)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// value is a column as it is stored.
func (r *liteRows) value(i int32) any {
	tls, handle := r.st.c.tls, r.st.handle
	switch r.kind(i) {
	case sqlite3.SQLITE_INTEGER:
		return sqlite3.Xsqlite3_column_int64(tls, handle, i)
	case sqlite3.SQLITE_FLOAT:
		return sqlite3.Xsqlite3_column_double(tls, handle, i)
	case sqlite3.SQLITE_TEXT:
		return string(r.bytes(sqlite3.Xsqlite3_column_text(tls, handle, i), i))
	case sqlite3.SQLITE_BLOB:
		return append([]byte{}, r.bytes(sqlite3.Xsqlite3_column_blob(tls, handle, i), i)...)
	}
	return nil
}

// liteRow is a query of which one row is wanted.
type liteRow liteRows

// Scan copies the first row's columns, sql.ErrNoRows when there is none. A statement that also writes
// is run to its end: what is wrong with it may show there.
func (r *liteRow) Scan(dest ...any) error {
	rows := (*liteRows)(r)
	defer rows.Close()
	if !rows.Next() {
		if rows.err != nil {
			return rows.err
		}
		return sql.ErrNoRows
	}
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	for rows.st.writes && rows.Next() {
	}
	return rows.err
}

// failedRow is the row of a query that could not be begun.
type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }
