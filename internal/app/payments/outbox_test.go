package payments_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// endpoint adds a webhook endpoint as another process does.
func (w *world) endpoint(id string, types ...string) *checkout.Endpoint {
	w.Helper()
	e := &checkout.Endpoint{ID: id, MerchantID: w.scope.MerchantID, Live: w.scope.Live, URL: "https://shop.example/" + id, Types: types, CreatedAt: w.clock.now()}
	if err := w.db.Update(w.Context(), func(tx *db.Tx) error { return tx.InsertEndpoint(e) }); err != nil {
		w.Fatal(err)
	}
	return e
}

// told is one message as an endpoint is told it.
type told struct {
	Type     string
	Sequence int64
	Livemode bool
	Data     struct {
		ID, Object, Status string
		Refunded           int64 `json:"amount_refunded"`
		Payment            *struct {
			Tracking string `json:"tracking_number"`
		}
		Failure *struct{ Code string }
	}
	delivery checkout.Delivery
}

// told lists what an endpoint is told, by invoice and number.
func (w *world) told(e *checkout.Endpoint) (list []told) {
	w.Helper()
	err := w.db.View(w.Context(), func(tx *db.Tx) error {
		list = nil
		deliveries, err := tx.Deliveries(db.DeliveryQuery{EndpointID: e.ID, Limit: 100})
		for _, d := range deliveries {
			m, err := tx.Message(d.EventID)
			if err != nil {
				return err
			}
			one := told{delivery: d}
			if err := json.Unmarshal([]byte(m.Body), &one); err != nil {
				return err
			}
			if one.Type != d.Type || m.Type != d.Type || !strings.Contains(m.Body, `"id":"`+d.EventID+`"`) {
				w.Errorf("%+v of %+v", d, m)
			}
			if m.EventID != d.EventID || m.MerchantID != w.scope.MerchantID || m.Live != w.scope.Live || m.CreatedAt.IsZero() || !m.CreatedAt.Equal(d.CreatedAt) {
				w.Errorf("%+v is kept as %+v", d, m)
			}
			list = append(list, one)
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	slices.SortFunc(list, func(a, b told) int {
		return cmp.Or(strings.Compare(a.delivery.EventID[:29], b.delivery.EventID[:29]), cmp.Compare(a.Sequence, b.Sequence))
	})
	return list
}

func kinds(list []told) string {
	var b strings.Builder
	for _, m := range list {
		b.WriteString(m.Type + "=" + m.Data.Status + " ")
	}
	return strings.TrimSpace(b.String())
}

// Each message shows the moment of its event, also where one step makes several: what is paid leaves
// another attempt unclaimed, a refusal hands the seat on.
func TestOutbox_EachMessageShowsItsOwnMoment(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		e := w.endpoint("whe_1")
		inv := w.invoice(1_500_000)
		card, ins := w.start(inv, "gardeshpay"), w.start(inv, "ghesta")
		w.card.hold["111"] = make(chan struct{})
		first := make(chan error)
		go func() { first <- w.back(card, "111") }()
		w.until(func() bool { return w.card.asked() == 1 })
		w.mustBack(ins, "2222")
		close(w.card.hold["111"])
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		w.work()
		list := w.told(e)
		if got := kinds(list); got != "invoice.created=open attempt.redirected=redirected attempt.redirected=redirected invoice.paid=paid attempt.unclaimed=unclaimed" {
			t.Errorf("told: %s", got)
		}
		paid := list[3]
		if paid.Data.Payment == nil || paid.Data.Payment.Tracking != "111" || list[4].Data.ID != ins.ID || paid.Livemode != w.scope.Live {
			t.Errorf("paid: %+v, then %+v", paid, list[4])
		}
		for i := 1; i < len(list); i++ {
			if list[i].Sequence <= list[i-1].Sequence {
				t.Errorf("numbers %d, %d", list[i-1].Sequence, list[i].Sequence)
			}
		}
	})
}

// A refusal ends one attempt and lets the one that waits sit down, in one step: the first message
// shows the failed one.
func TestOutbox_RefusalThatHandsTheSeatOn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		e := w.endpoint("whe_1")
		inv := w.invoice(1_500_000)
		card, ins := w.start(inv, "gardeshpay"), w.start(inv, "ghesta")
		w.card.hold["111"] = make(chan struct{})
		w.card.say("111", refusal("7", false, true))
		first := make(chan error)
		go func() { first <- w.back(card, "111") }()
		w.until(func() bool { return w.card.asked() == 1 })
		w.mustBack(ins, "2222")
		close(w.card.hold["111"])
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		w.work()
		list := w.told(e)
		if got := kinds(list); got != "invoice.created=open attempt.redirected=redirected attempt.redirected=redirected attempt.failed=failed invoice.paid=paid" {
			t.Fatalf("told: %s", got)
		}
		if f := list[3].Data.Failure; f == nil || f.Code != "7" || list[3].Data.ID != card.ID {
			t.Errorf("failed: %+v", list[3])
		}
	})
}

// The other types: canceled at the gateway, canceled by the shop, expired, abandoned, under review, and
// resolved, which is told as what it makes of the invoice.
func TestOutbox_EveryType(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		e := w.endpoint("whe_1")
		canceled := w.invoice(1_500_000)
		if err := w.claim(w.start(canceled, "gardeshpay"), nil); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, canceled.ID, checkout.Actor{}, nil); err != nil {
			t.Fatal(err)
		}
		w.inReview()
		left := w.invoice(1_500_000)
		w.start(left, "gardeshpay")
		w.pass(31 * time.Minute)
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.pass(8 * 24 * time.Hour)
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		var seen []string
		for _, m := range w.told(e) {
			if !slices.Contains(seen, m.Type+"="+m.Data.Status) {
				seen = append(seen, m.Type+"="+m.Data.Status)
			}
		}
		slices.Sort(seen)
		want := "attempt.abandoned=abandoned attempt.canceled=canceled attempt.needs_review=needs_review attempt.redirected=redirected invoice.canceled=canceled invoice.created=open invoice.expired=expired"
		if got := strings.Join(seen, " "); got != want {
			t.Errorf("told %s", got)
		}
	})
}

// An endpoint that another process adds, disables or removes counts from its commit on; each hears of
// its own types, mode and merchant only, and of what was undone nobody.
func TestOutbox_WhoIsTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.invoice(1_500_000) // nobody is there
		all, paid := w.endpoint("whe_1"), w.endpoint("whe_2", checkout.EventInvoicePaid)
		inv := w.invoice(1_500_000)
		if got := kinds(w.told(all)) + "|" + kinds(w.told(paid)); got != "invoice.created=open|" {
			t.Errorf("told %s", got)
		}
		other := w.shop(7, w.scope.Live)
		w.invoiceOf(other, 10_000)
		w.invoiceOf(payments.Scope{MerchantID: w.scope.MerchantID, Live: !w.scope.Live}, 10_000)
		if n := len(w.told(all)); n != 1 {
			t.Errorf("told of others: %d", n)
		}
		update := func(fn func(tx *db.Tx) error) {
			t.Helper()
			if err := w.db.Update(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}
		update(func(tx *db.Tx) error { _, err := tx.DisableEndpoint(all, checkout.DisabledGone); return err })
		if _, _, err := w.CancelInvoice(t.Context(), w.scope, inv.ID, checkout.Actor{}, nil); err != nil {
			t.Fatal(err)
		}
		for _, m := range w.told(all) {
			if m.delivery.Status != checkout.DeliveryHeld || !m.delivery.NextAt.IsZero() {
				t.Errorf("disabled, and %+v", m.delivery)
			}
		}
		if n := len(w.told(all)); n != 2 {
			t.Errorf("held %d", n)
		}
		// A call that fails behind the act undoes the message with it.
		undone := errors.New("undone")
		_, _, err := w.CreateInvoice(t.Context(), w.scope, payments.NewInvoice{Amount: 10_000}, checkout.Actor{}, &payments.Once{
			Key: "k", Hash: "h", Render: func(any) (int, []byte, error) { return 0, nil, undone },
		})
		if !errors.Is(err, undone) || len(w.told(all)) != 2 {
			t.Errorf("%v, told %d", err, len(w.told(all)))
		}
		update(func(tx *db.Tx) error { return tx.DeleteEndpoint(all) })
		w.invoice(1_500_000)
		if n := len(w.told(all)); n != 2 {
			t.Errorf("removed, and told %d", n)
		}
	})
}

// Of a step that makes several events each endpoint hears what it wants, due at once, whatever the others
// want; what nobody wants to hear is not kept.
func TestOutbox_OnlyWhatIsWanted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		pay := func(ref string) (inv checkout.Invoice, paidAs string) {
			t.Helper()
			inv = w.invoice(1_500_000)
			card, ins := w.start(inv, "gardeshpay"), w.start(inv, "ghesta")
			asked := w.card.asked()
			w.card.hold[ref] = make(chan struct{})
			first := make(chan error)
			go func() { first <- w.back(card, ref) }()
			w.until(func() bool { return w.card.asked() > asked })
			w.mustBack(ins, "9"+ref) // waits, and is unclaimed by the step that pays
			close(w.card.hold[ref])
			if err := <-first; err != nil {
				t.Fatal(err)
			}
			w.work()
			w.want(inv, checkout.InvoicePaid, ins, checkout.AttemptUnclaimed)
			for _, e := range w.events(inv) {
				if e.Type == checkout.EventInvoicePaid {
					paidAs = db.EventID(inv.ID, e.Sequence)
				}
			}
			return inv, paidAs
		}
		told := func(e *checkout.Endpoint, want string) {
			t.Helper()
			list := w.told(e)
			if got := kinds(list); got != want {
				t.Errorf("%s is told %q, want %q", e.ID, got, want)
			}
			for _, m := range list {
				d := m.delivery
				if !strings.HasPrefix(d.ID, "whd_") || len(d.ID) != len("whd_")+checkout.IDDigits || d.EndpointID != e.ID || d.Status != checkout.DeliveryPending || !d.NextAt.Equal(d.CreatedAt) {
					t.Errorf("%s: %+v", e.ID, d)
				}
			}
		}
		kept := func(id string, want bool) {
			t.Helper()
			err := w.db.View(t.Context(), func(tx *db.Tx) error { _, err := tx.Message(id); return err })
			if (err == nil) != want || !want && !errors.Is(err, checkout.NotFound) {
				t.Errorf("%s is kept: %v", id, err)
			}
		}
		loose := w.endpoint("whe_2", checkout.EventAttemptUnclaimed)
		_, paidAs := pay("1111")
		told(loose, "attempt.unclaimed=unclaimed")
		kept(paidAs, false)
		sold := w.endpoint("whe_1", checkout.EventInvoicePaid)
		inv, paidAs := pay("2222")
		told(loose, "attempt.unclaimed=unclaimed attempt.unclaimed=unclaimed")
		told(sold, "invoice.paid=paid")
		kept(paidAs, true)
		kept(db.EventID(inv.ID, 1), false)
	})
}

// An event about an attempt shows that attempt as it moved in this very step: of one that did not move,
// or of another than did, no endpoint is told anything.
func TestOutbox_OfWhatMoved(t *testing.T) {
	e := checkout.Event{InvoiceID: "inv_1", AttemptID: "att_1", Sequence: 1, Type: checkout.EventAttemptUnclaimed}
	for _, c := range []struct {
		moved *checkout.Attempt
		says  string
	}{
		{nil, "att_1, which did not move"}, {&checkout.Attempt{ID: "att_2"}, "att_1, which did not move"}, {&checkout.Attempt{ID: "att_1"}, ""},
	} {
		if err := payments.Notify(&e, c.moved); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v moved: %v", c.moved, err)
		}
	}
}

// Who has no endpoints pays nothing: not one statement about them once the merchant is known. With
// endpoints each step costs two statements, however many there are.
func TestOutbox_CostsNothingWithoutEndpoints(t *testing.T) {
	engines(t, func(t *testing.T, fresh func(testing.TB) string) {
		var all, hooks atomic.Int64
		c := &clock{at: time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)}
		w := newWorld(t, dbtest.Open(t, db.Options{URL: fresh(t), Now: c.now, Watch: func(query string) error {
			all.Add(1)
			if strings.Contains(query, "webhook_") {
				hooks.Add(1)
			}
			return nil
		}}), c)
		pay := func() (statements, about int64) {
			all.Store(0)
			hooks.Store(0)
			inv := w.invoice(1_500_000)
			w.mustBack(w.start(inv, "gardeshpay"), checkout.NewNumber(w.Random))
			w.work()
			statements, about = all.Load(), hooks.Load()
			w.isPaid(inv)
			return statements, about
		}
		pay()
		bare, about := pay()
		if about != 0 {
			t.Errorf("%d statements about webhooks", about)
		}
		for _, id := range []string{"whe_1", "whe_2", "whe_3"} {
			w.endpoint(id)
		}
		pay()
		with, about := pay()
		if about != 6 || with != bare+6 { // created, redirected, paid
			t.Errorf("%d statements with endpoints, %d of them about them; %d without", with, about, bare)
		}
	})
}

// isPaid demands that an invoice is paid.
func (w *world) isPaid(inv checkout.Invoice) {
	w.Helper()
	if s := w.status(inv); s != checkout.InvoicePaid {
		w.Errorf("%s is %s", inv.ID, s)
	}
}
