package attacks_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"dargah/internal/app/access"
	"dargah/internal/app/admin"
)

// inReview is an invoice whose payment came back with another amount.
func (s *shop) inReview() *out {
	s.Helper()
	o := s.began("gardeshpay").pays()
	s.bank.answers(o.ref, &reply{body: verified(price-10, false, o.number)})
	o.returns()
	s.ends(o.inv, "review")
	return o
}

// T53: what a customer, a shop's program or a gateway wrote stands on every page as text.
func TestT53_StoredMarkup(t *testing.T) {
	h, s := onOne(t)
	const markup = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}javascript:alert(3)`
	raw := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	inv := s.create(`{"amount":1500000,"description":` + raw(markup) + `,"reference":` + raw(markup) + `,"customer":{"name":` + raw(markup) + `,"mobile":"09121234567"},"metadata":{"k":` + raw(markup) + `},"items":[{"title":` + raw(markup) + `,"quantity":1,"unit_amount":1500000}]}`)
	o := s.start(inv, "gardeshpay").pays()
	s.bank.answers(o.ref, &reply{body: `{"success":false,"code":` + raw(markup) + `,"message":` + raw(markup) + `}`})
	o.returns()
	s.ends(inv, "open")
	p := h.person(s.slug, "owner", false)
	p.headers = []string{"User-Agent", markup}
	p.signIn()
	if a := p.send("/admin/invoices/"+inv.ID+"/note", "note", markup); a.status != http.StatusSeeOther {
		t.Fatalf("write a note: %d", a.status)
	}
	pages := 0
	for _, r := range admin.Routes() {
		if r.Method != http.MethodGet || strings.Contains(r.Path, "export") || strings.Contains(r.Path, ":token") {
			continue
		}
		path := strings.NewReplacer(":id", inv.ID).Replace(r.Path)
		for _, query := range []string{"", "?q=" + url.QueryEscape(markup), "?from=" + url.QueryEscape(markup), "?done=" + url.QueryEscape(markup), "?trouble=" + url.QueryEscape(markup), "?next=" + url.QueryEscape(markup)} {
			a := p.open(path + query)
			if a.status == http.StatusSeeOther {
				continue
			}
			pages++
			for _, live := range []string{"<script>alert", "<img src=x", `href="javascript:`} {
				if strings.Contains(a.body, live) {
					t.Errorf("%s%s: %s is alive", path, query, live)
				}
			}
			policy := a.header.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s: policy %s", path, policy)
			}
		}
	}
	if page := p.open("/admin/invoices/" + inv.ID); !strings.Contains(page.body, "&lt;script&gt;") || pages < 20 {
		t.Errorf("%d pages were looked at, and the text is not among them", pages)
	}
}

// T54: an address that is kept leads over http(s) and nowhere else.
func TestT54_AddressesOfTheForm(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "owner", false).signIn()
	for _, bad := range []string{"javascript:alert(1)", "data:text/html,x", "//evil.example", "https://a@evil.example/", "http://evil.example/"} {
		a := p.send("/admin/invoices/new", "amount", "150000", "gateway_gardeshpay", "on", "locale", "fa", "return_url", bad, "description", "kept words")
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `value="kept words"`) {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
	for _, next := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "/admin/../i/x", "javascript:alert(1)", "/admin@evil.example", "/adminx", "/admin//evil.example"} {
		q := p.elsewhere()
		a := q.send("/admin/login", "email", p.email, "password", p.password, "next", next)
		if a.status != http.StatusSeeOther || a.location() != "/admin" {
			t.Errorf("next=%s leads to %d %s", next, a.status, a.location())
		}
	}
}

// T62: a person's word makes an invoice paid only when it is the owner's, with a reason, by one who
// has just said who they are, once, and under no reference that is another payment's.
func TestT62_PaidByHand(t *testing.T) {
	h, s := onOne(t)
	other := s.began("gardeshpay").pays()
	other.returns()
	s.ends(other.inv, "paid")
	o := s.inReview()
	path := "/admin/invoices/" + o.inv.ID + "/resolve/" + s.attempts(o.inv)[0].ID
	for _, role := range []string{"viewer", "staff"} {
		if a := h.person(s.slug, role, false).signIn().send(path, "outcome", "paid", "note", "I say so"); a.status != http.StatusForbidden {
			t.Errorf("%s: %d", role, a.status)
		}
	}
	p := h.person(s.slug, "owner", false).signIn()
	if a := p.send("/admin/invoices/"+other.inv.ID+"/resolve/"+s.attempts(o.inv)[0].ID, "outcome", "paid", "note", "x"); a.status != http.StatusNotFound {
		t.Errorf("under another invoice's address: %d", a.status)
	}
	h.clock.forward(access.LoginFresh + time.Minute)
	for name, wrong := range map[string][]string{
		"no password":    {"outcome", "paid", "note", "seen in the bank's panel"},
		"wrong password": {"outcome", "paid", "note", "seen in the bank's panel", "password", "not it"},
	} {
		a := p.send(path, wrong...)
		if (a.status != http.StatusForbidden) || !strings.Contains(a.body, "seen in the bank&#39;s panel") || !strings.Contains(a.body, `name="password"`) {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	before := p.cookies["admin"]
	if a := p.send(path, "outcome", "paid", "note", " ", "password", p.password); a.status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", a.status)
	}
	if p.cookies["admin"] == before {
		t.Error("one who proved who they are goes on under the old token")
	}
	for name, pairs := range map[string][]string{
		"another's reference": {"outcome", "paid", "note", "seen", "ref_number", "6037991234567893"},
		"no outcome":          {"note", "seen"},
	} {
		if a := p.send(path, pairs...); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	s.unpaid(o.inv)
	if a := p.send(path, "outcome", "paid", "note", "seen in the bank's panel"); a.status != http.StatusSeeOther || !strings.Contains(a.location(), "done=resolved") {
		t.Fatalf("the owner: %d %s", a.status, a.location())
	}
	s.ends(o.inv, "paid")
	if a := p.send(path, "outcome", "failed", "note", "again"); !strings.Contains(a.location(), "trouble=") {
		t.Errorf("a second word: %d %s", a.status, a.location())
	}
	if story := s.story(o.inv); !strings.Contains(story, "user:"+p.id) || !strings.Contains(story, `"manual":true`) || strings.Contains(story, "panel") {
		t.Errorf("the events say\n%s", story)
	}
}

// T64: a spreadsheet takes nothing that a customer typed for a formula, and a file is for those of
// the shop.
func TestT64_Export(t *testing.T) {
	h, s := onOne(t)
	names := []string{`=HYPERLINK("http://evil.example","x")`, "+1+1", "-1+1", "@SUM(1)", "＝1+1", "＠x", " =1+1", "\u200c=1+1", "plain, \"quoted\"\nname"}
	for _, name := range names {
		raw, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		s.create(`{"amount":1500000,"customer":{"name":` + string(raw) + `}}`)
	}
	p := h.person(s.slug, "viewer", false).signIn()
	csv := p.open("/admin/invoices/export.csv")
	if csv.status != http.StatusOK || !strings.HasPrefix(csv.body, "\ufeff") || !strings.Contains(csv.header.Get("Content-Disposition"), ".csv") {
		t.Fatalf("%d %v", csv.status, csv.header)
	}
	if lines := strings.Count(strings.TrimSpace(csv.body), "\r\n"); lines < len(names) {
		t.Errorf("%d lines", lines)
	}
	alive := regexp.MustCompile(`^[\s\x{200c}\x{feff}]*[=+\-@\t\r＝＋－＠]`)
	sheet := p.open("/admin/invoices/export.xlsx")
	book, err := excelize.OpenReader(bytes.NewReader([]byte(sheet.body)))
	if err != nil {
		t.Fatalf("%d: %v", sheet.status, err)
	}
	rows, err := book.GetRows("Sheet1")
	if err != nil || len(rows) != len(names)+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		if alive.MatchString(row[5]) {
			t.Errorf("%q would be a formula", row[5])
		}
		if f, err := book.GetCellFormula("Sheet1", "F2"); f != "" || err != nil {
			t.Errorf("a formula: %q, %v", f, err)
		}
	}
	if view, err := book.GetSheetView("Sheet1", 0); err != nil || view.RightToLeft == nil || !*view.RightToLeft {
		t.Errorf("the sheet does not open from right to left: %+v, %v", view, err)
	}
	for _, line := range strings.Split(csv.body, "\r\n")[1:] {
		for _, cell := range strings.Split(line, ",") {
			if alive.MatchString(strings.Trim(cell, `"`)) {
				t.Errorf("in the CSV: %q", cell)
			}
		}
	}
	stranger := h.person(h.shop(s.bank).slug, "owner", false).signIn()
	for _, path := range []string{"/admin/invoices/export.csv", "/admin/invoices/export.xlsx"} {
		if a := h.get(path); a.status != http.StatusSeeOther {
			t.Errorf("%s for nobody: %d", path, a.status)
		}
		if a := stranger.open(path); strings.Contains(a.body, "HYPERLINK") || a.status != http.StatusOK {
			t.Errorf("%s for another shop: %d", path, a.status)
		}
	}
	// The file is the list that its address names.
	if a := p.open("/admin/invoices/export.csv?status=paid"); strings.Count(a.body, "\r\n") != 1 {
		t.Errorf("nothing is paid, and the file holds\n%s", a.body)
	}
	if a := p.open("/admin/invoices/export.csv?status=nonsense"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a filter that is none: %d", a.status)
	}
}

// T65: no text makes a line of its own in the log.
func TestT65_LinesOfTheLog(t *testing.T) {
	h, s := onOne(t)
	const forged = "x\r\n{\"level\":\"ERROR\",\"msg\":\"forged\"}"
	p := h.person(s.slug, "owner", false).signIn()
	p.send("/admin/invoices/new", "amount", "150000", "gateway_gardeshpay", "on", "locale", "fa", "customer.name", forged, "description", forged)
	p.open("/admin/invoices?q=" + url.QueryEscape(forged))
	h.get("/admin/"+url.PathEscape(forged), "User-Agent", "x")
	h.post("/admin/login", url.Values{"email": {forged}, "password": {forged}})
	for line := range strings.Lines(h.log.String()) {
		var m map[string]any
		if json.Unmarshal([]byte(line), &m) != nil || m["msg"] == "forged" || strings.Contains(line, "forged") {
			t.Errorf("the log says %s", line)
		}
	}
}

// A person asks the gateway: while it is being verified by the stored job, and when a person must
// decide by the same call, whose success counts once.
func TestAskAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house, s *shop) {
		p := h.person(s.slug, "staff", false).signIn()
		o := s.began("gardeshpay").pays()
		s.bank.answers(o.ref, &reply{status: 503})
		o.returns()
		until(t, "the answer is written and the next ask lies ahead", func() bool {
			return s.count(o.inv, "verify.answered") == s.bank.verifies(o.ref) && s.bank.verifies(o.ref) >= 2
		})
		path := "/admin/invoices/" + o.inv.ID + "/ask/" + s.attempts(o.inv)[0].ID
		asked := s.bank.verifies(o.ref)
		if a := p.send(path); a.status != http.StatusSeeOther || !strings.Contains(a.location(), "done=asked") {
			t.Fatalf("ask: %d %s", a.status, a.location())
		}
		until(t, "the gateway was asked", func() bool { return s.bank.verifies(o.ref) > asked })
		h.clock.forward(time.Hour)
		s.ends(o.inv, "review")
		asked = s.bank.verifies(o.ref)
		p = p.elsewhere().signIn()
		if a := p.send(path); !strings.Contains(a.location(), "done=asked") || s.bank.verifies(o.ref) != asked+1 {
			t.Fatalf("ask in review: %d %s, %d calls", a.status, a.location(), s.bank.verifies(o.ref)-asked)
		}
		s.stands(o.inv, "review")
		s.bank.answers(o.ref, &reply{body: verified(price, false, o.number)})
		if a := p.send(path); !strings.Contains(a.location(), "done=asked") {
			t.Fatalf("ask again: %d %s", a.status, a.location())
		}
		s.paidOnce(o.inv)
		if a := p.send(path); !strings.Contains(a.location(), "trouble=nothing_to_ask") {
			t.Errorf("ask about what is paid: %d %s", a.status, a.location())
		}
	})
}

// A payment that was not taken on purpose stays under attention until a person closes it, once.
func TestCloseUnclaimed(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house, s *shop) {
		p := h.person(s.slug, "staff", false).signIn()
		o := s.began("gardeshpay").pays()
		if a := p.send("/admin/invoices/" + o.inv.ID + "/cancel"); !strings.Contains(a.location(), "done=canceled") {
			t.Fatalf("cancel: %d %s", a.status, a.location())
		}
		o.returns()
		page := p.open("/admin/invoices/" + o.inv.ID)
		if !strings.Contains(page.body, `class="matter"`) || !strings.Contains(page.body, o.ref) {
			t.Errorf("it does not stand under attention: %.800s", page.body)
		}
		path := "/admin/invoices/" + o.inv.ID + "/close/" + s.attempts(o.inv)[0].ID
		for _, note := range []string{"", " "} {
			if a := p.send(path, "note", note); a.status != http.StatusUnprocessableEntity {
				t.Errorf("note %q: %d", note, a.status)
			}
		}
		if a := p.send(path, "note", "6037 9912 3456 7893"); a.status != http.StatusUnprocessableEntity || s.count(o.inv, "attempt.resolved") != 0 {
			t.Errorf("a card number in the note: %d", a.status)
		}
		for i, want := range []string{"done=closed", "trouble=not_unclaimed"} {
			if a := p.send(path, "note", "returned on the ninth"); !strings.Contains(a.location(), want) {
				t.Errorf("time %d: %d %s", i, a.status, a.location())
			}
		}
		if page := p.open("/admin/invoices/" + o.inv.ID); strings.Contains(page.body, `class="matter"`) || !strings.Contains(page.body, "returned on the ninth") {
			t.Error("closed, it still stands under attention, or its note is nowhere")
		}
		s.says(o.inv, "attempt.resolved", 1)
	})
}
