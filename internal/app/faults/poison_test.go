package faults_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/app/worker"
	"dargah/internal/db"
)

// TestF38_PoisonReply: one bank's answer of which our program dies each time it reads it (the network
// it comes through panics). It is isolated: everybody else is paid meanwhile, it is asked about by the
// usual schedule, and when its window closes a person has it. The panic is in the log, and its value,
// which may hold a secret, is not.
func TestF38_PoisonReply(t *testing.T) {
	eachGateway(t, func(t *testing.T, gateway string) {
		inHours(t, func(t *testing.T, h *hours) {
			poisoned := h.invoice()
			poison := h.paidAt(poisoned, gateway)
			panics := 0
			h.wire = func(r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, "/verify") {
					return
				}
				raw, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(raw))
				if strings.Contains(string(raw), poison.reference) {
					panics++
					panic("secret-canary")
				}
			}
			h.mustTake(poison)
			for range 20 {
				for _, other := range []string{"gardeshpay", "ghesta"} {
					inv := h.invoice()
					h.mustTake(h.paidAt(inv, other))
					h.untilStatus(inv, "paid")
				}
				time.Sleep(time.Minute)
			}
			h.want(poisoned, "review", "needs_review")
			if panics < 15 {
				t.Errorf("it was asked about %d times", panics)
			}
			if said := h.said.String(); !strings.Contains(said, "panic") || strings.Contains(said, "secret-canary") {
				t.Errorf("the operator reads:\n%.2000s", said)
			}
			h.oracle()
		})
	})
}

// TestF38_PoisonJob: stored work that cannot be done, because nobody can read it or because its handler
// panics, is given up to a person after its twentieth failure and is not tried again; the jobs beside it
// run. A verify job is never given up, and in nobody's way.
func TestF38_PoisonJob(t *testing.T) {
	t.Parallel()
	address := sqlite(t)
	synctest.Test(t, func(t *testing.T) {
		h := newHours(t, address)
		h.open()
		h.enqueue(checkout.Job{Kind: payments.JobVerify, Key: "no such key", Payload: "{"})
		h.enqueue(checkout.Job{Kind: payments.JobVerify, Key: "att_none/1", Payload: "{}"})
		for range 30 {
			inv := h.invoice()
			h.mustTake(h.paidAt(inv, "ghesta"))
			h.untilStatus(inv, "paid")
			time.Sleep(10 * time.Second)
		}
		h.oracle()
		h.close()

		store, err := db.Open(t.Context(), db.Options{URL: address})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = store.Close() }()
		w := worker.New(worker.Options{DB: store})
		ran := map[string]int{}
		w.Register(worker.Kind{Name: "letter", Handle: func(_ context.Context, j checkout.Job) error {
			if ran[j.Key]++; j.Key == "poison" {
				panic("secret-canary")
			}
			return nil
		}})
		put := func(key string) {
			t.Helper()
			err := store.Update(t.Context(), func(tx *db.Tx) error {
				return tx.EnqueueJob(checkout.Job{Kind: "letter", Key: key, Payload: "{}", RunAt: tx.Now(), Due: tx.Now()})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		put("poison")
		over := make(chan struct{})
		go func() { defer close(over); w.Run(context.Background()) }()
		for n := range 48 { // four hours, far beyond the twentieth failure
			put("good")
			time.Sleep(5 * time.Minute)
			if ran["good"] != n+1 {
				t.Fatalf("the good one ran %d times of %d", ran["good"], n+1)
			}
		}
		err = store.View(t.Context(), func(tx *db.Tx) error {
			dead, err := tx.DeadJobs(10)
			if len(dead) != 1 || dead[0].Key != "poison" || dead[0].Failures != worker.MaxFailures || strings.Contains(dead[0].LastFailure, "canary") {
				t.Errorf("a person has %+v", dead)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if ran["poison"] != worker.MaxFailures {
			t.Errorf("the poison ran %d times", ran["poison"])
		}
		if err := w.Drain(time.Minute); err != nil {
			t.Error(err)
		}
		<-over
	})
}

// enqueue puts a job into the house's database, as a program with a fault would have.
func (h *hours) enqueue(j checkout.Job) {
	h.Helper()
	store, err := db.Open(h.Context(), db.Options{URL: h.cfg.DatabaseURL})
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	err = store.Update(h.Context(), func(tx *db.Tx) error {
		j.RunAt, j.Due = tx.Now(), tx.Now()
		return tx.EnqueueJob(j)
	})
	if err != nil {
		h.Fatal(err)
	}
}
