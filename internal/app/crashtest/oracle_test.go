package crashtest_test

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways/simulator"
)

// The oracle compares what the vendors' ledger says with what our API and our books say, after the
// world has come to rest: paid at most once, no free goods, no lost money, nothing silent, one
// invoice.paid, a chain of events that proves itself.

// outcomes of an invoice, beside the plain statuses.
const (
	manual = "manual" // paid by a person's word
)

// judge checks every invoice of the case. want says how each is to end.
func (w *world) judge(before int, want string) {
	w.Helper()
	ledger := w.settledLedger(before)
	var list struct{ Data []invoice }
	w.api(http.MethodGet, "/invoices?limit=100", "", "", http.StatusOK, &list)
	w.seriesHolds(list.Data)
	numbers := map[string]string{} // our number → invoice
	for _, inv := range w.invoices {
		for number := range w.judgeEvents(inv) {
			if other, twice := numbers[number]; twice {
				w.Errorf("the number %s went to %s and to %s", number, other, inv.ID)
			}
			numbers[number] = inv.ID
		}
	}
	of := map[string][]simulator.Payment{}
	for _, p := range ledger {
		inv, ours := numbers[p.Number]
		if !ours {
			w.Errorf("the gateway was asked for number %s, which stands in no book of ours: %+v", p.Number, p)
		}
		of[inv] = append(of[inv], p)
	}
	for _, inv := range w.invoices {
		w.judgeInvoice(inv, of[inv.ID], want)
	}
}

// seriesHolds: what merchants were told of is there, once each, and nothing else.
func (w *world) seriesHolds(list []invoice) {
	w.Helper()
	var told, found, numbers []string
	for _, inv := range w.invoices {
		told = append(told, inv.ID)
	}
	for _, inv := range list {
		found = append(found, inv.ID)
		numbers = append(numbers, inv.Number)
	}
	slices.Sort(told)
	slices.Sort(found)
	slices.Sort(numbers)
	if !slices.Equal(told, found) {
		w.Errorf("merchants were told of %v, the list has %v", told, found)
	}
	if len(slices.Compact(numbers)) != len(list) {
		w.Errorf("a number was given twice: %v", numbers)
	}
}

// settledLedger is what this case did at the vendors, after money that nobody verified went back.
func (w *world) settledLedger(before int) []simulator.Payment {
	w.Helper()
	if w.test {
		return w.builtInLedger()
	}
	w.moveClock(w, 16*time.Minute)
	all := w.ledger(w)
	if all.Buyer+all.Credit+all.Held+all.Shop != 0 {
		w.Errorf("the vendors' sums do not add up: %+v", all)
	}
	return all.Payments[before:]
}

// builtInLedger replays the built-in simulator's journal, as the next start does.
func (w *world) builtInLedger() []simulator.Payment {
	w.Helper()
	var entries [][]byte
	w.books(w, func(tx *db.Tx) (err error) {
		entries, err = tx.SimulatorEntries(0)
		return err
	})
	later := func() time.Time { return time.Now().Add(16 * time.Minute) }
	sim, err := simulator.New(simulator.Options{PublicURL: w.base + "/simulator", Now: later, Entries: entries})
	if err != nil {
		w.Errorf("the simulator's journal cannot be replayed: %v", err)
		return nil
	}
	return sim.Ledger().Payments
}

func (w *world) judgeInvoice(inv *invoice, bank []simulator.Payment, want string) {
	w.Helper()
	now := w.read(inv)
	var captured []simulator.Payment
	for _, p := range bank {
		switch p.State {
		case simulator.StateCaptured:
			captured = append(captured, p)
		case simulator.StatePaid:
			w.Errorf("%s: money is still held 16 minutes later: %+v", inv.ID, p)
		}
	}
	if len(captured) > 1 {
		w.Errorf("%s: paid %d times: %+v", inv.ID, len(captured), captured)
	}
	byHand := now.Payment != nil && now.Payment.Manual
	switch {
	case now.Status == "paid" && len(captured) == 0 && !byHand:
		w.Errorf("%s: free goods: paid in our books, and the gateway captured nothing: %+v", inv.ID, bank)
	case now.Status == "paid" && !byHand:
		p := captured[0]
		if now.Payment.TrackingNumber != p.Reference || now.Payment.Amount != p.Amount || now.Amount != p.Amount {
			w.Errorf("%s: our receipt says %+v of %d, the gateway %+v", inv.ID, *now.Payment, now.Amount, p)
		}
	case len(captured) > 0 && now.Status != "review" && !byHand:
		w.Errorf("%s: lost money: captured %+v, and the invoice is %s", inv.ID, captured, now.Status)
	}
	for _, a := range w.attempts(inv) {
		switch a.Status {
		case "verifying", "returned":
			w.Errorf("%s: silent: attempt %s is still %s", inv.ID, a.ID, a.Status)
		case "paid":
			if now.Status != "paid" {
				w.Errorf("%s: attempt %s is paid, the invoice is %s", inv.ID, a.ID, now.Status)
			}
		}
	}
	got := now.Status
	if byHand {
		got = manual
	}
	if !slices.Contains(strings.Split(want, " or "), got) {
		w.Errorf("%s ended %s, expected %s; attempts %+v", inv.ID, got, want, w.attempts(inv))
	}
}

// judgeEvents reads an invoice's history from the books: without a gap, proven by the hash that the
// invoice keeps, one invoice.paid at most. It returns the numbers under which gateways were asked.
func (w *world) judgeEvents(inv *invoice) map[string]bool {
	w.Helper()
	numbers, paid := map[string]bool{}, 0
	w.books(w, func(tx *db.Tx) error {
		row, err := tx.Invoice(inv.ID)
		if err != nil {
			return err
		}
		events, err := tx.EventsOfInvoice(inv.ID, 0, 1000)
		if err != nil {
			return err
		}
		slices.Reverse(events)
		hash := ""
		for i := range events {
			e := &events[i]
			if e.Sequence != int64(i+1) {
				w.Errorf("%s: event %d has sequence %d", inv.ID, i+1, e.Sequence)
			}
			hash = checkout.EventHash(hash, e)
			if e.Type == checkout.EventInvoicePaid {
				paid++
			}
		}
		if row.EventHash != hash || row.EventSeq != int64(len(events)) {
			w.Errorf("%s: the invoice is at event %d, its history of %d does not prove that: %+v", inv.ID, row.EventSeq, len(events), events)
		}
		if (row.Status == checkout.InvoicePaid) != (paid == 1) || paid > 1 {
			w.Errorf("%s: %s with %d invoice.paid", inv.ID, row.Status, paid)
		}
		attempts, err := tx.AttemptsOfInvoice(inv.ID)
		for i := range attempts {
			numbers[attempts[i].OurNumber] = true
			err = errors.Join(err, w.nothingLeft(tx, &attempts[i]))
		}
		return err
	})
	return numbers
}

// nothingLeft: a reference at rest is settled, dropped, or to be asked again by a job that exists.
func (w *world) nothingLeft(tx *db.Tx, a *checkout.Attempt) error {
	refs, err := tx.ReferencesOfAttempt(a.ID)
	for _, r := range refs {
		_, missing := tx.Job(payments.JobVerify, r.AttemptID+"/"+r.Canonical)
		switch r.Status {
		case checkout.ReferenceWaiting, checkout.ReferenceAsking:
			w.Errorf("silent: reference %s of %s is %s", r.Raw, a.ID, r.Status)
		case checkout.ReferenceRefused:
			if missing != nil {
				w.Errorf("silent: nobody will ask again about %s of %s: %v", r.Raw, a.ID, missing)
			}
		}
	}
	return err
}

// soundFile lets SQLite look through its own file.
func (w *world) soundFile() {
	w.Helper()
	if w.engine != db.SQLite {
		return
	}
	if said := sqliteSays(w, strings.TrimPrefix(w.url, "sqlite:"), "PRAGMA integrity_check"); said != "ok" {
		w.Errorf("integrity_check: %s", said)
	}
	if said := sqliteSays(w, strings.TrimPrefix(w.url, "sqlite:"), "SELECT COUNT(*) FROM pragma_foreign_key_check"); said != "0" {
		w.Errorf("%s rows point nowhere", said)
	}
}

// tellOnFailure prints what happened to every invoice, and what the server said, when the case fails.
func (w *world) tellOnFailure() {
	w.Cleanup(func() {
		if !w.Failed() {
			return
		}
		w.server.kill()
		for _, inv := range w.invoices {
			w.books(w, func(tx *db.Tx) error {
				events, err := tx.EventsOfInvoice(inv.ID, 0, 1000)
				for _, e := range slices.Backward(events) {
					w.Logf("%s %s %s %s", e.CreatedAt.Format("15:04:05.000"), e.Type, e.AttemptID, e.Data)
				}
				return err
			})
		}
		deaths, _ := w.server.died()
		w.Logf("it died at %v; the server said:\n%s", deaths, w.server.log.String())
	})
}

// reached: the server died at every point where it was to die, and nowhere else.
func (w *world) reached(ways []string) {
	w.Helper()
	deaths, ahead := w.server.died()
	var points []string
	for _, way := range ways {
		points = append(points, endOf(way))
	}
	if ahead > 0 || !slices.Equal(deaths, points) {
		w.Errorf("it was to die at %v, and died at %v: the story never led there", ways, deaths)
	}
}

// sqliteSays reads one value from a file that nobody has open.
func sqliteSays(w *world, path, query string) string {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	file, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var said string
	if err := file.QueryRowContext(ctx, query).Scan(&said); err != nil {
		w.Fatalf("%s: %v", query, err)
	}
	return said
}
