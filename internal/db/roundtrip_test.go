package db_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

func minutes(n int) time.Time { return moneyTime.Add(time.Duration(n) * time.Minute) }

// sameAs fails unless what is read is what was written, field by field.
func sameAs[T any](s *till, what string, got, want T) {
	s.t.Helper()
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		a, b := g.Field(i).Interface(), w.Field(i).Interface()
		if x, ok := a.(time.Time); ok && x.Equal(b.(time.Time)) {
			continue
		}
		if !reflect.DeepEqual(a, b) {
			s.t.Errorf("%s: %s is %v, want %v", what, g.Type().Field(i).Name, a, b)
		}
	}
}

// TestAttempt_RoundTrip: what is kept of an attempt comes back, from its first row to its last move, by
// whichever way it is looked for, and another attempt beside it is left alone.
func TestAttempt_RoundTrip(t *testing.T) {
	tills(t, func(s *till) {
		inv := s.newInvoice()
		a, other := s.attemptOf(inv), s.attemptOf(inv)
		other.CreatedAt = minutes(-1)
		a.WireAmount, a.Unit, a.VerifyURL, a.VerifyHost = int64(inv.Amount)/10, "toman", "https://vendor.example/v", "vendor.example"
		a.Window, a.OurNumber, a.CallbackToken = 7*time.Minute, "12345678901234567890", "callback-token"
		a.PayerName, a.PayerMobile, a.Locale, a.AbandonAt = "Sara", "09121234567", "en", minutes(30)
		s.must(func(tx *db.Tx) error { return tx.InsertAttempt(a) })
		s.must(func(tx *db.Tx) error { return tx.InsertAttempt(other) })
		a.MerchantID, a.Live, other.MerchantID, other.Live = pottery, true, pottery, true
		read := func(what string) {
			s.t.Helper()
			s.must(func(tx *db.Tx) error {
				got, err := tx.Attempt(a.ID)
				if err != nil {
					return err
				}
				sameAs(s, what, *got, *a)
				if got, err = tx.Attempt(other.ID); err != nil {
					return err
				}
				sameAs(s, what+", the other", *got, *other)
				byToken, err := tx.AttemptByCallback("ghesta", a.CallbackToken)
				if err != nil {
					return err
				}
				if byToken.ID != a.ID || byToken.References != 0 {
					s.t.Errorf("%s: by its address: %+v", what, byToken)
				}
				if _, err := tx.AttemptByCallback("gardeshpay", a.CallbackToken); !errors.Is(err, checkout.NotFound) {
					s.t.Errorf("%s: by another gateway's address: %v", what, err)
				}
				list, err := tx.AttemptsOfInvoice(inv.ID)
				if err != nil {
					return err
				}
				if len(list) != 2 || !list[0].CreatedAt.Before(list[1].CreatedAt) {
					s.t.Fatalf("%s: of the invoice: %+v", what, list)
				}
				sameAs(s, what+", in the list", list[slices.IndexFunc(list, func(one checkout.Attempt) bool { return one.ID == a.ID })], *a)
				return nil
			})
		}
		read("begun")
		move := func(to checkout.AttemptStatus, change func()) {
			s.t.Helper()
			from := a.Status
			a.Status = to
			change()
			s.must(func(tx *db.Tx) error { return tx.MoveAttempt(a, from) })
			read(string(to))
		}
		move(checkout.AttemptRedirected, func() { a.GatewayToken, a.RedirectedAt = "another-token", minutes(1) })
		move(checkout.AttemptReturned, func() { a.TrackingNumber, a.ReturnedAt, a.VerifyDeadline = "0081", minutes(2), minutes(17) })
		move(checkout.AttemptVerifying, func() { a.VerifyDeadline = minutes(18) })
		move(checkout.AttemptNeedsReview, func() { a.Failure = &checkout.Failure{Stage: "verify", Code: "46", Message: "no"} })
		move(checkout.AttemptFailed, func() { a.Resolved, a.Note = true, "asked by telephone" })
		a, other = other, a
		move(checkout.AttemptReturned, func() { a.ReturnedAt = minutes(3) })
		move(checkout.AttemptUnclaimed, func() { a.UnclaimedWhy = "canceled" })
		s.must(func(tx *db.Tx) error { a.ClosedAt = minutes(9); return tx.MoveAttempt(a, a.Status) })
		read("closed")
		a = s.attemptOf(inv)
		a.CreatedAt = minutes(-2)
		s.must(func(tx *db.Tx) error { return tx.InsertAttempt(a) })
		s.must(func(tx *db.Tx) error {
			from := a.Status
			a.Status, a.TrackingNumber, a.ReturnedAt, a.VerifyDeadline = checkout.AttemptVerifying, "0082", minutes(3), minutes(18)
			if err := tx.MoveAttempt(a, from); err != nil {
				return err
			}
			a.Status, a.RefNumber, a.CardMask, a.CardHash, a.VerifiedAt = checkout.AttemptPaid, "R82", "603799******1234", "hash", minutes(4)
			return tx.MoveAttempt(a, checkout.AttemptVerifying)
		})
		a.MerchantID, a.Live = pottery, true
		s.must(func(tx *db.Tx) error {
			got, err := tx.Attempt(a.ID)
			if err == nil {
				sameAs(s, "paid", *got, *a)
			}
			return err
		})
	})
}

// TestReference_RoundTrip: the same of a reference; and one of the same number at another attempt, and
// another of the same attempt, are left alone.
func TestReference_RoundTrip(t *testing.T) {
	tills(t, func(s *till) {
		inv := s.newInvoice()
		a, b := s.newAttempt(inv), s.newAttempt(inv)
		r := reference(a, "81", true)
		r.Raw, r.Status, r.Named, r.ArrivedAt, r.Deadline = "0081", checkout.ReferenceAsking, true, minutes(1), minutes(16)
		r.Asks, r.Unheard, r.Open, r.Refusals, r.RefusedAt, r.Silences = 2, 1, true, 3, minutes(2), 4
		beside, same := reference(a, "82", true), reference(b, "81", false)
		for _, one := range []*checkout.Reference{r, beside, same} {
			if !s.insert(one) {
				s.t.Fatalf("%s of %s is not stored", one.Canonical, one.AttemptID)
			}
		}
		read := func(what string) {
			s.t.Helper()
			s.must(func(tx *db.Tx) error {
				for _, want := range []*checkout.Reference{r, beside, same} {
					got, err := tx.Reference(want.AttemptID, want.Canonical)
					if err != nil {
						return err
					}
					sameAs(s, what+" "+want.Canonical, *got, *want)
				}
				return nil
			})
		}
		read("stored")
		r.Status, r.Deadline, r.Asks, r.Unheard, r.Open, r.Met = checkout.ReferenceRefused, minutes(20), 5, 2, false, true
		r.Refusals, r.RefusedAt, r.Silences, r.Postponed = 1, minutes(3), 6, true
		s.must(func(tx *db.Tx) error { return tx.SaveReference(r) })
		read("saved")
		s.must(func(tx *db.Tx) error { return tx.UnbindReference(r) })
		r.Bound = true // it was asked about: it stays whose it is
		read("not let go of")
		s.must(func(tx *db.Tx) error { return tx.UnbindReference(beside) })
		if beside.Bound {
			s.t.Error("it says that it is bound")
		}
		read("let go of")
		s.must(func(tx *db.Tx) error { return tx.BindReference(beside) })
		if !beside.Bound {
			s.t.Error("it says that it is free")
		}
		read("bound again")
		none := *r
		none.Canonical = "9"
		if err := s.Update(s.t.Context(), func(tx *db.Tx) error { return tx.SaveReference(&none) }); !errors.Is(err, checkout.NotFound) {
			s.t.Errorf("saved, and it is not there: %v", err)
		}
		s.must(func(tx *db.Tx) error {
			for what, change := range map[string]func(*checkout.Reference){
				"gateway": func(q *checkout.Reference) { q.Gateway = "gardeshpay" }, "mode": func(q *checkout.Reference) { q.Live = !q.Live },
				"host": func(q *checkout.Reference) { q.VerifyHost = "other.example" }, "number": func(q *checkout.Reference) { q.Canonical = "83" },
			} {
				q := *r
				change(&q)
				if got, err := tx.ReferenceOwner(&q); !errors.Is(err, checkout.NotFound) {
					s.t.Errorf("of another %s: %+v, %v", what, got, err)
				}
			}
			owner, err := tx.ReferenceOwner(same)
			if err == nil && owner.AttemptID != a.ID {
				s.t.Errorf("81 is %s's", owner.AttemptID)
			}
			byToken, err2 := tx.AttemptByCallback(a.Gateway, a.CallbackToken)
			if err2 == nil && byToken.References != 2 {
				s.t.Errorf("%d references came to it", byToken.References)
			}
			return errors.Join(err, err2)
		})
	})
}

// TestReferences_OfAnInvoice: those that are still open, in the order they came; how many, and how many are
// held unasked. Another invoice's count for nothing.
func TestReferences_OfAnInvoice(t *testing.T) {
	tills(t, func(s *till) {
		n := 100
		fill := func(a *checkout.Attempt) (list []string) {
			for i, status := range []checkout.ReferenceStatus{
				checkout.ReferenceWaiting, checkout.ReferenceAsking, checkout.ReferenceRefused, checkout.ReferenceSettled, checkout.ReferenceDropped, checkout.ReferenceDropped, checkout.ReferenceDropped,
			} {
				n++
				r := reference(a, fmt.Sprint(n), i != 5)
				r.Status, r.ArrivedAt = status, minutes(-i)
				if i == 6 {
					r.Asks = 1
				}
				if !s.insert(r) {
					s.t.Fatal("not stored")
				}
				list = append(list, r.Canonical)
			}
			return list
		}
		inv := s.newInvoice()
		a := s.newAttempt(inv)
		mine := fill(a)
		fill(s.newAttempt(s.newInvoice()))
		twin := reference(s.newAttempt(inv), "50", true)
		twin.ArrivedAt = minutes(0) // with the first of the others; the number decides
		s.insert(twin)
		s.must(func(tx *db.Tx) error {
			open, err := tx.OpenReferences(inv.ID)
			if got, want := numbers(open), []string{mine[2], mine[1], mine[0], "50"}; !slices.Equal(got, want) {
				s.t.Errorf("open: %v", got)
			}
			all, err2 := tx.ReferencesOfAttempt(a.ID)
			slices.Reverse(all)
			if got := numbers(all); !slices.Equal(got, mine) {
				s.t.Errorf("of the attempt, newest first: %v, want %v", got, mine)
			}
			held, err3 := tx.CountHeld(inv.ID)
			if held != 1 {
				s.t.Errorf("%d are held unasked", held)
			}
			st, err4 := tx.Standing(a.ID, mine[1])
			if want := (db.Standing{Attempt: a.Status, Reference: checkout.ReferenceAsking, Open: 4}); st != want {
				s.t.Errorf("%+v, want %+v", st, want)
			}
			if _, err := tx.Standing(a.ID, "9"); !errors.Is(err, checkout.NotFound) {
				s.t.Errorf("of one that never came: %v", err)
			}
			return errors.Join(err, err2, err3, err4)
		})
		r := reference(a, "60", true)
		r.Status, r.Asks, r.Unheard = checkout.ReferenceSettled, 3, 2
		s.insert(r)
		s.must(func(tx *db.Tx) error {
			st, err := tx.Standing(a.ID, "60")
			if want := (db.Standing{Attempt: a.Status, Reference: r.Status, Asks: 3, Unheard: 2, Open: 4}); st != want {
				s.t.Errorf("%+v, want %+v", st, want)
			}
			return err
		})
	})
}

func numbers(list []checkout.Reference) (n []string) {
	for _, r := range list {
		n = append(n, r.Canonical)
	}
	return n
}
