package db

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// liteConn is one connection to a SQLite file, in SQLite's own words. Payments go through it and not
// through database/sql: that and its driver cost as much again as the statements themselves (every
// call locked, every argument copied into a piece of memory of its own, every name and type of every
// column asked for at every query). A connection, with its statements and their rows, belongs to one
// goroutine at a time; nothing here locks.
type liteConn struct {
	tls *libc.TLS
	db  uintptr
	out uintptr // where SQLite puts the handles that it answers with
}

// liteError is what SQLite says, with its extended code.
type liteError struct {
	code int
	text string
}

func (e *liteError) Error() string { return e.text + " (" + strconv.Itoa(e.code) + ")" }

// Code is SQLite's extended result code.
func (e *liteError) Code() int { return e.code }

// coded is an error of SQLite's: ours, or the one of the driver that migrations use.
type coded interface {
	error
	Code() int
}

// openLite opens an existing file.
func openLite(t target, readOnly bool) (*liteConn, error) {
	c := &liteConn{tls: libc.NewTLS()}
	name, err := libc.CString(t.sqliteURI())
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	defer libc.Xfree(c.tls, name)
	if c.out = sqlite3.Xsqlite3_malloc64(c.tls, 64); c.out == 0 {
		return nil, errors.Join(c.failure(sqlite3.SQLITE_NOMEM), c.close())
	}
	const how = sqlite3.SQLITE_OPEN_READWRITE | sqlite3.SQLITE_OPEN_URI | sqlite3.SQLITE_OPEN_NOMUTEX | sqlite3.SQLITE_OPEN_EXRESCODE
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, c.out, how, 0)
	c.db = *(*uintptr)(at(c.out))
	if rc != sqlite3.SQLITE_OK {
		return nil, errors.Join(c.failure(rc), c.close())
	}
	for _, pragma := range t.pragmas(readOnly) {
		if err := c.run("PRAGMA " + pragma); err != nil {
			return nil, errors.Join(fmt.Errorf("set %s: %w", pragma, err), c.close())
		}
	}
	return c, nil
}

// at is the address of memory that is SQLite's and not the collector's.
func at(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

// failure is what SQLite says about its last answer.
func (c *liteConn) failure(rc int32) error {
	said := sqlite3.Xsqlite3_errstr(c.tls, rc)
	if c.db != 0 {
		said = sqlite3.Xsqlite3_errmsg(c.tls, c.db)
	}
	return &liteError{code: int(rc), text: libc.GoString(said)}
}

// close ends the connection. Its statements must have ended: SQLite would keep it as a zombie
// otherwise, with its files open and locked until the process ends.
func (c *liteConn) close() error {
	if c.tls == nil {
		return nil
	}
	var err error
	if c.db != 0 {
		if rc := sqlite3.Xsqlite3_close_v2(c.tls, c.db); rc != sqlite3.SQLITE_OK {
			err = c.failure(rc)
		}
	}
	sqlite3.Xsqlite3_free(c.tls, c.out)
	c.tls.Close()
	c.tls, c.db = nil, 0
	return err
}

// run runs a text once.
func (c *liteConn) run(query string) error {
	st, err := c.prepare(query)
	if err != nil {
		return err
	}
	_, err = st.exec(nil)
	return errors.Join(err, st.close())
}

// liteStmt is a prepared statement. It keeps its place in memory for the texts that are bound to it,
// so that binding them costs one copy.
type liteStmt struct {
	c       *liteConn
	handle  uintptr
	places  []int // which argument stands at each of its parameters
	columns int
	writes  bool
	busy    bool // its rows are still being read
	room    uintptr
	size    int
}

func (c *liteConn) prepare(query string) (*liteStmt, error) {
	text, err := libc.CString(query)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, text)
	tail := c.out + unsafe.Sizeof(c.out)
	rc := sqlite3.Xsqlite3_prepare_v3(c.tls, c.db, text, -1, sqlite3.SQLITE_PREPARE_PERSISTENT, c.out, tail)
	if rc != sqlite3.SQLITE_OK {
		return nil, c.failure(rc)
	}
	st := &liteStmt{c: c, handle: *(*uintptr)(at(c.out))}
	if st.handle == 0 {
		return nil, &liteError{code: sqlite3.SQLITE_MISUSE, text: "no statement"}
	}
	if rest := libc.GoString(*(*uintptr)(at(tail))); strings.TrimSpace(rest) != "" {
		return nil, errors.Join(&liteError{code: sqlite3.SQLITE_MISUSE, text: "more than one statement"}, st.close())
	}
	if err := st.findPlaces(); err != nil {
		return nil, errors.Join(err, st.close())
	}
	st.columns = int(sqlite3.Xsqlite3_column_count(c.tls, st.handle))
	st.writes = sqlite3.Xsqlite3_stmt_readonly(c.tls, st.handle) == 0
	return st, nil
}

// findPlaces reads the numbers of $1, $2, …: to SQLite they are names, in the order in which they first
// occur.
func (st *liteStmt) findPlaces() error {
	count := sqlite3.Xsqlite3_bind_parameter_count(st.c.tls, st.handle)
	st.places = make([]int, count)
	for i := range st.places {
		name := sqlite3.Xsqlite3_bind_parameter_name(st.c.tls, st.handle, int32(i+1))
		if name == 0 { // a bare ?
			st.places[i] = i
			continue
		}
		n, err := strconv.Atoi(libc.GoString(name)[1:])
		if err != nil || n < 1 {
			return &liteError{code: sqlite3.SQLITE_MISUSE, text: "parameters are $1, $2, …"}
		}
		st.places[i] = n - 1
	}
	return nil
}

func (st *liteStmt) close() error {
	rc := sqlite3.Xsqlite3_finalize(st.c.tls, st.handle)
	sqlite3.Xsqlite3_free(st.c.tls, st.room)
	st.handle, st.room, st.size = 0, 0, 0
	if rc != sqlite3.SQLITE_OK {
		return st.c.failure(rc)
	}
	return nil
}

// bind gives the statement its arguments. What lies in its room is read until it is reset, and never
// again before all of it is bound anew.
func (st *liteStmt) bind(args []any) error {
	need := 1
	for _, n := range st.places {
		if n >= len(args) {
			return &liteError{code: sqlite3.SQLITE_RANGE, text: "argument $" + strconv.Itoa(n+1) + " is missing"}
		}
		switch v := args[n].(type) {
		case string:
			need += len(v)
		case []byte:
			need += len(v)
		case int64, nil:
		default:
			plain, err := driver.DefaultParameterConverter.ConvertValue(v)
			if err != nil {
				return fmt.Errorf("argument $%d: %w", n+1, err)
			}
			args[n] = plain
			if s, ok := plain.(string); ok {
				need += len(s)
			}
		}
	}
	if need > st.size {
		sqlite3.Xsqlite3_free(st.c.tls, st.room)
		st.size = 0
		if st.room = sqlite3.Xsqlite3_malloc64(st.c.tls, uint64(2*need)); st.room == 0 {
			return st.c.failure(sqlite3.SQLITE_NOMEM)
		}
		st.size = 2 * need
	}
	free := st.room
	for i, n := range st.places {
		if err := st.bindOne(int32(i+1), args[n], &free); err != nil {
			return err
		}
	}
	return nil
}

func (st *liteStmt) bindOne(i int32, arg any, free *uintptr) error {
	tls, rc := st.c.tls, int32(sqlite3.SQLITE_MISUSE)
	switch v := arg.(type) {
	case nil:
		rc = sqlite3.Xsqlite3_bind_null(tls, st.handle, i)
	case int64:
		rc = sqlite3.Xsqlite3_bind_int64(tls, st.handle, i, v)
	case bool:
		rc = sqlite3.Xsqlite3_bind_int64(tls, st.handle, i, bit(v))
	case float64:
		rc = sqlite3.Xsqlite3_bind_double(tls, st.handle, i, v)
	case string:
		p := *free
		*free += uintptr(copy(unsafe.Slice((*byte)(at(p)), len(v)), v))
		rc = sqlite3.Xsqlite3_bind_text(tls, st.handle, i, p, int32(len(v)), 0)
	case []byte:
		p := *free
		*free += uintptr(copy(unsafe.Slice((*byte)(at(p)), len(v)), v))
		rc = sqlite3.Xsqlite3_bind_blob(tls, st.handle, i, p, int32(len(v)), 0)
	default:
		return fmt.Errorf("argument of type %T", arg)
	}
	if rc != sqlite3.SQLITE_OK {
		return st.c.failure(rc)
	}
	return nil
}

func (st *liteStmt) step() (found bool, err error) {
	switch rc := sqlite3.Xsqlite3_step(st.c.tls, st.handle); rc {
	case sqlite3.SQLITE_ROW:
		return true, nil
	case sqlite3.SQLITE_DONE:
		return false, nil
	default:
		return false, st.c.failure(rc)
	}
}

// reset makes the statement ready for the next time. Its answer repeats the error of the last step.
func (st *liteStmt) reset() {
	sqlite3.Xsqlite3_reset(st.c.tls, st.handle)
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
			return sqlite3.Xsqlite3_changes64(st.c.tls, st.c.db), nil
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
