package simulator_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"dargah/internal/gateways/simulator"
)

// offeredOn reads the outcomes a page lists.
func offeredOn(w *world, path string) []string {
	w.t.Helper()
	var names []string
	for _, part := range strings.Split(w.want(w.do("GET", path, ""), 200).raw, `type="radio" name="outcome" value="`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		names = append(names, name)
	}
	if len(names) < 30 {
		w.t.Fatalf("%s offers only %v", path, names)
	}
	return names
}

// Every name on a page leads, posted alone, to the state and the way back that this table says.
func TestOutcomes_Card(t *testing.T) {
	w := newWorld(t, nil)
	w.gpVerify(w.paidCard(10_000, "paid")) // so that there is something to replay
	want := map[string]struct {
		state  simulator.State
		status int
	}{
		"paid": {simulator.StatePaid, 303}, "declined": {simulator.StateDeclined, 303}, "canceled": {simulator.StateCanceled, 303},
		"wrong_card": {simulator.StateDeclined, 303}, "insufficient_funds": {simulator.StateDeclined, 303},
		"close_tab": {simulator.StateCreated, 200}, "paid_close_tab": {simulator.StatePaid, 200}, "pay_after_expiry": {simulator.StateReturned, 303},
		"pay_twice": {simulator.StatePaid, 200}, "double_callback": {simulator.StatePaid, 200}, "delayed_callback": {simulator.StatePaid, 200},
		"forged_callback": {simulator.StateCreated, 303}, "replay_reference": {simulator.StateCreated, 303},
		"callback_repeated_field": {simulator.StatePaid, 303}, "canceled_without_reference": {simulator.StateCanceled, 303},
		"canceled_empty_reference": {simulator.StateCanceled, 303}, "callback_wrong_invoice": {simulator.StatePaid, 303},
	}
	for _, name := range offeredOn(w, "/provider/payment/redirect/"+w.card(10_000)) {
		expected, plain := want[name]
		if !plain {
			if !strings.HasPrefix(name, "verify_") {
				t.Errorf("%s is offered and not tested", name)
				continue
			}
			expected.state, expected.status = simulator.StatePaid, 303
		}
		delete(want, name)
		token := w.card(10_000)
		if r := w.atBank(token, name); r.status != expected.status || w.state(token) != expected.state {
			t.Errorf("%s: status %d, %s", name, r.status, w.state(token))
		}
	}
	if len(want) > 0 {
		t.Errorf("not offered: %v", want)
	}
}

func TestOutcomes_Ghesta(t *testing.T) {
	w := newWorld(t, nil)
	w.paidGhesta(1_000_000, "paid")
	refusals := []string{
		"foreign_failure", "foreign_failure_with_refid", "shop_doesnt_exist", "user_doesnt_exist", "mobile_nid_conflict",
		"sms_failed", "otp_burnt", "verification_failed", "credit_0", "amount_very_low",
	}
	for _, name := range offeredOn(w, "/installment/"+w.code(1_000_000)+"?type=ghesta") {
		code := w.code(1_000_000)
		r := w.atGhesta(code, name)
		got := w.state(code)
		switch {
		case slices.Contains(refusals, name):
			_, fields := w.handover(r)
			if got != simulator.StateDeclined || fields.Get("code") == code || fields.Get("clientrefid") == w.last().Number {
				t.Errorf("%s: %s, fields %v", name, got, fields)
			}
			if hasRefid := fields.Get("refid") != ""; hasRefid != (name == "foreign_failure_with_refid") {
				t.Errorf("%s: refid %q", name, fields.Get("refid"))
			}
		case name == "close_tab" || name == "paid_close_tab":
			if strings.Contains(r.raw, kindShop) || r.status != 200 {
				t.Errorf("%s shows a way back", name)
			}
		case name == "get_callback":
			u, err := url.Parse(w.want(r, 303).header.Get("Location"))
			if err != nil || u.Query().Get("code") != code || len(u.Query().Get("refid")) != 11 {
				t.Errorf("%s: to %s, %v", name, u, err)
			}
		default:
			if action, _ := w.handover(r); action != kindShop {
				t.Errorf("%s: form to %s", name, action)
			}
		}
	}
}

func TestOutcome_CanceledRefids(t *testing.T) {
	w := newWorld(t, nil)
	for outcome, want := range map[string]string{"canceled": "1", "canceled_empty_refid": "", "canceled_minus_one": "-1"} {
		code := w.code(1_000_000)
		_, fields := w.handover(w.atGhesta(code, outcome))
		if !fields.Has("refid") || fields.Get("refid") != want || fields.Get("code") != code || w.state(code) != simulator.StateCanceled {
			t.Errorf("%s: %v", outcome, fields)
		}
	}
	for outcome, want := range map[string]string{"canceled_without_reference": "?invoiceNumber=", "canceled_empty_reference": "?trackingNumber=&invoiceNumber="} {
		if at := w.want(w.atBank(w.card(10_000), outcome), 303).header.Get("Location"); !strings.HasPrefix(at, cardShop+want) {
			t.Errorf("%s: %s", outcome, at)
		}
	}
}

func TestOutcome_Callbacks(t *testing.T) {
	w := newWorld(t, nil)
	other := w.paidGhesta(1_000_000, "paid")
	fieldsOf := func(outcome string) (url.Values, string) {
		code := w.code(1_000_000)
		_, fields := w.handover(w.atGhesta(code, outcome))
		return fields, code
	}
	if f, _ := fieldsOf("replay_reference"); f.Get("refid") != other {
		t.Errorf("replayed %v; want %s", f, other)
	}
	if f, _ := fieldsOf("forged_callback"); len(f.Get("refid")) != 11 {
		t.Errorf("forged %v", f)
	} else {
		w.onlyCode(w.ppVerify(f.Get("refid"), 1_000_000), "44")
	}
	if f, code := fieldsOf("callback_foreign_code"); f.Get("code") == code || f.Get("clientrefid") != w.last().Number {
		t.Errorf("foreign code: %v", f)
	}
	if f, code := fieldsOf("callback_foreign_clientrefid"); f.Get("code") != code || f.Get("clientrefid") == w.last().Number {
		t.Errorf("foreign clientrefid: %v", f)
	}
	if f, _ := fieldsOf("callback_repeated_field"); len(f["refid"]) != 2 {
		t.Errorf("repeated: %v", f)
	}
	if f, code := fieldsOf("callback_pascal_keys"); f.Get("Code") != code || f.Get("RefId") == "" || f.Has("refid") {
		t.Errorf("PascalCase: %v", f)
	}
	if f, code := fieldsOf("v3_callback"); f.Get("status") != "1" {
		t.Errorf("v3: %v", f)
	} else {
		var data map[string]any
		if err := json.Unmarshal([]byte(strings.NewReplacer("&#34;", `"`).Replace(f.Get("data"))), &data); err != nil || data["paymentCode"] != code {
			t.Errorf("v3 data %v: %v", data, err)
		}
	}
	at := w.want(w.atBank(w.card(10_000), "callback_wrong_invoice"), 303).header.Get("Location")
	if !strings.HasSuffix(at, "invoiceNumber=X"+w.last().Number) {
		t.Errorf("wrong invoice: %s", at)
	}
}

func TestOutcome_TwoCallbacks(t *testing.T) {
	w := newWorld(t, nil)
	links := func(outcome string) []string {
		var list []string
		for _, part := range strings.Split(w.want(w.atBank(w.card(10_000), outcome), 200).raw, `class="button back" href="`)[1:] {
			link, _, _ := strings.Cut(part, `"`)
			list = append(list, strings.ReplaceAll(link, "&amp;", "&"))
		}
		return list
	}
	if l := links("double_callback"); len(l) != 2 || l[0] != l[1] {
		t.Errorf("double_callback: %v", l)
	}
	if l := links("delayed_callback"); len(l) != 1 {
		t.Errorf("delayed_callback: %v", l)
	}
	before := w.sim.Ledger().Buyer
	l := links("pay_twice")
	if len(l) != 2 || l[0] == l[1] || before-w.sim.Ledger().Buyer != 20_000 {
		t.Fatalf("pay_twice: %v, buyer %d", l, w.sim.Ledger().Buyer)
	}
	for i, link := range l {
		u, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		if r := w.gpVerify(u.Query().Get("trackingNumber")).json(t); r["success"] != true || r["verifiedBefore"] != false {
			t.Errorf("debit %d: %v", i, r)
		}
	}
	if shop := w.sim.Ledger().Shop; shop != 20_000 {
		t.Errorf("two verified debits give the shop %d", shop)
	}
}

func TestOutcome_NothingToReplay(t *testing.T) {
	w := newWorld(t, nil)
	token := w.card(10_000)
	w.want(w.atBank(token, "replay_reference"), 409)
	w.want(w.atBank(token, "no_such_outcome"), 422)
	w.want(w.atBank(token, "verify_settling_48"), 422) // PayPing's
	w.want(w.atBank(token, "start_503"), 422)
	w.want(w.form("/provider/payment/redirect/"+token), 422)
	if w.state(token) != simulator.StateCreated {
		t.Errorf("a refused choice changed the payment: %s", w.state(token))
	}
	w.want(w.atBank(token, "close_tab"), 200)
	w.want(w.atBank(token, "paid"), 303)
}
