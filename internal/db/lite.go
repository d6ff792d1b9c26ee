package db

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
)

// liteConn is one connection to a SQLite file. Payments go through it and not through database/sql,
// which with its driver costs as much again as the statements themselves (every call locked, every name
// and type of every column asked for at every query); migrations and copies of whole tables still do.
// A connection, with its statements and their rows, belongs to one goroutine at a time; nothing here
// locks.
type liteConn struct{ conn *sqlite.Conn }

// liteError is what SQLite says, with its extended code.
type liteError struct {
	code int
	err  error
}

func (e *liteError) Error() string { return e.err.Error() }
func (e *liteError) Unwrap() error { return e.err }

// Code is SQLite's extended result code.
func (e *liteError) Code() int { return e.code }

// coded is an error of SQLite's: ours, or the one of the driver that migrations use.
type coded interface {
	error
	Code() int
}

// said gives an error of the library its code.
func said(err error) error {
	if err == nil {
		return nil
	}
	return &liteError{code: int(sqlite.ErrCode(err)), err: err}
}

func misuse(what string) error {
	return &liteError{code: int(sqlite.ResultMisuse), err: errors.New(what)}
}

// openLite opens an existing file. Who waits for a lock, and how long, is said by the pragmas.
func openLite(t target, readOnly bool) (*liteConn, error) {
	conn, err := sqlite.OpenConn(t.sqliteURI(), sqlite.OpenReadWrite, sqlite.OpenURI)
	if err != nil {
		return nil, said(err)
	}
	c := &liteConn{conn}
	for _, pragma := range t.pragmas(readOnly) {
		if err := c.run("PRAGMA " + pragma); err != nil {
			return nil, errors.Join(fmt.Errorf("set %s: %w", pragma, err), c.close())
		}
	}
	return c, nil
}

// waits sets for how long the connection tries again when another one holds what it needs.
func (c *liteConn) waits(d time.Duration) { c.conn.SetBusyTimeout(d) }

// close ends the connection. Its statements must have ended.
func (c *liteConn) close() error {
	if c.conn == nil {
		return nil
	}
	err := c.conn.Close()
	c.conn = nil
	return said(err)
}

// run runs a text once.
func (c *liteConn) run(query string) error {
	st, err := c.prepare(query, false)
	if err != nil {
		return err
	}
	_, err = st.exec(nil)
	return errors.Join(err, st.close())
}

// liteStmt is a prepared statement.
type liteStmt struct {
	c       *liteConn
	stmt    *sqlite.Stmt
	places  []int // which argument stands at each of its parameters
	columns int
	writes  bool // it may
	busy    bool // its rows are still being read
}

// prepare makes a statement. One that is kept does not take its memory from the few quick slots that a
// connection has for what it needs while statements run.
func (c *liteConn) prepare(query string, kept bool) (*liteStmt, error) {
	var stmt *sqlite.Stmt
	var rest int
	var err error
	if kept {
		stmt, err = c.conn.Prepare(query)
	} else {
		stmt, rest, err = c.conn.PrepareTransient(query)
	}
	if err != nil {
		return nil, said(err)
	}
	st := &liteStmt{c: c, stmt: stmt, columns: stmt.ColumnCount()}
	st.writes = !strings.HasPrefix(strings.TrimSpace(query), "SELECT")
	if strings.TrimSpace(query[len(query)-rest:]) != "" {
		return nil, errors.Join(misuse("more than one statement"), st.close())
	}
	if err := st.findPlaces(); err != nil {
		return nil, errors.Join(err, st.close())
	}
	return st, nil
}

// findPlaces reads the numbers of $1, $2, …: to SQLite they are names, in the order in which they first
// occur.
func (st *liteStmt) findPlaces() error {
	st.places = make([]int, st.stmt.BindParamCount())
	for i := range st.places {
		name := st.stmt.BindParamName(i + 1)
		if name == "" { // a bare ?
			st.places[i] = i
			continue
		}
		n, err := strconv.Atoi(name[1:])
		if err != nil || n < 1 {
			return misuse("parameters are $1, $2, …")
		}
		st.places[i] = n - 1
	}
	return nil
}

func (st *liteStmt) close() error { return said(st.stmt.Finalize()) }

// bind gives the statement its arguments, all of them anew.
func (st *liteStmt) bind(args []any) error {
	for i, n := range st.places {
		if n >= len(args) {
			return misuse("argument $" + strconv.Itoa(n+1) + " is missing")
		}
		if err := st.bindOne(i+1, args[n]); err != nil {
			return fmt.Errorf("argument $%d: %w", n+1, err)
		}
	}
	return nil
}

func (st *liteStmt) bindOne(i int, arg any) error {
	switch v := arg.(type) {
	case nil:
		st.stmt.BindNull(i)
	case int64:
		st.stmt.BindInt64(i, v)
	case string:
		st.stmt.BindText(i, v)
	case bool:
		st.stmt.BindInt64(i, bit(v))
	case float64:
		st.stmt.BindFloat(i, v)
	case []byte:
		st.stmt.BindBytes(i, v)
	default:
		plain, err := driver.DefaultParameterConverter.ConvertValue(v)
		if err != nil {
			return err
		}
		switch plain.(type) {
		case nil, int64, string, bool, float64, []byte:
			return st.bindOne(i, plain)
		}
		return fmt.Errorf("of type %T", arg)
	}
	return nil
}

func (st *liteStmt) step() (found bool, err error) {
	found, err = st.stmt.Step()
	return found, said(err)
}

// reset makes the statement ready for the next time. Its answer repeats the error of the last step.
func (st *liteStmt) reset() {
	_ = st.stmt.Reset()
	st.busy = false
}

// exec runs the statement to its end and returns how many rows it changed.
func (st *liteStmt) exec(args []any) (int64, error) {
	if err := st.bind(args); err != nil {
		return 0, err
	}
	defer st.reset()
	for {
		found, err := st.step()
		if err != nil {
			return 0, err
		}
		if !found {
			return int64(st.c.conn.Changes()), nil
		}
	}
}

// query begins to read: what is wrong with the statement shows here.
func (st *liteStmt) query(args []any) (*liteRows, error) {
	if err := st.bind(args); err != nil {
		return nil, err
	}
	found, err := st.step()
	if err != nil {
		st.reset()
		return nil, err
	}
	st.busy = true
	return &liteRows{st: st, fresh: true, found: found}, nil
}
