package crashtest_test

import (
	"crypto/rand"
	"flag"
	"fmt"
	"log/slog"
	mrand "math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/mail/mailtest"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

var crashLetters = flag.Int("crash.letters", 60, "TestMany_KilledThreeTimes: how many customers are in the file")

// openMail is a mail server that lives through every death of ours.
func (w *world) openMail() {
	w.mail = mailtest.Open(w.T)
	w.more = append(append([]string(nil), w.more...), "CHECKOUT_SMTP_URL="+w.mail.URL(), "CHECKOUT_MAIL_FROM=pay@example.ir")
}

// written are the letters as they stand in the books, oldest first, and how many wait.
func (w *world) written(most int) (list []checkout.Letter, waiting int) {
	w.Helper()
	w.books(w, func(tx *db.Tx) error {
		shop, err := tx.MerchantBySlug("pottery")
		if err != nil {
			return err
		}
		list, waiting = nil, 0
		for q := (db.LetterQuery{MerchantID: shop.ID, Live: true, Limit: 500}); len(list) < most; {
			page, err := tx.Letters(q)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			list = append(list, page...)
			q.BeforeAt, q.BeforeID = page[len(page)-1].CreatedAt, page[len(page)-1].ID
		}
		for i := range list {
			if list[i].Status == checkout.LetterQueued {
				waiting++
			}
		}
		return nil
	})
	return list, waiting
}

// untilWritten waits until n letters are on record as sent, and holds them against what the mail server took:
// every one came, and whoever got one twice got the same one, which a mail program shows once. A letter comes
// twice only where we died between the server's word and its record.
func (w *world) untilWritten(n int) {
	w.Helper()
	var list []checkout.Letter
	w.server.until("all letters sent", func() bool {
		if len(w.mail.Taken()) < n {
			return false // and the books are not asked: that they are takes time from who writes them
		}
		waiting := 0
		list, waiting = w.written(n)
		return len(list) >= n && waiting == 0
	}, func() string { return fmt.Sprintf("%d letters of %d: %+v", len(list), n, list[max(0, len(list)-9):]) })
	want := map[string]string{} // Message-ID to reader
	for i := range list {
		if list[i].Status != checkout.LetterSent {
			w.Errorf("%s to %s is %s, %s", list[i].Kind, list[i].Recipient, list[i].Status, list[i].Reason)
		}
		want["<"+list[i].ID+"@example.ir>"] = list[i].Recipient
	}
	came := map[string]int{}
	for _, m := range w.mail.Taken() {
		id := m.Head(w, "Message-Id")
		if to := want[id]; to == "" || len(m.To) != 1 || m.To[0] != to {
			w.Errorf("%s came to %v and was for %q", id, m.To, to)
		}
		came[id]++
	}
	deaths, _ := w.server.died()
	again := len(w.mail.Taken()) - len(came)
	if len(came) != len(want) || len(want) != n || again > 4*len(deaths) { // so many are on their way at once
		w.Errorf("%d of %d letters came, want %d; %d came again after %d deaths", len(came), len(want), n, again, len(deaths))
	}
}

// startRun brings a file of customers, and presses the button; both as the admin does, from beside the server.
func (w *world) startRun(n int) (id string) {
	w.Helper()
	d, err := db.Open(w.Context(), db.Options{URL: w.url})
	if err != nil {
		w.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			w.Error(err)
		}
	}()
	e := payments.New(payments.Options{DB: d, BaseURL: w.base, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	scope := payments.Scope{Live: true}
	if err := d.View(w.Context(), func(tx *db.Tx) error {
		shop, err := tx.MerchantBySlug("pottery")
		if err == nil {
			scope.MerchantID = shop.ID
		}
		return err
	}); err != nil {
		w.Fatal(err)
	}
	var lines []checkout.RunRow
	for i := range n {
		lines = append(lines, checkout.RunRow{Line: i + 2, Ask: checkout.RunAsk{
			Name: fmt.Sprint("Customer ", i), Email: fmt.Sprintf("c%d@example.com", i), Amount: 1_500_000, Reference: fmt.Sprint("R-", i),
		}})
	}
	r, err := e.CheckRun(w.Context(), scope, payments.NewRun{Name: "customers.csv", Unit: "rial", Lines: lines}, checkout.Actor{Kind: "user", ID: "usr_1"})
	if err == nil {
		err = e.StartRun(w.Context(), scope, r.ID, true, false)
	}
	if err != nil {
		w.Fatal(err)
	}
	return r.ID
}

// takeRun makes the invoices of the run known to the people of the story: each line has one of its own.
func (w *world) takeRun(n int) {
	w.Helper()
	var list struct{ Data []invoice }
	w.api(http.MethodGet, "/invoices?limit=100", "", "", http.StatusOK, &list)
	if len(list.Data) != n {
		w.Errorf("%d invoices of %d lines", len(list.Data), n)
	}
	for i := range list.Data {
		w.invoices = append(w.invoices, &list.Data[i])
	}
}

// TestMany_KilledThreeTimes kills the real program three times with SIGKILL, at moments that nobody has
// named, while it makes the invoices of a file and sends their letters: each customer is asked once.
//
//	go test ./internal/app/crashtest -run Many_KilledThreeTimes -crash.letters 10000 -timeout 60m -v
func TestMany_KilledThreeTimes(t *testing.T) {
	n, l := *crashLetters, openLane(t)
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			if engine == db.PostgreSQL {
				dbtest.NeedPostgres(t)
			}
			addr, base := freeBase(t)
			w := &world{T: t, engine: engine}
			w.shop = &shop{lane: l, url: databaseURL(t, engine, false), addr: addr, base: base}
			w.openMail()
			w.server = &server{TB: t, env: w.env(), base: base}
			w.tellOnFailure()
			w.furnish(t)
			w.server.start()
			w.server.await()
			id := w.startRun(n)
			var at []string
			for kill := range 3 {
				after := n*kill/4 + mrand.IntN(n/4)
				w.server.until("so many letters on their way", func() bool { return len(w.mail.Taken()) > after })
				w.server.strike()
				at = append(at, fmt.Sprint(after))
			}
			t.Logf("killed after %s letters of %d", strings.Join(at, ", "), n)
			w.untilWritten(n)
			invoices := map[string]bool{}
			w.books(w, func(tx *db.Tx) error {
				r, err := tx.Run(id)
				if err != nil || r.Made != n || r.Status != checkout.RunDone {
					t.Errorf("the run: %+v, %v", r, err)
				}
				rows, err := tx.RunRows(id, checkout.RowMade, 0, n+1)
				for i := range rows {
					invoices[rows[i].InvoiceID] = true
				}
				return err
			})
			if len(invoices) != n {
				t.Errorf("%d invoices of %d lines", len(invoices), n)
			}
			w.server.stop()
		})
	}
}
