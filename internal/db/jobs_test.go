package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// desk is a database with a clock, and the jobs of one kind in it.
type desk struct {
	*testing.T
	db    *db.DB
	clock *clock
}

func jobsTest(t *testing.T, test func(d *desk)) {
	dbtest.Each(t, func(t *testing.T, open func(db.Options) *db.DB) {
		c := newClock()
		test(&desk{T: t, db: open(db.Options{Now: c.now}), clock: c})
	})
}

func (d *desk) enqueue(key string, in time.Duration) {
	d.Helper()
	update(d, d.db, func(tx *db.Tx) error {
		return tx.EnqueueJob(checkout.Job{Kind: "verify", Key: key, Payload: "p", RunAt: tx.Now().Add(in)})
	})
}

func (d *desk) claim(limit int, lease time.Duration) (jobs []checkout.Job) {
	d.Helper()
	update(d, d.db, func(tx *db.Tx) (err error) {
		jobs, err = tx.ClaimJobs([]string{"verify", "mail"}, limit, tx.Now().Add(lease))
		return err
	})
	return jobs
}

func (d *desk) claimOne() checkout.Job {
	d.Helper()
	jobs := d.claim(1, 8*time.Second)
	if len(jobs) != 1 {
		d.Fatalf("%d jobs claimed", len(jobs))
	}
	return jobs[0]
}

func (d *desk) says(want bool, act string, fn func(tx *db.Tx) (bool, error)) {
	d.Helper()
	update(d, d.db, func(tx *db.Tx) error {
		got, err := fn(tx)
		if got != want {
			d.Errorf("%s said %v", act, got)
		}
		return err
	})
}

func (d *desk) finish(want bool, j checkout.Job) {
	d.Helper()
	d.says(want, "finish", func(tx *db.Tx) (bool, error) { return tx.FinishJob(j.Kind, j.Key, j.Fence) })
}

func (d *desk) job(key string) (job *checkout.Job) {
	d.Helper()
	view(d, d.db, func(tx *db.Tx) (err error) {
		job, err = tx.Job("verify", key)
		return err
	})
	return job
}

func (d *desk) left() int64 { return count(d, d.db, `SELECT COUNT(*) FROM jobs`) }

func (d *desk) next() (at time.Time) {
	d.Helper()
	view(d, d.db, func(tx *db.Tx) (err error) {
		at, err = tx.NextJobAt([]string{"verify", "mail"})
		return err
	})
	return at
}

func TestJobs_LeaseKeepsOthersAway(t *testing.T) {
	jobsTest(t, func(d *desk) {
		d.enqueue("a", 0)
		j := d.claimOne()
		if j.Payload != "p" || j.LeaseUntil.Sub(d.clock.now()) != 8*time.Second {
			t.Fatalf("claimed %+v", j)
		}
		if again := d.claim(10, time.Minute); len(again) != 0 {
			t.Fatalf("a leased job was claimed: %+v", again)
		}
		d.clock.step(7999)
		d.says(true, "renew", func(tx *db.Tx) (bool, error) {
			return tx.RenewJob(j.Kind, j.Key, j.Fence, tx.Now().Add(8*time.Second))
		})
		d.clock.step(7999)
		if again := d.claim(10, time.Minute); len(again) != 0 {
			t.Fatalf("a renewed lease ran out early: %+v", again)
		}
		d.finish(true, j)
		if d.left() != 0 {
			t.Fatal("a finished job is still there")
		}
	})
}

// The first worker fell asleep, its lease ran out, a second one took the job: nothing that the
// first still says counts.
func TestJobs_Fence(t *testing.T) {
	jobsTest(t, func(d *desk) {
		d.enqueue("a", 0)
		first := d.claimOne()
		d.clock.step(8000)
		second := d.claimOne()
		if second.Fence <= first.Fence {
			t.Fatalf("fence went from %d to %d", first.Fence, second.Fence)
		}
		stale := func(want bool, j checkout.Job) {
			d.finish(want, j)
			d.says(want, "renew", func(tx *db.Tx) (bool, error) {
				return tx.RenewJob(j.Kind, j.Key, j.Fence, tx.Now().Add(time.Hour))
			})
			d.says(want, "put off", func(tx *db.Tx) (bool, error) {
				return tx.PutOffJob(j.Kind, j.Key, j.Fence, tx.Now(), "late")
			})
			d.says(want, "kill", func(tx *db.Tx) (bool, error) { return tx.KillJob(j.Kind, j.Key, j.Fence, "late") })
		}
		stale(false, first)
		if j := d.job("a"); j.Fence != second.Fence || !j.LeaseUntil.Equal(second.LeaseUntil) || j.Failures != 0 {
			t.Fatalf("a stale worker changed %+v", j)
		}
		d.finish(true, second)
		stale(false, second)
		// A new job of the same key never has a fence of the old one.
		d.clock.step(1)
		d.enqueue("a", 0)
		third := d.claimOne()
		stale(false, first)
		stale(false, second)
		d.finish(true, third)
	})
}

func TestJobs_EnqueueTwice(t *testing.T) {
	jobsTest(t, func(d *desk) {
		now := d.clock.now()
		d.enqueue("a", time.Minute)
		d.enqueue("a", time.Hour)
		if j := d.job("a"); !j.RunAt.Equal(now.Add(time.Minute)) {
			t.Fatalf("a later time won: %v", j.RunAt)
		}
		update(t, d.db, func(tx *db.Tx) error {
			return tx.EnqueueJob(checkout.Job{Kind: "verify", Key: "a", Payload: "new", RunAt: tx.Now().Add(time.Second), Due: tx.Now().Add(time.Hour)})
		})
		j := d.job("a")
		if !j.RunAt.Equal(now.Add(time.Second)) || j.Payload != "new" || !j.Due.Equal(now.Add(time.Minute)) || d.left() != 1 {
			t.Fatalf("got %+v", j)
		}
	})
}

// What is enqueued while a worker is at it must run once more: the worker may have looked before.
func TestJobs_EnqueueMeanwhile(t *testing.T) {
	ends := map[string]func(tx *db.Tx, j checkout.Job) (bool, error){
		"finish": func(tx *db.Tx, j checkout.Job) (bool, error) { return tx.FinishJob(j.Kind, j.Key, j.Fence) },
		"kill":   func(tx *db.Tx, j checkout.Job) (bool, error) { return tx.KillJob(j.Kind, j.Key, j.Fence, "why") },
		"put off": func(tx *db.Tx, j checkout.Job) (bool, error) {
			return tx.PutOffJob(j.Kind, j.Key, j.Fence, tx.Now().Add(time.Hour), "")
		},
	}
	for name, end := range ends {
		for _, in := range []time.Duration{0, 3 * time.Second, time.Minute} {
			t.Run(fmt.Sprintf("%s/%v", name, in), func(t *testing.T) {
				jobsTest(t, func(d *desk) {
					d.enqueue("a", 0)
					j := d.claimOne()
					d.clock.step(10)
					d.enqueue("a", in)
					if again := d.claim(1, time.Second); len(again) != 0 {
						t.Fatal("a job ran twice at once")
					}
					d.says(true, "renew", func(tx *db.Tx) (bool, error) {
						return tx.RenewJob(j.Kind, j.Key, j.Fence, tx.Now().Add(8*time.Second))
					})
					d.says(true, name, func(tx *db.Tx) (bool, error) { return end(tx, j) })
					d.finish(false, j)
					d.clock.step(60_000)
					if second := d.claimOne(); second.Fence <= j.Fence {
						t.Fatalf("fence %d after %d", second.Fence, j.Fence)
					}
				})
			})
		}
	}
}

func TestJobs_EnqueueLeased(t *testing.T) {
	jobsTest(t, func(d *desk) {
		lease := func() (fence int64) {
			update(t, d.db, func(tx *db.Tx) (err error) {
				fence, err = tx.EnqueueLeased(checkout.Job{Kind: "verify", Key: "a", RunAt: tx.Now(), Due: tx.Now().Add(time.Minute)}, tx.Now().Add(8*time.Second))
				return err
			})
			return fence
		}
		first := lease()
		if got := d.claim(1, time.Second); len(got) != 0 {
			t.Fatalf("claimed what was enqueued leased: %+v", got)
		}
		second := lease()
		if second != first+1 {
			t.Fatalf("fence %d, then %d", first, second)
		}
		d.finish(false, checkout.Job{Kind: "verify", Key: "a", Fence: first})
		// We die: the lease runs out and a worker takes it up.
		d.clock.step(8000)
		j := d.claimOne()
		d.finish(false, checkout.Job{Kind: "verify", Key: "a", Fence: second})
		d.finish(true, j)
	})
}

func TestJobs_ClosingWindowFirst(t *testing.T) {
	jobsTest(t, func(d *desk) {
		now := d.clock.now()
		update(t, d.db, func(tx *db.Tx) error {
			for i, due := range []int{50, 10, 40, 20, 30} {
				kind := []string{"verify", "mail"}[i%2]
				err := tx.EnqueueJob(checkout.Job{Kind: kind, Key: fmt.Sprint(due), RunAt: now, Due: now.Add(time.Duration(due) * time.Second)})
				if err != nil {
					return err
				}
			}
			if err := tx.EnqueueJob(checkout.Job{Kind: "verify", Key: "later", RunAt: now.Add(time.Minute), Due: now}); err != nil {
				return err
			}
			return tx.EnqueueJob(checkout.Job{Kind: "other", Key: "0", RunAt: now, Due: now})
		})
		var order []string
		for _, limit := range []int{2, 2, 5} {
			for _, j := range d.claim(limit, time.Minute) {
				order = append(order, j.Key)
			}
		}
		if want := []string{"10", "20", "30", "40", "50"}; !slices.Equal(order, want) {
			t.Fatalf("order %v", order)
		}
	})
}

// Sixteen claimers at once: every job is claimed once, and all are.
func TestJobs_ManyClaimers(t *testing.T) {
	jobsTest(t, func(d *desk) {
		const jobs = 120
		update(t, d.db, func(tx *db.Tx) error {
			for i := range jobs {
				if err := tx.EnqueueJob(checkout.Job{Kind: "verify", Key: fmt.Sprint(i), RunAt: tx.Now()}); err != nil {
					return err
				}
			}
			return nil
		})
		var mu sync.Mutex
		claimed := map[string]int{}
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for {
					var got []checkout.Job
					err := d.db.Update(context.Background(), func(tx *db.Tx) (err error) {
						got, err = tx.ClaimJobs([]string{"verify"}, 3, tx.Now().Add(time.Minute))
						return err
					})
					if err != nil {
						t.Error(err)
						return
					}
					if len(got) > 3 {
						t.Errorf("asked for 3, got %d", len(got))
					}
					mu.Lock()
					for _, j := range got {
						claimed[j.Key]++
					}
					mu.Unlock()
					if len(got) == 0 && count(t, d.db, `SELECT COUNT(*) FROM jobs WHERE lease_until_ms IS NULL`) == 0 {
						return
					}
				}
			})
		}
		wg.Wait()
		if len(claimed) != jobs {
			t.Errorf("%d of %d jobs were claimed", len(claimed), jobs)
		}
		for key, n := range claimed {
			if n != 1 {
				t.Errorf("job %s was claimed %d times", key, n)
			}
		}
	})
}

func TestJobs_FailuresAndDeath(t *testing.T) {
	jobsTest(t, func(d *desk) {
		putOff := func(failure string) {
			j := d.claimOne()
			d.says(true, "put off", func(tx *db.Tx) (bool, error) {
				return tx.PutOffJob(j.Kind, j.Key, j.Fence, tx.Now().Add(time.Second), failure)
			})
			if again := d.claim(1, time.Second); len(again) != 0 {
				t.Fatal("a job that was put off was claimed")
			}
			d.clock.step(1000)
		}
		d.enqueue("a", 0)
		putOff("no route")
		putOff("still none")
		if j := d.job("a"); j.Failures != 2 || j.LastFailure != "still none" {
			t.Fatalf("got %+v", j)
		}
		putOff("")
		if j := d.job("a"); j.Failures != 0 || j.LastFailure != "" {
			t.Fatalf("a good run left %+v", j)
		}
		j := d.claimOne()
		d.says(true, "kill", func(tx *db.Tx) (bool, error) { return tx.KillJob(j.Kind, j.Key, j.Fence, "for good") })
		d.clock.step(3_600_000)
		if again := d.claim(1, time.Second); len(again) != 0 || !d.next().IsZero() {
			t.Fatal("a dead job runs")
		}
		view(t, d.db, func(tx *db.Tx) error {
			dead, err := tx.DeadJobs(10)
			if len(dead) != 1 || dead[0].LastFailure != "for good" || dead[0].DeadAt.IsZero() {
				t.Errorf("dead letters: %+v", dead)
			}
			return err
		})
		d.enqueue("a", 0)
		if j := d.claimOne(); j.Failures != 0 || !j.DeadAt.IsZero() {
			t.Fatalf("it lives again as %+v", j)
		}
	})
}

func TestJobs_NextAtAndReleaseLeases(t *testing.T) {
	jobsTest(t, func(d *desk) {
		now := d.clock.now()
		if !d.next().IsZero() {
			t.Fatal("a next job without jobs")
		}
		d.enqueue("a", time.Minute)
		d.enqueue("b", 0)
		if !d.next().Equal(now) {
			t.Fatalf("next at %v", d.next())
		}
		b := d.claimOne()
		if !d.next().Equal(now.Add(8 * time.Second)) {
			t.Fatalf("next at %v, want the end of b's lease", d.next())
		}
		update(t, d.db, func(tx *db.Tx) error { return tx.ReleaseLeases() })
		if !d.next().Equal(now) {
			t.Fatalf("next at %v after the leases were voided", d.next())
		}
		d.finish(false, b)
		if again := d.claimOne(); again.Key != "b" {
			t.Fatalf("claimed %s", again.Key)
		}
		d.says(true, "delete", func(tx *db.Tx) (bool, error) { return tx.DeleteJob("verify", "b") })
		d.says(false, "delete", func(tx *db.Tx) (bool, error) { return tx.DeleteJob("verify", "b") })
		err := d.db.View(context.Background(), func(tx *db.Tx) error {
			_, err := tx.Job("verify", "b")
			return err
		})
		if !errors.Is(err, checkout.NotFound) {
			t.Fatalf("got %v", err)
		}
	})
}

// The bell rings after the commit, for its kind only, and not for what was rolled back.
func TestJobs_Bell(t *testing.T) {
	jobsTest(t, func(d *desk) {
		verify, mail := d.db.Subscribe("verify"), d.db.Subscribe("mail")
		rung := func(ch <-chan struct{}) bool {
			select {
			case <-ch:
				return true
			default:
				return false
			}
		}
		err := d.db.Update(context.Background(), func(tx *db.Tx) error {
			return errors.Join(tx.EnqueueJob(checkout.Job{Kind: "verify", Key: "x", RunAt: tx.Now()}), errBoom)
		})
		if !errors.Is(err, errBoom) || rung(verify) {
			t.Fatal("rung for a job that was rolled back")
		}
		update(t, d.db, func(tx *db.Tx) error {
			if err := tx.EnqueueJob(checkout.Job{Kind: "verify", Key: "a", RunAt: tx.Now()}); err != nil {
				return err
			}
			if rung(verify) {
				t.Error("rung before the commit")
			}
			return nil
		})
		if !rung(verify) || rung(verify) || rung(mail) {
			t.Fatal("not rung once, for its kind only")
		}
	})
}
