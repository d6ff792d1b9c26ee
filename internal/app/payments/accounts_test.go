package payments_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// shop is another merchant, in one mode.
func (w *world) shop(n int, live bool) payments.Scope {
	w.Helper()
	sc := payments.Scope{MerchantID: fmt.Sprintf("mer_%025d", n), Live: live}
	err := w.db.Update(w.Context(), func(tx *db.Tx) error {
		if _, err := tx.Merchant(sc.MerchantID); err == nil {
			return nil
		}
		return tx.InsertMerchant(&checkout.Merchant{ID: sc.MerchantID, Slug: fmt.Sprint("shop", n), Name: "Shop", Locale: "fa", CreatedAt: tx.Now()})
	})
	if err != nil {
		w.Fatal(err)
	}
	return sc
}

func (w *world) invoiceOf(sc payments.Scope, amount int64, change ...func(*payments.NewInvoice)) checkout.Invoice {
	w.Helper()
	was := w.scope
	defer func() { w.scope = was }()
	w.scope = sc
	return w.invoice(amount, change...)
}

func (w *world) setOf(sc payments.Scope, gateway string, values map[string]string) {
	w.Helper()
	if err := w.SetAccount(w.Context(), sc, gateway, values, checkout.Actor{}); err != nil {
		w.Fatal(err)
	}
}

// rewired is the same house with some options changed.
func (w *world) rewired(change func(*payments.Options)) *payments.Engine {
	both := map[string]gateways.Gateway{"gardeshpay": w.card, "ghesta": w.ins}
	o := payments.Options{
		DB: w.db, Box: testBox(), BaseURL: "https://pay.example", Live: both, Test: both,
		Breaker: &gateways.Breaker{Now: w.clock.now}, AttemptTTL: 30 * time.Minute, Now: w.clock.now, Random: rand.Reader,
		Log: slog.New(slog.DiscardHandler), Spawn: w.engine().Spawn,
	}
	change(&o)
	return payments.New(o)
}

// TestMethods: what a customer is offered, and why not.
func TestMethods(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			gateway  string
			settings map[string]string
			amount   int64
			want     payments.Method
		}{
			{"gardeshpay", nil, 10_000, payments.Method{Available: true, Host: "ipg.gardeshpay.ir"}},
			{"gardeshpay", nil, 9_999, payments.Method{Why: "low", Limit: 10_000, Host: "ipg.gardeshpay.ir"}},
			{"gardeshpay", nil, 2_000_000_000, payments.Method{Available: true, Host: "ipg.gardeshpay.ir"}},
			{"gardeshpay", nil, 2_000_000_001, payments.Method{Why: "high", Limit: 2_000_000_000, Host: "ipg.gardeshpay.ir"}},
			{"ghesta", nil, 1_000_000, payments.Method{Available: true, Host: "payping.ir"}},
			{"ghesta", nil, 999_999, payments.Method{Why: "low", Limit: 1_000_000, Host: "payping.ir"}},
			{"ghesta", nil, 500_000_000, payments.Method{Available: true, Host: "payping.ir"}},
			{"ghesta", nil, 500_000_001, payments.Method{Why: "high", Limit: 500_000_000, Host: "payping.ir"}},
			{"ghesta", map[string]string{"installment_url": "https://pay.example.ir/i?code={code}"}, 1_000_000, payments.Method{Available: true, Host: "pay.example.ir"}},
			{"gardeshpay", map[string]string{"amount_unit": "toman"}, 1_500_000, payments.Method{Available: true, Host: "ipg.gardeshpay.ir"}},
			{"gardeshpay", map[string]string{"amount_unit": "toman"}, 1_500_005, payments.Method{Why: "unit", Host: "ipg.gardeshpay.ir"}},
			{"gardeshpay", map[string]string{"enabled": "false"}, 1_500_000, payments.Method{Why: "off", Host: "ipg.gardeshpay.ir"}},
			{"gardeshpay", map[string]string{"enabled": "false"}, 9, payments.Method{Why: "off", Host: "ipg.gardeshpay.ir"}},
		} {
			w.setOf(w.scope, c.gateway, c.settings)
			inv := w.invoice(c.amount, func(in *payments.NewInvoice) { in.Gateways = []string{c.gateway} })
			p, err := w.Page(t.Context(), inv.Token)
			c.want.Gateway = c.gateway
			if err != nil || len(p.Methods) != 1 || p.Methods[0] != c.want {
				t.Errorf("%d by %s with %v: %+v, %v; want %+v", c.amount, c.gateway, c.settings, p.Methods, err, c.want)
			}
			err = w.choose(inv, c.gateway)
			if c.want.Available != (err == nil) || !c.want.Available && !slices.Equal(fieldsOf(err), []checkout.FieldError{{Field: "gateway", Code: "gateway_" + c.want.Why}}) {
				t.Errorf("%d by %s with %v: chosen, %v", c.amount, c.gateway, c.settings, err)
			}
		}
		for _, who := range []checkout.Customer{{}, {Name: "Sara"}, {Mobile: "09121234567"}, {Name: "Sara", Mobile: "09121234567"}} {
			inv := w.invoice(1_500_000, func(in *payments.NewInvoice) { in.Customer = who })
			if m := w.method(inv, "ghesta"); m.NeedsName != (who.Name == "") || m.NeedsMobile != (who.Mobile == "") {
				t.Errorf("of %+v an instalment needs %+v", who, m)
			}
			if m := w.method(inv, "gardeshpay"); m.NeedsName || m.NeedsMobile {
				t.Errorf("of %+v a card payment needs %+v", who, m)
			}
		}
	})
}

func fieldsOf(err error) []checkout.FieldError {
	if e, ok := errors.AsType[*checkout.Error](err); ok {
		return e.Fields
	}
	return nil
}

// TestMethods_EachShopItsOwn: a live gateway that nobody set up is off, a test one needs no setting up;
// trouble of one shop, gateway or mode is no other's.
func TestMethods_EachShopItsOwn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		mine, other := w.shop(1, true), w.shop(2, true)
		mineTest := payments.Scope{MerchantID: mine.MerchantID}
		if m := w.method(w.invoiceOf(mine, 1_500_000), "gardeshpay"); m.Available || m.Why != "off" {
			t.Errorf("a live gateway that nobody set up: %+v", m)
		}
		for _, sc := range []payments.Scope{mine, other} {
			w.setOf(sc, "gardeshpay", nil)
			w.setOf(sc, "ghesta", map[string]string{"token": "t"})
		}
		w.fell(w.invoiceOf(mine, 1_500_000), "gardeshpay", w.card)
		for _, c := range []struct {
			sc      payments.Scope
			gateway string
		}{{mine, "ghesta"}, {mineTest, "gardeshpay"}, {mineTest, "ghesta"}, {other, "gardeshpay"}, {other, "ghesta"}} {
			if m := w.method(w.invoiceOf(c.sc, 1_500_000), c.gateway); !m.Available {
				t.Errorf("%s of %+v suffers from another's trouble: %+v", c.gateway, c.sc, m)
			}
		}
	})
}

// TestSetAccount: who may set what, and what is kept of it.
func TestSetAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		test := payments.Scope{MerchantID: w.scope.MerchantID}
		for _, c := range []struct {
			sc          payments.Scope
			gateway     string
			values      map[string]string
			field, says string // "" when it may be set
		}{
			{test, "gardeshpay", map[string]string{"min_amount": "20000"}, "", ""},
			{test, "gardeshpay", map[string]string{"max_amount": "30000"}, "", ""},
			{test, "gardeshpay", map[string]string{"amount_unit": "toman"}, "", ""},
			{test, "gardeshpay", map[string]string{"verify_window": "2m"}, "", ""},
			{test, "gardeshpay", map[string]string{"enabled": "false"}, "", ""},
			{test, "gardeshpay", map[string]string{"verify_url": "https://a.example/"}, "verify_url", "one of min_amount, max_amount, amount_unit, verify_window, enabled"},
			{test, "gardeshpay", map[string]string{"enabled": "true", "provider_token": "x"}, "provider_token", "one of min_amount"},
			{w.scope, "gardeshpay", map[string]string{"verify_url": "https://a.example/"}, "", ""},
			{w.scope, "gardeshpay", map[string]string{"": "x"}, "", "one of token_url, verify_url, provider_token, redirect_hosts, amount_unit, verify_window, min_amount, max_amount, enabled"},
			{w.scope, "gardeshpay", map[string]string{"Enabled": "true"}, "Enabled", "one of token_url"},
			{w.scope, "gardeshpay", map[string]string{"enabled": "maybe"}, "enabled", "true or false"},
			{w.scope, "ghesta", map[string]string{"token": ""}, "token", "without it this gateway takes no payment"},
			{w.scope, "bitpay", nil, "gateway", ""},
		} {
			err := w.SetAccount(t.Context(), c.sc, c.gateway, c.values, checkout.Actor{})
			if c.field == "" && c.says == "" {
				if err != nil {
					t.Errorf("%s %v: %v", c.gateway, c.values, err)
				}
				continue
			}
			code := "wrong_setting"
			if c.field == "gateway" {
				code = "unknown_gateway"
			}
			if !errors.Is(err, checkout.Invalid) || !slices.Equal(fieldsOf(err), []checkout.FieldError{{Field: c.field, Code: code}}) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s %v: %v %v, want %s %q", c.gateway, c.values, err, fieldsOf(err), c.field, c.says)
			}
		}
		w.setOf(w.scope, "ghesta", map[string]string{"token": "s3cret-1", "verify_window": "10m"})
		w.setOf(w.scope, "ghesta", map[string]string{"min_amount": "2000000"})
		row := w.account(w.scope, "ghesta")
		if want := map[string]string{"verify_window": "10m", "min_amount": "2000000"}; !maps.Equal(row.Settings, want) {
			t.Errorf("kept in the clear: %v, want %v", row.Settings, want)
		}
		open, err := testBox().Open(row.Sealed["token"], "gateway_accounts/"+row.ID+"/token")
		if err != nil || string(open) != "s3cret-1" || len(row.Sealed) != 1 || strings.Contains(row.Sealed["token"], "s3cret") {
			t.Errorf("kept sealed: %v; opens to %q, %v", row.Sealed, open, err)
		}
		if row.Live != true || row.Gateway != "ghesta" || row.UpdatedAt.IsZero() || w.account(test, "gardeshpay").Live {
			t.Errorf("%+v", row)
		}
	})
}

// TestSetAccount_WhatTheLogSays: of a secret that it was set, of anything else from what to what; of what
// stays as it was nothing. Owners hear of a live account's changes only.
func TestSetAccount_WhatTheLogSays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.Engine = w.rewired(func(o *payments.Options) { o.TestSettings = map[string]gateways.Settings{"ghesta": {"token": "sim"}} })
		live, test := w.shop(1, true), w.shop(1, false)
		w.scope = live
		owner := w.user()
		if err := w.db.Update(t.Context(), func(tx *db.Tx) error {
			return tx.InsertMembership(checkout.Membership{UserID: owner, MerchantID: live.MerchantID, Role: "owner"})
		}); err != nil {
			t.Fatal(err)
		}
		alarms := func() (n int) {
			err := w.db.View(t.Context(), func(tx *db.Tx) error {
				list, err := tx.Letters(db.LetterQuery{MerchantID: live.MerchantID, Live: true, Limit: 100})
				for _, l := range list {
					if l.Facts.What == "gateway_changed" {
						n++
					}
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		by := checkout.Actor{Kind: "user", ID: "usr_7"}
		const hidden = checkout.Hidden
		for _, c := range []struct {
			sc      payments.Scope
			gateway string
			values  map[string]string
			want    []checkout.Change
		}{
			{live, "ghesta", map[string]string{"token": "one"}, []checkout.Change{{Field: "token", After: hidden}}},
			{live, "ghesta", map[string]string{"token": "one"}, nil},
			{live, "ghesta", map[string]string{"token": "two", "verify_window": "10m"}, []checkout.Change{{Field: "token", Before: hidden, After: hidden}, {Field: "verify_window", Before: "15m", After: "10m"}}},
			{live, "ghesta", map[string]string{"token": "two", "min_amount": "2000000"}, []checkout.Change{{Field: "min_amount", Before: "1000000", After: "2000000"}}},
			{live, "ghesta", map[string]string{"verify_window": "10m"}, nil},
			{live, "ghesta", nil, nil},
			{live, "gardeshpay", map[string]string{"enabled": "false"}, []checkout.Change{{Field: "enabled", Before: "true", After: "false"}}},
			{live, "gardeshpay", map[string]string{"provider_token": "three", "enabled": "true"}, []checkout.Change{{Field: "provider_token", After: hidden}, {Field: "enabled", Before: "false", After: "true"}}},
			{test, "ghesta", map[string]string{"amount_unit": "toman"}, []checkout.Change{{Field: "amount_unit", Before: "rial", After: "toman"}}},
		} {
			before, told := w.deeds(checkout.AreaGateway), alarms()
			if err := w.SetAccount(t.Context(), c.sc, c.gateway, c.values, by); err != nil {
				t.Fatal(err)
			}
			now := w.deeds(checkout.AreaGateway)
			if len(now)-len(before) != min(1, len(c.want)) {
				t.Errorf("%s %v: %d deeds more", c.gateway, c.values, len(now)-len(before))
				continue
			}
			if len(c.want) == 0 {
				continue
			}
			i := slices.IndexFunc(now, func(d checkout.Deed) bool {
				return !slices.ContainsFunc(before, func(old checkout.Deed) bool { return old.ID == d.ID })
			})
			d := now[i]
			slices.SortFunc(d.Changes, func(a, b checkout.Change) int { return strings.Compare(a.Field, b.Field) })
			slices.SortFunc(c.want, func(a, b checkout.Change) int { return strings.Compare(a.Field, b.Field) })
			if !slices.Equal(d.Changes, c.want) {
				t.Errorf("%s %v: changed %+v, want %+v", c.gateway, c.values, d.Changes, c.want)
			}
			if n := alarms() - told; (n > 0) != c.sc.Live {
				t.Errorf("%s %v: %d owners were told", c.gateway, c.values, n)
			}
			if d.Kind != "gateway.changed" || d.By.ID != by.ID || d.Object != w.account(c.sc, c.gateway).ID || d.Name != c.gateway || d.MerchantID != live.MerchantID || d.Live != c.sc.Live || !strings.HasPrefix(d.ID, checkout.PrefixDeed) {
				t.Errorf("%s %v: %+v", c.gateway, c.values, d)
			}
		}
	})
}

func (w *world) account(sc payments.Scope, gateway string) *checkout.GatewayAccount {
	w.Helper()
	var row *checkout.GatewayAccount
	err := w.db.View(w.Context(), func(tx *db.Tx) (err error) {
		row, err = tx.GatewayAccount(sc.MerchantID, sc.Live, gateway)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return row
}

// TestAccount_TodaysCredentialsAndTheAttemptsOwnTerms: an attempt is verified with what the account
// says today about who we are, and with what it said at the start about where and how much; also when
// it is switched off.
func TestAccount_TodaysCredentialsAndTheAttemptsOwnTerms(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var told []gateways.Settings
		heard := func(s gateways.Settings) { told = append(told, maps.Clone(s)) }
		w.Engine = w.rewired(func(o *payments.Options) {
			o.Live = map[string]gateways.Gateway{"gardeshpay": w.card, "ghesta": listener{w.ins, heard}}
		})
		w.setOf(w.scope, "ghesta", map[string]string{"token": "old", "amount_unit": "toman", "verify_url": "https://old.example/v"})
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		w.setOf(w.scope, "ghesta", map[string]string{"token": "new", "amount_unit": "rial", "verify_url": "https://new.example/v", "enabled": "false"})
		w.mustBack(a, "2222")
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		if len(told) != 2 || told[0]["token"] != "old" || told[1]["token"] != "new" {
			t.Fatalf("credentials %v", told)
		}
		if v := w.ins.verifies[0]; v.WireAmount != 150_000 || v.VerifyURL != "https://old.example/v" || v.OurNumber != a.OurNumber || v.Reference != "2222" {
			t.Errorf("asked %+v", v)
		}
		if s := w.ins.starts[0]; s.WireAmount != 150_000 {
			t.Errorf("started with %d", s.WireAmount)
		}
	})
}

// listener hears with which settings a gateway is called.
type listener struct {
	*vendor
	heard func(gateways.Settings)
}

func (l listener) Start(ctx context.Context, s gateways.Settings, r gateways.StartRequest) (gateways.Started, error) {
	l.heard(s)
	return l.vendor.Start(ctx, s, r)
}

func (l listener) Verify(ctx context.Context, s gateways.Settings, r gateways.VerifyRequest) gateways.Answer {
	l.heard(s)
	return l.vendor.Verify(ctx, s, r)
}

// TestAccount_TestModeStaysInTheHouse: the simulator's addresses win over whatever a row says, live
// and test never meet, and the simulator is told the unit that the shop chose.
func TestAccount_TestModeStaysInTheHouse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sim := newVendor(w.ins.Gateway)
		w.Engine = w.rewired(func(o *payments.Options) {
			o.Test = map[string]gateways.Gateway{"gardeshpay": w.card, "ghesta": sim}
			o.TestSettings = map[string]gateways.Settings{"ghesta": {"token": "sim-{amount_unit}", "verify_url": "https://sim.example/{amount_unit}/v"}}
		})
		test := payments.Scope{MerchantID: w.scope.MerchantID}
		w.setOf(test, "ghesta", map[string]string{"amount_unit": "toman"})
		inv := w.invoiceOf(test, 1_500_000)
		a := w.start(inv, "ghesta")
		if a.VerifyURL != "https://sim.example/toman/v" || a.WireAmount != 150_000 || a.Unit != "toman" || a.Live {
			t.Errorf("attempt %+v", a)
		}
		w.mustBack(a, "2222")
		live := w.invoice(1_500_000)
		w.mustBack(w.start(live, "ghesta"), "2222") // the same number, of another world
		if sim.asked() != 1 || w.ins.asked() != 1 || len(sim.starts) != 1 || len(w.ins.starts) != 1 {
			t.Errorf("the simulator was asked %d times, the gateway %d", sim.asked(), w.ins.asked())
		}
		if w.status(live) != checkout.InvoicePaid || w.attempt(a).Status != checkout.AttemptPaid {
			t.Errorf("live is %s, the test attempt %s", w.status(live), w.attempt(a).Status)
		}
	})
}

// TestAccount_SecretIsMended: what could not be sent, since a secret did not open, is nothing that was not
// heard: when it opens again, a 15 in answer to the first call is somebody else's capture.
func TestAccount_SecretIsMended(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		stranger, err := seal.New(seal.NewKey())
		if err != nil {
			t.Fatal(err)
		}
		row := w.account(w.scope, "ghesta")
		secret := func(sealed string) {
			t.Helper()
			row.Sealed["token"] = sealed
			if err := w.db.Update(t.Context(), func(tx *db.Tx) error { return tx.SaveGatewayAccount(row) }); err != nil {
				t.Fatal(err)
			}
		}
		good := row.Sealed["token"]
		secret(stranger.Seal([]byte("t"), "gateway_accounts/"+row.ID+"/token"))
		w.ins.say("2222", already())
		w.mustBack(a, "2222")
		w.spawned.Wait()
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		said := 0
		for _, e := range w.events(inv) {
			if e.Type == checkout.EventVerifyAnswered && strings.Contains(e.Data, "not sent: our own error") {
				said++
			}
		}
		if said == 0 || w.ins.asked() != 0 {
			t.Errorf("on record %d times: %v; asked %d times", said, w.types(inv), w.ins.asked())
		}
		secret(good)
		w.pass(time.Minute)
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if n := w.ins.asked(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestAccount_SecretOfAnotherKey: a secret that no key opens shuts its method and no other; what is
// out already waits, unanswered, for a person.
func TestAccount_SecretOfAnotherKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "ghesta")
		stranger, err := seal.New(seal.NewKey())
		if err != nil {
			t.Fatal(err)
		}
		sealed := w.account(w.scope, "ghesta")
		sealed.Sealed["token"] = stranger.Seal([]byte("t"), "gateway_accounts/"+sealed.ID+"/token")
		err = w.db.Update(t.Context(), func(tx *db.Tx) error { return tx.SaveGatewayAccount(sealed) })
		if err != nil {
			t.Fatal(err)
		}
		other := w.invoice(1_500_000)
		p, err := w.Page(t.Context(), other.Token)
		if err != nil || len(p.Methods) != 2 || !p.Methods[0].Available || p.Methods[1] != (payments.Method{Gateway: "ghesta", Why: "off"}) {
			t.Errorf("methods %+v, %v", p.Methods, err)
		}
		if err := w.choose(other, "ghesta"); !slices.Equal(fieldsOf(err), []checkout.FieldError{{Field: "gateway", Code: "gateway_off"}}) || !strings.Contains(err.Error(), "cannot be opened") || !strings.Contains(err.Error(), "open token of "+sealed.ID) {
			t.Errorf("chosen: %v", err)
		}
		if err := w.choose(other, "gardeshpay"); err != nil {
			t.Errorf("the other gateway: %v", err)
		}
		w.mustBack(a, "2222")
		w.want(inv, checkout.InvoiceProcessing, a, checkout.AttemptVerifying)
		w.pass(16 * time.Minute)
		w.want(inv, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		if w.ins.asked() != 0 || w.attempt(a).Failure.Code != checkout.CodeUnknownOutcome {
			t.Errorf("asked %d times; %+v", w.ins.asked(), w.attempt(a).Failure)
		}
	})
}
