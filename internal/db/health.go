package db

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	sqlite3 "modernc.org/sqlite/lib"

	"dargah/internal/app/checkout"
)

// ErrLost: what is on the disk is not known any more, or not what was written. A failed fsync may
// have thrown away what it could not write, and the next one would answer that all is well; a
// damaged page may be one of the unique indexes that keep money safe. Nothing is written after it,
// and the process should end: the next one reads what is really there.
var ErrLost = errors.New("the database cannot be trusted any more")

// health is what is known of the storage between two looks at it.
type health struct {
	lost    atomic.Pointer[error]
	over    chan struct{}         // closed when lost
	refused atomic.Pointer[error] // why the last write was not taken; nil after one that was
}

// Lost is closed when the storage cannot be trusted any more; LostBy then says why.
func (db *DB) Lost() <-chan struct{} { return db.health.over }

// LostBy wraps ErrLost, or is nil.
func (db *DB) LostBy() error {
	if lost := db.health.lost.Load(); lost != nil {
		return *lost
	}
	return nil
}

// lose looks whether err means that the storage is lost, and remembers it.
func (db *DB) lose(err error) bool {
	var lite coded
	if !errors.As(err, &lite) {
		return false
	}
	switch {
	case lite.Code() == sqlite3.SQLITE_IOERR_FSYNC, lite.Code() == sqlite3.SQLITE_IOERR_DIR_FSYNC:
	case lite.Code()&0xff == sqlite3.SQLITE_CORRUPT, lite.Code()&0xff == sqlite3.SQLITE_NOTADB:
	default:
		return false
	}
	db.give(err)
	return true
}

// give gives the storage up.
func (db *DB) give(err error) {
	lost := fmt.Errorf("%s: %w: %w", db.target, ErrLost, err)
	if db.health.lost.CompareAndSwap(nil, &lost) {
		close(db.health.over)
	}
}

// noteWrite remembers whether the storage took the last write. An error of fn says nothing about it.
func (db *DB) noteWrite(err error) {
	switch {
	case err == nil:
		if db.health.refused.Load() != nil {
			db.health.refused.Store(nil)
		}
	case !db.lose(err) && unavailable(err):
		db.health.refused.Store(&err)
	}
}

// Ping says whether a payment could be taken now: the database is the one that was opened, answers,
// and has this program's schema. Reading is enough, unless the last write was refused (full disk,
// read-only, locked): then one is tried.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.LostBy(); err != nil {
		return err
	}
	if lite, ok := db.engine.(*liteEngine); ok {
		if err := lite.inPlace(); err != nil {
			return err
		}
	}
	current, want, err := db.SchemaState(ctx)
	if err != nil {
		return err
	}
	if err := compareSchema(current, want); err != nil {
		return err
	}
	if db.health.refused.Load() == nil {
		return nil
	}
	return db.TryToWrite(ctx)
}

// TryToWrite writes what is larger than any step of a payment, so that the last corner of a full disk
// does not count as room, and takes it away again.
func (db *DB) TryToWrite(ctx context.Context) error {
	const name, size = "write_check", 128 << 10
	err := db.Update(ctx, func(tx *Tx) error { return tx.SetSetting(name, strings.Repeat("x", size)) })
	if err != nil {
		return err
	}
	return db.Update(ctx, func(tx *Tx) error {
		_, err := tx.DeleteSetting(name)
		return err
	})
}

// inPlace says that the path still leads to the file that is open. What is written to one that was
// moved away or replaced is in no book that the next process opens.
func (e *liteEngine) inPlace() error {
	now, err := os.Stat(e.db.target.path)
	if err == nil && os.SameFile(now, e.file) {
		return nil
	}
	return &checkout.Error{Kind: checkout.Unavailable, Key: "error.unavailable", Err: errors.Join(fmt.Errorf("%s is not the file that was opened", e.db.target.path), err)}
}
