package faults_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways/simulator"
)

// What the API shows, as far as the oracle looks.
type (
	invoice struct {
		ID, Number, Status string
		Amount             int64
		PaymentURL         string `json:"payment_url"`
		Payment            *struct {
			AttemptID      string `json:"attempt_id"`
			Gateway        string
			TrackingNumber string `json:"tracking_number"`
			Amount         int64
			Manual         bool
		}
	}
	attempt struct {
		ID             string
		InvoiceID      string `json:"invoice_id"`
		Gateway        string
		Status         string
		Amount         int64
		TrackingNumber string `json:"tracking_number"`
		Failure        *struct{ Stage, Code, Message string }
	}
	event struct {
		ID, Type  string
		Sequence  int64
		AttemptID string `json:"attempt_id"`
		Data      map[string]any
	}
	page[T any] struct {
		Data []T
		Next string `json:"next_cursor"`
	}
)

// all walks a list of the API.
func all[T any](s *shop, path string) []T {
	s.Helper()
	var list []T
	for cursor := ""; ; {
		var p page[T]
		s.api("GET", path+"limit=100&cursor="+url.QueryEscape(cursor), "", &p)
		if list = append(list, p.Data...); p.Next == "" {
			return list
		}
		cursor = p.Next
	}
}

// books are everything that the API says, beside the bank's ledger.
type books struct {
	invoices []invoice
	attempts map[string][]attempt // by invoice
	numbers  map[string]attempt   // by the number that the gateway knows
	ledger   simulator.Ledger
}

func (s *shop) read() books {
	s.Helper()
	b := books{attempts: map[string][]attempt{}, numbers: map[string]attempt{}}
	b.invoices = all[invoice](s, "/invoices?")
	byID := map[string]attempt{}
	for _, a := range all[attempt](s, "/attempts?") {
		b.attempts[a.InvoiceID] = append(b.attempts[a.InvoiceID], a)
		byID[a.ID] = a
	}
	for _, inv := range b.invoices {
		if len(b.attempts[inv.ID]) == 0 {
			continue
		}
		for i, e := range s.events(inv) {
			if e.Sequence != int64(i+1) {
				s.Errorf("invoice %s: event %d stands in place %d", inv.Number, e.Sequence, i+1)
			}
			if number, ok := e.Data["our_number"].(string); ok && e.Type == checkout.EventAttemptCreated {
				b.numbers[number] = byID[e.AttemptID]
			}
		}
	}
	b.ledger = s.bank.sim.Ledger()
	return b
}

// oracle holds our books against the bank's ledger.
//
// Free goods: paid by us without a capture there of the same attempt, amount and reference. None,
// ever. Lost money: captured there, and with us neither paid nor before a person. Silent: neither
// final nor before a person. Neither of the two when all is at rest.
//
// The books are read in several answers, and who was refused is asked about again half a minute later:
// what is wrong has to stay wrong for a while.
//
// In no book are payments that no book of ours can know of, after a restore into the past.
func (s *shop) oracle(inNoBook ...comeback) {
	s.Helper()
	for try := 1; ; try++ {
		wrong := s.read().wrongs(inNoBook)
		if len(wrong) == 0 {
			return
		}
		if try == 20 {
			s.Errorf("%s", strings.Join(wrong, "\n"))
			return
		}
		time.Sleep(s.pause)
	}
}

// wrongs are what books and ledger say against each other.
func (b books) wrongs(inNoBook []comeback) []string {
	wrong := b.freeGoods()
	for _, p := range b.ledger.Payments {
		if p.State != simulator.StateCaptured || slices.ContainsFunc(inNoBook, func(c comeback) bool { return c.reference == p.Reference }) {
			continue
		}
		a, known := b.numbers[p.Number]
		if !known || a.Status != "paid" && a.Status != "needs_review" {
			wrong = append(wrong, fmt.Sprintf("LOST MONEY: the bank captured %s for %s, the attempt is %q (known: %v)", p.Reference, p.Number, a.Status, known))
		}
	}
	for _, list := range b.attempts {
		for _, a := range list {
			if a.Status == "returned" || a.Status == "verifying" {
				wrong = append(wrong, fmt.Sprintf("SILENT: attempt %s is %s, and nobody is told", a.ID, a.Status))
			}
		}
	}
	return wrong
}

func (b books) freeGoods() (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	captured := map[string]simulator.Payment{}
	for _, p := range b.ledger.Payments {
		if p.State == simulator.StateCaptured {
			captured[p.Number] = p
		}
	}
	paidBy := map[string]string{}
	proof := map[string]simulator.Payment{} // by attempt
	for number, a := range b.numbers {
		if p, ok := captured[number]; ok {
			proof[a.ID] = p
		}
	}
	var ours, theirs int64
	for _, inv := range b.invoices {
		if (inv.Status == "paid") != (inv.Payment != nil) {
			complain("invoice %s is %s with payment %+v", inv.Number, inv.Status, inv.Payment)
		}
		paid := slices.DeleteFunc(slices.Clone(b.attempts[inv.ID]), func(a attempt) bool { return a.Status != "paid" })
		if inv.Payment == nil {
			if len(paid) > 0 {
				complain("invoice %s is %s with a paid attempt", inv.Number, inv.Status)
			}
			continue
		}
		p, ok := proof[inv.Payment.AttemptID]
		if !ok || p.Amount != inv.Amount || inv.Payment.Amount != inv.Amount || p.Reference != inv.Payment.TrackingNumber || len(paid) != 1 || paid[0].ID != inv.Payment.AttemptID {
			complain("FREE GOODS: invoice %s of %d is paid by %+v, the bank's line is %+v", inv.Number, inv.Amount, *inv.Payment, p)
		}
		key := inv.Payment.Gateway + " " + inv.Payment.TrackingNumber
		if other, taken := paidBy[key]; taken {
			complain("FREE GOODS: %s paid for %s and for %s", key, other, inv.Number)
		}
		paidBy[key] = inv.Number
		ours += inv.Amount
		theirs += p.Amount
	}
	if ours != theirs {
		complain("paid with us %d rial, captured for it %d", ours, theirs)
	}
	return wrong
}

// lawful opens a database that no server holds and looks at what the API does not show: the chain of
// every invoice's events, one seat, one paid event, each reference bound once, a job for each verify.
func lawful(t testing.TB, address string) {
	t.Helper()
	d, err := db.Open(context.Background(), db.Options{URL: address})
	if err != nil {
		t.Fatalf("open %s: %v", address, err)
	}
	defer func() { _ = d.Close() }()
	err = d.View(context.Background(), func(tx *db.Tx) error {
		merchants, err := tx.Merchants()
		for _, m := range merchants {
			for _, live := range []bool{true, false} {
				list, err := tx.Invoices(db.InvoiceQuery{MerchantID: m.ID, Live: live, Limit: 100_000})
				if err != nil {
					return err
				}
				for i := range list {
					if err := lawfulInvoice(tx, &list[i]); err != nil {
						t.Errorf("invoice %s (%s): %v", list[i].Number, list[i].Status, err)
					}
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func lawfulInvoice(tx *db.Tx, inv *checkout.Invoice) error {
	newest, err := tx.EventsOfInvoice(inv.ID, 0, 100_000)
	if err != nil {
		return err
	}
	prev, paid := "", 0
	for i := range newest {
		e := newest[len(newest)-1-i]
		if prev = checkout.EventHash(prev, &e); e.Sequence != int64(i+1) {
			return fmt.Errorf("event %d (%s) stands in place %d", e.Sequence, e.Type, i+1)
		}
		if e.Type == checkout.EventInvoicePaid {
			paid++
		}
	}
	if inv.EventSeq != int64(len(newest)) || inv.EventHash != prev {
		return fmt.Errorf("the head of the chain is event %d of %d", inv.EventSeq, len(newest))
	}
	if paid > 1 || (paid == 1) != (inv.Status == checkout.InvoicePaid) {
		return fmt.Errorf("%d invoice.paid events", paid)
	}
	attempts, err := tx.AttemptsOfInvoice(inv.ID)
	if err != nil {
		return err
	}
	var seated []string
	for _, a := range attempts {
		switch a.Status {
		case checkout.AttemptVerifying, checkout.AttemptPaid, checkout.AttemptNeedsReview:
			seated = append(seated, a.ID)
		}
		if err := lawfulReferences(tx, a); err != nil {
			return err
		}
	}
	if len(seated) > 1 {
		return fmt.Errorf("the seat is held by %s", strings.Join(seated, ", "))
	}
	return nil
}

func lawfulReferences(tx *db.Tx, a checkout.Attempt) error {
	refs, err := tx.ReferencesOfAttempt(a.ID)
	if err != nil {
		return err
	}
	driven := false
	for _, r := range refs {
		if r.Status != checkout.ReferenceAsking {
			continue
		}
		if _, err := tx.Job(payments.JobVerify, a.ID+"/"+r.Canonical); err != nil {
			return fmt.Errorf("attempt %s: nobody is going to ask about %s: %w", a.ID, r.Raw, err)
		}
		driven = true
	}
	if (a.Status == checkout.AttemptVerifying) != driven {
		return fmt.Errorf("attempt %s is %s, a reference is being asked about: %v", a.ID, a.Status, driven)
	}
	return nil
}
