package db_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

var moneyTime = time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)

const pottery = "mer_0000000000000000000000000"

// till is a store with one merchant in it.
type till struct {
	t *testing.T
	*db.DB
	numbers int64
}

func tills(t *testing.T, test func(t *till)) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		s := &till{t: t, DB: open(t), numbers: 1000}
		s.must(func(tx *db.Tx) error {
			return tx.InsertMerchant(&checkout.Merchant{ID: pottery, Slug: "pottery", Name: "Pottery", Locale: "fa", CreatedAt: moneyTime})
		})
		test(s)
	})
}

func (s *till) must(fn func(*db.Tx) error) {
	s.t.Helper()
	if err := s.Update(s.t.Context(), fn); err != nil {
		s.t.Fatal(err)
	}
}

// newInvoice makes an invoice in a state that the engine could have left it in.
func (s *till) newInvoice(change ...func(*checkout.Invoice)) *checkout.Invoice {
	s.t.Helper()
	s.numbers++
	inv := &checkout.Invoice{
		ID: checkout.NewID(checkout.PrefixInvoice, moneyTime, rand.Reader), MerchantID: pottery, Live: true, Number: fmt.Sprint(s.numbers),
		Token: checkout.NewToken(rand.Reader), Status: checkout.InvoiceOpen, Amount: 1_500_000, Gateways: []string{"gardeshpay", "ghesta"},
		Locale: "fa", CreatedAt: moneyTime, ExpiresAt: moneyTime.Add(time.Hour), EventSeq: 1, EventHash: "h",
	}
	for _, c := range change {
		c(inv)
	}
	s.must(func(tx *db.Tx) error { return tx.InsertInvoice(inv) })
	return inv
}

func (s *till) newAttempt(inv *checkout.Invoice) *checkout.Attempt {
	s.t.Helper()
	a := s.attemptOf(inv)
	s.must(func(tx *db.Tx) error { return tx.InsertAttempt(a) })
	return a
}

func (s *till) attemptOf(inv *checkout.Invoice) *checkout.Attempt {
	return &checkout.Attempt{
		ID: checkout.NewID(checkout.PrefixAttempt, moneyTime, rand.Reader), InvoiceID: inv.ID, Gateway: "ghesta", Status: checkout.AttemptCreated,
		Amount: inv.Amount, WireAmount: int64(inv.Amount), Unit: "rial", VerifyURL: "https://vendor.example/verify", VerifyHost: "vendor.example",
		Window: 15 * time.Minute, OurNumber: checkout.NewNumber(rand.Reader), CallbackToken: checkout.NewToken(rand.Reader),
		CreatedAt: moneyTime, AbandonAt: moneyTime.Add(30 * time.Minute),
	}
}

// put brings an attempt into a state by the schema's own means, without the law.
func (s *till) put(a *checkout.Attempt, status checkout.AttemptStatus) {
	s.t.Helper()
	a.Status, a.ReturnedAt, a.VerifiedAt = status, moneyTime, moneyTime
	s.must(func(tx *db.Tx) error {
		return tx.Exec(`UPDATE attempts SET status = $1, returned_at_ms = 1, verified_at_ms = 1 WHERE id = $2`, string(status), a.ID)
	})
}

// TestMoveAttempt_EveryMove: the store moves what the law allows, refuses what it does not, and in
// either case nothing of a refused move remains.
func TestMoveAttempt_EveryMove(t *testing.T) {
	tills(t, func(s *till) {
		for _, from := range checkout.AttemptStatuses() {
			for _, to := range checkout.AttemptStatuses() {
				a := s.newAttempt(s.newInvoice())
				s.put(a, from)
				a.Status, a.TrackingNumber = to, "7777"
				err := s.Update(s.t.Context(), func(tx *db.Tx) error { return tx.MoveAttempt(a, from) })
				allowed := from == to || from.CanMove(to)
				if (err == nil) != allowed {
					s.t.Errorf("%s → %s: %v", from, to, err)
				}
				want, tracking := from, ""
				if allowed {
					want, tracking = to, "7777"
				}
				s.must(func(tx *db.Tx) error {
					got, err := tx.Attempt(a.ID)
					if err == nil && (got.Status != want || got.TrackingNumber != tracking) {
						s.t.Errorf("%s → %s left it %s with %q", from, to, got.Status, got.TrackingNumber)
					}
					return err
				})
			}
		}
	})
}

// TestMoveAttempt_FromAnotherState: whoever read another state than the one that stands has lost.
func TestMoveAttempt_FromAnotherState(t *testing.T) {
	tills(t, func(s *till) {
		for _, stands := range checkout.AttemptStatuses() {
			for _, believed := range checkout.AttemptStatuses() {
				for _, to := range checkout.AttemptStatuses() {
					if believed == stands || !believed.CanMove(to) {
						continue
					}
					a := s.newAttempt(s.newInvoice())
					s.put(a, stands)
					a.Status = to
					if err := s.Update(s.t.Context(), func(tx *db.Tx) error { return tx.MoveAttempt(a, believed) }); !errors.Is(err, checkout.Conflict) {
						s.t.Errorf("%s believed to be %s → %s: %v", stands, believed, to, err)
					}
				}
			}
		}
	})
}

func TestSaveInvoice_EveryMove(t *testing.T) {
	tills(t, func(s *till) {
		for _, from := range checkout.InvoiceStatuses() {
			for _, to := range checkout.InvoiceStatuses() {
				inv := s.newInvoice()
				a := s.newAttempt(inv)
				s.must(func(tx *db.Tx) error {
					if from == checkout.InvoicePaid {
						return tx.Exec(`UPDATE invoices SET status = 'paid', paid_at_ms = 1, paid_attempt_id = $1 WHERE id = $2`, a.ID, inv.ID)
					}
					return tx.Exec(`UPDATE invoices SET status = $1, canceled_at_ms = 1 WHERE id = $2`, string(from), inv.ID)
				})
				inv.Status, inv.CanceledAt, inv.EventSeq = to, moneyTime, 2
				if to == checkout.InvoicePaid {
					inv.PaidAt, inv.Payment = moneyTime, &checkout.Payment{AttemptID: a.ID}
				}
				err := s.Update(s.t.Context(), func(tx *db.Tx) error { return tx.SaveInvoice(inv, from, 1) })
				if allowed := from == to || from.CanMove(to); (err == nil) != allowed {
					s.t.Errorf("%s → %s: %v", from, to, err)
				}
			}
		}
	})
}

// TestSaveInvoice_LostRace: another state or another event number than was read is a lost race.
func TestSaveInvoice_LostRace(t *testing.T) {
	tills(t, func(s *till) {
		inv := s.newInvoice()
		save := func(from checkout.InvoiceStatus, to checkout.InvoiceStatus, seq int64) error {
			next := *inv
			next.Status, next.EventSeq = to, seq+1
			return s.Update(s.t.Context(), func(tx *db.Tx) error { return tx.SaveInvoice(&next, from, seq) })
		}
		for _, seq := range []int64{0, 2} {
			if err := save(checkout.InvoiceOpen, checkout.InvoiceProcessing, seq); !errors.Is(err, checkout.Conflict) {
				s.t.Errorf("event number %d: %v", seq, err)
			}
		}
		if err := save(checkout.InvoiceExpired, checkout.InvoiceProcessing, 1); !errors.Is(err, checkout.Conflict) {
			s.t.Errorf("other state: %v", err)
		}
		if err := save(checkout.InvoiceOpen, checkout.InvoiceProcessing, 1); err != nil {
			s.t.Error(err)
		}
		edited := *inv
		edited.Amount = 2_000_000
		if err := s.Update(s.t.Context(), func(tx *db.Tx) error { return tx.EditInvoice(&edited) }); !errors.Is(err, checkout.Conflict) {
			s.t.Errorf("edit of one that is processing: %v", err)
		}
	})
}

// TestSchema_RefusesWhatTheLawForbids: the third copy of the law, for a program that forgot the
// other two.
func TestSchema_RefusesWhatTheLawForbids(t *testing.T) {
	tills(t, func(s *till) {
		inv := s.newInvoice()
		a := s.newAttempt(inv)
		for _, bad := range []string{
			`UPDATE invoices SET status = 'paid' WHERE id = $1`,
			`UPDATE invoices SET status = 'paid', paid_at_ms = 1 WHERE id = $1`,
			`UPDATE invoices SET status = 'paid', paid_attempt_id = 'x' WHERE id = $1`,
			`UPDATE invoices SET paid_at_ms = 1 WHERE id = $1`,
			`UPDATE invoices SET status = 'canceled' WHERE id = $1`,
			`UPDATE invoices SET status = 'void' WHERE id = $1`,
			`UPDATE invoices SET amount_rial = 0 WHERE id = $1`,
			`UPDATE invoices SET amount_rial = 10000000000000 WHERE id = $1`,
			`UPDATE invoices SET amount_refunded_rial = 1 WHERE id = $1`,
			`UPDATE invoices SET live = 2 WHERE id = $1`,
			`UPDATE invoices SET locale = 'ar' WHERE id = $1`,
			`UPDATE attempts SET status = 'verifying' WHERE invoice_id = $1`,
			`UPDATE attempts SET status = 'returned' WHERE invoice_id = $1`,
			`UPDATE attempts SET status = 'paid' WHERE invoice_id = $1`,
			`UPDATE attempts SET status = 'done' WHERE invoice_id = $1`,
			`UPDATE attempts SET unit = 'dinar' WHERE invoice_id = $1`,
			`UPDATE attempts SET gateway = 'paypal' WHERE invoice_id = $1`,
			`UPDATE attempts SET wire_amount = 0 WHERE invoice_id = $1`,
			`UPDATE attempts SET amount_rial = 0 WHERE invoice_id = $1`,
			`UPDATE attempts SET window_ms = 999 WHERE invoice_id = $1`,
		} {
			if err := s.Update(s.t.Context(), func(tx *db.Tx) error { return tx.Exec(bad, inv.ID) }); err == nil {
				s.t.Errorf("stored: %s", bad)
			}
		}
		r := reference(a, "7777", false)
		r.Status = checkout.ReferenceAsking
		if err := s.Update(s.t.Context(), func(tx *db.Tx) error { _, err := tx.InsertReference(r); return err }); err == nil {
			s.t.Error("a reference is asked about that its attempt does not own")
		}
		for name, change := range map[string]func(*checkout.Attempt){
			"our number": func(b *checkout.Attempt) { b.OurNumber = a.OurNumber }, "callback token": func(b *checkout.Attempt) { b.CallbackToken = a.CallbackToken },
			"invoice": func(b *checkout.Attempt) { b.InvoiceID = "inv_none" },
		} {
			b := s.attemptOf(inv)
			change(b)
			if err := s.Update(s.t.Context(), func(tx *db.Tx) error { return tx.InsertAttempt(b) }); err == nil {
				s.t.Errorf("stored with the same %s", name)
			}
		}
	})
}

// TestSeat_OnlyOne: the unique index lets no second attempt begin what captures money.
func TestSeat_OnlyOne(t *testing.T) {
	seats := []checkout.AttemptStatus{checkout.AttemptVerifying, checkout.AttemptPaid, checkout.AttemptNeedsReview}
	before := map[checkout.AttemptStatus]checkout.AttemptStatus{
		checkout.AttemptVerifying: checkout.AttemptRedirected, checkout.AttemptPaid: checkout.AttemptNeedsReview, checkout.AttemptNeedsReview: checkout.AttemptReturned,
	}
	tills(t, func(s *till) {
		for _, sits := range seats {
			for _, wants := range seats {
				inv := s.newInvoice()
				a, b := s.newAttempt(inv), s.newAttempt(inv)
				s.put(a, sits)
				from := before[wants]
				if from == checkout.AttemptNeedsReview {
					from = checkout.AttemptRedirected // two of these cannot be: go by the schema alone
				}
				s.put(b, from)
				err := s.Update(s.t.Context(), func(tx *db.Tx) error {
					return tx.Exec(`UPDATE attempts SET status = $1 WHERE id = $2`, string(wants), b.ID)
				})
				if !db.IsUnique(err) {
					s.t.Errorf("%s beside %s: %v", wants, sits, err)
				}
				if from.CanMove(wants) {
					b.Status = wants
					if err := s.Update(s.t.Context(), func(tx *db.Tx) error { return tx.MoveAttempt(b, from) }); !db.IsUnique(err) {
						s.t.Errorf("move to %s beside %s: %v", wants, sits, err)
					}
				}
			}
		}
		// Twenty at once: one sits.
		inv := s.newInvoice()
		var all sync.WaitGroup
		var mu sync.Mutex
		sat := 0
		for range 20 {
			a := s.newAttempt(inv)
			s.put(a, checkout.AttemptReturned)
			a.Status = checkout.AttemptVerifying
			all.Go(func() {
				err := s.Update(s.t.Context(), func(tx *db.Tx) error { return tx.MoveAttempt(a, checkout.AttemptReturned) })
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					sat++
				} else if !db.IsUnique(err) {
					s.t.Error(err)
				}
			})
		}
		if all.Wait(); sat != 1 {
			s.t.Errorf("%d sat down", sat)
		}
	})
}

func reference(a *checkout.Attempt, raw string, bound bool) *checkout.Reference {
	return &checkout.Reference{
		AttemptID: a.ID, Gateway: a.Gateway, Live: true, VerifyHost: a.VerifyHost, Canonical: strings.TrimLeft(raw, "0"), Raw: raw,
		Status: checkout.ReferenceWaiting, Bound: bound, ArrivedAt: moneyTime, Deadline: moneyTime.Add(15 * time.Minute),
	}
}

func (s *till) insert(r *checkout.Reference) (stored bool) {
	s.t.Helper()
	s.must(func(tx *db.Tx) (err error) { stored, err = tx.InsertReference(r); return err })
	return stored
}

// TestReference_BoundOnce: of many attempts that claim one reference at once, one gets it; another
// gateway, mode or verify host is another series.
func TestReference_BoundOnce(t *testing.T) {
	tills(t, func(s *till) {
		var mu sync.Mutex
		var all sync.WaitGroup
		got := 0
		var attempts []*checkout.Attempt
		for range 20 {
			attempts = append(attempts, s.newAttempt(s.newInvoice()))
		}
		for _, a := range attempts {
			all.Go(func() {
				var first bool
				err := s.Update(s.t.Context(), func(tx *db.Tx) (err error) {
					if first, err = tx.InsertReference(reference(a, "7777", true)); err != nil || first {
						return err
					}
					_, err = tx.InsertReference(reference(a, "7777", false)) // the transaction goes on
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					s.t.Error(err)
				} else if first {
					got++
				}
			})
		}
		if all.Wait(); got != 1 {
			s.t.Errorf("%d attempts own one reference", got)
		}
		if s.insert(reference(attempts[0], "7777", false)) {
			s.t.Error("the same reference twice for one attempt")
		}
		for name, change := range map[string]func(*checkout.Reference){
			"gateway": func(r *checkout.Reference) { r.Gateway = "gardeshpay" }, "mode": func(r *checkout.Reference) { r.Live = false },
			"verify host": func(r *checkout.Reference) { r.VerifyHost = "other.example" }, "reference": func(r *checkout.Reference) { r.Canonical = "7778" },
		} {
			r := reference(s.newAttempt(s.newInvoice()), "7777", true)
			if change(r); !s.insert(r) {
				s.t.Errorf("another %s is not another series", name)
			}
		}
		late := reference(s.newAttempt(s.newInvoice()), "7777", false)
		s.insert(late)
		if err := s.Update(s.t.Context(), func(tx *db.Tx) error { return tx.BindReference(late) }); !db.IsUnique(err) {
			s.t.Errorf("bound beside its owner: %v", err)
		}
	})
}

// TestYieldReference_EachCondition: a reference is given up only when all of them hold.
func TestYieldReference_EachCondition(t *testing.T) {
	tills(t, func(s *till) {
		n := 7000
		for _, c := range []struct {
			name   string
			change func(*checkout.Reference)
			yields bool
		}{
			{"settled by hard refusals", func(*checkout.Reference) {}, true},
			{"to be asked again after one", func(r *checkout.Reference) { r.Status = checkout.ReferenceRefused }, true},
			{"met something else", func(r *checkout.Reference) { r.Met = true }, false},
			{"a call is open", func(r *checkout.Reference) { r.Open = true }, false},
			{"never asked", func(r *checkout.Reference) { r.Asks = 0 }, false},
			{"is being asked", func(r *checkout.Reference) { r.Status = checkout.ReferenceAsking }, false},
			{"waits", func(r *checkout.Reference) { r.Status = checkout.ReferenceWaiting }, false},
			{"dropped on purpose", func(r *checkout.Reference) { r.Status = checkout.ReferenceDropped }, false},
			{"not bound", func(r *checkout.Reference) { r.Bound = false }, false},
		} {
			n++
			owner, heir := s.newAttempt(s.newInvoice()), s.newAttempt(s.newInvoice())
			r := reference(owner, fmt.Sprint(n), true)
			r.Status, r.Asks = checkout.ReferenceSettled, 1
			c.change(r)
			s.insert(r)
			want := reference(heir, fmt.Sprint(n), false)
			s.insert(want)
			var yielded bool
			s.must(func(tx *db.Tx) (err error) { yielded, err = tx.YieldReference(r); return err })
			if yielded != c.yields {
				s.t.Errorf("%s: yielded %t", c.name, yielded)
			}
			s.must(func(tx *db.Tx) error {
				got, err := tx.Reference(owner.ID, r.Canonical)
				if err != nil {
					return err
				}
				status, bound := r.Status, r.Bound
				if c.yields {
					status, bound = checkout.ReferenceDropped, false
				}
				if got.Status != status || got.Bound != bound {
					s.t.Errorf("%s: left %s, bound %t", c.name, got.Status, got.Bound)
				}
				_, err = tx.ReferenceOwner(want)
				if free := errors.Is(err, checkout.NotFound); free != !bound {
					s.t.Errorf("%s: free %t", c.name, free)
				}
				if bound {
					return nil
				}
				return tx.BindReference(want)
			})
		}
	})
}

// TestInvoices_PagesStayRightWhileRowsAreAdded: no row is told twice or left out, although many were
// made in the same millisecond and others come while one reads.
func TestInvoices_PagesStayRightWhileRowsAreAdded(t *testing.T) {
	tills(t, func(s *till) {
		var want []string
		for i := range 25 {
			inv := s.newInvoice(func(inv *checkout.Invoice) { inv.CreatedAt = moneyTime.Add(time.Duration(i/10) * time.Millisecond) })
			want = append(want, fmt.Sprintf("%d %s", inv.CreatedAt.UnixMilli(), inv.ID))
		}
		slices.Sort(want)
		slices.Reverse(want)
		var got []string
		q := db.InvoiceQuery{MerchantID: pottery, Live: true, Limit: 4}
		for {
			var page []checkout.Invoice
			s.must(func(tx *db.Tx) (err error) { page, err = tx.Invoices(q); return err })
			for _, inv := range page {
				got = append(got, fmt.Sprintf("%d %s", inv.CreatedAt.UnixMilli(), inv.ID))
			}
			if len(page) < q.Limit {
				break
			}
			last := page[len(page)-1]
			q.BeforeAt, q.BeforeID = last.CreatedAt, last.ID
			s.newInvoice(func(inv *checkout.Invoice) { inv.CreatedAt = moneyTime.Add(time.Second) })
		}
		if !slices.Equal(got, want) {
			s.t.Errorf("%d rows, want %d:\n%v\n%v", len(got), len(want), got, want)
		}
	})
}

func TestInvoices_Filters(t *testing.T) {
	tills(t, func(s *till) {
		s.must(func(tx *db.Tx) error {
			return tx.InsertMerchant(&checkout.Merchant{ID: "mer_other", Slug: "other", Name: "Other", Locale: "fa", CreatedAt: moneyTime})
		})
		plain := s.newInvoice(func(i *checkout.Invoice) { i.Gateways, i.CreatedAt = []string{"gardeshpay"}, moneyTime.Add(-time.Hour) })
		named := s.newInvoice(func(i *checkout.Invoice) { i.Reference, i.Gateways = "1024", []string{"ghesta"} })
		canceled := s.newInvoice(func(i *checkout.Invoice) {
			i.Status, i.CanceledAt, i.CreatedAt = checkout.InvoiceCanceled, moneyTime, moneyTime.Add(time.Hour)
		})
		test := s.newInvoice(func(i *checkout.Invoice) { i.Live = false })
		foreign := s.newInvoice(func(i *checkout.Invoice) { i.MerchantID = "mer_other" })
		s.must(func(tx *db.Tx) error {
			return errors.Join(
				tx.SetTerms(named, []string{"old"}, []string{"1024", "سارا", "احمدی"}), tx.SetTerms(plain, nil, []string{"سارا", "ahmadi"}),
				tx.SetTerms(foreign, nil, []string{"سارا"}), tx.SetTerms(test, nil, []string{"سارا"}),
			)
		})
		for name, c := range map[string]struct {
			q    db.InvoiceQuery
			want []*checkout.Invoice
		}{
			"all, newest first": {db.InvoiceQuery{}, []*checkout.Invoice{canceled, named, plain}},
			"status":            {db.InvoiceQuery{Status: "canceled"}, []*checkout.Invoice{canceled}},
			"gateway":           {db.InvoiceQuery{Gateway: "ghesta"}, []*checkout.Invoice{canceled, named}},
			"reference":         {db.InvoiceQuery{Reference: "1024"}, []*checkout.Invoice{named}},
			"exact, reference":  {db.InvoiceQuery{Named: &db.Named{Words: []string{"1024"}}}, []*checkout.Invoice{named}},
			"exact, number":     {db.InvoiceQuery{Named: &db.Named{Words: []string{plain.Number}}}, []*checkout.Invoice{plain}},
			"exact, id":         {db.InvoiceQuery{Named: &db.Named{ID: canceled.ID}}, []*checkout.Invoice{canceled}},
			"exact, wildcard":   {db.InvoiceQuery{Named: &db.Named{Words: []string{"%"}}}, nil},
			"a word":            {db.InvoiceQuery{Named: &db.Named{Words: []string{"سارا"}}}, []*checkout.Invoice{named, plain}},
			"two words":         {db.InvoiceQuery{Named: &db.Named{Words: []string{"سارا", "احم"}}}, []*checkout.Invoice{named}},
			"a beginning":       {db.InvoiceQuery{Named: &db.Named{Words: []string{"ahm"}}}, []*checkout.Invoice{plain}},
			"a short beginning": {db.InvoiceQuery{Named: &db.Named{Words: []string{"ah"}}}, nil},
			"a middle":          {db.InvoiceQuery{Named: &db.Named{Words: []string{"hmadi"}}}, nil},
			"a word in a state": {db.InvoiceQuery{Status: "canceled", Named: &db.Named{Words: []string{"سارا"}}}, nil},
			"from":              {db.InvoiceQuery{From: moneyTime}, []*checkout.Invoice{canceled, named}},
			"to":                {db.InvoiceQuery{To: moneyTime}, []*checkout.Invoice{named, plain}},
			"another's number":  {db.InvoiceQuery{Named: &db.Named{Words: []string{foreign.Number}}}, nil},
			"the other mode":    {db.InvoiceQuery{Named: &db.Named{ID: test.ID}}, nil},
		} {
			c.q.MerchantID, c.q.Live, c.q.Limit = pottery, true, 10
			var got []checkout.Invoice
			s.must(func(tx *db.Tx) (err error) { got, err = tx.Invoices(c.q); return err })
			if !slices.EqualFunc(got, c.want, func(g checkout.Invoice, w *checkout.Invoice) bool { return g.ID == w.ID }) {
				s.t.Errorf("%s: %d invoices, want %d", name, len(got), len(c.want))
			}
		}
	})
}

// TestNextInvoiceNumber_AtOnce: every number once, without a hole, each mode its own series.
func TestNextInvoiceNumber_AtOnce(t *testing.T) {
	tills(t, func(s *till) {
		var mu sync.Mutex
		seen := map[bool][]int64{}
		var all sync.WaitGroup
		for i := range 60 {
			all.Go(func() {
				var n int64
				live := i%2 == 0
				err := s.Update(s.t.Context(), func(tx *db.Tx) (err error) { n, err = tx.NextInvoiceNumber(pottery, live); return err })
				if err != nil {
					s.t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				seen[live] = append(seen[live], n)
			})
		}
		all.Wait()
		for live, list := range seen {
			slices.Sort(list)
			for i, n := range list {
				if n != int64(1001+i) {
					s.t.Fatalf("live %t: numbers %v", live, list)
				}
			}
		}
	})
}

// TestInvoice_RoundTrip: what is stored is what is read, also at the edges.
func TestInvoice_RoundTrip(t *testing.T) {
	tills(t, func(s *till) {
		inv := s.newInvoice(func(i *checkout.Invoice) {
			i.Amount, i.Description, i.Reference = money.MaxInvoice, "گلدانِ می\u200cخواهم", "a'b\"c%_"
			i.Customer = checkout.Customer{Name: "سارا", Mobile: "09121234567", Email: "a@example.com"}
			i.Items = []checkout.Item{{Title: "گلدان", Quantity: 3, UnitAmount: 3_333_333_333_333}}
			i.Metadata = map[string]string{"k": "v,\n"}
			i.SendEmail = true
		})
		s.must(func(tx *db.Tx) error {
			got, _, err := tx.PageInvoice(inv.Token)
			if err != nil {
				return err
			}
			if got.MerchantRevision == 0 {
				s.t.Error("read without its merchant's revision")
			}
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", inv) {
				s.t.Errorf("read %+v\nstored %+v", got, inv)
			}
			return err
		})
	})
}
