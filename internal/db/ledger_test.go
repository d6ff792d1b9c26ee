package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// keeper stands before a database; what happens behind each Update, and what a View says, is a test's.
type keeper struct {
	*db.DB
	behind func()
	blind  error
}

func (k *keeper) Update(ctx context.Context, fn func(*db.Tx) error) error {
	err := k.DB.Update(ctx, fn)
	if behind := k.behind; behind != nil {
		k.behind = nil
		behind()
	}
	return err
}

func (k *keeper) View(ctx context.Context, fn func(*db.Tx) error) error {
	if k.blind != nil {
		return k.blind
	}
	return k.DB.View(ctx, fn)
}

func plainly(result any) (int, []byte, error) { return 201, fmt.Append(nil, result), nil }

// TestDoOnce: the first call acts and its answer is kept with its act, or neither; the second has the
// answer and acts no more; another body under the same key is told so.
func TestDoOnce(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d := open(t)
		acts := 0
		call := func(key, hash string) db.KeyedCall {
			return db.KeyedCall{Once: db.Once{Key: key, Hash: hash, Render: plainly}, MerchantID: "m", Live: true}
		}
		act := func(name string) func(tx *db.Tx) (any, error) {
			return func(tx *db.Tx) (any, error) { acts++; return "made " + name, put(tx, name, "1") }
		}
		do := func(k db.Keeper, c db.KeyedCall, act func(tx *db.Tx) (any, error)) (*db.Replay, error) {
			acts = 0
			return db.DoOnce(t.Context(), k, c, act)
		}
		stored := func(name string) bool { return count(t, d, `SELECT COUNT(*) FROM settings WHERE name = $1`, name) == 1 }
		if replay, err := do(d, call("a", "h"), act("a")); replay != nil || err != nil || acts != 1 || !stored("a") {
			t.Fatalf("the first: %v, %v, acted %d times", replay, err, acts)
		}
		for range 2 {
			replay, err := do(d, call("a", "h"), act("again"))
			if err != nil || replay == nil || replay.Status != 201 || string(replay.Body) != "made a" || acts != 0 {
				t.Fatalf("again: %+v, %v, acted %d times", replay, err, acts)
			}
		}
		replay, err := do(d, call("a", "other"), act("other"))
		e, _ := errors.AsType[*checkout.Error](err)
		if replay != nil || acts != 0 || e == nil || e.Kind != checkout.Invalid || e.Key != "error.idempotency_mismatch" || !slices.Equal(e.Fields, []checkout.FieldError{{Field: "Idempotency-Key", Code: "idempotency_mismatch"}}) {
			t.Errorf("with another body: %v, %v, acted %d times", replay, err, acts)
		}
		for name, change := range map[string]func(*db.KeyedCall){
			"merchant": func(c *db.KeyedCall) { c.MerchantID = "n" }, "mode": func(c *db.KeyedCall) { c.Live = false }, "key": func(c *db.KeyedCall) { c.Key = "b" },
		} {
			c := call("a", "h")
			change(&c)
			if replay, err := do(d, c, act("another "+name)); replay != nil || err != nil || acts != 1 {
				t.Errorf("of another %s: %v, %v", name, replay, err)
			}
		}
		// What fails leaves neither key nor act, and may be done again.
		fails := func(tx *db.Tx) (any, error) { _, err := act("half")(tx); return nil, errors.Join(err, errBoom) }
		if replay, err := do(d, call("f", "h"), fails); replay != nil || !errors.Is(err, errBoom) {
			t.Errorf("an act that fails: %v, %v", replay, err)
		}
		unsayable := call("f", "h")
		unsayable.Render = func(any) (int, []byte, error) { return 0, nil, errBoom }
		if replay, err := do(d, unsayable, act("half")); replay != nil || !errors.Is(err, errBoom) {
			t.Errorf("an answer that cannot be made: %v, %v", replay, err)
		}
		if stored("half") {
			t.Error("half of it is stored")
		}
		if replay, err := do(d, call("f", "h"), act("f")); replay != nil || err != nil || !stored("f") {
			t.Errorf("mended: %v, %v", replay, err)
		}
		// The first call commits while the second works, which then finds that it may not: its answer is
		// the first one's, if that can be read.
		late := func(key, hash string) *keeper {
			return &keeper{DB: d, behind: func() {
				if _, err := db.DoOnce(t.Context(), d, call(key, hash), act("first of "+key)); err != nil {
					t.Error(err)
				}
			}}
		}
		replay, err = do(late("l", "h"), call("l", "h"), fails)
		if err != nil || replay == nil || string(replay.Body) != "made first of l" {
			t.Errorf("meanwhile: %+v, %v", replay, err)
		}
		replay, err = do(late("m", "other"), call("m", "h"), fails)
		if replay != nil || checkout.KindOf(err) != checkout.Invalid {
			t.Errorf("meanwhile another: %+v, %v", replay, err)
		}
		blind := late("n", "h")
		blind.blind = errors.New("nothing to be seen")
		if replay, err = do(blind, call("n", "h"), fails); replay != nil || !errors.Is(err, blind.blind) {
			t.Errorf("and it cannot be read: %+v, %v", replay, err)
		}
	})
}

// TestDoOnce_Sealed: an answer that holds a secret is kept sealed, and told open.
func TestDoOnce_Sealed(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d := open(t)
		c := db.KeyedCall{
			Once: db.Once{Key: "k", Hash: "h", Render: plainly}, MerchantID: "m",
			Seal: func(body []byte) string { return "sealed:" + string(body) },
			Open: func(answer string) ([]byte, error) { return []byte(answer[len("sealed:"):] + ", opened"), nil },
		}
		act := func(*db.Tx) (any, error) { return "secret", nil }
		if _, err := db.DoOnce(t.Context(), d, c, act); err != nil {
			t.Fatal(err)
		}
		view(t, d, func(tx *db.Tx) error {
			kept, err := tx.Idempotency("m", false, "k")
			if err == nil && (kept.Answer != "sealed:secret" || kept.RequestHash != "h") {
				t.Errorf("kept %+v", kept)
			}
			return err
		})
		replay, err := db.DoOnce(t.Context(), d, c, act)
		if err != nil || replay == nil || string(replay.Body) != "secret, opened" || replay.Status != 201 {
			t.Errorf("%+v, %v", replay, err)
		}
		c.Open = func(string) ([]byte, error) { return nil, errBoom }
		if replay, err := db.DoOnce(t.Context(), d, c, act); replay != nil || !errors.Is(err, errBoom) {
			t.Errorf("sealed under another key: %+v, %v", replay, err)
		}
	})
}

// TestEventsOfInvoice: newest first, by pages that begin before a number; an attempt's are counted by
// their type.
func TestEventsOfInvoice(t *testing.T) {
	tills(t, func(s *till) {
		inv, other := s.newInvoice(), s.newInvoice()
		var stored []checkout.Event
		for i := range int64(5) {
			for _, of := range []*checkout.Invoice{inv, other} {
				stored = append(stored, checkout.Event{
					InvoiceID: of.ID, Sequence: i + 1, AttemptID: fmt.Sprint("att_", i%2), Type: []string{"a", "b", "a"}[i%3], Actor: "customer",
					RequestID: "req", GatewayID: "g", Data: `{"n":1}`, CreatedAt: moneyTime.Add(time.Duration(i) * time.Millisecond),
				})
			}
		}
		s.must(func(tx *db.Tx) error { return errors.Join(tx.InsertEvents(stored), tx.InsertEvents(nil)) })
		for before, want := range map[int64]string{0: "[5 4 3]", 1: "[]", 3: "[2 1]", 5: "[4 3 2]", 9: "[5 4 3]"} {
			s.must(func(tx *db.Tx) error {
				list, err := tx.EventsOfInvoice(inv.ID, before, 3)
				seqs := []int64{}
				for _, e := range list {
					seqs = append(seqs, e.Sequence)
					full := stored[2*(e.Sequence-1)]
					if full.ID = db.EventID(inv.ID, e.Sequence); e != full {
						s.t.Errorf("read %+v, stored %+v", e, full)
					}
				}
				if fmt.Sprint(seqs) != want {
					s.t.Errorf("before %d: %v, want %s", before, seqs, want)
				}
				return err
			})
		}
		s.must(func(tx *db.Tx) error {
			n, err := tx.CountEvents(inv.ID, "att_0", "a") // of 1 a, 3 a, 5 b
			if n != 2 {
				s.t.Errorf("%d events", n)
			}
			return err
		})
	})
}

// TestPageInvoice: the page has every attempt, oldest first, and the payment is of the one that paid.
func TestPageInvoice(t *testing.T) {
	tills(t, func(s *till) {
		inv := s.newInvoice(func(i *checkout.Invoice) { i.AttemptCount = 3 })
		var made []*checkout.Attempt
		for range 3 {
			made = append(made, s.newAttempt(inv))
		}
		slices.SortFunc(made, func(a, b *checkout.Attempt) int { return strings.Compare(a.ID, b.ID) })
		s.must(func(tx *db.Tx) error {
			got, attempts, err := tx.PageInvoice(inv.Token)
			if err == nil && (got.Payment != nil || len(attempts) != 3) {
				s.t.Errorf("payment %+v, %d attempts", got.Payment, len(attempts))
			}
			return err
		})
		by := made[1]
		s.put(by, checkout.AttemptPaid)
		s.must(func(tx *db.Tx) error {
			return errors.Join(
				tx.Exec(`UPDATE attempts SET tracking_number = '8001', ref_number = 'R1', card_mask = '603799******1234' WHERE id = $1`, by.ID),
				tx.Exec(`UPDATE invoices SET status = 'paid', paid_at_ms = $1, paid_attempt_id = $2 WHERE id = $3`, moneyTime.UnixMilli(), by.ID, inv.ID),
			)
		})
		s.must(func(tx *db.Tx) error {
			got, attempts, err := tx.PageInvoice(inv.Token)
			if err != nil {
				return err
			}
			want := checkout.Payment{AttemptID: by.ID, Gateway: "ghesta", RefNumber: "R1", TrackingNumber: "8001", CardMask: "603799******1234", Amount: inv.Amount, PaidAt: moneyTime}
			if got.Payment == nil || *got.Payment != want {
				s.t.Errorf("payment %+v, want %+v", got.Payment, want)
			}
			if len(attempts) != 3 || attempts[0].ID != made[0].ID || attempts[1].ID != by.ID || attempts[2].ID != made[2].ID {
				s.t.Errorf("attempts %+v", attempts)
			}
			return nil
		})
	})
}

// TestMoney_RefusesWhatIsNotThere: a status that is none, and a reference that never came.
func TestMoney_RefusesWhatIsNotThere(t *testing.T) {
	tills(t, func(s *till) {
		a := s.newAttempt(s.newInvoice())
		for name, fn := range map[string]func(tx *db.Tx) error{
			"attempts of no status": func(tx *db.Tx) error {
				_, err := tx.Attempts(db.AttemptQuery{MerchantID: pottery, Live: true, Status: "' OR 1=1", Limit: 9})
				return err
			},
			"invoices of no status": func(tx *db.Tx) error {
				_, err := tx.Invoices(db.InvoiceQuery{MerchantID: pottery, Live: true, Status: "' OR 1=1", Limit: 9})
				return err
			},
			"a reference that never came": func(tx *db.Tx) error { return tx.SaveReference(reference(a, "8001", true)) },
		} {
			// A status becomes part of a statement's text, so that we refuse it ourselves, before the store may.
			err := s.Update(s.t.Context(), fn)
			if err == nil || strings.Contains(name, "status") && !strings.Contains(err.Error(), "no status") {
				s.t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestJobs_ClaimedInTheirOrder: whichever kinds and keys they have, whose window closes first is first,
// and of two that close at once the smaller key.
func TestJobs_ClaimedInTheirOrder(t *testing.T) {
	jobsTest(t, func(d *desk) {
		now := d.clock.now()
		update(t, d.db, func(tx *db.Tx) error {
			for _, j := range []struct {
				kind, key string
				due       int
			}{{"mail", "e", 30}, {"mail", "c", 10}, {"verify", "b", 10}, {"verify", "a", 40}, {"mail", "d", 20}} {
				if err := tx.EnqueueJob(checkout.Job{Kind: j.kind, Key: j.key, RunAt: now, Due: now.Add(time.Duration(j.due) * time.Second)}); err != nil {
					return err
				}
			}
			return nil
		})
		var order string
		for _, j := range d.claim(9, time.Minute) {
			order += j.Key
		}
		if order != "bcdea" {
			t.Errorf("claimed as %s", order)
		}
	})
}
