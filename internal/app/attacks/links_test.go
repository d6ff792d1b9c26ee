package attacks_test

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app"
)

// A payment link is found by its token alone; everything else reads the same. (The row also wants a
// limit on how often one may look; 128 bits are not found by looking, and the contract has none.)
func TestT42_EnumeratedLinks(t *testing.T) {
	_, s := onOne(t)
	o := s.began("gardeshpay").pays()
	o.returns()
	token := o.inv.token()
	guesses := []string{
		"1", "2", "1001", o.inv.Number, o.inv.ID, o.inv.ID[4:], o.number, o.token, o.ref, "09121234567", "nobody@example.com", "..", "%2e%2e", "*", "%25", "_", "' OR 1=1--", "null", token + "/", token + "=", token + "%00", "/" + token,
		o.callback[strings.LastIndex(o.callback, "/")+1:], strings.ToUpper(token), strings.ToLower(token), token + token, strings.Repeat("a", 10_000),
	}
	for i := range token {
		guesses = append(guesses, token[:i]+string(alphabet[(strings.IndexByte(alphabet, token[i])+1)%64])+token[i+1:])
		if i > 0 {
			guesses = append(guesses, token[:i])
		}
	}
	page := ""
	s.unmoved(o.inv, "", func() {
		for _, guess := range guesses {
			if guess == token {
				continue
			}
			where := "/i/" + strings.ReplaceAll(guess, " ", "%20")
			for _, a := range []answer{s.get(where), s.post(where+"/pay", url.Values{"gateway": {"gardeshpay"}})} {
				if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
					t.Errorf("%.60q: %d", guess, a.status)
				}
				if body := switchLink.ReplaceAllString(a.body, ""); strings.Contains(body, token) || strings.Contains(body, o.ref) || strings.Contains(body, "خانهٔ سفال") {
					t.Errorf("%.60q: the page knows the payment", guess)
				}
			}
			a := s.get(where)
			body := switchLink.ReplaceAllString(a.body, "")
			if page == "" {
				page = body
			}
			if a.status == http.StatusNotFound && body != page {
				t.Errorf("%.60q: another page than the others", guess)
			}
		}
	})
	if len(token) < 22 {
		t.Errorf("token %s", token)
	}
}

// The address of a link is its secret: it is told to nobody, not to the gateway as a referrer, not
// to a cache, a search engine, or the log.
func TestT43_TokenLeaks(t *testing.T) {
	h, s := onOne(t)
	secrets := []string{"canary-bearer", "09121234567", "نگار احمدی"}
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		o := s.began(gateway)
		callbackToken := o.callback[strings.LastIndex(o.callback, "/")+1:]
		secrets = append(secrets, o.inv.token(), callbackToken, o.token+"-"+o.number)
		answers := []answer{s.get(o.inv.path()), s.get(o.inv.path() + "?lang=en"), s.get(o.inv.path() + "x"), s.get(o.callback + "x"), o.bring("x=%zz")}
		o.pays()
		answers = append(answers, o.back(o.claim(o.ref)), s.get(o.inv.path()), s.post(o.inv.path()+"/pay", url.Values{}), s.do("PUT", o.callback, ""))
		for i, a := range answers {
			for name, want := range map[string]string{"Referrer-Policy": "strict-origin", "Cache-Control": "no-store", "X-Robots-Tag": "noindex", "X-Content-Type-Options": "nosniff"} {
				if got := a.header.Get(name); got != want {
					t.Errorf("%s, answer %d: %s is %q", gateway, i, name, got)
				}
			}
			if strings.Contains(a.body, callbackToken) && i != 3 {
				t.Errorf("%s, page %d shows the callback's token", gateway, i)
			}
			if strings.Contains(a.body, `referrerpolicy`) || strings.Contains(a.body, `http-equiv="refresh"`) {
				t.Errorf("%s, page %d has a policy of its own", gateway, i)
			}
		}
		for _, what := range []string{"/attempts", "/events?limit=100"} {
			a := s.get("/api/v1/invoices/"+o.inv.ID+what, "Authorization", "Bearer "+s.key)
			for _, secret := range []string{callbackToken, o.inv.token(), `"` + o.token + `"`, "canary-bearer", "09121234567", "نگار"} {
				if strings.Contains(a.body, secret) {
					t.Errorf("%s tells %q", what, secret)
				}
			}
		}
	}
	secrets = append(secrets, s.key, s.key[8:])
	for _, secret := range secrets {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(h.log.String(), "/cb/ghesta/:token") {
		t.Error("the log is not where this test looks for it")
	}
}

// A receipt is shown around and stays (CONTRACT §4; the row would end it after a month). It holds
// nothing of the payer, today or in a year.
func TestT44_OldReceipt(t *testing.T) {
	h, s := onOne(t)
	inv := s.create(fmt.Sprintf(`{"amount":%d,"description":"سفارش","metadata":{"k":"canary-metadata"},"customer":{"name":"نگار احمدی","mobile":"09121234567","email":"negar@example.com"}}`, price))
	o := s.start(inv, "ghesta").pays()
	o.returns()
	for _, later := range []time.Duration{0, 40 * 24 * time.Hour, 400 * 24 * time.Hour} {
		h.clock.forward(later)
		for _, address := range []string{inv.path(), inv.path() + "?lang=en"} {
			a := s.get(address)
			if m := mainTag.FindStringSubmatch(a.body); a.status != http.StatusOK || m == nil || m[1] != "paid" || !strings.Contains(a.body, o.ref) {
				t.Errorf("after %s: %d, no receipt", later, a.status)
			}
			for _, personal := range []string{"نگار", "09121234567", "9121234567", "۰۹۱۲۱۲۳۴۵۶۷", "negar", "canary-metadata", inv.ID, strings.Repeat("AB", 32)} {
				if strings.Contains(a.body, personal) {
					t.Errorf("after %s the receipt shows %q", later, personal)
				}
			}
		}
	}
}

type problem struct {
	Status int
	Code   string
	Errors []struct{ Field, Code string }
}

// An amount is a JSON integer from one rial to the most there is; everything else names the field,
// and nothing of it stays.
func TestT45_BadAmounts(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house, s *shop) {
		known := s.invoice(price)
		amounts := map[string]string{ // → the field that is wrong; "" is no JSON
			"-1": "amount", "0": "amount", "-0": "amount", "0.5": "amount", "1e3": "amount", "1E3": "amount", "1000.0": "amount", `"1000"`: "amount", `""`: "amount", "null": "amount", "true": "amount", "[]": "amount", "[1000]": "amount",
			"{}": "amount", "10000000000000": "amount", "9007199254740993": "amount", "9223372036854775807": "amount", "9223372036854775808": "amount", "18446744073709552616": "amount", "-9223372036854775809": "amount", strings.Repeat("9", 400): "amount", `"۱۰۰۰"`: "amount",
			"NaN": "", "Infinity": "", "01": "", "+1": "", "0x10": "", "1_000": "", "۱۰۰۰": "", ".5": "", "1,000": "", "": "",
		}
		bodies := map[string]string{}
		for amount, field := range amounts {
			bodies[`{"amount":`+amount+`}`] = field
		}
		for items, field := range map[string]string{
			`[{"title":"x","quantity":9223372036854775807,"unit_amount":2}]`:                                                               "items",
			`[{"title":"x","quantity":4294967297,"unit_amount":4294967296}]`:                                                               "items", // wraps to 2^32
			`[{"title":"x","quantity":-1,"unit_amount":-1500000}]`:                                                                         "items",
			`[{"title":"x","quantity":1,"unit_amount":-1500000},{"title":"y","quantity":2,"unit_amount":1500000}]`:                         "items",
			`[{"title":"x","quantity":0,"unit_amount":1500000}]`:                                                                           "items",
			`[{"title":"x","quantity":1,"unit_amount":1499999}]`:                                                                           "items",
			`[{"title":"x","quantity":1,"unit_amount":9223372036854775807},{"title":"y","quantity":1,"unit_amount":-9223372036853275807}]`: "items",
			`[{"title":"x","quantity":1.0,"unit_amount":1500000}]`:                                                                         "items[0].quantity",
			`[{"title":"x","quantity":1,"unit_amount":15e5}]`:                                                                              "items[0].unit_amount",
			`[{"title":"x","quantity":"1","unit_amount":1500000}]`:                                                                         "items[0].quantity",
			`[{"title":"x","unit_amount":1500000}]`:                                                                                        "items[0].quantity",
			`{"title":"x"}`:                                                                                                                "items",
		} {
			bodies[`{"amount":1500000,"items":`+items+`}`] = field
		}
		bodies[`{"items":[]}`] = "amount"
		bodies[`{"amount":1000,"Amount":1}`] = ""
		bodies[`{"amount":1000,"amount":1}`] = ""
		for body, field := range bodies {
			for _, call := range [][2]string{{"POST", "/invoices"}, {"PATCH", "/invoices/" + known.ID}} {
				if call[0] == "PATCH" && body == `{"items":[]}` {
					continue // an edit without an amount is an edit
				}
				a := s.do(call[0], "/api/v1"+call[1], body, "Authorization", "Bearer "+s.key, "Content-Type", "application/json")
				var p problem
				if err := json.Unmarshal([]byte(a.body), &p); err != nil {
					t.Fatalf("%s %s: %s", call[0], body, a.body)
				}
				want := http.StatusUnprocessableEntity
				if field == "" {
					want = http.StatusBadRequest
				}
				named := field == "" || slices.ContainsFunc(p.Errors, func(e struct{ Field, Code string }) bool { return e.Field == field })
				if a.status != want || !named {
					t.Errorf("%s %.100s: %d %.200s, want %d naming %q", call[0], body, a.status, a.body, want, field)
				}
			}
		}
		var page struct{ Data []invoice }
		if s.api("GET", "/invoices?limit=100", "", &page); len(page.Data) != 1 || page.Data[0].Amount != price {
			t.Errorf("something stayed: %+v", page.Data)
		}
		s.says(known, "invoice.updated", 0)
		for _, amount := range []int64{1, 9_999_999_999_999} {
			if inv := s.create(fmt.Sprintf(`{"amount":%d}`, amount)); inv.Amount != amount {
				t.Errorf("%d became %d", amount, inv.Amount)
			}
		}
		office(t, h, s)
	})
}

// office is the same by the command.
func office(t *testing.T, h *house, s *shop) {
	t.Helper()
	cfg, err := app.Load(func(name string) string { return h.env[name] })
	if err != nil {
		t.Fatal(err)
	}
	o, err := app.OpenOffice(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	m, err := o.CreateMerchant(t.Context(), app.NewMerchant{Name: "Office", Slug: "office"})
	if err != nil {
		t.Fatal(err)
	}
	for _, amount := range []int64{-1, 0, 10_000_000_000_000, -1 << 63, 1<<63 - 1} {
		if inv, err := o.CreateInvoice(t.Context(), app.InvoiceRequest{Merchant: m.Slug, Live: true, Amount: amount}); err == nil {
			t.Errorf("the command made %+v", inv)
		}
	}
}

// Persian and Arabic digits: typed into a form they are digits; in JSON an amount has none of them.
// (Forms that take an amount come with the payment pages and the admin.)
func TestT46_PersianDigits(t *testing.T) {
	_, s := onOne(t)
	for typed, sent := range map[string]string{
		"۰۹۱۲۳۴۵۶۷۸۹": "09123456789", "٠٩١٢٣٤٥٦٧٨٩": "09123456789", "۰۹۱۲ 345 ٦٧۸۹": "09123456789", "+۹۸۹۱۲۳۴۵۶۷۸۹": "09123456789", "\u202a۰۹۱۲۳۴۵۶۷۸۹\u202c": "09123456789",
		"०९१२३४५६७८९": "", "۰۹۱۲۳۴۵۶۷۸": "", "۰۹۱۲۳۴۵۶۷۸۹۰": "", "１２３": "", "۰۹۱۲۳۴۵۶۷۸٫۹": "", "": "",
	} {
		inv := s.create(fmt.Sprintf(`{"amount":%d}`, price))
		starts := len(s.bank.calls("start"))
		a := s.post(inv.path()+"/pay", url.Values{"gateway": {"ghesta"}, "payer_name": {"نگار"}, "payer_mobile": {typed}})
		calls := s.bank.calls("start")
		switch {
		case sent == "":
			if a.status != http.StatusUnprocessableEntity || len(calls) != starts || len(s.attempts(inv)) != 0 {
				t.Errorf("%q: %d, %d calls", typed, a.status, len(calls)-starts)
			}
		case a.status != http.StatusSeeOther || calls[len(calls)-1].body["payerIdentity"] != sent:
			t.Errorf("%q: %d, sent %v", typed, a.status, calls[len(calls)-1].body["payerIdentity"])
		}
	}
	for body, status := range map[string]int{
		`{"amount":۱۰۰۰}`: 400, `{"amount":١٠٠٠}`: 400, `{"amount":"۱۰۰۰"}`: 422, `{"amount":"١٠٠٠"}`: 422, `{"amount":"1۰۰۰"}`: 422, `{"amount":"۱٫۵"}`: 422, `{"amount":"۱٬۰۰۰"}`: 422,
		`{"amount":1000,"items":[{"title":"x","quantity":"۱","unit_amount":1000}]}`: 422,
	} {
		if got := s.api("POST", "/invoices", body, nil); got != status {
			t.Errorf("%s: %d", body, got)
		}
	}
}

// Rial inside, toman at an account that says so: the bank hears a tenth, its answer is read in the
// same unit, and what has no whole toman is not sent there.
func TestT47_RialAndToman(t *testing.T) {
	_, s := onOne(t)
	s.set("ghesta", "amount_unit", "toman")
	s.set("gardeshpay", "amount_unit", "toman")
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		uneven := s.invoice(price + 5)
		starts := len(s.bank.calls("start"))
		form := s.payer()
		form.Set("gateway", gateway)
		if a := s.post(uneven.path()+"/pay", form); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: an uneven amount: %d", gateway, a.status)
		}
		if now := len(s.bank.calls("start")); now != starts || len(s.attempts(uneven)) != 0 {
			t.Errorf("%s: an uneven amount was sent", gateway)
		}

		o := s.began(gateway).pays()
		calls := s.bank.calls("start")
		if got := calls[len(calls)-1].amount; got != price/10 {
			t.Errorf("%s heard %d", gateway, got)
		}
		o.returns()
		s.paidOnce(o.inv)
		verifies := s.bank.calls("verify")
		if got := verifies[len(verifies)-1].amount; gateway == "ghesta" && got != price/10 {
			t.Errorf("verify was asked for %d", got)
		}

		// The answer in the other unit, ten times as much, is another amount.
		for _, wrong := range []int64{price, price / 100} {
			o := s.began(gateway).pays()
			body := verified(wrong, false, o.number)
			if gateway == "ghesta" {
				body = fmt.Sprintf(`{"amount":%d}`, wrong)
			}
			s.bank.answers(o.ref, &reply{body: body})
			o.returns()
			s.stands(o.inv, "review")
			o.is("needs_review", "amount_mismatch")
			s.unpaid(o.inv)
		}
	}
	// The unit of an attempt is frozen: an account changed meanwhile changes nothing for who is out.
	o := s.began("ghesta").pays()
	s.set("ghesta", "amount_unit", "rial")
	o.returns()
	s.paidOnce(o.inv)
	// Every page says both units.
	inv := s.create(`{"amount":27050000}`)
	for address, words := range map[string][]string{
		inv.path():              {"۲٬۷۰۵٬۰۰۰", "تومان", "۲۷٬۰۵۰٬۰۰۰", "ریال"},
		inv.path() + "?lang=en": {"2,705,000", "toman", "27,050,000", "rial"},
	} {
		body := s.get(address).body
		for _, word := range words {
			if !strings.Contains(strings.ToLower(body), word) {
				t.Errorf("%s does not say %q", address, word)
			}
		}
	}
	for _, path := range []string{o.inv.path(), o.inv.path() + "?lang=en"} {
		if body := strings.ToLower(s.get(path).body); (!strings.Contains(body, "تومان") || !strings.Contains(body, "ریال")) && (!strings.Contains(body, "toman") || !strings.Contains(body, "rial")) {
			t.Errorf("the receipt %s lacks a unit", path)
		}
	}
}

// Characters that turn or hide what stands beside them never get into the store; the half-space of
// Persian words stays.
func TestT48_BidiAndInvisible(t *testing.T) {
	_, s := onOne(t)
	inv := s.create(`{"amount":1500000,"description":"علی\u202Egpj.exe \u2066x\u2069 چای\u200cخوری\u0007\u200f","reference":"MP\u202e-1\u200b","customer":{"name":"نگار\u202e\u0000 احمدی‌پور"},` +
		`"items":[{"title":"گل\u2067دان\u001b[2J","quantity":1,"unit_amount":1500000}],"metadata":{"k":"\u202ex"}}`)
	a := s.get("/api/v1/invoices/"+inv.ID, "Authorization", "Bearer "+s.key)
	said := a.body + s.get(inv.path()).body + s.get(inv.path()+"?lang=en").body
	for r := '\u202a'; r <= '\u202e'; r++ {
		if strings.ContainsRune(said, r) {
			t.Errorf("%U came through", r)
		}
	}
	for _, r := range "\u2066\u2067\u2068\u2069\u200f\u200b\u0007\u001b\x00" {
		if strings.ContainsRune(said, r) {
			t.Errorf("%U came through", r)
		}
	}
	for _, kept := range []string{"چای\u200cخوری", "علیgpj.exe", "نگار احمدی\u200cپور"} {
		if !strings.Contains(a.body, kept) {
			t.Errorf("%q was lost: %s", kept, a.body)
		}
	}
	if page := s.get(inv.path()).body; !strings.Contains(page, "<bdi") && !strings.Contains(page, `dir="auto"`) {
		t.Error("the page does not set foreign text apart")
	}
	for body, status := range map[string]int{
		`{"amount":1,"description":"\ud800"}`:                                 400,
		`{"amount":1,"description":"\udc00x"}`:                                400,
		"{\"amount\":1,\"description\":\"\xff\"}":                             400,
		"{\"amount\":1,\"description\":\"\xed\xa0\x80\"}":                     400,
		`{"amount":1,"customer":{"name":"` + strings.Repeat("ا", 101) + `"}}`: 422,
	} {
		if got := s.api("POST", "/invoices", body, nil); got != status {
			t.Errorf("%.60q: %d, want %d", body, got, status)
		}
	}
	pile := s.create(`{"amount":1500000,"description":"a` + strings.Repeat("\u0301", 10_000) + `"}`)
	if pile.Description == nil || len([]rune(*pile.Description)) > 5 {
		t.Errorf("a pile of marks became %d letters", len([]rune(*pile.Description)))
	}
}

// NUL, letters beyond the first plane, and the two spellings of ye and ke: no error of ours on
// either database. (A search by words, which folds the letters, comes with the admin; q finds a
// number, a reference or an id exactly.)
func TestT49_AwkwardText(t *testing.T) {
	onBoth(t, func(t *testing.T, _ *house, s *shop) {
		for _, text := range []string{`\u0000`, `a\u0000b`, "😀𐎠", `\ud83d\ude00`, "كيك علي", "کیک علی", `'; DROP TABLE invoices; --`, `%_\\`, `\\0`, `{\"x\":1}`, "\u2028", `\uffff`} {
			for field, body := range map[string]string{
				"description": `"description":"%s"`, "reference": `"reference":"%s"`, "customer.name": `"customer":{"name":"%s"}`, "customer.mobile": `"customer":{"mobile":"%s"}`, "customer.email": `"customer":{"email":"%s"}`,
				"items": `"items":[{"title":"%s","quantity":1,"unit_amount":1500000}]`, "metadata": `"metadata":{"k":"%s"}`, "metadata key": `"metadata":{"%s":"v"}`, "return_url": `"return_url":"%s"`, "locale": `"locale":"%s"`, "gateways": `"gateways":["%s"]`, "expires_at": `"expires_at":"%s"`,
			} {
				body = fmt.Sprintf(body, text)
				a := s.do("POST", "/api/v1/invoices", `{"amount":1500000,`+body+`}`, "Authorization", "Bearer "+s.key)
				status := a.status
				if status != http.StatusCreated && status != http.StatusUnprocessableEntity && status != http.StatusBadRequest {
					t.Errorf("%s %q: %d", field, text, status)
				}
				if status == http.StatusCreated {
					var inv invoice
					if err := json.Unmarshal([]byte(a.body), &inv); err != nil {
						t.Fatal(err)
					}
					if a := s.get(inv.path()); a.status != http.StatusOK || strings.ContainsRune(a.body, 0) {
						t.Errorf("%s %q: the page: %d", field, text, a.status)
					}
				}
			}
			query := url.QueryEscape(strings.NewReplacer(`\u0000`, "\x00", `\ud83d\ude00`, "😀").Replace(text))
			for _, filter := range []string{"q", "reference", "status", "gateway", "cursor", "created_from", "limit"} {
				if got := s.api("GET", "/invoices?"+filter+"="+query, "", nil); got != http.StatusOK && got != http.StatusUnprocessableEntity {
					t.Errorf("%s=%q: %d", filter, text, got)
				}
			}
			for _, path := range []string{"/invoices/" + url.PathEscape(text), "/invoices/inv_" + query} {
				if got := s.api("GET", path, "", nil); got != http.StatusNotFound && got != http.StatusBadRequest {
					t.Errorf("%s: %d", path, got)
				}
			}
			inv := s.create(fmt.Sprintf(`{"amount":%d}`, price))
			for _, field := range []string{"payer_name", "payer_mobile", "gateway", text} {
				form := s.payer()
				form.Set("gateway", "ghesta")
				form.Set(field, strings.ReplaceAll(text, `\u0000`, "\x00"))
				if a := s.post(inv.path()+"/pay", form); a.status >= 500 {
					t.Errorf("form field %q %q: %d", field, text, a.status)
				}
			}
		}
		found := s.create(`{"amount":1500000,"reference":"كيك-1"}`)
		var page struct{ Data []invoice }
		if s.api("GET", "/invoices?q="+url.QueryEscape("كيك-1"), "", &page); len(page.Data) != 1 || page.Data[0].ID != found.ID {
			t.Errorf("its own spelling finds %d", len(page.Data))
		}
	})
}

// Links are made of the configured origin alone; another name is not answered.
func TestT50_HostHeader(t *testing.T) {
	h, s := onOne(t)
	inv := s.invoice(price)
	for _, host := range []string{"evil.example", "evil.example:80", "127.0.0.1.evil.example", "evil.example@127.0.0.1", "", "169.254.169.254", "127.0.0.1, evil.example", "[::ffff:1.2.3.4]"} {
		raw := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", inv.path(), host)
		a := h.raw(raw)
		if a.status != http.StatusMisdirectedRequest && a.status != http.StatusBadRequest && a.status != http.StatusNotFound {
			t.Errorf("Host %q: %d", host, a.status)
		}
		if strings.Contains(a.body, "evil") || strings.Contains(a.location(), "evil") {
			t.Errorf("Host %q is repeated: %s", host, a.body)
		}
	}
	for name, raw := range map[string]string{
		"absolute form":       "GET http://evil.example" + inv.path() + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
		"absolute form, post": "POST http://evil.example" + inv.path() + "/pay HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: " + formType + "\r\nContent-Length: 18\r\nConnection: close\r\n\r\ngateway=gardeshpay",
		"two hosts":           "GET " + inv.path() + " HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
		"no host":             "GET " + inv.path() + " HTTP/1.1\r\nConnection: close\r\n\r\n",
	} {
		if a := h.raw(raw); a.status < 400 || strings.Contains(a.body, "evil") {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	if n := len(s.attempts(inv)); n != 0 {
		t.Errorf("%d attempts were made", n)
	}
	forwarded := []string{
		"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https", "X-Forwarded-Server", "evil.example", "Forwarded", "host=evil.example;proto=https", "X-Original-URL", "/healthz",
		"X-Rewrite-URL", "/healthz", "X-Host", "evil.example", "X-Forwarded-Prefix", "/evil", "X-Forwarded-For", "1.2.3.4",
	}
	var made invoice
	a := s.do("POST", "/api/v1/invoices", `{"amount":1500000}`, append([]string{"Authorization", "Bearer " + s.key}, forwarded...)...)
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || !strings.HasPrefix(made.PaymentURL, h.base+"/i/") {
		t.Errorf("the link is %q", made.PaymentURL)
	}
	a = s.post(made.path()+"/pay", url.Values{"gateway": {"gardeshpay"}}, forwarded...)
	calls := s.bank.calls("start")
	if callback, _ := calls[len(calls)-1].body["callback"].(string); a.status != http.StatusSeeOther || !strings.HasPrefix(callback, h.base+"/cb/gardeshpay/") {
		t.Errorf("%d, the callback is %q", a.status, callback)
	}
	if page := s.get(made.path(), forwarded...); page.status != http.StatusOK || strings.Contains(page.body, "evil") {
		t.Errorf("the page: %d", page.status)
	}
}

// raw is a request that no decent client would send.
func (h *house) raw(request string) answer {
	h.Helper()
	c := h.dial()
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte(request)); err != nil {
		h.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		h.Fatalf("%.100q: %v", request, err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body strings.Builder
	buf := make([]byte, 4<<10)
	for {
		n, err := resp.Body.Read(buf)
		body.Write(buf[:n])
		if err != nil {
			break
		}
	}
	return answer{resp.StatusCode, resp.Header, body.String()}
}

var hrefs = regexp.MustCompile(`(?:href|action|src)="([^"]*)"`)

// ours reports whether a browser that stands on a page of ours stays with us at an address.
func (h *house) ours(page, address string) bool {
	// The URL standard: tabs and line breaks are dropped, a backslash is a slash.
	clean := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(strings.TrimSpace(html.UnescapeString(address)))
	base, err := url.Parse(h.base)
	if err != nil {
		h.Fatal(err)
	}
	to, err := url.Parse(clean)
	if err != nil {
		return false
	}
	if to.Scheme == "data" || to.Scheme == "tel" || to.Scheme == "mailto" {
		return true
	}
	to = base.ResolveReference(to)
	return to.Scheme == base.Scheme && to.Host == base.Host && page != ""
}

// Nobody is led away from us by an address that a stranger made. (There is no next yet, which comes
// with the log-in. The row would have the shop register its origins; the contract takes any https.)
func TestT51_OpenRedirect(t *testing.T) {
	h, s := onOne(t)
	for _, bad := range []string{
		`//evil.example`, `/\\evil.example`, `\\\\evil.example`, `https:evil.example`, `https:/evil.example`, `https:///evil.example`, `\t//evil.example`, ` https://evil.example`, `https://shop.example@evil.example`, `https://a:b@evil.example`, `https://evil.example\\@shop.example`,
		`javascript:alert(1)`, `JaVaScRiPt:alert(1)`, `java\nscript:alert(1)`, `data:text/html,x`, `vbscript:x`, `http://evil.example`, `ftp://evil.example`, `https://`, `https://:443`, `https://evil.example/\r\nSet-Cookie: a=b`, `https://evil.example/\u0000`, `https://%0d%0aevil.example`,
		`https://[::1`, `?x`, `#x`, `evil.example`, `https://` + strings.Repeat("a", 3000) + `.example`,
	} {
		var p problem
		if status := s.api("POST", "/invoices", `{"amount":1500000,"return_url":"`+bad+`"}`, &p); status != http.StatusUnprocessableEntity || len(p.Errors) != 1 || p.Errors[0].Field != "return_url" {
			t.Errorf("return_url %s: %d %+v", bad, status, p.Errors)
		}
	}
	good := s.create(`{"amount":1500000,"return_url":"https://shop.example/thanks?cart=%0d%0a&next=//evil.example"}`)
	o := s.start(good, "gardeshpay").pays()
	for _, add := range []string{"return_url=//evil.example", "next=//evil.example", "redirect=https://evil.example", "callback=//evil.example"} {
		a := o.bring(o.claim(o.ref).Encode() + "&" + add)
		if a.location() != good.path() {
			t.Errorf("%s: to %q", add, a.location())
		}
	}
	for _, query := range []string{"?next=//evil.example", "?return_url=https://evil.example", "?lang=//evil.example", "?lang=en&lang=//evil.example", "?lang=%22%3E%3Cscript%3E"} {
		a := s.get(good.path() + query)
		if strings.Contains(a.body, "evil.example?") || strings.Contains(a.body, `"//evil`) || strings.Contains(a.body, "<script") {
			t.Errorf("%s is on the page", query)
		}
	}
	for _, target := range []string{
		"//evil.example", "//evil.example/", "//evil.example/..", "//evil.example%2f..", "///evil.example", "////evil.example//", `/\evil.example`, `/\\evil.example`, "/%5cevil.example", "/%5c%5cevil.example/..", "/%2fevil.example", "/%09/evil.example",
		"/.//evil.example", "/..//evil.example", "/static//evil.example", "/static/..%2f..//evil.example", "/static//evil.example%2f..", "/static/%2e%2e//evil.example", "//evil.example/static/..", "//evil.example%2fi/x", "/i//evil.example", "/i/%2f%2fevil.example",
		"/i//evil.example/pay", "/cb/ghesta//evil.example", "/cb/gardeshpay/%2f%2fevil.example", "/simulator//evil.example", "/simulator//evil.example/", `/simulator/\evil.example`, "/simulator//evil.example/..", "/simulator/%2f%2fevil.example", "/simulator", "/simulator?x=//evil.example",
		"/favicon.ico?//evil.example", "/help?lang=//evil.example", "/help//evil.example", "/api/v1//evil.example", "/api/v1/docs//evil.example", "//evil.example/api/v1/docs", "https:evil.example", "/;//evil.example", "/?//evil.example", "//evil.example?lang=en",
	} {
		for _, method := range []string{"GET", "POST", "HEAD"} {
			a := h.raw(method + " " + target + " HTTP/1.1\r\nHost: " + host(h.base) + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			if to := a.location(); to != "" && !h.ours("x", to) {
				t.Errorf("%s %s leads to %q", method, target, to)
			}
			for _, m := range hrefs.FindAllStringSubmatch(a.body, -1) {
				if !h.ours("x", m[1]) {
					t.Errorf("%s %s: a page with a link to %q", method, target, m[1])
				}
			}
		}
	}
	s.ends(good, "paid")
	links := hrefs.FindAllStringSubmatch(s.get(good.path()).body, -1)
	led := 0
	for _, m := range links {
		if !h.ours("x", m[1]) {
			led++
			if to := html.UnescapeString(m[1]); !strings.HasPrefix(to, "https://shop.example/thanks?cart=%0d%0a&next=//evil.example&invoice_id="+good.ID) {
				t.Errorf("the receipt leads to %q", to)
			}
		}
	}
	if led != 1 {
		t.Errorf("the receipt leads away in %d places", led)
	}
}

// No page of ours stands in a frame, whatever its status. (What net/http itself refuses, before any
// handler, is a line of plain text.)
func TestT52_Framing(t *testing.T) {
	h, s := onOne(t)
	o := s.began("gardeshpay")
	live := map[string]string{":token": o.inv.token(), ":id": o.inv.ID, "*": "x", ":hash": "x", ":file": "x"}
	fill := func(pattern string, values map[string]string) string {
		parts := strings.Split(pattern, "/")
		for i, part := range parts {
			if strings.HasPrefix(part, ":") || part == "*" {
				if parts[i] = values[part]; parts[i] == "" {
					parts[i] = "x"
				}
			}
		}
		return strings.Join(parts, "/")
	}
	statuses := map[int]bool{}
	checked := 0
	check := func(what string, a answer) {
		checked++
		statuses[a.status] = true
		if policy := a.header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: %d with the policy %q", what, a.status, policy)
		}
	}
	routes := h.app.Server.Echo.Routes()
	if len(routes) < 20 {
		t.Fatalf("only %d routes: this test looks in the wrong place", len(routes))
	}
	for _, r := range routes {
		if strings.HasPrefix(r.Method, "echo_route") { // echo's own name for "everything else"
			r.Method = "PUT"
		}
		for _, address := range []string{fill(r.Path, live), fill(r.Path, nil), fill(r.Path, live) + "/x", fill(r.Path, live) + "?lang=en&x=%zz"} {
			for _, method := range []string{r.Method, "GET", "POST", "BREW"} {
				if method == "CONNECT" {
					continue // a client does not send one without a proxy
				}
				check(method+" "+address, s.do(method, address, "", "Authorization", "Bearer "+s.key))
			}
		}
	}
	check("a foreign name", s.get(o.inv.path(), "Host", "evil.example"))
	check("a foreign page", s.post(o.inv.path()+"/pay", url.Values{"gateway": {"gardeshpay"}}, "Sec-Fetch-Site", "cross-site"))
	check("no gateway", s.post(o.inv.path()+"/pay", url.Values{}))
	check("a long body", s.post(o.inv.path()+"/pay", url.Values{"x": {strings.Repeat("x", 20_000)}}))
	check("another type", s.do("POST", o.inv.path()+"/pay", "{}", "Content-Type", "application/json"))
	check("a field twice", s.do("POST", o.inv.path()+"/pay", "a=1&a=2", "Content-Type", formType))
	s.bank.greets(func(call) *reply { return &reply{status: 503} })
	form := s.payer()
	form.Set("gateway", "gardeshpay")
	check("a gateway in trouble", s.post(s.invoice(price).path()+"/pay", form))
	s.bank.greets(nil)
	check("no key", s.get("/api/v1/invoices"))
	check("wrong amount", s.do("POST", "/api/v1/invoices", `{"amount":0}`, "Authorization", "Bearer "+s.key))
	o.pays()
	check("the callback", o.back(o.claim(o.ref)))
	check("a receipt", s.get(o.inv.path()))
	check("simulator", s.get("/simulator/"))
	check("simulator, nowhere", s.get("/simulator/nowhere"))
	for _, status := range []int{200, 303, 400, 401, 403, 404, 405, 413, 415, 421, 422, 502} {
		if !statuses[status] {
			t.Errorf("no answer with %d was looked at", status)
		}
	}
	// And with a database that is out of order.
	store, err := sql.Open("sqlite", strings.TrimPrefix(h.env["CHECKOUT_DATABASE_URL"], "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.ExecContext(t.Context(), "ALTER TABLE invoices RENAME TO gone")
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	if a := s.get(o.inv.path()); a.status < 500 || strings.Contains(a.body, "invoices") {
		t.Errorf("without its table: %d\n%s", a.status, a.body)
	} else {
		check("no table", a)
	}
	check("no table, API", s.get("/api/v1/invoices", "Authorization", "Bearer "+s.key))
	if checked < 200 {
		t.Errorf("only %d answers were looked at", checked)
	}
}
