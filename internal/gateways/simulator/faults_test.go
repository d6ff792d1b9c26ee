package simulator_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"dargah/internal/gateways/simulator"
)

// heard says what a caller makes of an answer.
type heard func(t *testing.T, r reply, amount int64)

func status(code int) heard {
	return func(t *testing.T, r reply, _ int64) {
		t.Helper()
		if r.err != nil || r.status != code {
			t.Errorf("status %d, error %v", r.status, r.err)
		}
	}
}

func nothing(t *testing.T, r reply, _ int64) {
	t.Helper()
	if r.err == nil {
		t.Errorf("an answer came: %d %q", r.status, r.raw)
	}
}

func noJSON(t *testing.T, r reply, _ int64) {
	t.Helper()
	if r.err != nil || r.status != 200 || json.Valid([]byte(r.raw)) {
		t.Errorf("%d %q, %v", r.status, r.raw, r.err)
	}
}

func fine(t *testing.T, r reply, _ int64) {
	t.Helper()
	if m := r.json(t); r.status != 200 || (m["success"] != nil && m["success"] != true) {
		t.Errorf("%d %v", r.status, m)
	}
}

// says looks at one member of a JSON answer.
func says(member string, want func(amount int64, got any) bool) heard {
	return func(t *testing.T, r reply, amount int64) {
		t.Helper()
		m := r.json(t)
		got := m[member]
		if place, nested := strings.CutPrefix(member, "data."); nested {
			got = m["data"].(map[string]any)[place]
		}
		if !want(amount, got) {
			t.Errorf("%s is %v in %v", member, got, m)
		}
	}
}

func number(of func(int64) string) func(int64, any) bool {
	return func(amount int64, got any) bool { return got == json.Number(of(amount)) }
}

func absent(_ int64, got any) bool { return got == nil }

func only(code string) heard {
	return func(t *testing.T, r reply, _ int64) {
		t.Helper()
		if m := r.json(t); r.status != 400 || len(m) != 1 || m[code] == nil {
			t.Errorf("%d %v", r.status, m)
		}
	}
}

func refusedBy(code int, errors string) heard {
	return func(t *testing.T, r reply, _ int64) {
		t.Helper()
		var m struct {
			Success bool            `json:"success"`
			Errors  json.RawMessage `json:"errors"`
		}
		if err := json.Unmarshal([]byte(r.raw), &m); err != nil || m.Success || r.status != code || !strings.HasPrefix(string(m.Errors), errors) {
			t.Errorf("%d %s", r.status, r.raw)
		}
	}
}

// spoiled is one fault: what the first and the second verify hear, and where the money is after each.
type spoiled struct {
	first         heard
	after         simulator.State
	second        heard
	atLast        simulator.State
	onlyGardesh   bool
	onlyPayPing   bool
	secondPayPing heard
}

const (
	held  = simulator.StatePaid
	taken = simulator.StateCaptured
	back  = simulator.StateReturned
)

func plus(n int64) func(int64) string {
	return func(a int64) string { b, _ := json.Marshal(a + n); return string(b) }
}

func tenfold(a int64) string { b, _ := json.Marshal(a * 10); return string(b) }

// repeated is what a healthy second verify says after a capture.
var repeatedCard, repeatedPayPing = says("verifiedBefore", func(_ int64, got any) bool { return got == true }), only("15")

func faultCases() map[string]spoiled {
	cases := map[string]spoiled{
		"verify_lost_answer": {first: nothing, after: taken, second: repeatedCard, secondPayPing: repeatedPayPing, atLast: taken}, "verify_reset_before": {first: nothing, after: held, second: fine, atLast: taken},
		"verify_timeout": {first: nothing, after: held, second: fine, atLast: taken}, "verify_timeout_captured": {first: nothing, after: taken, second: repeatedCard, secondPayPing: repeatedPayPing, atLast: taken},
		"verify_slow": {first: fine, after: taken, second: repeatedCard, secondPayPing: repeatedPayPing, atLast: taken},
		"verify_503":  {first: status(503), after: held, second: fine, atLast: taken}, "verify_503_captured": {first: status(503), after: taken, second: repeatedCard, secondPayPing: repeatedPayPing, atLast: taken},
		"verify_html_502": {first: status(502), after: held, second: fine, atLast: taken}, "verify_html_200": {first: noJSON, after: taken, second: repeatedCard, secondPayPing: repeatedPayPing, atLast: taken},
		"verify_empty_200": {first: noJSON, after: taken, second: repeatedCard, secondPayPing: repeatedPayPing, atLast: taken}, "verify_truncated": {first: noJSON, after: taken, second: repeatedCard, secondPayPing: repeatedPayPing, atLast: taken},
		"verify_wrong_content_type": {first: fine, after: taken, second: repeatedCard, secondPayPing: repeatedPayPing, atLast: taken},
		"verify_huge":               {first: func(t *testing.T, r reply, _ int64) { fine(t, r, 0); atLeast(t, len(r.raw), 4<<20) }, after: taken, second: repeatedCard, secondPayPing: repeatedPayPing, atLast: taken},
		"verify_redirect":           {first: status(302), after: held, second: fine, atLast: taken}, "verify_unauthorized_401": {first: status(401), after: held, second: fine, atLast: taken},
		"verify_forbidden_403": {first: status(403), after: held, second: fine, atLast: taken}, "verify_too_many_429": {first: status(429), after: held, second: fine, atLast: taken},
		"verify_wrong_amount":   {first: says("amount", number(plus(1000))), after: taken, second: says("amount", number(plus(1000))), secondPayPing: repeatedPayPing, atLast: taken},
		"verify_amount_x10":     {first: says("amount", number(tenfold)), after: taken, second: says("amount", number(tenfold)), secondPayPing: repeatedPayPing, atLast: taken},
		"verify_missing_amount": {first: says("amount", absent), after: taken, second: says("amount", absent), secondPayPing: repeatedPayPing, atLast: taken},
		"verify_amount_string":  {first: says("amount", func(a int64, got any) bool { return got == plus(0)(a) }), after: taken, second: repeatedCard, secondPayPing: repeatedPayPing, atLast: taken},
		"verify_amount_float":   {first: says("amount", number(func(a int64) string { return plus(0)(a) + ".00" })), after: taken, second: repeatedCard, secondPayPing: repeatedPayPing, atLast: taken},

		"verify_amount_nested":        {first: both(says("amount", absent), says("data.amount", number(plus(0)))), after: taken, second: says("data.verifiedBefore", func(_ int64, got any) bool { return got == true }), atLast: taken, onlyGardesh: true},
		"verify_amount_both":          {first: both(says("amount", number(plus(0))), says("data.amount", number(plus(0)))), after: taken, second: repeatedCard, atLast: taken, onlyGardesh: true},
		"verify_amount_contradictory": {first: both(says("amount", number(plus(0))), says("data.amount", number(tenfold))), after: taken, second: repeatedCard, atLast: taken, onlyGardesh: true},
		"verify_wrong_invoice":        {first: says("data.invoiceNumber", func(_ int64, got any) bool { return strings.HasPrefix(got.(string), "X") }), after: taken, second: repeatedCard, atLast: taken, onlyGardesh: true},
		"verify_missing_invoice":      {first: says("data.invoiceNumber", absent), after: taken, second: repeatedCard, atLast: taken, onlyGardesh: true},
		"verify_success_with_code":    {first: both(fine, says("code", func(_ int64, got any) bool { return got != nil })), after: taken, second: both(repeatedCard, says("code", absent)), atLast: taken, onlyGardesh: true},
		"verify_verified_before":      {first: repeatedCard, after: taken, second: repeatedCard, atLast: taken, onlyGardesh: true},
		"verify_numbers_for_text":     {first: says("data.refNumber", func(_ int64, got any) bool { _, number := got.(json.Number); return number }), after: taken, second: repeatedCard, atLast: taken, onlyGardesh: true},
		"verify_ip_not_allowed":       {first: refusedBy(403, "["), after: held, second: fine, atLast: taken, onlyGardesh: true},

		"verify_already_15":         {first: only("15"), after: taken, second: only("15"), atLast: taken, onlyPayPing: true},
		"verify_credit_conflict_39": {first: only("39"), after: back, second: only("39"), atLast: back, onlyPayPing: true},
		"verify_two_codes":          {first: both(status(400), says("12", present), says("15", present)), after: held, second: fine, atLast: taken, onlyPayPing: true},
		"verify_nested_400":         {first: both(status(400), says("status", present)), after: held, second: fine, atLast: taken, onlyPayPing: true},
		"verify_empty_400":          {first: status(400), after: held, second: fine, atLast: taken, onlyPayPing: true},
		"verify_no_card_fields":     {first: both(fine, says("cardNumber", absent), says("amount", number(plus(0)))), after: taken, second: only("15"), atLast: taken, onlyPayPing: true},
	}
	for _, code := range []string{"12", "25", "29", "49"} {
		cases["verify_code_"+code] = spoiled{first: only(code), after: held, second: fine, atLast: taken, onlyPayPing: true}
	}
	cases["verify_settling_48"] = spoiled{first: only("48"), after: held, second: fine, atLast: taken, onlyPayPing: true}
	cases["verify_code_unknown"] = spoiled{first: only("77"), after: held, second: fine, atLast: taken, onlyPayPing: true}
	for _, code := range []string{"7", "44", "46", "47"} {
		cases["verify_code_"+code] = spoiled{first: only(code), after: held, second: only(code), atLast: held, onlyPayPing: true}
	}
	for shape, begins := range map[string]string{"empty": "[]", "strings": `["`, "objects": "[{", "object": "{", "null": "null"} {
		for suffix, code := range map[string]int{"": 200, "_400": 400} {
			cases["verify_errors_"+shape+suffix] = spoiled{first: refusedBy(code, begins), after: held, second: refusedBy(code, begins), atLast: held, onlyGardesh: true}
		}
	}
	return cases
}

func present(_ int64, got any) bool { return got != nil }

func both(all ...heard) heard {
	return func(t *testing.T, r reply, amount int64) {
		t.Helper()
		for _, h := range all {
			h(t, r, amount)
		}
	}
}

func atLeast(t *testing.T, got, want int) {
	t.Helper()
	if got < want {
		t.Errorf("%d bytes; want %d or more", got, want)
	}
}

// Every verify fault that the control API lists is chosen on a page, met by two verifies, and compared with
// the table. A fault without a line in the table fails the test.
func TestFaults_Verify(t *testing.T) {
	w := newWorld(t, nil)
	cases := faultCases()
	for _, name := range faultNames(w, "verify") {
		c, known := cases[name]
		if name == "verify_refused_once_then_ok" {
			continue // speaks two languages; tested below
		}
		if !known {
			t.Errorf("%s has no line in the table", name)
			continue
		}
		delete(cases, name)
		if !c.onlyPayPing {
			t.Run(name+"/gardeshpay", func(t *testing.T) {
				token := w.card(10_000)
				tracking := w.tracking(w.atBank(token, name))
				c.first(t, w.gpVerify(tracking), 10_000)
				inState(t, w, token, c.after)
				c.second(t, w.gpVerify(tracking), 10_000)
				inState(t, w, token, c.atLast)
			})
		}
		if c.onlyGardesh {
			continue
		}
		second := c.second
		if c.secondPayPing != nil {
			second = c.secondPayPing
		}
		t.Run(name+"/payping", func(t *testing.T) {
			code := w.code(1_000_000)
			_, fields := w.handover(w.atGhesta(code, name))
			c.first(t, w.ppVerify(fields.Get("refid"), 1_000_000), 1_000_000)
			inState(t, w, code, c.after)
			second(t, w.ppVerify(fields.Get("refid"), 1_000_000), 1_000_000)
			inState(t, w, code, c.atLast)
		})
	}
	for name := range cases {
		t.Errorf("%s is in the table and not in the list", name)
	}
}

func inState(t *testing.T, w *world, token string, want simulator.State) {
	t.Helper()
	if got := w.state(token); got != want {
		t.Errorf("the money is %s; want %s", got, want)
	}
}

func faultNames(w *world, phase string) []string {
	w.t.Helper()
	var names []string
	for _, f := range w.want(w.do("GET", "/control/faults", ""), 200).json(w.t)["faults"].([]any) {
		line := f.(map[string]any)
		if line["for"] == phase {
			names = append(names, line["fault"].(string))
		}
	}
	return names
}

func TestFault_RefusedOnce(t *testing.T) {
	w := newWorld(t, nil)
	tracking := w.paidCard(10_000, "verify_refused_once_then_ok")
	refusedBy(200, "[")(t, w.gpVerify(tracking), 0)
	fine(t, w.gpVerify(tracking), 0)
	refid := w.paidGhesta(1_000_000, "verify_refused_once_then_ok")
	only("12")(t, w.ppVerify(refid, 1_000_000), 0)
	fine(t, w.ppVerify(refid, 1_000_000), 0)
}

func TestFault_TimesChosenOnThePage(t *testing.T) {
	w := newWorld(t, nil)
	token := w.card(10_000)
	tracking := w.tracking(w.form("/provider/payment/redirect/"+token, "outcome", "verify_503", "times", "3"))
	for range 3 {
		w.want(w.gpVerify(tracking), 503)
	}
	w.want(w.gpVerify(tracking), 200)
}

func TestSetFault_ForAll(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.sim.SetFault("no_such", 1); err == nil {
		t.Error("an unknown fault was taken")
	}
	if err := w.sim.SetFault("verify_503", 2); err != nil {
		t.Fatal(err)
	}
	tracking, refid := w.paidCard(10_000, "paid"), w.paidGhesta(1_000_000, "paid")
	w.want(w.gpVerify(tracking), 503)
	w.want(w.ppVerify(refid, 1_000_000), 503)
	w.want(w.gpVerify(tracking), 200)
	// A fault of one vendor waits for that vendor.
	if err := w.sim.SetFault("verify_settling_48", 1); err != nil {
		t.Fatal(err)
	}
	w.want(w.gpVerify(tracking), 200)
	w.onlyCode(w.ppVerify(refid, 1_000_000), "48")
	w.want(w.ppVerify(refid, 1_000_000), 200)
	if err := w.sim.SetFault("verify_503", -1); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		w.want(w.gpVerify("1"), 503)
	}
	w.sim.ClearFaults()
	w.want(w.gpVerify(tracking), 200)
}

func TestFaults_Start(t *testing.T) {
	w := newWorld(t, nil)
	pay := func() reply {
		return w.post("/v2/pay", map[string]any{"amount": 1_000_000, "returnUrl": kindShop}, "Authorization", "bearer shop")
	}
	get := func() reply {
		invoices++
		return w.post("/v1/provider/payment/getToken", gpRequest(10_000, "start"+string(rune('a'+invoices%26))+w.t.Name()+plus(0)(int64(invoices))))
	}
	type start struct {
		card, payping heard
		created       int
	}
	url := func(want func(string) bool) heard {
		return says("data.url", func(_ int64, got any) bool { return want(got.(string)) })
	}
	cases := map[string]start{
		"start_503": {status(503), status(503), 0}, "start_401": {status(401), status(401), 0}, "start_refused": {refusedBy(200, "["), only("27"), 0},
		"start_slow": {fine, fine, 1}, "start_timeout": {nothing, nothing, 0}, "start_reset": {nothing, nothing, 0}, "start_lost_answer": {nothing, nothing, 1},
		"start_html": {noJSON, noJSON, 0}, "start_truncated": {noJSON, noJSON, 1},
		"start_bad_url":      {url(func(u string) bool { return strings.Contains(u, "phishing.invalid") }), nil, 1},
		"start_script_url":   {url(func(u string) bool { return strings.HasPrefix(u, "javascript:") }), nil, 1},
		"start_url_slash":    {url(func(u string) bool { return strings.HasSuffix(u, "/redirect/") }), nil, 1},
		"start_number_token": {says("data.token", func(_ int64, got any) bool { n, is := got.(json.Number); return is && len(n) == 19 }), nil, 1},
		"start_bad_token":    {says("data.token", func(_ int64, got any) bool { return strings.Contains(got.(string), "/") }), says("code", func(_ int64, got any) bool { return strings.Contains(got.(string), "/") }), 1},
		"start_no_token":     {says("data.token", absent), says("code", absent), 1},
	}
	for _, name := range faultNames(w, "start") {
		c, known := cases[name]
		if !known {
			t.Errorf("%s has no line in the table", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			for call, h := range map[*heard]func() reply{&c.card: get, &c.payping: pay} {
				if *call == nil {
					continue
				}
				before := len(w.sim.Ledger().Payments)
				if err := w.sim.SetFault(name, 1); err != nil {
					t.Fatal(err)
				}
				(*call)(t, h(), 0)
				if made := len(w.sim.Ledger().Payments) - before; made != c.created {
					t.Errorf("%d payments made; want %d", made, c.created)
				}
				fine(t, h(), 0) // and then it is over
			}
		})
	}
}

// Weather: whatever the dice say, an answer is either honest or a 503, and a 503 creates nothing.
func TestWeather(t *testing.T) {
	for dice, want := range map[byte]int{0: 200, 1: 503} {
		w := newWorld(t, func(o *simulator.Options) {
			o.Weather = true
			o.Rand = io.MultiReader(bytes.NewReader(map[byte][]byte{0: {0, 0, 0, 0, 0, 0, 0, 0}, 1: {0, 0, 0, 0, 0, 0x0f, 0x3e, 0x58}}[dice]), endless{})
		})
		w.client.Timeout = 0
		r := w.post("/provider/payment/getToken", gpRequest(10_000, "w"))
		if r.status != want || (len(w.sim.Ledger().Payments) == 1) != (want == 200) {
			t.Errorf("dice %d: %d, %d payments", dice, r.status, len(w.sim.Ledger().Payments))
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i * 37)
	}
	return len(p), nil
}
