package db

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"zombiezen.com/go/sqlite"
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
		if err := r.column(i, to); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

func (r *liteRows) column(i int, to any) error {
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
		if to.Valid = !r.st.stmt.ColumnIsNull(i); to.Valid {
			to.Int64, err = r.integer(i)
		}
	case *sql.NullString:
		if to.Valid = !r.st.stmt.ColumnIsNull(i); to.Valid {
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

var errNull = errors.New("NULL where a value is needed")

func (r *liteRows) text(i int) (string, error) {
	if r.st.stmt.ColumnIsNull(i) {
		return "", errNull
	}
	return r.st.stmt.ColumnText(i), nil
}

func (r *liteRows) integer(i int) (int64, error) {
	switch r.st.stmt.ColumnType(i) {
	case sqlite.TypeInteger:
		return r.st.stmt.ColumnInt64(i), nil
	case sqlite.TypeNull:
		return 0, errNull
	}
	return strconv.ParseInt(r.st.stmt.ColumnText(i), 10, 64)
}

// value is a column as it is stored.
func (r *liteRows) value(i int) any {
	stmt := r.st.stmt
	switch stmt.ColumnType(i) {
	case sqlite.TypeInteger:
		return stmt.ColumnInt64(i)
	case sqlite.TypeFloat:
		return stmt.ColumnFloat(i)
	case sqlite.TypeText:
		return stmt.ColumnText(i)
	case sqlite.TypeBlob:
		blob := make([]byte, stmt.ColumnLen(i))
		return blob[:stmt.ColumnBytes(i, blob)]
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
