package payments_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// TestCreate_AtTheLimits: what is just allowed is allowed, and stored as it came.
func TestCreate_AtTheLimits(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		at := func(amount money.Rial, items []checkout.Item) *payments.NewInvoice {
			return &payments.NewInvoice{Amount: amount, Items: items}
		}
		for name, in := range map[string]*payments.NewInvoice{
			"one rial": at(1, nil), "all there is": at(money.MaxInvoice, nil), "a hundred items": at(100, manyItems(100)),
			"a million of one":         at(1_000_000, []checkout.Item{{Title: "t", Quantity: 1_000_000, UnitAmount: 1}}),
			"an item for all there is": at(money.MaxInvoice, []checkout.Item{{Title: "t", Quantity: 1, UnitAmount: money.MaxInvoice}}),
			"an item for nothing":      at(5, []checkout.Item{{Title: "t", Quantity: 1, UnitAmount: 5}, {Title: strings.Repeat("ب", 500), Quantity: 1}}),
			"long texts": {
				Amount: 5, Description: strings.Repeat("ب", 500), Reference: strings.Repeat("r", 100), Customer: checkout.Customer{Name: strings.Repeat("ن", 100)},
				ReturnURL: "https://shop.example/" + strings.Repeat("a", 2000-len("https://shop.example/")),
			},
			"twenty keys": {Amount: 5, Metadata: manyKeys(20)}, "a long key": {Amount: 5, Metadata: map[string]string{strings.Repeat("k", 40): strings.Repeat("ب", 500)}},
			"a year and a day": {Amount: 5, ExpiresAt: w.clock.now().Add(366 * 24 * time.Hour)}, "a moment": {Amount: 5, ExpiresAt: w.clock.now().Add(time.Millisecond)},
			"back to this machine": {Amount: 5, ReturnURL: "http://localhost:3000/x"}, "back to it by number": {Amount: 5, ReturnURL: "http://[::1]/"},
			"in English": {Amount: 5, Locale: "en"}, "by one gateway": {Amount: 5, Gateways: []string{"ghesta"}},
		} {
			inv, _, err := w.CreateInvoice(t.Context(), w.scope, *in, clerk, nil)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			got, err := w.Invoice(t.Context(), w.scope, inv.ID)
			if err != nil || got.Amount != in.Amount || got.Description != in.Description || got.Reference != in.Reference || got.Customer != in.Customer ||
				!slices.Equal(got.Items, in.Items) || got.ReturnURL != in.ReturnURL || fmt.Sprint(got.Metadata) != fmt.Sprint(in.Metadata) {
				t.Errorf("%s: stored as %+v, %v", name, got, err)
			}
		}
	})
}

// TestRefund: what was given back adds up to no more than was paid; each is on record, with its reason
// beside the events and never in them; pages of any size tell them all, the newest first.
func TestRefund(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		w.mustBack(w.start(inv, "gardeshpay"), "8001")
		give := func(amount money.Rial, reason string) (checkout.Refund, error) {
			w.clock.add(time.Second)
			r, _, err := w.RefundInvoice(t.Context(), w.scope, inv.ID, payments.Refunding{Amount: amount, Reason: reason}, clerk, nil)
			return r, err
		}
		var made []checkout.Refund
		total := money.Rial(0)
		for _, c := range []struct {
			amount money.Rial
			reason string
			want   string // in the event
		}{
			{1, " برگشت\u202e ", `{"amount":1,"amount_refunded":1,"reason_sha256":"%s","refund_id":"%s"}`},
			{499_999, "", `{"amount":499999,"amount_refunded":500000,"refund_id":"%s"}`},
			{1_000_000, strings.Repeat("ب", 500), `{"amount":1000000,"amount_refunded":1500000,"reason_sha256":"%s","refund_id":"%s"}`},
		} {
			r, err := give(c.amount, c.reason)
			if err != nil {
				t.Fatal(err)
			}
			total += c.amount
			clean := strings.Trim(c.reason, " \u202e")
			if r.Amount != c.amount || r.Refunded != total || r.Reason != clean || r.InvoiceID != inv.ID || !r.Live || r.Actor != "user:usr_1" || !r.CreatedAt.Equal(w.clock.now()) || !strings.HasPrefix(r.ID, checkout.PrefixRefund) {
				t.Errorf("made %+v", r)
			}
			if slices.ContainsFunc(made, func(before checkout.Refund) bool { return before.ID == r.ID }) {
				t.Errorf("two are called %s", r.ID)
			}
			sum := sha256.Sum256([]byte(clean))
			want := fmt.Sprintf(c.want, hex.EncodeToString(sum[:]), r.ID)
			if clean == "" {
				want = fmt.Sprintf(c.want, r.ID)
			}
			if e := w.last(inv); e.Type != checkout.EventInvoiceRefunded || e.Data != want || e.Actor != "user:usr_1" {
				t.Errorf("event %s %s %s, want %s", e.Type, e.Actor, e.Data, want)
			}
			made = append([]checkout.Refund{r}, made...)
		}
		for reason, c := range map[string]struct {
			amount money.Rial
			want   string
		}{"": {1, "amount=more_than_left"}, strings.Repeat("ب", 501): {1, "reason=too_long"}, "6037991234567893": {-1, "reason=card_number amount=out_of_range"}} {
			if _, err := give(c.amount, reason); wrong(err) != c.want {
				t.Errorf("%d for %q: %v, want %s", c.amount, reason, err, c.want)
			}
		}
		if got, err := w.Invoice(t.Context(), w.scope, inv.ID); err != nil || got.AmountRefunded != 1_500_000 || got.Status != checkout.InvoicePaid {
			t.Errorf("%+v, %v", got, err)
		}
		if list, next, err := w.InvoiceRefunds(t.Context(), w.scope, inv.ID, "1", 10); len(list) != 0 || next != "" || err != nil {
			t.Errorf("behind the first: %+v, %q, %v", list, next, err)
		}
		if list, next, err := w.InvoiceEvents(t.Context(), w.scope, inv.ID, "1", 10); len(list) != 0 || next != "" || err != nil {
			t.Errorf("behind the first event: %+v, %q, %v", list, next, err)
		}
		for _, limit := range []int{1, 2, 3, 100} {
			var got []checkout.Refund
			for cur, more := "", true; more; more = cur != "" {
				page, next, err := w.InvoiceRefunds(t.Context(), w.scope, inv.ID, cur, limit)
				if err != nil || len(page) > limit || next == cur && next != "" || (next == "") != (len(got)+len(page) == len(made)) {
					t.Fatalf("by %d: %d, next %q, %v", limit, len(page), next, err)
				}
				got, cur = append(got, page...), next
			}
			if !slices.Equal(got, made) {
				t.Errorf("by %d: %+v, want %+v", limit, got, made)
			}
		}
		for _, c := range []struct {
			cur   string
			limit int
			want  string
		}{{"0", 1, "cursor=broken_cursor"}, {"x", 1, "cursor=broken_cursor"}, {"", 0, "limit=out_of_range"}, {"-1", 101, "limit=out_of_range cursor=broken_cursor"}} {
			if _, _, err := w.InvoiceRefunds(t.Context(), w.scope, inv.ID, c.cur, c.limit); wrong(err) != c.want {
				t.Errorf("from %q by %d: %v, want %s", c.cur, c.limit, err, c.want)
			}
		}
		if _, _, err := w.InvoiceRefunds(t.Context(), payments.Scope{MerchantID: w.scope.MerchantID}, inv.ID, "", 1); !errors.Is(err, checkout.NotFound) {
			t.Errorf("in the other mode: %v", err)
		}
	})
}

// TestSearch_LongTextsAndManyWords: a term is stored and compared by its first 64 letters, a name and a
// question by their first eight words; the reference itself is compared whole.
func TestSearch_LongTextsAndManyWords(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		long := strings.Repeat("ab", 40)
		make := func(reference, name string) checkout.Invoice {
			w.clock.add(time.Millisecond)
			return w.invoice(1_500_000, func(in *payments.NewInvoice) { in.Reference, in.Customer.Name = reference, name })
		}
		one, two := make(long+"1", "w1 w2x w3x w4x w5x w6x w7x w8x w9x"), make(long+"2", "")
		spaced := make(strings.Repeat("c", 63)+" d", "")
		find := func(f payments.InvoiceFilter) string {
			f.Limit = 9
			list, _, err := w.Invoices(t.Context(), w.scope, f)
			if err != nil {
				t.Error(err)
			}
			return strings.Join(ids(list, func(i checkout.Invoice) string { return i.ID }), " ")
		}
		for query, want := range map[string]string{
			long[:64]: two.ID + " " + one.ID, long + "1": two.ID + " " + one.ID, long[:63]: two.ID + " " + one.ID, long[:65]: two.ID + " " + one.ID, "b" + long[:63]: "",
			"w8x": one.ID, "w9x": "", "w2x w3x w4x w5x w6x w7x w8x nothing": "", "w1 w2x w3x w4x w5x w6x w7x w8x nothing": one.ID,
		} {
			if got := find(payments.InvoiceFilter{Query: query}); got != want {
				t.Errorf("%q: %q, want %q", query, got, want)
			}
		}
		for reference, want := range map[string]string{long + "1": one.ID, long + "2": two.ID, long: "", spaced.Reference: spaced.ID} {
			if got := find(payments.InvoiceFilter{Reference: reference}); got != want {
				t.Errorf("reference %q: %q, want %q", reference, got, want)
			}
		}
	})
}

// TestVerify_WaitsAsLongAsItIsTold: a gateway may ask for patience, up to a minute; never for less than
// the schedule has, and never beyond the window.
func TestVerify_WaitsAsLongAsItIsTold(t *testing.T) {
	for told, want := range map[time.Duration]time.Duration{
		0: 5 * time.Second, 3 * time.Second: 5 * time.Second, 40 * time.Second: 40 * time.Second, time.Minute: time.Minute, 10 * time.Minute: time.Minute,
	} {
		t.Run(told.String(), func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				a := w.start(inv, "ghesta")
				w.ins.say("8001", silence(), gateways.Answer{Outcome: gateways.Unknown, Sent: true, Status: 429, RetryAfter: told})
				w.mustBack(a, "8001")
				w.spawned.Wait()
				job := w.job(a, "8001")
				if got := job.RunAt.Sub(w.clock.now()); got != want {
					t.Errorf("asked again in %v, want %v", got, want)
				}
				if got := job.Due.Sub(a.CreatedAt); got < 15*time.Minute || got > 15*time.Minute+time.Second {
					t.Errorf("due %v after the start", got)
				}
				w.clock.add(15*time.Minute - 20*time.Second)
				w.runDue()
				if got := w.job(a, "8001").RunAt; got.After(job.Due) {
					t.Errorf("to be asked %v after the window closed", got.Sub(job.Due))
				}
			})
		})
	}
}

// TestVerify_AnswersPastTheWindow: a call that hung until the window was over is followed by one more at
// once, and when that one is not heard either, a person looks.
func TestVerify_AnswersPastTheWindow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.ins.say("8001", silence())
		w.ins.onVerify = func(gateways.VerifyRequest) {
			if w.ins.asked() > 5 {
				w.ins.say("8001", paid("R")) // it would never end
			}
			w.clock.add(16 * time.Minute)
		}
		w.mustBack(a, "8001")
		w.work()
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if n := w.ins.asked(); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

// job is the stored job of a reference.
func (w *world) job(a checkout.Attempt, ref string) *checkout.Job {
	w.Helper()
	var j *checkout.Job
	err := w.db.View(w.Context(), func(tx *db.Tx) (err error) { j, err = tx.Job(payments.JobVerify, a.ID+"/"+ref); return err })
	if err != nil {
		w.Fatal(err)
	}
	return j
}

// TestVerify_WordsOnRecord: a gateway's object stands in the event as an object; anything else, however
// it looks, as the text that it was.
func TestVerify_WordsOnRecord(t *testing.T) {
	for said, want := range map[string]string{
		`{"a":[1]}`: `"body":{"a":[1]}`, `{"a":`: `"body":"{\"a\":"`, `[1]`: `"body":"[1]"`, `12`: `"body":"12"`, `Bad Gateway`: `"body":"Bad Gateway"`,
	} {
		t.Run(said, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				inv := w.invoice(1_500_000)
				w.ins.say("8001", gateways.Answer{Outcome: gateways.Refused, Hard: true, Code: "26", Message: "no", Sent: true, Status: 400, RequestID: "g-1", Body: said})
				w.mustBack(w.start(inv, "ghesta"), "8001")
				for _, e := range w.events(inv) {
					if e.Type == checkout.EventVerifyAnswered && (!strings.Contains(e.Data, want) || e.GatewayID != "g-1") {
						t.Errorf("on record: %s %s, want %s", e.GatewayID, e.Data, want)
					}
				}
			})
		})
	}
}

// TestSweep_MoreThanOneBatch: one sweep does all that is due, however much it is; a second finds nothing.
func TestSweep_MoreThanOneBatch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 203 {
			w.invoice(1_500_000, func(in *payments.NewInvoice) { in.ExpiresAt = w.clock.now().Add(time.Minute) })
		}
		open := func() (n int) {
			total, err := w.InvoiceTotals(t.Context(), w.scope, payments.InvoiceFilter{Status: "open"})
			if err != nil {
				t.Fatal(err)
			}
			return total.Count
		}
		if n := open(); n != 203 {
			t.Fatalf("%d are open", n)
		}
		w.clock.add(time.Minute)
		for range 2 {
			if err := w.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := open(); n != 0 {
				t.Errorf("%d are open after the sweep", n)
			}
		}
	})
}
