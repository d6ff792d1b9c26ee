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

// A search that finds several says by what, where the row does not show it; names and amounts do.
func TestSearch_SaysWhy(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "viewer", false).signIn()
	s.invoice(price)
	s.invoice(2 * price)
	for query, want := range map[string]int{"09121234567": 2, "0912": 2, url.QueryEscape("نگار"): 0} {
		list := p.open("/admin/invoices?q=" + query)
		if n := strings.Count(list.body, `موبایل: <bdi class="ltr">09121234567</bdi>`); n != want || strings.Count(list.body, `href="/admin/invoices/inv_`) < 2 {
			t.Errorf("%s: %d rows say that the mobile was it, want %d", query, n, want)
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

// T63: keys and gateways are changed by the owner, who has just said who they are; no page shows a
// secret again; addresses are the operator's.
func TestT63_KeysAndGateways(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "owner", false).signIn()
	operator := h.person("", "", true).signIn()
	gateway := "/admin/settings/gateways/ghesta"
	read := func(who *person) string {
		return who.open("/admin/settings/gateways").body + who.open("/admin/settings/keys").body + who.open("/admin/settings").body
	}
	if body := read(p); strings.Contains(body, "canary-bearer") || strings.Contains(body, `name="pay_url"`) {
		t.Error("a page of the owner shows a token, or lets an address be changed")
	}
	operator.send("/admin/look", "merchant", s.scope.MerchantID, "mode", "live")
	if body := read(operator); strings.Contains(body, "canary-bearer") || !strings.Contains(body, `name="pay_url"`) {
		t.Error("a page of the operator shows a token, or no addresses")
	}
	h.clock.forward(access.LoginFresh + time.Minute)
	for name, pairs := range map[string][]string{"": {}, "wrong": {"password", "not it"}} {
		a := p.send(gateway, append([]string{"token", "stolen-token", "amount_unit", "rial", "enabled", "true", "min_amount", "100000"}, pairs...)...)
		if a.status != http.StatusForbidden || strings.Contains(a.body, "stolen-token") {
			t.Errorf("%s password: %d", name, a.status)
		}
		if a := p.send("/admin/settings/keys", append([]string{"name", "thief", "kind", "write"}, pairs...)...); a.status != http.StatusForbidden || strings.Contains(a.body, "sk_live_") {
			t.Errorf("a key with %s password: %d", name, a.status)
		}
		if a := p.send("/admin/settings/people", append([]string{"email", "thief@example.com", "role", "owner", "new_password", "a long password"}, pairs...)...); a.status != http.StatusForbidden {
			t.Errorf("a person with %s password: %d", name, a.status)
		}
	}
	// The owner's form may say addresses; nobody reads them there.
	if a := p.send(gateway, "password", p.password, "amount_unit", "rial", "min_amount", "200,000", "pay_url", "https://evil.example/", "verify_window", "۱۰"); a.status != http.StatusSeeOther {
		t.Fatalf("the owner: %d %.400s", a.status, a.body)
	}
	page := operator.open("/admin/settings/gateways").body
	if strings.Contains(page, "evil.example") || !strings.Contains(page, s.bank.URL+"/ghesta/pay") || !strings.Contains(page, `value="200,000"`) {
		t.Error("the owner changed an address, or could not change a limit")
	}
	if o := s.start(s.invoice(2_000_000), "ghesta"); o.token == "" {
		t.Error("the token that was left empty is gone")
	}
	for name, pairs := range map[string][]string{
		"limit": {"min_amount", "1.5"}, "window": {"verify_window", "-3"}, "unit": {"amount_unit", "dollar"}, "order": {"min_amount", "900000000", "max_amount", "1"},
	} {
		if a := p.send(gateway, pairs...); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `class="notice wrongs"`) {
			t.Errorf("a wrong %s: %d", name, a.status)
		}
	}
	made := p.send("/admin/settings/keys", "name", "shop", "kind", "write")
	secret := regexp.MustCompile(`sk_live_[0-9A-Za-z]{43}`).FindString(made.body)
	if secret == "" || h.get("/api/v1/invoices", "Authorization", "Bearer "+secret).status != http.StatusOK {
		t.Fatalf("a key: %d", made.status)
	}
	list := p.open("/admin/settings/keys").body
	id := regexp.MustCompile(`key_[0-9a-z]{25}`).FindString(list)
	if strings.Contains(list, secret) || id == "" {
		t.Error("the secret is shown again")
	}
	stranger := h.person(h.shop(s.bank).slug, "owner", false).signIn()
	stranger.send("/admin/settings/keys/revoke", "key", id)
	if h.get("/api/v1/invoices", "Authorization", "Bearer "+secret).status != http.StatusOK {
		t.Error("another shop's owner revoked it")
	}
	p.send("/admin/settings/keys/revoke", "key", id)
	if h.get("/api/v1/invoices", "Authorization", "Bearer "+secret).status != http.StatusUnauthorized {
		t.Error("a revoked key opens")
	}
}

// T56, T61: a person whose role changes goes on under no old token; a shop keeps an owner; a person of
// one shop changes nobody of another.
func TestT61_RolesChange(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "owner", false).signIn()
	staff := h.person(s.slug, "staff", false).signIn()
	role := func(who *person, pairs ...string) answer { return who.send("/admin/settings/people/role", pairs...) }
	if a := role(p, "user", staff.id, "role", "viewer"); a.status != http.StatusSeeOther || staff.in() {
		t.Errorf("%d, the old login is in: %t", a.status, staff.in())
	}
	if a := staff.signIn().open("/admin/invoices/new"); a.status != http.StatusForbidden {
		t.Errorf("a viewer's form: %d", a.status)
	}
	for name, pairs := range map[string][]string{"role": {"user", p.id, "role", "staff"}, "removal": {"user", p.id, "act", "remove"}} {
		if a := role(p, pairs...); a.status != http.StatusUnprocessableEntity || !p.in() {
			t.Errorf("%s of the last owner: %d", name, a.status)
		}
	}
	stranger := h.person(h.shop(s.bank).slug, "owner", false).signIn()
	for _, act := range []string{"role", "remove", "reset"} {
		a := role(stranger, "user", staff.id, "act", act, "role", "owner", "new_password", "a stranger's password")
		if a.status == http.StatusSeeOther {
			t.Errorf("another shop's owner: %s was done", act)
		}
	}
	if a := p.send("/admin/settings/people", "email", "new@example.com", "role", "staff", "new_password", "hand this over"); a.status != http.StatusSeeOther {
		t.Errorf("add: %d %.300s", a.status, a.body)
	}
	fresh := &person{house: h, email: "new@example.com", password: "hand this over", cookies: map[string]string{}}
	fresh.signIn()
	if a := p.send("/admin/settings/people", "email", "new@example.com", "role", "owner", "new_password", "another password"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `value="new@example.com"`) {
		t.Errorf("add twice: %d", a.status)
	}
	if a := role(p, "user", staff.id, "act", "remove"); a.status != http.StatusSeeOther || staff.open("/admin/invoices").status == http.StatusOK {
		t.Errorf("remove: %d", a.status)
	}
	if a := role(p, "user", fresh.id, "act", "reset", "new_password", "a new password"); a.status != http.StatusForbidden {
		t.Errorf("an owner set somebody's password: %d", a.status)
	}
}
