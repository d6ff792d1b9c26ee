package db

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// ErrServed: another server holds this SQLite file. Two would each void the other's leases at
// start and answer from caches of their own.
var ErrServed = errors.New("another server is running on this database")

var errLocked = errors.New("locked by another process")

// serveLock is a lock file held until the process ends, however it ends.
type serveLock struct{ file *os.File }

// LockForServe refuses when another process serves this SQLite file. Commands don't take it: they
// may run beside a server. PostgreSQL takes many servers, so there it does nothing.
func (db *DB) LockForServe() error {
	if db.target.engine != SQLite || db.lock.file != nil {
		return nil
	}
	path := db.target.path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // one file, one lock, whatever name it is opened by
	}
	held, err := tryLock(path + ".lock")
	if errors.Is(err, errLocked) {
		return fmt.Errorf("%s: %w", db.target.path, ErrServed)
	}
	if err != nil {
		return fmt.Errorf("lock %s for serving: %w", db.target.path, err)
	}
	db.lock = held
	return nil
}

func (l *serveLock) release() {
	if l.file != nil {
		// By word and not only by closing: the lock lives as long as its last descriptor, and a child that
		// another thread is just starting has one until it becomes its program.
		_ = unlockFile(l.file)
		_ = l.file.Close()
		l.file = nil
	}
}

// tryLock leaves the file in place: to delete it would let a third process lock a new one beside
// somebody who holds the old.
func tryLock(path string) (serveLock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return serveLock{}, err
	}
	if err := lockFile(f); err != nil {
		return serveLock{}, errors.Join(err, f.Close())
	}
	return serveLock{file: f}, nil
}

func waitForLock(ctx context.Context, path string, most time.Duration) (*serveLock, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		held, err := tryLock(path)
		if err == nil {
			return &held, nil
		}
		if !errors.Is(err, errLocked) {
			return nil, err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(errLocked, ctx.Err())
		}
	}
}
