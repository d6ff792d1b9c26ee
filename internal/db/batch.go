package db

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"dargah/internal/app/crash"
)

// runBatch commits the batch in one transaction. An error that ended the whole transaction is the
// error of the caller who met it; nothing that the others saw or did in it counts, so they are run
// again, each alone.
func (w *writer) runBatch() {
	if len(w.batch) == 1 {
		w.alone = append(w.alone, w.batch[0])
		w.batch = w.batch[:0]
		return
	}
	if err := w.begin(); err != nil {
		w.finishAll(fmt.Errorf("begin: %w", err))
		return
	}
	crash.At("batch.begun")
	switch w.runTogether() {
	case batchRun:
		w.commitBatch()
	case batchMixed:
		w.runApart()
	}
}

// What came of a batch whose callers wrote into one another's open transaction.
type together int

const (
	batchRun   together = iota // all of it may be committed
	batchMixed                 // something is in it that must not be: it was undone, and is begun again
	batchEnded                 // the transaction is over, and everybody was taken care of
)

// runTogether runs the batch without savepoints: one for each caller costs as much as some of his
// statements, and is nearly never gone back to. A caller who writes and then fails is what they are
// for; after one, nothing counts that anybody has seen, and the batch is run again with them.
func (w *writer) runTogether() together {
	for i, c := range w.batch {
		if !c.claim() {
			continue
		}
		w.st.wrote = false
		w.run(c)
		if w.st.broken != nil {
			w.rollback()
			w.again(c)
			return batchEnded
		}
		if c.err != nil && w.st.wrote {
			w.rollback()
			w.db.stats.reruns.Add(int64(i + 1))
			if err := w.begin(); err != nil {
				w.finishAll(fmt.Errorf("begin: %w", err))
				return batchEnded
			}
			return batchMixed
		}
		between()
	}
	return batchRun
}

// runApart runs the batch with a savepoint for each caller, so that one who fails undoes only himself.
func (w *writer) runApart() {
	for _, c := range w.batch {
		if !c.claim() {
			continue
		}
		if err := w.st.do("SAVEPOINT caller"); err != nil {
			w.rollback()
			w.again(nil)
			return
		}
		w.run(c)
		if w.st.broken != nil {
			w.rollback()
			w.again(c)
			return
		}
		if c.err != nil {
			if err := w.st.do("ROLLBACK TO caller"); err != nil {
				w.rollback()
				w.again(c)
				return
			}
		}
		if err := w.st.do("RELEASE caller"); err != nil {
			w.rollback()
			w.again(nil)
			return
		}
		between()
	}
	w.commitBatch()
}

// between is where some of the batch have run and others have not.
func between() { crash.At("batch.between") }

// commit ends the transaction and counts how long that took.
func (w *writer) commit() error {
	began := time.Now()
	err := w.st.do("COMMIT")
	w.db.stats.committing.Add(int64(time.Since(began)))
	return err
}

func (w *writer) commitBatch() {
	crash.At("batch.before-commit")
	if err := w.commit(); err != nil {
		w.rollback()
		w.db.lose(err) // then begin refuses all of them
		w.again(nil)
		return
	}
	crash.At("batch.committed")
	w.committed(w.batch)
	w.finishAll(nil)
}

// again hands everybody of the batch but the culprit over to runAlone.
func (w *writer) again(culprit *call) {
	for _, c := range w.batch {
		if c == culprit || c.exited {
			w.finish(c)
			continue
		}
		w.alone = append(w.alone, c)
		w.db.stats.reruns.Add(1)
	}
	w.batch = w.batch[:0]
}

// runAlone runs each of alone in a transaction of its own.
func (w *writer) runAlone() {
	for len(w.alone) > 0 {
		c := w.alone[0]
		w.alone = w.alone[1:]
		if c.state.Load() == callGone {
			continue // he need not be begun for
		}
		err := w.begin() // may wait long for another process; a caller need not
		if !c.claim() {
			w.rollback()
			continue
		}
		if err != nil {
			c.err = fmt.Errorf("begin: %w", err)
			w.finish(c)
			continue
		}
		w.batch = append(w.batch[:0], c) // whom serve finds when fn ends the goroutine
		w.commitAlone(c)
		w.batch = w.batch[:0]
		w.finish(c)
	}
}

func (w *writer) commitAlone(c *call) {
	crash.At("sqlite.begun")
	w.run(c)
	if c.err != nil {
		w.rollback()
		return
	}
	crash.At("sqlite.before-commit")
	if err := w.commit(); err != nil {
		w.rollback()
		w.db.lose(err)
		c.err = fmt.Errorf("commit: %w", err)
		return
	}
	crash.At("sqlite.committed")
	w.committed([]*call{c})
}

// run runs one caller's fn. A panic is its error here and goes on in its own goroutine.
func (w *writer) run(c *call) {
	tx := &Tx{ctx: context.Background(), run: w.db.watched(w.st), now: w.db.clock()}
	c.err, c.woken, c.panic = errUnfinished, nil, nil
	returned := false
	defer func() {
		tx.run = nil
		w.st.closeRows()
		if returned {
			return
		}
		if v := recover(); v != nil {
			c.panic = &Panic{Value: v, Stack: debug.Stack()}
			return
		}
		c.exited = true
	}()
	c.err = c.fn(tx)
	c.woken = tx.woken
	returned = true
	if fatalSQLite(c.err) && w.st.broken == nil {
		w.st.broken = c.err // met while reading rows
	}
	if c.err == nil {
		c.err = w.st.broken // fn kept it to itself, and nothing that it did is stored
	}
}
