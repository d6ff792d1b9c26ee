package db

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"sync"
	"time"

	"dargah/internal/app/crash"
)

const (
	mostWaiting = 1024 // callers in the queue; more wait to enter it
	mostBatched = 256  // callers that one commit serves

	commandWait = 10 * time.Second // of a command, while others write
)

// writer is SQLite's group commit. Callers queue; one goroutine, which Close waits for, runs those
// that wait one after another in one transaction, of which a failed one undoes only its own, and one synchronous=FULL
// commit serves them all. Nobody returns before it.
type writer struct {
	db       *DB
	st       *statements
	queue    chan *call
	enter    sync.RWMutex // held for reading while a caller enters the queue
	closed   bool
	finished chan struct{}
	batch    []*call // of the present transaction
	alone    []*call // to be run again, each in its own transaction
}

var errUnfinished = errors.New("fn did not return")

func startWriter(db *DB, st *statements) *writer {
	w := &writer{
		db: db, st: st,
		queue: make(chan *call, mostWaiting), finished: make(chan struct{}),
	}
	go w.serve()
	return w
}

func (w *writer) update(ctx context.Context, fn func(*Tx) error) error {
	c := &call{fn: fn, done: make(chan struct{})}
	if err := w.put(ctx, c); err != nil {
		return err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		if c.state.CompareAndSwap(callWaiting, callGone) {
			return ctx.Err()
		}
		<-c.done // it runs: only its outcome is true now
	}
	if c.panic != nil {
		panic(c.panic)
	}
	if c.exited {
		runtime.Goexit()
	}
	return c.err
}

func (w *writer) put(ctx context.Context, c *call) error {
	w.enter.RLock()
	defer w.enter.RUnlock()
	if w.closed {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.queue <- c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close is called once.
func (w *writer) close() error {
	w.enter.Lock()
	w.closed = true
	close(w.queue)
	w.enter.Unlock()
	<-w.finished
	w.st.close()
	return w.st.conn.close()
}

// serve is the writer's goroutine. When a caller's fn ends it with runtime.Goexit, the others of
// the batch are run again by the goroutine that follows it.
func (w *writer) serve() {
	drained := false
	defer func() {
		if drained {
			close(w.finished)
			return
		}
		w.rollback()
		w.again(nil)
		go w.serve()
	}()
	w.runAlone()
	for first := range w.queue {
		w.gather(first)
		w.runBatch()
		w.runAlone()
	}
	drained = true
}

// gather takes who waits already. Those whom the last commit released are about to come back:
// yielding to them makes two half batches one.
func (w *writer) gather(first *call) {
	w.batch = append(w.batch[:0], first)
	for yields := 0; len(w.batch) < mostBatched; {
		select {
		case c, ok := <-w.queue:
			if !ok {
				return
			}
			w.batch = append(w.batch, c)
		default:
			if yields == 2 {
				return
			}
			yields++
			runtime.Gosched()
		}
	}
}

func (w *writer) begin() error {
	w.st.broken = nil
	if err := w.db.LostBy(); err != nil {
		return err // another fsync may succeed, and would prove nothing
	}
	crash.At("sqlite.before-begin")
	err := w.take()
	if err != nil && !fatalSQLite(err) {
		// A transaction that a failed rollback left open.
		w.rollback()
		err = w.take()
	}
	return err
}

// take waits until nobody else writes. A busy server leaves its file free for less than a millisecond
// between two commits, and SQLite, which soon looks ten times a second only, can miss each of them: a
// command looks more often.
func (w *writer) take() error {
	const query = "BEGIN IMMEDIATE"
	if w.db.serve {
		return w.st.do(query)
	}
	w.st.conn.waits(0)
	defer w.st.conn.waits(busyWait)
	err := w.st.do(query)
	for end := time.Now().Add(commandWait); lockedSQLite(err) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
		err = w.st.do(query)
	}
	return err
}

// rollback ends the transaction. Its error says only that SQLite had ended it already.
func (w *writer) rollback() { _ = w.st.do("ROLLBACK") }

// committed counts and wakes, before anybody returns.
func (w *writer) committed(calls []*call) {
	var woken map[string]struct{}
	served := int64(0)
	for _, c := range calls {
		if c.state.Load() != callRunning || c.err != nil {
			continue
		}
		served++
		if woken == nil {
			woken = c.woken
		} else {
			maps.Copy(woken, c.woken)
		}
	}
	if served > 0 {
		w.db.stats.commits.Add(1)
		w.db.stats.updates.Add(served)
	}
	w.db.bell.ring(woken)
}

// finishAll answers the batch, with err if it is not nil.
func (w *writer) finishAll(err error) {
	for _, c := range w.batch {
		if err != nil {
			c.state.CompareAndSwap(callWaiting, callRunning)
			c.err = err
		}
		w.finish(c)
	}
	w.batch = w.batch[:0]
}

func (w *writer) finish(c *call) {
	if c.state.Load() == callRunning {
		close(c.done)
	}
}
