package attacks_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/mail/mailtest"
)

// remind sets a rule without quiet hours, and lets a day pass.
func (s *shop) remind(box *mailtest.Postbox, want int) mailtest.Message {
	s.Helper()
	err := s.app.Engine.SetRules(context.Background(), s.scope.MerchantID, func(r *checkout.Rules) {
		r.RemindAfter, r.RemindMost, r.QuietFrom, r.QuietUntil = 1, 5, 0, 0
	})
	if err != nil {
		s.Fatal(err)
	}
	s.clock.forward(25 * time.Hour)
	if err := s.app.Engine.RunRules(context.Background(), checkout.Job{Key: s.scope.MerchantID}); err != nil {
		s.Fatal(err)
	}
	if err := s.app.Engine.Remind(context.Background()); err != nil {
		s.Fatal(err)
	}
	got := letters(s.TB.(*testing.T), box, want)
	return got[len(got)-1]
}

// A reminder through the whole house: it names its way out; scanners that fetch, follow and HEAD
// its links change nothing, neither the invoice nor the reminders; one click from anywhere ends them.
func TestT74_ReminderAndScanners(t *testing.T) {
	_, s, box := withMail(t)
	inv, status := s.ask(map[string]any{"amount": price, "send_email": true, "customer": map[string]any{"email": "sara@example.com", "name": "Sara"}})
	if status != http.StatusCreated {
		t.Fatalf("made: %d", status)
	}
	letters(t, box, 1)
	m := s.remind(box, 2)
	way := strings.Trim(m.Head(t, "List-Unsubscribe"), "<>")
	// This house is http on loopback, where RFC 8058 knows no one click; the heads of one on https are
	// looked at where letters are made.
	if m.Head(t, "List-Unsubscribe-Post") != "" || !strings.HasPrefix(way, s.base+"/m/") || strings.Contains(way, "sara") {
		t.Fatalf("%s, %s", way, m.Head(t, "List-Unsubscribe-Post"))
	}
	links := regexp.MustCompile(`https?://[^\s"<>]+`).FindAllString(m.Text(t), -1)
	if len(links) < 2 {
		t.Fatalf("links %v", links)
	}
	for _, link := range append(links, way, way+"?List-Unsubscribe=One-Click") {
		path := strings.TrimPrefix(link, s.base)
		if path == link {
			continue
		}
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			for _, agent := range []string{"Barracuda Sentinel", "Mozilla/5.0", "Twitterbot/1.0"} {
				if a := s.do(method, path, "", "User-Agent", agent, "Purpose", "prefetch"); a.status != http.StatusOK {
					t.Errorf("%s %s: %d", method, path, a.status)
				}
			}
		}
	}
	got, err := s.app.Engine.Invoice(context.Background(), s.scope, inv.ID)
	if err != nil || got.Status != checkout.InvoiceOpen || got.AttemptCount != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	s.remind(box, 3) // nobody has pressed anything
	path := strings.TrimPrefix(way, s.base)
	if a := s.do(http.MethodPost, path, "List-Unsubscribe=One-Click", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site"); a.status != http.StatusSeeOther {
		t.Fatalf("one click: %d", a.status)
	}
	s.remind(box, 3)
	again, status := s.ask(map[string]any{"amount": price, "send_email": true, "customer": map[string]any{"email": "Sara@Example.com"}})
	if status != http.StatusCreated || again.ID == inv.ID {
		t.Fatalf("made: %d", status)
	}
	letters(t, box, 4) // a request is none of the reminders
	s.remind(box, 4)
}

// bring uploads a file as a browser does.
func (p *person) bring(unit, file string) answer {
	p.Helper()
	body := "--x\r\nContent-Disposition: form-data; name=\"unit\"\r\n\r\n" + unit + "\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"=customers.csv\"\r\nContent-Type: text/csv\r\n\r\n" + file + "\r\n--x--\r\n"
	var jar []string
	for name, value := range p.cookies {
		jar = append(jar, name+"="+value)
	}
	return p.do(http.MethodPost, "/admin/many", body, "Content-Type", "multipart/form-data; boundary=x", "Cookie", strings.Join(jar, "; "))
}

// T61, T64: a file of customers is read for who may make invoices, and for nobody else; what is in it is
// text on the page and text in the file of results; another shop sees nothing of it.
func TestT64_ManyFromAFile(t *testing.T) {
	h, s := onOne(t)
	other := h.shop(s.bank)
	file := "name,email,amount,description\r\n" +
		"<script>alert(1)</script>,sara@example.com,150000,=cmd|' /C calc'!A0\r\n" +
		"+98 912,kian@example.com,150000,\"Bcc: x\u202e\"\r\n" +
		"@SUM(1),nobody,150000,x\r\n"
	for role, want := range map[string]int{"viewer": http.StatusForbidden, "staff": http.StatusSeeOther} {
		p := h.person(s.slug, role, false).signIn()
		if a := p.bring("toman", file); a.status != want {
			t.Fatalf("%s: %d, want %d", role, a.status, want)
		}
	}
	owner := h.person(s.slug, "owner", false).signIn()
	for name, test := range map[string]struct {
		unit, file string
		want       int
	}{
		"no unit":   {"", file, http.StatusUnprocessableEntity},
		"no file":   {"rial", "", http.StatusUnprocessableEntity},
		"no names":  {"rial", "a,b\r\n1,2\r\n", http.StatusUnprocessableEntity},
		"no sheet":  {"rial", "PK\x03\x04", http.StatusUnprocessableEntity},
		"too large": {"rial", strings.Repeat("x", 9<<20), http.StatusRequestEntityTooLarge},
	} {
		if a := owner.bring(test.unit, test.file); a.status != test.want {
			t.Errorf("%s: %d, want %d", name, a.status, test.want)
		}
	}
	at := owner.bring("toman", file).location()
	page := owner.open(at)
	if page.status != http.StatusOK || strings.Contains(page.body, "<script>alert") || strings.Contains(page.body, "\u202e") || !strings.Contains(page.body, "sara@example.com") {
		t.Fatalf("%d\n%s", page.status, page.body)
	}
	stranger := h.person(other.slug, "owner", false).signIn()
	for _, path := range []string{at, at + "/result.csv", at + "/result.xlsx"} {
		if a := stranger.open(path); a.status != http.StatusNotFound {
			t.Errorf("a stranger sees %s: %d", path, a.status)
		}
	}
	if a := stranger.send(at+"/start", "letters", "1"); a.status != http.StatusNotFound {
		t.Errorf("a stranger starts it: %d", a.status)
	}
	if a := owner.send(at+"/start", "letters", "1", "doubles", "1"); a.status != http.StatusSeeOther {
		t.Fatalf("start: %d", a.status)
	}
	id := at[strings.LastIndex(at, "/")+1:]
	if err := s.app.Engine.RunMany(context.Background(), checkout.Job{Key: id}); err != nil {
		t.Fatal(err)
	}
	result := owner.open(at + "/result.csv").body
	for _, want := range []string{"'=cmd|", "'+98 912", "'@SUM(1)", h.base + "/i/"} {
		if !strings.Contains(result, want) {
			t.Errorf("%q is not in\n%s", want, result)
		}
	}
}
