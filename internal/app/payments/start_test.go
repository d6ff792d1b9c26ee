package payments_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// TestStart_CustomerLeavesMeanwhile: what the gateway says to a customer who has closed the tab is written
// down all the same.
func TestStart_CustomerLeavesMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, tt := range []struct {
			err  error
			want checkout.AttemptStatus
		}{
			{nil, checkout.AttemptRedirected},
			{&gateways.StartError{Trouble: true, Message: "time-out"}, checkout.AttemptFailed},
		} {
			inv := w.invoice(1_500_000)
			ctx, leave := context.WithCancel(t.Context())
			w.card.startErr, w.card.onStart = tt.err, leave
			to, err := w.Start(ctx, payments.StartInput{Token: inv.Token, Gateway: "gardeshpay"})
			if (err == nil) != (tt.err == nil) || (to == "") != (tt.err != nil) {
				t.Errorf("sent to %q, %v", to, err)
			}
			a := w.attempts(inv)[0]
			if a.Status != tt.want || (a.GatewayToken != "") != (tt.err == nil) {
				t.Errorf("the attempt is %s, its token %q", a.Status, a.GatewayToken)
			}
		}
	})
}

// TestStart_CallbackBeforeTheRefusal: the gateway says no to an attempt that came back paid already. The
// refusal came to nothing, and the books do not say that it failed.
func TestStart_CallbackBeforeTheRefusal(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		var a checkout.Attempt
		w.card.onStart = func() {
			a = w.attempts(inv)[0]
			w.mustBack(a, "8001")
		}
		w.card.startErr = &gateways.StartError{Code: "7", Message: "no"}
		if err := w.choose(inv, "gardeshpay"); !errors.Is(err, checkout.GatewayDown) {
			t.Errorf("the customer is told %v", err)
		}
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if types := w.types(inv); slices.Contains(types, "attempt.failed") {
			t.Errorf("events = %v", types)
		}
	})
}

// turnstile is a store that lets nobody go on before so many have stored something.
type turnstile struct {
	*db.DB
	left atomic.Int64
	open chan struct{}
}

func (s *turnstile) Update(ctx context.Context, fn func(*db.Tx) error) error {
	err := s.DB.Update(ctx, fn)
	switch left := s.left.Add(-1); {
	case left == 0:
		close(s.open)
	case left > 0:
		<-s.open
	}
	return err
}

// TestStart_OneProbe: of all customers who come to a gateway after its rest, one is sent to see whether
// it answers. The others were let in before he was out, and are kept back at its door.
func TestStart_OneProbe(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.fell(w.invoice(1_500_000), "gardeshpay", w.card)
		w.card.startErr = nil
		w.clock.add(31 * time.Second)
		const customers = 20
		answered := make(chan error, customers)
		gate := make(chan struct{})
		w.card.onStart = func() { <-gate }
		var invoices []checkout.Invoice
		for range customers {
			invoices = append(invoices, w.invoice(1_500_000))
		}
		stile := &turnstile{DB: w.db, open: make(chan struct{})}
		stile.left.Store(customers)
		o := w.Options
		o.DB = stile
		w.Engine = payments.New(o)
		var all sync.WaitGroup
		for _, inv := range invoices {
			all.Go(func() {
				to, err := w.Start(context.Background(), payments.StartInput{Token: inv.Token, Gateway: "gardeshpay"})
				if (to == "") != (err != nil) {
					t.Errorf("sent to %q, %v", to, err)
				}
				answered <- err
			})
		}
		for range customers - 1 { // all but the probe
			select {
			case err := <-answered:
				if err == nil {
					t.Error("a second customer was sent beside the probe")
				}
			case <-time.After(time.Minute):
				close(gate)
				t.Fatal("a second customer is at the gateway beside the probe")
			}
		}
		close(gate)
		all.Wait()
		if err := <-answered; err != nil {
			t.Errorf("the probe: %v", err)
		}
		if len(w.card.starts) != 6 {
			t.Errorf("asked %d times, want the five and the probe", len(w.card.starts))
		}
		for _, inv := range invoices {
			for _, a := range w.attempts(inv) {
				if f := a.Failure; f != nil && (f.Stage != checkout.StageCreate || f.Code != "trouble" || f.Message != "circuit open") {
					t.Errorf("who was kept back: %+v", f)
				}
			}
		}
	})
}

// TestStart_Ids: an attempt's id says what it is, as a link's address does.
func TestStart_Ids(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		if a := w.start(inv, "ghesta"); !strings.HasPrefix(a.ID, "att_") || len(a.ID) != len("att_")+checkout.IDDigits {
			t.Errorf("an attempt is %q", a.ID)
		}
		if got, want := w.PaymentURL(&inv), "https://pay.example/i/"+inv.Token; got != want {
			t.Errorf("the payment link is %q, want %q", got, want)
		}
	})
}

// TestStart_PayerAtTheEdges: a name of a hundred letters is one; blanks are no mobile.
func TestStart_PayerAtTheEdges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000, func(in *payments.NewInvoice) { in.Customer = checkout.Customer{} })
		name := strings.Repeat("س", 100)
		for mobile, want := range map[string]string{" \t ": "required", "": "required", "12": "bad_mobile"} {
			_, err := w.Start(t.Context(), payments.StartInput{Token: inv.Token, Gateway: "ghesta", PayerName: name, PayerMobile: mobile})
			if got := wrong(err); got != "payer_mobile="+want {
				t.Errorf("mobile %q: %s", mobile, got)
			}
		}
		if _, err := w.Start(t.Context(), payments.StartInput{Token: inv.Token, Gateway: "ghesta", PayerName: name, PayerMobile: "09121234567"}); err != nil {
			t.Fatal(err)
		}
		if a := w.attempts(inv)[0]; a.PayerName != name || a.PayerMobile != "09121234567" {
			t.Errorf("kept: %q, %q", a.PayerName, a.PayerMobile)
		}
	})
}

// TestStart_PayersName is cut to what is a name before it is looked at and kept.
func TestStart_PayersName(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000, func(in *payments.NewInvoice) { in.Customer = checkout.Customer{Mobile: "09121234567"} })
		in := payments.StartInput{Token: inv.Token, Gateway: "ghesta", PayerName: " \u00a0 \u200c \t"}
		_, err := w.Start(t.Context(), in)
		var e *checkout.Error
		if !errors.As(err, &e) || e.Kind != checkout.Invalid || len(e.Fields) != 1 || e.Fields[0] != (checkout.FieldError{Field: "payer_name", Code: "required"}) {
			t.Errorf("no name: %v", err)
		}
		in.PayerName = " \u00a0Sara\t Ahmadi \n"
		if _, err := w.Start(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if a := w.attempts(inv)[0]; a.PayerName != "Sara Ahmadi" {
			t.Errorf("kept as %q", a.PayerName)
		}
	})
}

func TestHostOf(t *testing.T) {
	for raw, want := range map[string]string{
		"https://bank.example/verify":        "bank.example",
		"https://BANK.Example./verify":       "bank.example",
		"https://bank.example:443/verify":    "bank.example",
		"http://bank.example:80/verify":      "bank.example",
		"https://bank.example:80/verify":     "bank.example:80",
		"http://bank.example:443/verify":     "bank.example:443",
		"http://bank.example:8080/verify":    "bank.example:8080",
		"https://bank.example:8443/verify":   "bank.example:8443",
		"https://[2001:DB8::1]/verify":       "2001:db8::1",
		"https://[2001:db8::1]:8443/verify":  "[2001:db8::1]:8443",
		"https://bank.example:8443:1/verify": "",
		"://":                                "",
		"":                                   "",
	} {
		if got := payments.HostOf(raw); got != want {
			t.Errorf("%s is %q, want %q", raw, got, want)
		}
	}
}

func TestNotFound(t *testing.T) {
	other := errors.New("the disk failed")
	for _, err := range []error{nil, other, checkout.Fail(checkout.Conflict, "error.not_payable"), checkout.Fail(checkout.NotFound, "error.other")} {
		if got := payments.NotFound(err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
	plain := errors.Join(checkout.NotFound, other)
	var e *checkout.Error
	if err := payments.NotFound(plain); !errors.As(err, &e) || e.Kind != checkout.NotFound || e.Key != "error.not_found" || !errors.Is(err, other) {
		t.Errorf("%v became %v", plain, err)
	}
}

// TestSweep_Rounds: a sweep goes on as long as there is a whole batch and something came of it. One row
// that fails keeps none of the others, and rows that all fail do not keep it for ever.
func TestSweep_Rounds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		bad := errors.New("it failed")
		for _, tt := range []struct {
			name  string
			finds []int // rows, look by look; then none
			fails func(id string) bool
			err   error
			looks int
			acts  int
		}{
			{"nothing is due", nil, nil, nil, 1, 0},
			{"a few", []int{3}, nil, nil, 1, 3},
			{"a few of which one fails", []int{3}, func(id string) bool { return id == "1" }, nil, 1, 3},
			{"more than one batch", []int{payments.SweepBatch, payments.SweepBatch, 1}, nil, nil, 3, 2*payments.SweepBatch + 1},
			{"just one batch", []int{payments.SweepBatch}, nil, nil, 2, payments.SweepBatch},
			{"nearly all of a batch fail", []int{payments.SweepBatch, 2}, func(id string) bool { return id != "7" }, nil, 2, payments.SweepBatch + 2},
			{"all of a batch fail", []int{payments.SweepBatch, payments.SweepBatch, payments.SweepBatch}, func(string) bool { return true }, nil, 1, payments.SweepBatch},
			{"the list cannot be read", []int{payments.SweepBatch}, nil, bad, 1, 0},
		} {
			looks, acts := 0, 0
			err := w.SweepOf(func(_ *db.Tx, limit int) ([]string, error) {
				if limit != payments.SweepBatch {
					t.Errorf("%s: asked for %d", tt.name, limit)
				}
				looks++
				if looks > 10 {
					t.Fatalf("%s: it never ends", tt.name)
				}
				if tt.err != nil {
					return nil, tt.err
				}
				if looks > len(tt.finds) {
					return nil, nil
				}
				ids := make([]string, tt.finds[looks-1])
				for i := range ids {
					ids[i] = string(rune('0' + i))
				}
				return ids, nil
			}, func(_ context.Context, id string) error {
				acts++
				if tt.fails != nil && tt.fails(id) {
					return bad
				}
				return nil
			})
			if !errors.Is(err, tt.err) || looks != tt.looks || acts != tt.acts {
				t.Errorf("%s: %d looks and %d acts (%v), want %d and %d", tt.name, looks, acts, err, tt.looks, tt.acts)
			}
		}
	})
}
