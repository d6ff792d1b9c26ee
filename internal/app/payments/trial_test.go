package payments_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/gateways"
)

// road is a vendor to whom there is a way; it ends at some hosts.
type road struct {
	*vendor
	walked []string
	ends   map[string]string // by host: the stage
}

// Reach notes where somebody went.
func (r *road) Reach(_ context.Context, address string) gateways.Reached {
	r.walked = append(r.walked, address)
	u, err := url.Parse(address)
	if err != nil {
		return gateways.Reached{Stage: "dns"}
	}
	return gateways.Reached{Host: u.Hostname(), Stage: r.ends[u.Hostname()], Secure: true}
}

// An account is tried up to a token for the least amount and no further, and what stops it is named.
func TestTryAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		way := map[string]*road{"gardeshpay": {vendor: w.card, ends: map[string]string{}}, "ghesta": {vendor: w.ins, ends: map[string]string{}}}
		live := map[string]gateways.Gateway{"gardeshpay": way["gardeshpay"], "ghesta": way["ghesta"]}
		w.Engine = w.rewired(func(o *payments.Options) { o.Live, o.Test = live, live })
		before := w.story()
		w.set("ghesta", map[string]string{"amount_unit": "toman", "min_amount": "1200000", "max_amount": "9000000"})
		for name, addresses := range map[string][]string{
			"gardeshpay": {"https://ipg.gardeshpay.ir/provider/payment/getToken", "https://ipg.gardeshpay.com/provider/payment/verify"},
			"ghesta":     {"https://api.payping.ir/v2/pay"}, // both of its addresses are on one host
		} {
			got, err := w.TryAccount(t.Context(), w.scope, name)
			if err != nil || !got.OK() || !got.Asked || got.Inside || got.Code != "" || got.Trouble || got.Gateway != name || got.Took <= 0 || len(got.Reached) != len(addresses) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
			if !slices.Equal(way[name].walked, addresses) {
				t.Errorf("%s: walked %v", name, way[name].walked)
			}
		}
		card, ins := w.card.starts[0], w.ins.starts[0]
		if card.WireAmount != 10_000 || ins.WireAmount != 120_000 || card.OurNumber == "" || ins.OurNumber == "" || card.OurNumber == ins.OurNumber || !card.At.Equal(w.clock.now()) {
			t.Errorf("asked for %+v and %+v", card, ins)
		}
		for name, r := range map[string]gateways.StartRequest{"gardeshpay": card, "ghesta": ins} {
			token, ours := strings.CutPrefix(r.Callback, "https://pay.example/cb/"+name+"/")
			if !ours || !testBox().CheckToken("callback/"+name, token) || r.PayerName != "Dargah" || r.Mobile != "09120000000" || r.Description != "connection test" || r.Email != "" {
				t.Errorf("%s: asked with %+v", name, r)
			}
		}
		// Each thing that stops it.
		for name, c := range map[string]struct {
			err     error
			code    string
			trouble bool
		}{
			"refused":                {&gateways.StartError{Code: "17"}, "17", false},
			"refused without a code": {&gateways.StartError{Message: "no"}, "unknown", false},
			"in trouble":             {&gateways.StartError{Code: "http_500", Trouble: true}, "http_500", true},
			"something else":         {errors.New("reset"), "unknown", true},
		} {
			w.card.startErr = c.err
			got, err := w.TryAccount(t.Context(), w.scope, "gardeshpay")
			if err != nil || got.OK() || !got.Asked || got.Code != c.code || got.Trouble != c.trouble {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		w.card.startErr = nil
		asked := len(w.card.starts)
		way["gardeshpay"].ends["ipg.gardeshpay.ir"] = "tls"
		got, err := w.TryAccount(t.Context(), w.scope, "gardeshpay")
		if err != nil || got.OK() || got.Asked || len(got.Reached) != 2 || got.Reached[0].Stage != "tls" || got.Reached[1].Stage != "" || len(w.card.starts) != asked {
			t.Errorf("a host that cannot be reached: %+v, %v", got, err)
		}
		w.set("ghesta", map[string]string{"min_amount": "1000005"})
		asked = len(w.ins.starts)
		if got, err = w.TryAccount(t.Context(), w.scope, "ghesta"); err != nil || got.OK() || got.Asked || got.Code != "unit" || len(w.ins.starts) != asked {
			t.Errorf("no whole toman: %+v, %v", got, err)
		}
		// In test mode nobody goes anywhere, and nothing need be set up.
		shop := w.shop(3, true)
		if got, err = w.TryAccount(t.Context(), payments.Scope{MerchantID: shop.MerchantID}, "gardeshpay"); err != nil || !got.OK() || !got.Inside || len(got.Reached) != 0 {
			t.Errorf("in test mode: %+v, %v", got, err)
		}
		if _, err = w.TryAccount(t.Context(), shop, "ghesta"); keyOf(err) != "error.account_unset" || checkout.KindOf(err) != checkout.Conflict {
			t.Errorf("not set up: %v", err)
		}
		if _, err = w.TryAccount(t.Context(), w.scope, "bitpay"); checkout.KindOf(err) != checkout.NotFound {
			t.Errorf("no gateway of ours: %v", err)
		}
		if after := w.story(); after != before {
			t.Errorf("trying changed\n%s\nto\n%s", before, after)
		}
		for _, name := range payments.GatewayNames() { // as many troubles would have opened it
			if p, err := w.Page(t.Context(), inv.Token); err != nil || !slices.ContainsFunc(p.Methods, func(m payments.Method) bool { return m.Gateway == name && m.Why != "trouble" }) {
				t.Errorf("%s: %+v, %v", name, p.Methods, err)
			}
		}
	})
}

// A trial is good where everything was reached, the vendor was asked and said yes; nothing less.
func TestTrial_OK(t *testing.T) {
	way, wall := gateways.Reached{Host: "a.example", Secure: true}, gateways.Reached{Host: "b.example", Stage: "connect"}
	for name, tt := range map[string]struct {
		trial payments.Trial
		want  bool
	}{
		"all of it":       {payments.Trial{Reached: []gateways.Reached{way, way}, Asked: true}, true},
		"without a way":   {payments.Trial{Asked: true}, true},
		"not asked":       {payments.Trial{Reached: []gateways.Reached{way}}, false},
		"refused":         {payments.Trial{Reached: []gateways.Reached{way}, Asked: true, Code: "17"}, false},
		"one not reached": {payments.Trial{Reached: []gateways.Reached{way, wall}, Asked: true}, false},
		"the first not":   {payments.Trial{Reached: []gateways.Reached{wall, way}, Asked: true}, false},
		"nothing":         {payments.Trial{}, false},
	} {
		if got := tt.trial.OK(); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A way may be walked only where there is one: a gateway that cannot be reached so is asked at once.
func TestTryAccount_WithoutAWay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if got, err := w.TryAccount(t.Context(), w.scope, "gardeshpay"); err != nil || !got.OK() || len(got.Reached) != 0 || len(w.card.starts) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// The doctor asks about a payment that no gateway can have made, so nothing is captured by asking.
func TestProbe(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.ins.say("1", gateways.Answer{Outcome: gateways.Canceled, Sent: true, Status: 400})
		w.card.say("checkout-doctor", refusal("3", false, true))
		for name, want := range map[string]payments.Probed{
			"gardeshpay": {Set: true, Enabled: true, Unit: "rial", Servers: []string{"https://ipg.gardeshpay.ir", "https://ipg.gardeshpay.com"}, Asked: refusal("3", false, true)},
			"ghesta":     {Set: true, Enabled: true, Unit: "rial", Servers: []string{"https://api.payping.ir"}, Asked: gateways.Answer{Outcome: gateways.Canceled, Sent: true, Status: 400}},
		} {
			got, err := w.Probe(ctx, w.scope, name)
			if err != nil || !got.Set || !got.Enabled || got.Unit != want.Unit || !slices.Equal(got.Servers, want.Servers) || got.Asked.Outcome != want.Asked.Outcome || got.Asked.Code != want.Asked.Code || got.Paid {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		if r := w.card.verifies[0]; r.Reference != "checkout-doctor" || r.OurNumber != "checkout-doctor" || r.WireAmount != 10_000 || r.VerifyURL != "https://ipg.gardeshpay.com/provider/payment/verify" {
			t.Errorf("asked %+v", r)
		}
		if r := w.ins.verifies[0]; r.Reference != "1" || r.WireAmount != 1_000_000 || r.VerifyURL != "https://api.payping.ir/v2/pay/verify" {
			t.Errorf("asked %+v", r)
		}
		// One gateway's payment proves nothing of the other's settings, and an old one no more.
		paidAt := w.clock.now()
		w.mustBack(w.start(w.invoice(1_500_000), "ghesta"), "8801")
		w.ins.say("8802", refusal("44", false, true))
		w.mustBack(w.start(w.invoice(1_500_000), "ghesta"), "8802")
		w.mustBack(w.canceled("ghesta", 1)[0], "8803")
		w.card.say("8804", refusal("3", false, true)) // nor does a payment that was refused
		w.mustBack(w.start(w.invoice(1_500_000), "gardeshpay"), "8804")
		w.work()
		for name, want := range map[string]bool{"ghesta": true, "gardeshpay": false} {
			if got, err := w.Probe(ctx, w.scope, name); err != nil || got.Paid != want {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		for after, want := range map[time.Duration]bool{-time.Hour: true, time.Hour: false} {
			w.clock.at = paidAt.AddDate(0, 1, 0).Add(after)
			if got, err := w.Probe(ctx, w.scope, "ghesta"); err != nil || got.Paid != want {
				t.Errorf("a month and %s later: %+v, %v", after, got, err)
			}
		}
		// Toman, off, an odd limit: still asked.
		w.set("ghesta", map[string]string{"amount_unit": "toman", "enabled": "false", "min_amount": "1000005"})
		got, err := w.Probe(ctx, w.scope, "ghesta")
		if last := w.ins.verifies[len(w.ins.verifies)-1]; err != nil || got.Enabled || !got.Set || got.Unit != "toman" || last.WireAmount != 100_000 {
			t.Errorf("%+v, %v; asked %+v", got, err, last)
		}
		asked := w.card.asked() + w.ins.asked()
		if got, err := w.Probe(ctx, w.shop(3, true), "ghesta"); err != nil || got.Set || got.Unit != "" || w.card.asked()+w.ins.asked() != asked {
			t.Errorf("not set up: %+v, %v", got, err)
		}
		if _, err := w.Probe(ctx, w.scope, "bitpay"); checkout.KindOf(err) != checkout.NotFound {
			t.Errorf("no gateway of ours: %v", err)
		}
	})
}
