package attacks_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"dargah/internal/app/access"
	"dargah/internal/app/admin"
	"dargah/web/static"
)

// markup is what a hostile person would write into any field.
const hostile = `"'></textarea></title><svg/onload=alert(7)><script>alert(7)</script><a href="javascript:alert(7)">`

// inert reads a page as a browser does and fails on anything in it that acts and is not ours.
func inert(t *testing.T, where, body string) {
	t.Helper()
	tokens := html.NewTokenizer(strings.NewReader(body))
	for kind := tokens.Next(); kind != html.ErrorToken; kind = tokens.Next() {
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			continue
		}
		tag := tokens.Token()
		for _, a := range tag.Attr {
			value := strings.ToLower(strings.TrimSpace(a.Val))
			if strings.HasPrefix(a.Key, "on") || strings.HasPrefix(value, "javascript:") || (tag.Data == "script" && a.Key == "src" && value != static.Path("admin.js") && value != static.Path("live.js")) {
				t.Errorf("%s: <%s %s=%q> is alive", where, tag.Data, a.Key, a.Val)
			}
		}
		if tag.Data == "script" && len(tag.Attr) == 0 {
			t.Errorf("%s: a script in the page is alive", where)
		}
	}
}

// T53: the same text in every field that a customer, a gateway, a shop or a stranger fills in, and every
// page, file and letter of it.
func TestT53_EveryFieldIsInert(t *testing.T) {
	h, s := onOne(t)
	quoted := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	text := quoted(hostile)
	owner := h.person(s.slug, "owner", false)
	owner.headers = []string{"User-Agent", hostile}
	owner.signIn()
	if a := owner.send("/admin/settings", "name", hostile[:90], "phone", hostile[:90], "address", hostile, "locale", "fa", "email", "shop@example.com"); a.status != http.StatusSeeOther {
		t.Fatalf("the shop's own words: %d %.600s", a.status, a.body)
	}
	owner.send("/admin/settings/keys", "name", hostile[:90], "kind", "read")
	body := func(name string) string {
		return `{"amount":1500000,"description":` + text + `,"reference":` + quoted(hostile[:90]) + `,"send_email":true,"return_url":"https://shop.example/?x=%22%3E%3Csvg/onload=alert(7)%3E","customer":{"name":` + quoted(name) +
			`,"mobile":"09121234567","email":"sara@example.com"},"metadata":{"k":` + text + `},"items":[{"title":` + text + `,"quantity":1,"unit_amount":1500000}]}`
	}
	refused, paid := s.create(body(hostile[:90])), s.create(body(hostile[5:95]))
	o := s.start(refused, "gardeshpay").pays()
	s.bank.answers(o.ref, &reply{body: `{"success":false,"code":` + text + `,"message":` + text + `}`})
	o.returns()
	s.ends(refused, "open")
	o = s.start(paid, "gardeshpay").pays()
	o.returns()
	s.paidOnce(paid)
	for _, inv := range []invoice{refused, paid} {
		if a := owner.send("/admin/invoices/"+inv.ID+"/note", "note", hostile); a.status != http.StatusSeeOther {
			t.Fatalf("a note: %d", a.status)
		}
	}
	pages, seen := 0, 0
	look := func(where, body string) {
		t.Helper()
		pages++
		if strings.Contains(body, "&lt;svg/onload") {
			seen++
		}
		inert(t, where, body)
	}
	for _, r := range admin.Routes() {
		if r.Method != http.MethodGet || strings.Contains(r.Path, ":token") {
			continue
		}
		for _, inv := range []invoice{refused, paid} {
			path := strings.ReplaceAll(r.Path, ":id", inv.ID)
			if strings.Contains(path, ":") {
				path = fill(t, h, s, path)
			}
			for _, query := range []string{"", "?lang=en"} {
				a := owner.open(path + query)
				switch kind := a.header.Get("Content-Type"); {
				case a.status == http.StatusOK && strings.HasPrefix(kind, "text/html"):
					look(path+query, a.body)
				case a.status == http.StatusOK && kind != "application/json" && !strings.Contains(a.header.Get("Content-Disposition"), "attachment"):
					t.Errorf("%s is %s and opens in the browser", path, kind)
				}
			}
		}
	}
	for _, inv := range []invoice{refused, paid} {
		for _, query := range []string{"", "?lang=en"} {
			look("the payment link", h.get(inv.path()+query).body)
		}
	}
	if pages < 40 || seen < 10 {
		t.Errorf("%d pages were looked at, the text stands on %d", pages, seen)
	}
}

// The first view of the admin on a slow line: the page, its sheet, its script and its pictures, and the two
// parts of the font that a Persian page needs. The page is complete without them.
func TestAdmin_FirstViewWeighs(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "owner", false).signIn()
	for range 25 {
		s.create(`{"amount":1500000,"description":"سرویس چای‌خوری فیروزه‌ای، ۶ نفره","reference":"MP-1217","customer":{"name":"نگار احمدی","mobile":"09121234567"}}`)
	}
	for _, path := range []string{"/admin", "/admin/invoices", "/admin/invoices/new", "/admin/settings/gateways"} {
		sum := 0
		for _, part := range []string{path, static.Path("admin.css"), static.Path("admin.js"), static.Path("live.js"), static.Path("mark.svg"), static.Path("vazirmatn-persian.woff2"), static.Path("vazirmatn-plain.woff2")} {
			a := p.open(part, "Accept-Encoding", "gzip")
			if a.status != http.StatusOK || len(a.body) == 0 {
				t.Fatalf("%s: %d", part, a.status)
			}
			sum += len(a.body)
		}
		t.Logf("%s: %d bytes", path, sum)
		if sum > 52<<10 {
			t.Errorf("%s weighs %d bytes, at most 52 KB are allowed", path, sum)
		}
	}
}

// Test mode says so on every page of a shop.
func TestAdmin_TestModeEverywhere(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "owner", false).signIn()
	p.send("/admin/look", "mode", "test")
	pages := 0
	for _, r := range admin.Routes() {
		if r.Method != http.MethodGet || strings.Contains(r.Path, ":") || r.Own || r.Right == access.None { // at the door there is no mode yet
			continue
		}
		a := p.open(r.Path)
		if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			continue
		}
		pages++
		if !strings.Contains(a.body, `class="testbar"`) {
			t.Errorf("%s looks like live mode", r.Path)
		}
	}
	if pages < 12 {
		t.Errorf("only %d pages were looked at", pages)
	}
}
