package db_test

import (
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// TestJobs_EachDeed: what is done to a leased job changes what it says of that one, and nothing of those
// beside it, though they have its kind, its key, or its fence; a dead or a free one takes only what is for it.
func TestJobs_EachDeed(t *testing.T) {
	type act func(tx *db.Tx, j checkout.Job) (bool, error)
	acts := map[string]struct {
		do   act
		want func(j *checkout.Job, now time.Time) // nil: it is gone
	}{
		"renew": {func(tx *db.Tx, j checkout.Job) (bool, error) {
			return tx.RenewJob(j.Kind, j.Key, j.Fence, tx.Now().Add(time.Minute))
		}, func(j *checkout.Job, now time.Time) {
			j.RunAt, j.LeaseUntil = now.Add(time.Minute), now.Add(time.Minute)
		}},
		"finish": {func(tx *db.Tx, j checkout.Job) (bool, error) { return tx.FinishJob(j.Kind, j.Key, j.Fence) }, nil},
		"put off": {func(tx *db.Tx, j checkout.Job) (bool, error) {
			return tx.PutOffJob(j.Kind, j.Key, j.Fence, tx.Now().Add(time.Hour), "no route")
		}, func(j *checkout.Job, now time.Time) {
			j.RunAt, j.LeaseUntil, j.LastFailure = now.Add(time.Hour), time.Time{}, "no route"
			j.Fence++
			j.Failures++
		}},
		"kill": {func(tx *db.Tx, j checkout.Job) (bool, error) {
			return tx.KillJob(j.Kind, j.Key, j.Fence, "for good")
		}, func(j *checkout.Job, now time.Time) {
			j.DeadAt, j.LeaseUntil, j.LastFailure = now, time.Time{}, "for good"
			j.Fence++
			j.Failures++
		}},
		"delete": {func(tx *db.Tx, j checkout.Job) (bool, error) { return tx.DeleteJob(j.Kind, j.Key) }, nil},
	}
	for name, a := range acts {
		t.Run(name, func(t *testing.T) {
			jobsTest(t, func(d *desk) {
				s := &till{t: t}
				read := func(kind, key string) (job *checkout.Job) {
					view(d, d.db, func(tx *db.Tx) (err error) { job, err = tx.Job(kind, key); return err })
					return job
				}
				all := [][2]string{{"verify", "a"}, {"verify", "b"}, {"mail", "a"}}
				update(d, d.db, func(tx *db.Tx) error {
					for _, k := range all {
						if err := tx.EnqueueJob(checkout.Job{Kind: k[0], Key: k[1], Payload: "p", RunAt: tx.Now(), Due: tx.Now().Add(time.Minute)}); err != nil {
							return err
						}
					}
					return nil
				})
				if got := d.claim(10, 8*time.Second); len(got) != 3 {
					t.Fatalf("claimed %+v", got)
				}
				var before []checkout.Job
				for _, k := range all {
					before = append(before, *read(k[0], k[1]))
				}
				if before[0].Fence != before[1].Fence || before[0].Fence != before[2].Fence {
					t.Fatal("the fences are others, and tell nothing")
				}
				d.clock.step(1000)
				now := d.clock.now()
				j := before[0]
				d.says(true, name, func(tx *db.Tx) (bool, error) { return a.do(tx, j) })
				for i, k := range all[1:] {
					sameAs(s, name+" beside", *read(k[0], k[1]), before[i+1])
				}
				if a.want == nil {
					if d.left() != 2 {
						t.Errorf("%d are left", d.left())
					}
					return
				}
				want := j
				a.want(&want, now)
				sameAs(s, name, *read("verify", "a"), want)
				if name == "renew" {
					return
				}
				// It is nobody's now: what its last holder says does not count any more.
				d.says(false, name+" again", func(tx *db.Tx) (bool, error) { return a.do(tx, j) })
				j.Fence = want.Fence
				for other, b := range acts {
					if dead := name == "kill"; other != "delete" && (dead || other == "renew") {
						d.says(false, other+" after "+name, func(tx *db.Tx) (bool, error) { return b.do(tx, j) })
					}
				}
				sameAs(s, name+" and others", *read("verify", "a"), want)
			})
		})
	}
}

// TestJobs_AskedWhileLeased: enqueued once more while it is leased, a job is given back free, without its
// failures, whatever its holder makes of it, and those who wait for its kind are woken.
func TestJobs_AskedWhileLeased(t *testing.T) {
	for name, end := range map[string]func(tx *db.Tx, j checkout.Job) (bool, error){
		"finish": func(tx *db.Tx, j checkout.Job) (bool, error) { return tx.FinishJob(j.Kind, j.Key, j.Fence) },
		"kill":   func(tx *db.Tx, j checkout.Job) (bool, error) { return tx.KillJob(j.Kind, j.Key, j.Fence, "x") },
	} {
		t.Run(name, func(t *testing.T) {
			jobsTest(t, func(d *desk) {
				d.enqueue("a", 0)
				d.enqueue("b", 0)
				first := d.claimOne()
				d.says(true, "put off", func(tx *db.Tx) (bool, error) {
					return tx.PutOffJob(first.Kind, first.Key, first.Fence, tx.Now(), "no route")
				})
				jobs := d.claim(2, 8*time.Second)
				d.enqueue("a", 0)
				d.enqueue("b", 0)
				bell := d.db.Subscribe("verify")
				select {
				case <-bell:
				default:
				}
				other := *d.job("b")
				for _, j := range jobs {
					if j.Key == "a" {
						d.says(true, name, func(tx *db.Tx) (bool, error) { return end(tx, j) })
					}
				}
				a := d.job("a")
				if !a.LeaseUntil.IsZero() || a.Failures != 0 || a.LastFailure != "" || !a.DeadAt.IsZero() {
					t.Errorf("given back as %+v", a)
				}
				sameAs(&till{t: t}, "beside", *d.job("b"), other)
				select {
				case <-bell:
				default:
					t.Error("nobody was woken")
				}
				if got := d.claim(9, time.Second); len(got) != 1 || got[0].Key != "a" || got[0].Fence <= a.Fence {
					t.Errorf("claimed %+v", got)
				}
			})
		})
	}
}

// TestJobs_TheDeadNewestFirst: as many as are asked for.
func TestJobs_TheDeadNewestFirst(t *testing.T) {
	jobsTest(t, func(d *desk) {
		for _, key := range []string{"b", "a", "c"} {
			d.enqueue(key, 0)
			j := d.claimOne()
			d.says(true, "kill", func(tx *db.Tx) (bool, error) { return tx.KillJob(j.Kind, j.Key, j.Fence, "x") })
			if key != "b" {
				d.clock.step(1000) // b and a die at once
			}
		}
		view(d, d.db, func(tx *db.Tx) error {
			for limit, want := range map[int]string{9: "cab", 2: "ca"} {
				dead, err := tx.DeadJobs(limit)
				got := ""
				for _, j := range dead {
					got += j.Key
				}
				if err != nil || got != want {
					t.Errorf("the first %d: %s, want %s, %v", limit, got, want, err)
				}
			}
			at, err := tx.NextJobAt(nil)
			if err != nil || !at.IsZero() {
				t.Errorf("the next of no kind: %v, %v", at, err)
			}
			return nil
		})
	})
}
