package payments_test

import (
	"errors"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/gateways"
)

// method is how the customer's page offers a gateway at this moment.
func (w *world) method(inv checkout.Invoice, gateway string) payments.Method {
	w.Helper()
	p, err := w.Page(w.Context(), inv.Token)
	if err != nil {
		w.Fatal(err)
	}
	for _, m := range p.Methods {
		if m.Gateway == gateway {
			return m
		}
	}
	w.Fatalf("%s is not among the methods %+v", gateway, p.Methods)
	return payments.Method{}
}

// choose is a customer who takes a gateway; the error is what he is told.
func (w *world) choose(inv checkout.Invoice, gateway string) error {
	_, err := w.Start(w.Context(), payments.StartInput{Token: inv.Token, Gateway: gateway})
	return err
}

// fell brings a gateway down: five customers in a row got no token.
func (w *world) fell(inv checkout.Invoice, gateway string, v *vendor) {
	w.Helper()
	v.startErr = &gateways.StartError{Trouble: true, Message: "time-out"}
	for range 5 {
		if err := w.choose(inv, gateway); !errors.Is(err, checkout.GatewayDown) {
			w.Fatalf("a start in trouble: %v", err)
		}
	}
	if m := w.method(inv, gateway); m.Available || m.Why != "trouble" || m.Since.IsZero() {
		w.Fatalf("after five troubles: %+v", m)
	}
	if err := w.choose(inv, gateway); !errors.Is(err, checkout.Invalid) || len(v.starts) != 5 {
		w.Fatalf("a resting gateway was asked %d times: %v", len(v.starts), err)
	}
}

// TestBreaker_ProbeAfterTheRestOpensTheGatewayAgain: a gateway that was down for a moment must come
// back by itself. One that is only refused behind a closed door never does, for no probe is made.
func TestBreaker_ProbeAfterTheRestOpensTheGatewayAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		w.fell(inv, "gardeshpay", w.card)
		w.card.startErr = nil
		w.clock.add(31 * time.Second)
		if m := w.method(inv, "gardeshpay"); !m.Available {
			t.Errorf("after the rest the gateway is not offered: %+v", m)
		}
		w.card.onStart = func() { // while the probe is out, the others are kept back
			w.card.onStart = nil
			if m := w.method(inv, "gardeshpay"); m.Available || m.Why != "trouble" {
				t.Errorf("offered beside the probe: %+v", m)
			}
			if err := w.choose(inv, "gardeshpay"); err == nil {
				t.Error("a second customer was sent beside the probe")
			}
		}
		a := w.start(inv, "gardeshpay")
		if len(w.card.starts) != 6 {
			t.Fatalf("asked %d times, want the five and the probe", len(w.card.starts))
		}
		if m := w.method(inv, "gardeshpay"); !m.Available {
			t.Errorf("the probe went well and the gateway is not offered: %+v", m)
		}
		w.start(w.invoice(1_500_000), "gardeshpay") // no further rest
		w.mustBack(a, "8001")
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
	})
}

// TestBreaker_ProbeInTroubleRestsOnce: a probe that fails begins another rest, after which the next
// customer probes.
func TestBreaker_ProbeInTroubleRestsOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		w.fell(inv, "ghesta", w.ins)
		for range 3 {
			w.clock.add(31 * time.Second)
			n := len(w.ins.starts)
			if err := w.choose(inv, "ghesta"); !errors.Is(err, checkout.GatewayDown) || len(w.ins.starts) != n+1 {
				t.Fatalf("the probe was not sent: %v", err)
			}
			if err := w.choose(inv, "ghesta"); !errors.Is(err, checkout.Invalid) || len(w.ins.starts) != n+1 {
				t.Fatalf("no rest after a probe in trouble: %v", err)
			}
		}
		w.ins.startErr = nil
		w.clock.add(31 * time.Second)
		w.start(inv, "ghesta")
	})
}
