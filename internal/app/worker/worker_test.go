package worker_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"dargah/internal/app/checkout"
	"dargah/internal/app/worker"
	"dargah/internal/db"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock stands still until it is moved.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ms.Store(time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC).UnixMilli())
	return c
}

func (c *clock) now() time.Time      { return time.UnixMilli(c.ms.Load()).UTC() }
func (c *clock) add(d time.Duration) { c.ms.Add(d.Milliseconds()) }

func open(t *testing.T, c *clock) *db.DB {
	t.Helper()
	store, err := db.Open(t.Context(), db.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "test.db"), Now: c.now, CreateIfEmpty: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func store(t *testing.T, d *db.DB, kind, key string, at time.Time) {
	t.Helper()
	err := d.Update(context.Background(), func(tx *db.Tx) error {
		return tx.EnqueueJob(checkout.Job{Kind: kind, Key: key, Payload: "{}", RunAt: at, Due: at})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// run starts the worker and drains it at the end of the test.
func run(t *testing.T, w *worker.Worker) {
	t.Helper()
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := w.Drain(10 * time.Second); err != nil {
			t.Error(err)
		}
		<-ended
	})
}

// until waits for something that must come true; the limit only ends a broken test.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("never happened: " + what)
		}
	}
}

func next(t *testing.T, d *db.DB, kind string) time.Time {
	t.Helper()
	var at time.Time
	err := d.View(context.Background(), func(tx *db.Tx) (err error) { at, err = tx.NextJobAt([]string{kind}); return err })
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestRun_EachJobOnce(t *testing.T) {
	c := newClock()
	d := open(t, c)
	var mu sync.Mutex
	seen := map[string]int{}
	w := worker.New(worker.Options{DB: d, Now: c.now, Poll: 10 * time.Millisecond})
	w.Register(worker.Kind{Name: "letter", Concurrency: 3, Handle: func(_ context.Context, j checkout.Job) error {
		mu.Lock()
		defer mu.Unlock()
		seen[j.Key]++
		return nil
	}})
	store(t, d, "letter", "before", c.now())
	run(t, w)
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		store(t, d, "letter", key, c.now())
	}
	until(t, "all nine are done", func() bool { mu.Lock(); defer mu.Unlock(); return len(seen) == 9 })
	until(t, "none is left", func() bool { return next(t, d, "letter").IsZero() })
	mu.Lock()
	defer mu.Unlock()
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s ran %d times", key, n)
		}
	}
}

func TestRun_NotBeforeItsTime(t *testing.T) {
	c := newClock()
	d := open(t, c)
	var ran atomic.Int64
	w := worker.New(worker.Options{DB: d, Now: c.now, Poll: 10 * time.Millisecond})
	w.Register(worker.Kind{Name: "letter", Concurrency: 1, Handle: func(context.Context, checkout.Job) error { ran.Add(1); return nil }})
	store(t, d, "letter", "later", c.now().Add(time.Hour))
	store(t, d, "letter", "now", c.now())
	run(t, w)
	until(t, "the job that is due", func() bool { return ran.Load() == 1 })
	c.add(time.Hour)
	until(t, "the job of an hour later", func() bool { return ran.Load() == 2 })
}

// A worker that died while it held a job: on SQLite its lease is void at the next start.
func TestRun_TakesUpTheJobOfADeadProcess(t *testing.T) {
	c := newClock()
	d := open(t, c)
	store(t, d, "letter", "orphan", c.now())
	err := d.Update(t.Context(), func(tx *db.Tx) error {
		_, err := tx.ClaimJobs([]string{"letter"}, 1, tx.Now().Add(worker.Lease))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	fence := make(chan int64, 1)
	w := worker.New(worker.Options{DB: d, Now: c.now, Poll: 10 * time.Millisecond})
	w.Register(worker.Kind{Name: "letter", Concurrency: 1, Handle: func(_ context.Context, j checkout.Job) error { fence <- j.Fence; return nil }})
	if err := w.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, w) // the clock stands still: only the release before the start can free it
	if got := <-fence; got < 2 {
		t.Errorf("fence %d: the dead process could still write", got)
	}
}

func TestRun_FailureIsPutOffAndKept(t *testing.T) {
	c := newClock()
	d := open(t, c)
	tries := make(chan checkout.Job, 10)
	w := worker.New(worker.Options{DB: d, Now: c.now, Poll: 10 * time.Millisecond})
	w.Register(worker.Kind{Name: "letter", Concurrency: 1, Handle: func(_ context.Context, j checkout.Job) error {
		tries <- j
		if len(tries) < 2 {
			return errors.New("no post today")
		}
		return nil
	}})
	store(t, d, "letter", "a", c.now())
	run(t, w)
	passBy(t, d, c, "letter", "a", 1)
	until(t, "the job is done", func() bool { return next(t, d, "letter").IsZero() })
	first, second := <-tries, <-tries
	if first.Failures != 0 || second.Failures != 1 || second.LastFailure != "no post today" {
		t.Errorf("first %+v, second %+v", first, second)
	}
}

func TestRun_PanicStaysInItsJob(t *testing.T) {
	c := newClock()
	d := open(t, c)
	var good, bad atomic.Int64
	w := worker.New(worker.Options{DB: d, Now: c.now, Poll: 10 * time.Millisecond})
	w.Register(worker.Kind{Name: "letter", Concurrency: 2, Handle: func(_ context.Context, j checkout.Job) error {
		if j.Key == "bad" {
			bad.Add(1)
			panic("secret-canary")
		}
		good.Add(1)
		return nil
	}})
	store(t, d, "letter", "bad", c.now())
	run(t, w)
	until(t, "the bad one panics", func() bool { return bad.Load() == 1 })
	store(t, d, "letter", "good", c.now())
	until(t, "the good one runs all the same", func() bool { return good.Load() == 1 })
	for n := 1; n < worker.MaxFailures; n++ {
		passBy(t, d, c, "letter", "bad", n)
	}
	// Twenty in a row, and a person must look: it is never claimed again.
	until(t, "nothing is due", func() bool { return next(t, d, "letter").IsZero() })
	j := job(t, d, "letter", "bad")
	if j.DeadAt.IsZero() || j.Failures != worker.MaxFailures || j.LastFailure != "panic: a value of type string" {
		t.Errorf("given up as %+v", j)
	}
	if n := bad.Load(); n != worker.MaxFailures {
		t.Errorf("ran %d times", n)
	}
}

func job(t *testing.T, d *db.DB, kind, key string) checkout.Job {
	t.Helper()
	var j checkout.Job
	err := d.View(context.Background(), func(tx *db.Tx) error {
		found, err := tx.Job(kind, key)
		if err == nil {
			j = *found
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// passBy waits until a job has failed n times and nobody holds it, then lets its back-off pass.
func passBy(t *testing.T, d *db.DB, c *clock, kind, key string, n int) {
	t.Helper()
	until(t, "the job is put off", func() bool {
		j := job(t, d, kind, key)
		return j.Failures == n && j.LeaseUntil.IsZero()
	})
	c.add(time.Hour)
}

func TestRun_EndlessIsNeverGivenUp(t *testing.T) {
	c := newClock()
	d := open(t, c)
	var tries atomic.Int64
	w := worker.New(worker.Options{DB: d, Now: c.now, Poll: 10 * time.Millisecond})
	w.Register(worker.Kind{Name: "verify", Concurrency: 1, Endless: true, Handle: func(context.Context, checkout.Job) error {
		tries.Add(1)
		return errors.New("still down")
	}})
	store(t, d, "verify", "a", c.now())
	run(t, w)
	for n := 1; n <= worker.MaxFailures+5; n++ {
		passBy(t, d, c, "verify", "a", n)
	}
	until(t, "another try", func() bool { return tries.Load() > worker.MaxFailures+5 })
}

// A handler that puts its job off itself must find it there again.
func TestRun_LeavesASettledJobAlone(t *testing.T) {
	c := newClock()
	d := open(t, c)
	var ran atomic.Int64
	later := c.now().Add(time.Hour)
	w := worker.New(worker.Options{DB: d, Now: c.now, Poll: 10 * time.Millisecond})
	w.Register(worker.Kind{Name: "verify", Concurrency: 1, Endless: true, Settles: true, Handle: func(ctx context.Context, j checkout.Job) error {
		defer ran.Add(1)
		return d.Update(ctx, func(tx *db.Tx) error {
			_, err := tx.PutOffJob(j.Kind, j.Key, j.Fence, later, "")
			return err
		})
	}})
	store(t, d, "verify", "a", c.now())
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(context.Background()) }()
	until(t, "it ran", func() bool { return ran.Load() == 1 })
	if err := w.Drain(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	<-ended
	if at := next(t, d, "verify"); !at.Equal(later) {
		t.Errorf("due at %s, was put off to %s", at, later)
	}
}

func TestDrain_WaitsForWhatRuns(t *testing.T) {
	c := newClock()
	d := open(t, c)
	begun, release := make(chan struct{}), make(chan struct{})
	var done, after atomic.Int64
	w := worker.New(worker.Options{DB: d, Now: c.now, Poll: 10 * time.Millisecond})
	w.Register(worker.Kind{Name: "letter", Concurrency: 1, Handle: func(context.Context, checkout.Job) error {
		if done.Load() > 0 {
			after.Add(1)
			return nil
		}
		close(begun)
		<-release
		done.Add(1)
		return nil
	}})
	store(t, d, "letter", "a", c.now())
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(context.Background()) }()
	<-begun
	drained := make(chan error, 1)
	go func() { drained <- w.Drain(time.Minute) }()
	<-ended // claiming has stopped, the job is still running
	if w.Spawn(func(context.Context) {}) {
		t.Error("something new began while draining")
	}
	store(t, d, "letter", "b", c.now())
	close(release)
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
	if done.Load() != 1 || after.Load() != 0 {
		t.Errorf("%d jobs were finished, %d began after the drain", done.Load(), after.Load())
	}
	var left []checkout.Job
	err := d.Update(t.Context(), func(tx *db.Tx) (err error) {
		left, err = tx.ClaimJobs([]string{"letter"}, 10, tx.Now())
		return err
	})
	if err != nil || len(left) != 1 || left[0].Key != "b" {
		t.Errorf("left: %+v, %v", left, err)
	}
}

// What is cut off is no failure, and its job is there for the next start.
func TestDrain_CutsOffWhatDoesNotEnd(t *testing.T) {
	c := newClock()
	d := open(t, c)
	begun := make(chan struct{})
	w := worker.New(worker.Options{DB: d, Now: c.now, Poll: 10 * time.Millisecond})
	w.Register(worker.Kind{Name: "letter", Concurrency: 1, Handle: func(ctx context.Context, _ checkout.Job) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}})
	store(t, d, "letter", "a", c.now())
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(context.Background()) }()
	<-begun
	if err := w.Drain(time.Millisecond); !errors.Is(err, worker.ErrImpatient) {
		t.Errorf("drain: %v", err)
	}
	<-ended
	got := make(chan checkout.Job, 1)
	again := worker.New(worker.Options{DB: d, Now: c.now, Poll: 10 * time.Millisecond})
	again.Register(worker.Kind{Name: "letter", Concurrency: 1, Handle: func(_ context.Context, j checkout.Job) error { got <- j; return nil }})
	if err := again.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, again)
	if j := <-got; j.Failures != 0 {
		t.Errorf("being cut off counts as a failure: %+v", j)
	}
}

func TestSpawn_EndsWithTheDrain(t *testing.T) {
	c := newClock()
	w := worker.New(worker.Options{DB: open(t, c), Now: c.now, Poll: 10 * time.Millisecond})
	var ended atomic.Bool
	if !w.Spawn(func(ctx context.Context) { <-ctx.Done(); ended.Store(true) }) {
		t.Fatal("refused")
	}
	if !w.Spawn(func(context.Context) { panic("isolated") }) {
		t.Fatal("refused")
	}
	if err := w.Drain(time.Millisecond); !errors.Is(err, worker.ErrImpatient) || !ended.Load() {
		t.Errorf("drain: %v, ended: %v", err, ended.Load())
	}
}

func TestEvery_AtOnceAndAgain(t *testing.T) {
	c := newClock()
	var turns atomic.Int64
	w := worker.New(worker.Options{DB: open(t, c), Now: c.now, Poll: 10 * time.Millisecond})
	w.Every("sweep", time.Millisecond, func(context.Context) error {
		switch turns.Add(1) {
		case 1:
			panic("a broken turn")
		case 2:
			return errors.New("a failed turn")
		}
		return nil
	})
	w.Every("once", time.Hour, func(context.Context) error { turns.Add(100); return nil })
	run(t, w)
	until(t, "turns after a panic and an error", func() bool { return turns.Load() > 104 })
}
