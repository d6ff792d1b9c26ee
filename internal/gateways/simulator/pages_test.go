package simulator_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"dargah/internal/gateways/simulator"
)

func cardFields(number string) []string {
	return []string{"card", number, "cvv2", "000", "month", "12", "year", "09", "pin2", "00000"}
}

var otpShown = regexp.MustCompile(`data-otp="(\d{6})"`)

func (w *world) otp(code string) string {
	w.t.Helper()
	m := otpShown.FindStringSubmatch(w.want(w.do("GET", "/installment/"+code+"?type=ghesta", ""), 200).raw)
	if m == nil {
		w.t.Fatal("no one-time code on the page")
	}
	return m[1]
}

// everyPage visits each kind of page once.
func everyPage(w *world) map[string]reply {
	w.t.Helper()
	token, code := w.card(27_050_000), w.code(270_500_000)
	kind := "/installment/" + code + "?type=ghesta"
	pages := map[string]reply{
		"index": w.do("GET", "/", ""), "bank": w.do("GET", "/provider/payment/redirect/"+token, ""),
		"payping": w.do("GET", "/v2/pay/gotoipg/"+w.code(5000), ""), "identify": w.do("GET", kind, ""),
		"unknown": w.do("GET", "/provider/payment/redirect/1", ""), "nowhere": w.do("GET", "/x/y", ""),
		"no type":     w.do("GET", "/installment/"+code, ""),
		"bad outcome": w.atBank(token, "nonsense"), "closed": w.atBank(token, "close_tab"),
		"bad card": w.form("/provider/payment/redirect/"+token, append([]string{"outcome", "paid"}, cardFields("6037991234567890")...)...),
		"bad id":   w.form(kind, "step", "identify", "mobile", "09120000000", "national_id", "0012345678"),
	}
	w.want(w.form(kind, "step", "identify", "mobile", "۰۹۱۲ ۰۰۰ ۰۰۰۰", "national_id", "1234567891"), 303)
	pages["otp"] = w.do("GET", kind, "")
	w.want(w.form(kind, "step", "otp", "otp", w.otp(code)), 303)
	pages["plan"] = w.do("GET", kind, "")
	w.want(w.form(kind, "step", "plan"), 303)
	pages["inner card"] = w.do("GET", kind, "")
	pages["return"] = w.form(kind, append([]string{"outcome", "paid"}, cardFields("6037990000000000")...)...)
	pages["used"] = w.do("GET", kind, "")
	pages["twice"] = w.atBank(token, "double_callback")
	pages["refused"] = w.form("/installment/"+w.code(5000)+"?type=ghesta", "step", "identify", "mobile", "09120000000", "national_id", "3333333333")
	return pages
}

var inline = regexp.MustCompile(`(?i)<style|<script>|<script[^>]*>[^<]|\son[a-z]+=|\sstyle=|javascript:`)

func TestPages_AreWellBehaved(t *testing.T) {
	w := newWorld(t, nil)
	for name, r := range everyPage(w) {
		if r.err != nil || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
			t.Fatalf("%s: %d %v %q", name, r.status, r.err, r.raw)
		}
		for _, want := range []string{`<html lang="fa" dir="rtl">`, "شبیه‌ساز", "پول واقعی جابه‌جا نمی‌شود", `name="viewport"`, `/simulator/static/bank.css`, "<h1>"} {
			if !strings.Contains(r.raw, want) {
				t.Errorf("%s: no %q", name, want)
			}
		}
		if found := inline.FindString(r.raw); found != "" {
			t.Errorf("%s: inline %q", name, found)
		}
		if strings.Contains(r.raw, "ZgotmplZ") || strings.Contains(r.raw, "<no value>") {
			t.Errorf("%s: the template gave up somewhere", name)
		}
		policy := r.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "style-src 'self'", "font-src 'self'", "form-action 'self' https: http://127.0.0.1:* http://localhost:*", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: policy %q lacks %s", name, policy, want)
			}
		}
		if script := strings.Contains(policy, "script-src"); script != (name == "return") || script != strings.Contains(r.raw, "<script") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: script %v, policy %q", name, script, policy)
		}
		if h := r.header; h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || h.Get("X-Robots-Tag") != "noindex" || h.Get("Referrer-Policy") != "origin" {
			t.Errorf("%s: headers %v", name, h)
		}
	}
}

func TestPages_Statuses(t *testing.T) {
	w := newWorld(t, nil)
	pages := everyPage(w)
	for name, want := range map[string]int{
		"index": 200, "bank": 200, "payping": 200, "identify": 200, "unknown": 404, "nowhere": 404, "no type": 404, "bad outcome": 422,
		"closed": 200, "bad card": 422, "bad id": 422, "otp": 200, "plan": 200, "inner card": 200, "return": 200, "used": 409, "twice": 200, "refused": 200,
	} {
		if pages[name].status != want {
			t.Errorf("%s: %d; want %d", name, pages[name].status, want)
		}
		delete(pages, name)
	}
	if len(pages) > 0 {
		t.Errorf("pages without a line: %d", len(pages))
	}
}

func TestPages_English(t *testing.T) {
	w := newWorld(t, nil)
	page := w.want(w.do("GET", "/installment/"+w.code(270_500_000)+"?lang=en&type=ghesta", ""), 200).raw
	for _, want := range []string{`<html lang="en" dir="ltr">`, "no real money moves", "27,050,000 toman", `?lang=en&amp;type=ghesta"`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
	if fa := w.want(w.do("GET", "/v2/pay/gotoipg/"+w.code(2_705_000), ""), 200).raw; !strings.Contains(fa, "۲۷۰٬۵۰۰ تومان") {
		t.Error("the Persian page does not say the amount in toman")
	}
}

// Every address a form or a link of ours points at works under the mount, whatever host the browser used.
func TestPages_FormsPostWhereTheyStand(t *testing.T) {
	w := newWorld(t, nil)
	token := w.card(10_000)
	for _, path := range []string{"/v1/provider/payment/redirect/" + token, "/provider/payment/redirect/" + token} {
		page := w.want(w.do("GET", path, ""), 200).raw
		forms := formTag.FindAllStringSubmatch(page, -1)
		if len(forms) != 2 {
			t.Fatalf("%d forms", len(forms))
		}
		for _, f := range forms {
			if f[1] != "/simulator"+path || !strings.Contains(f[2], `name="outcome"`) {
				t.Errorf("form to %s", f[1])
			}
		}
	}
}

func TestPages_HostileShop(t *testing.T) {
	w := newWorld(t, nil)
	body := gpRequest(10_000, `"><script>alert(1)</script>`)
	body["callback"] = `https://shop.example/"><script>alert(1)</script>`
	token := w.post("/provider/payment/getToken", body).json(t)["data"].(map[string]any)["token"].(string)
	for _, r := range []reply{w.do("GET", "/provider/payment/redirect/"+token, ""), w.atBank(token, "delayed_callback")} {
		if strings.Contains(w.want(r, 200).raw, "<script>") {
			t.Error("the shop's words are not escaped")
		}
	}
	body = gpRequest(10_000, "policy")
	body["callback"] = "http://shop.lan;script-src.*/x"
	if data, made := w.post("/provider/payment/getToken", body).json(t)["data"].(map[string]any); made {
		r := w.do("GET", "/provider/payment/redirect/"+data["token"].(string), "")
		if strings.Contains(r.header.Get("Content-Security-Policy"), "shop.lan") {
			t.Error("the shop writes our policy")
		}
	}
	body = gpRequest(10_000, "lan")
	body["callback"] = "http://shop.lan:81/x"
	token = w.post("/provider/payment/getToken", body).json(t)["data"].(map[string]any)["token"].(string)
	if policy := w.do("GET", "/provider/payment/redirect/"+token, "").header.Get("Content-Security-Policy"); !strings.Contains(policy, " http://shop.lan:81;") {
		t.Errorf("an http shop in the local network cannot be returned to: %s", policy)
	}
}

func TestCardForm(t *testing.T) {
	w := newWorld(t, nil)
	token := w.card(10_000)
	page := "/provider/payment/redirect/" + token
	for number, want := range map[string]string{
		"6037991234567890": "فقط کارت آزمایشی", "603799123": "اطلاعات کارت", "6037990000000001": "موجودی کافی نیست",
		"6037990000000002": "شمارهٔ کارت اشتباه است", "6037990000000003": "اجازه نداد",
	} {
		r := w.want(w.form(page, append([]string{"outcome", "paid"}, cardFields(number)...)...), 422)
		if !strings.Contains(r.raw, want) || strings.Contains(r.raw, number) || w.state(token) != simulator.StateCreated {
			t.Errorf("%s: %s, state %s", number, want, w.state(token))
		}
	}
	w.want(w.form(page, "outcome", "paid", "card", "6037990000000000", "cvv2", "x"), 422)
	w.want(w.form(page, append([]string{"outcome", "paid"}, cardFields("۶۱۰۴-۳۳۰۰-۰۰۰۰-۰۰۷۷")...)...), 303)
	if got := w.last().CardMask; got != "610433******0077" {
		t.Errorf("mask %s", got)
	}
	// Cancel beside a half-filled card form is a cancel.
	token = w.card(10_000)
	w.want(w.form("/provider/payment/redirect/"+token, "outcome", "canceled", "card", "6037"), 303)
	inState(t, w, token, simulator.StateCanceled)
}

func TestInstalment_StepByStep(t *testing.T) {
	w := newWorld(t, nil)
	code := w.code(400_000_000) // twice the credit
	page := "/installment/" + code + "?type=ghesta"
	w.want(w.form(page, "step", "plan"), 422)
	w.want(w.form(page, "step", "otp", "otp", "000000"), 422)
	r := w.want(w.form(page, "step", "identify", "mobile", "09120000000", "national_id", "1234567891"), 303)
	if r.header.Get("Location") != "/simulator"+page {
		t.Errorf("on to %s", r.header.Get("Location"))
	}
	first := w.otp(code)
	wrong := "000000"
	if first == wrong {
		wrong = "000001"
	}
	for range 3 {
		w.want(w.form(page, "step", "otp", "otp", wrong), 422)
	}
	if r := w.want(w.form(page, "step", "otp", "otp", first), 422); !strings.Contains(r.raw, "باطل") {
		t.Error("the code is not burnt after three wrong tries")
	}
	w.want(w.form(page, "step", "resend"), 303)
	if err := w.sim.Advance(2 * time.Minute); err != nil {
		t.Fatal(err)
	}
	if r := w.want(w.form(page, "step", "otp", "otp", w.otp(code)), 422); !strings.Contains(r.raw, "تمام شده") {
		t.Error("the code does not expire")
	}
	w.want(w.form(page, "step", "resend"), 303)
	w.want(w.form(page, "step", "otp", "otp", w.otp(code)), 303)
	// Credit 20 million toman: a quarter of it is prepaid, what exceeds it is cash.
	plan := w.want(w.do("GET", page, ""), 200).raw
	for _, want := range []string{"۲۵٬۰۰۰٬۰۰۰ تومان", "۵٬۰۰۰٬۰۰۰ تومان", "۲۰٬۰۰۰٬۰۰۰ تومان", "۱۵٬۰۰۰٬۰۰۰ تومان"} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan does not say %s", want)
		}
	}
	w.want(w.form(page, "step", "plan"), 303)
	_, fields := w.handover(w.form(page, append([]string{"outcome", "paid"}, cardFields("6037990000000000")...)...))
	if p := w.last(); p.ByCard != 250_000_000 || p.ByCredit != 150_000_000 || p.Via != "ghesta" || p.CardMask != "" {
		t.Errorf("paid as %+v", p)
	}
	w.want(w.ppVerify(fields.Get("refid"), 400_000_000), 200)
	w.want(w.form(page, "step", "identify", "mobile", "09120000000", "national_id", "1234567891"), 409)
	w.want(w.form("/installment/0000000?type=ghesta", "step", "identify"), 404)
}

func TestInstalment_Refusals(t *testing.T) {
	w := newWorld(t, func(o *simulator.Options) { o.InstalmentMinimum = 1_000_000 })
	for id, name := range map[string]string{
		"1111111111": "user_doesnt_exist", "2222222222": "mobile_nid_conflict", "3333333333": "credit_0",
		"4444444444": "sms_failed", "5555555555": "verification_failed", "6666666666": "shop_doesnt_exist",
	} {
		code := w.code(5_000_000)
		r := w.form("/installment/"+code+"?type=ghesta", "step", "identify", "mobile", "09120000000", "national_id", id)
		if action, fields := w.handover(r); action != kindShop || fields.Get("code") == code || strings.Contains(r.raw, "<script") || w.last().Outcome != name {
			t.Errorf("%s: %s, form %v", id, w.last().Outcome, fields)
		}
	}
	w.form("/installment/"+w.code(999_999)+"?type=ghesta", "step", "identify", "mobile", "09120000000", "national_id", "1234567891")
	if got := w.last(); got.Outcome != "amount_very_low" || got.State != simulator.StateDeclined {
		t.Errorf("a small basket: %+v", got)
	}
	w.want(w.form("/installment/"+w.code(5_000_000)+"?type=ghesta", "step", "identify", "mobile", "0912", "national_id", "1234567891"), 422)
}

func TestStatic(t *testing.T) {
	w := newWorld(t, nil)
	for file, media := range map[string]string{"bank.css": "text/css", "submit.js": "text/javascript", "vazirmatn-arabic.woff2": "font/woff2", "vazirmatn-latin.woff2": "font/woff2"} {
		r := w.want(w.do("GET", "/static/"+file, ""), 200)
		if !strings.HasPrefix(r.header.Get("Content-Type"), media) || len(r.raw) < 50 {
			t.Errorf("%s: %s, %d bytes", file, r.header.Get("Content-Type"), len(r.raw))
		}
	}
	w.want(w.do("GET", "/static/none.css", ""), 404)
}

// The public mount serves customers and nobody else.
func TestPagesHandler_ServesNoCalls(t *testing.T) {
	w := newWorld(t, nil)
	token := w.card(10_000)
	front := httptest.NewServer(w.sim.Pages())
	defer front.Close()
	get := func(method, path string) int {
		req, err := http.NewRequest(method, front.URL+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	if got := get("GET", "/provider/payment/redirect/"+token); got != 200 {
		t.Errorf("the page: %d", got)
	}
	for _, call := range []string{"POST /v2/pay", "POST /v2/pay/verify", "POST /provider/payment/getToken", "POST /v1/provider/payment/verify", "GET /control/ledger", "POST /control/reset", "DELETE /v2/pay/x", "GET /v1/report/x"} {
		method, path, _ := strings.Cut(call, " ")
		if got := get(method, path); got != 404 && got != 405 {
			t.Errorf("%s: %d", call, got)
		}
	}
}
