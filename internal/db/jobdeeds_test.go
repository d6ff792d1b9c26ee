package db_test

import (
	"errors"
	"strings"
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
				mail := checkout.Job{Kind: "mail", Key: "a"}
				update(d, d.db, func(tx *db.Tx) error { mail.RunAt = tx.Now(); return tx.EnqueueJob(mail) })
				first := d.claimOne()
				d.says(true, "put off", func(tx *db.Tx) (bool, error) {
					return tx.PutOffJob(first.Kind, first.Key, first.Fence, tx.Now(), "no route")
				})
				jobs := d.claim(3, 8*time.Second)
				d.enqueue("a", 0)
				d.enqueue("b", 0)
				update(d, d.db, func(tx *db.Tx) error { return tx.EnqueueJob(mail) })
				_, alone := d.stand(mail, mail)
				bell := d.db.Subscribe("verify")
				select {
				case <-bell:
				default:
				}
				other := *d.job("b")
				for _, j := range jobs {
					if j.Key == "a" && j.Kind == "verify" {
						d.says(true, name, func(tx *db.Tx) (bool, error) { return end(tx, j) })
					}
				}
				alone("of another kind", func(*db.Tx) error { return nil })
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

// stand returns what reads a job, and what changes it while those beside it must stay as they are.
func (d *desk) stand(job checkout.Job, beside ...checkout.Job) (read func() checkout.Job, change func(what string, fn func(tx *db.Tx) error)) {
	d.Helper()
	one := func(j checkout.Job) checkout.Job {
		var got *checkout.Job
		view(d, d.db, func(tx *db.Tx) (err error) { got, err = tx.Job(j.Kind, j.Key); return err })
		return *got
	}
	var before []checkout.Job
	for _, j := range beside {
		before = append(before, one(j))
	}
	return func() checkout.Job { return one(job) }, func(what string, fn func(tx *db.Tx) error) {
		d.Helper()
		update(d, d.db, fn)
		for i, j := range beside {
			sameAs(&till{t: d.T}, what+" beside", one(j), before[i])
		}
	}
}

// TestJobs_PutThere: how a job comes to stand where it stands, when there is none, when one waits, when one is
// leased and when one is dead.
func TestJobs_PutThere(t *testing.T) {
	type put func(tx *db.Tx, j checkout.Job) error
	puts := map[string]put{
		"enqueue":  func(tx *db.Tx, j checkout.Job) error { return tx.EnqueueJob(j) },
		"schedule": func(tx *db.Tx, j checkout.Job) error { return tx.ScheduleJob(j) },
		"lease": func(tx *db.Tx, j checkout.Job) error {
			_, err := tx.EnqueueLeased(j, tx.Now().Add(time.Minute))
			return err
		},
	}
	key := checkout.Job{Kind: "verify", Key: "a"}
	beside := []checkout.Job{{Kind: "verify", Key: "b"}, {Kind: "mail", Key: "a"}}
	for name, put := range puts {
		for _, there := range []string{"none", "waits", "failed", "leased", "leased and asked", "dead"} {
			t.Run(name+", "+there, func(t *testing.T) {
				jobsTest(t, func(d *desk) {
					s := &till{t: t}
					made := d.clock.now()
					old := checkout.Job{Kind: "verify", Key: "a", Payload: "old", RunAt: made.Add(time.Hour), Due: made.Add(3 * time.Hour), CreatedAt: made, Fence: made.UnixMilli()}
					update(d, d.db, func(tx *db.Tx) error {
						for _, j := range beside {
							j.Payload, j.RunAt = "x", made.Add(9*time.Hour)
							if err := tx.ScheduleJob(j); err != nil {
								return err
							}
						}
						if there == "none" {
							return nil
						}
						return tx.ScheduleJob(old)
					})
					hold := func() checkout.Job {
						update(d, d.db, func(tx *db.Tx) error { return tx.HastenJob("verify", "a") })
						return d.claimOne()
					}
					switch there {
					case "failed", "dead":
						j := hold()
						update(d, d.db, func(tx *db.Tx) (err error) {
							if there == "dead" {
								_, err = tx.KillJob(j.Kind, j.Key, j.Fence, "no route")
							} else {
								_, err = tx.PutOffJob(j.Kind, j.Key, j.Fence, made.Add(time.Hour), "no route")
							}
							return err
						})
					case "leased", "leased and asked":
						hold()
						if there != "leased" {
							update(d, d.db, func(tx *db.Tx) error {
								return tx.EnqueueJob(checkout.Job{Kind: "verify", Key: "a", Payload: "old", RunAt: made.Add(time.Second), Due: old.Due})
							})
						}
					}
					d.clock.step(1000)
					now := d.clock.now()
					bell := d.db.Subscribe("verify")
					select {
					case <-bell:
					default:
					}
					read, change := d.stand(key, beside...)
					var want checkout.Job
					if there != "none" {
						want = read()
					}
					lease := want.LeaseUntil
					j := checkout.Job{Kind: "verify", Key: "a", Payload: "new", RunAt: now.Add(30 * time.Minute), Due: now.Add(2 * time.Hour)}
					change(name, func(tx *db.Tx) error { return put(tx, j) })
					want.Payload = "new"
					if there == "none" {
						want = checkout.Job{Kind: "verify", Key: "a", Payload: "new", CreatedAt: now, Fence: now.UnixMilli() - 1}
					}
					switch {
					case name == "enqueue" && there == "none":
						want.RunAt, want.Due, want.Fence = j.RunAt, j.Due, want.Fence+1
					case name == "enqueue" && there == "leased":
						want.RunAt, want.Due = lease.Add(-time.Millisecond), j.Due // asked: it runs again when it is given back
					case name == "enqueue" && there == "leased and asked":
						want.Due = j.Due
					case name == "enqueue" && there == "dead":
						want.RunAt, want.Due, want.DeadAt, want.Failures, want.LastFailure = j.RunAt, j.Due, time.Time{}, 0, ""
					case name == "enqueue":
						want.RunAt, want.Due = j.RunAt, j.Due // both earlier than those that stood there
					default:
						want.RunAt, want.Due, want.LeaseUntil = j.RunAt, j.Due, time.Time{}
						want.Failures, want.LastFailure, want.DeadAt, want.Fence = 0, "", time.Time{}, want.Fence+1
						if name == "lease" {
							want.RunAt, want.LeaseUntil = now.Add(time.Minute), now.Add(time.Minute)
						}
					}
					sameAs(s, name+", "+there, read(), want)
					rung := false
					select {
					case <-bell:
						rung = true
					default:
					}
					if rung != (name != "lease") {
						t.Errorf("the bell: %v", rung)
					}
				})
			})
		}
	}
}

// TestJobs_Hastened: what lies ahead is brought here, and nothing else: no other kind or key, none that
// somebody runs, none that is dead, none that is due already.
func TestJobs_Hastened(t *testing.T) {
	id := func(n string) string { return checkout.PrefixAttempt + strings.Repeat(n, checkout.IDDigits) }
	tills(t, func(s *till) {
		inv := s.newInvoice()
		for n, status := range map[string]checkout.AttemptStatus{"1": checkout.AttemptVerifying, "2": checkout.AttemptReturned, "3": checkout.AttemptFailed} {
			a := s.attemptOf(inv)
			a.ID = id(n)
			s.must(func(tx *db.Tx) error { return tx.InsertAttempt(a) })
			s.put(a, status)
		}
		keys := []string{id("1") + "/81", id("2") + "/82", id("3") + "/83", id("4") + "/84", id("1") + "/dead", id("1") + "/leased", id("1") + "/due"}
		for name, want := range map[string]string{"all": "1 2 3 4", "asking": "1 2", "one": "3"} {
			s.must(func(tx *db.Tx) error {
				now := tx.Now()
				for _, kind := range []string{"verify", "mail"} {
					for _, key := range keys {
						at := now.Add(time.Hour)
						if strings.HasSuffix(key, "/due") {
							at = now.Add(-time.Hour)
						}
						if err := tx.ScheduleJob(checkout.Job{Kind: kind, Key: key, RunAt: at, Due: at}); err != nil {
							return err
						}
					}
					if err := errors.Join(
						tx.Exec(`UPDATE jobs SET dead_at_ms = 1 WHERE key LIKE '%/dead'`), tx.Exec(`UPDATE jobs SET lease_until_ms = run_at_ms WHERE key LIKE '%/leased'`),
					); err != nil {
						return err
					}
				}
				var err error
				switch name {
				case "all":
					err = tx.HastenJobs("verify", now)
				case "asking":
					err = tx.HastenAsking("verify")
				case "one":
					err = errors.Join(tx.HastenJob("verify", keys[2]), tx.HastenJob("verify", keys[4]), tx.HastenJob("verify", keys[5]), tx.HastenJob("verify", keys[6]))
				}
				if err != nil {
					return err
				}
				var moved []string
				for _, kind := range []string{"verify", "mail"} {
					for _, key := range keys {
						j, err := tx.Job(kind, key)
						if err != nil {
							return err
						}
						switch {
						case j.RunAt.Equal(now.Truncate(time.Millisecond)) && kind == "verify":
							moved = append(moved, key[len(checkout.PrefixAttempt):][:1])
						case j.RunAt.Equal(now.Add(time.Hour).Truncate(time.Millisecond)), j.RunAt.Equal(now.Add(-time.Hour).Truncate(time.Millisecond)):
						default:
							s.t.Errorf("%s: %s %s is at %v", name, kind, key, j.RunAt)
						}
					}
				}
				if got := strings.Join(moved, " "); got != want {
					s.t.Errorf("%s: brought here are %s, want %s", name, got, want)
				}
				return nil
			})
		}
	})
}

// TestJobs_ClaimsOfNothing: of no kind, and no more than none.
func TestJobs_ClaimsOfNothing(t *testing.T) {
	jobsTest(t, func(d *desk) {
		d.enqueue("a", 0)
		update(d, d.db, func(tx *db.Tx) error {
			none, err := tx.ClaimJobs(nil, 9, tx.Now().Add(time.Minute))
			zero, err2 := tx.ClaimJobs([]string{"verify"}, 0, tx.Now().Add(time.Minute))
			less, err3 := tx.ClaimJobs([]string{"verify"}, -1, tx.Now().Add(time.Minute))
			if len(none)+len(zero)+len(less) != 0 {
				t.Errorf("claimed %v %v %v", none, zero, less)
			}
			return errors.Join(err, err2, err3)
		})
	})
}

// TestJobs_LeasesVoided: what was leased may run at once, or when it was to run before; what was free stays.
func TestJobs_LeasesVoided(t *testing.T) {
	jobsTest(t, func(d *desk) {
		now := d.clock.now()
		for _, key := range []string{"leased", "asked", "waits", "late"} {
			d.enqueue(key, map[string]time.Duration{"waits": time.Hour, "late": -time.Hour}[key])
		}
		update(d, d.db, func(tx *db.Tx) error {
			for key, at := range map[string]time.Time{"leased": now.Add(time.Minute), "asked": now.Add(-time.Minute)} {
				if err := tx.Exec(`UPDATE jobs SET lease_until_ms = $1, run_at_ms = $2 WHERE key = $3`, now.Add(time.Minute).UnixMilli(), at.UnixMilli(), key); err != nil {
					return err
				}
			}
			return nil
		})
		was := map[string]checkout.Job{}
		for _, key := range []string{"leased", "asked", "waits", "late"} {
			was[key] = *d.job(key)
		}
		update(d, d.db, func(tx *db.Tx) error { return tx.ReleaseLeases() })
		for key, want := range was {
			if key == "leased" || key == "asked" {
				want.LeaseUntil, want.Fence = time.Time{}, want.Fence+1
			}
			if key == "leased" {
				want.RunAt = now
			}
			sameAs(&till{t: t}, key, *d.job(key), want)
		}
	})
}

// TestJobs_WhoIsWoken: whoever sleeps until the next job learns of an earlier one.
func TestJobs_WhoIsWoken(t *testing.T) {
	for name, act := range map[string]func(d *desk, j checkout.Job){
		"put off": func(d *desk, j checkout.Job) {
			d.says(true, "put off", func(tx *db.Tx) (bool, error) { return tx.PutOffJob(j.Kind, j.Key, j.Fence, tx.Now(), "") })
		},
		"hastened": func(d *desk, j checkout.Job) {
			update(d, d.db, func(tx *db.Tx) error { return tx.HastenJob(j.Kind, j.Key) })
		},
		"put off by another": func(d *desk, j checkout.Job) {
			d.says(false, "put off", func(tx *db.Tx) (bool, error) { return tx.PutOffJob(j.Kind, j.Key, j.Fence-1, tx.Now(), "") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			jobsTest(t, func(d *desk) {
				d.enqueue("a", 0)
				j := d.claimOne()
				bell := d.db.Subscribe("verify")
				select {
				case <-bell:
				default:
				}
				act(d, j)
				rung := false
				select {
				case <-bell:
					rung = true
				default:
				}
				if rung != (name != "put off by another") {
					t.Errorf("the bell: %v", rung)
				}
			})
		})
	}
}

// TestJobs_AskedAtTheLeasesEnd: enqueued for the very moment at which its lease ends, it runs once more as well.
func TestJobs_AskedAtTheLeasesEnd(t *testing.T) {
	jobsTest(t, func(d *desk) {
		d.enqueue("a", 0)
		j := d.claimOne()
		d.enqueue("a", 8*time.Second)
		d.finish(true, j)
		if d.left() != 1 {
			t.Fatal("it is gone")
		}
		d.clock.step(8000)
		d.finish(true, d.claimOne())
	})
}

// TestJobs_GivenBackByItsHolder: one that was asked for while it is leased is not given back by somebody who
// held it before, nor with another of its key and fence.
func TestJobs_GivenBackByItsHolder(t *testing.T) {
	jobsTest(t, func(d *desk) {
		mail := checkout.Job{Kind: "mail", Key: "a"}
		update(d, d.db, func(tx *db.Tx) error {
			mail.RunAt = tx.Now()
			return errors.Join(tx.EnqueueJob(mail), tx.EnqueueJob(checkout.Job{Kind: "verify", Key: "a", RunAt: tx.Now()}))
		})
		if got := d.claim(9, 8*time.Second); len(got) != 2 || got[0].Fence != got[1].Fence {
			t.Fatalf("claimed %+v", got)
		}
		update(d, d.db, func(tx *db.Tx) error { return tx.EnqueueJob(mail) })
		d.enqueue("a", 0)
		j := *d.job("a")
		stale := j
		stale.Fence--
		read, change := d.stand(checkout.Job{Kind: "verify", Key: "a"}, mail)
		d.finish(false, stale)
		sameAs(&till{t: t}, "by one before", read(), j)
		change("given back", func(tx *db.Tx) error {
			_, err := tx.FinishJob(j.Kind, j.Key, j.Fence)
			return err
		})
		if !read().LeaseUntil.IsZero() {
			t.Error("it is not given back")
		}
	})
}

// TestJobs_TwoKindsAtOnce: whoever waits for either kind is woken.
func TestJobs_TwoKindsAtOnce(t *testing.T) {
	jobsTest(t, func(d *desk) {
		bells := map[string]<-chan struct{}{"verify": d.db.Subscribe("verify"), "mail": d.db.Subscribe("mail")}
		update(d, d.db, func(tx *db.Tx) error {
			return errors.Join(tx.EnqueueJob(checkout.Job{Kind: "verify", Key: "a", RunAt: tx.Now()}), tx.EnqueueJob(checkout.Job{Kind: "mail", Key: "a", RunAt: tx.Now()}))
		})
		for kind, bell := range bells {
			select {
			case <-bell:
			default:
				t.Errorf("%s was not woken", kind)
			}
		}
	})
}
