package attacks_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// withoutWords are the parts of an answer that differ between any two: the request's id.
var withoutWords = regexp.MustCompile(`req_[0-9a-z]+`)

// "My money left my account" is no oracle: a link that does not exist, a link with wrong digits, one whose
// customer gave no mobile, a number of nobody and one of another link read the same to the byte, ten times
// about one link and then no more, and then the right digits do not help either.
func TestT85_StatementIsNoOracle(t *testing.T) {
	onBoth(t, func(t *testing.T, _ *house, s *shop) {
		paid := s.began("ghesta").pays()
		paid.returns()
		s.ends(paid.inv, "paid")
		known := s.invoice(price)
		silent := s.create(fmt.Sprintf(`{"amount":%d}`, price))
		ask := func(token, last4, number string) answer {
			return s.post("/money", url.Values{"link": {token}, "last4": {last4}, "number": {number}})
		}
		neutral := func(a answer, said ...string) string {
			body := withoutWords.ReplaceAllString(a.body, "")
			for _, word := range said {
				if word != "" {
					body = strings.ReplaceAll(body, `value="`+html.EscapeString(word)+`"`, `value=""`)
				}
			}
			return fmt.Sprint(a.status, "\n", body)
		}
		want := neutral(ask("nobodyaaaaaaaaaaaaaaaa", "0000", ""), "nobodyaaaaaaaaaaaaaaaa", "0000")
		if !strings.HasPrefix(want, "404") {
			t.Fatal(want)
		}
		for name, q := range map[string][3]string{
			"wrong digits":                 {known.token(), "0000", ""},
			"wrong digits of a paid one":   {paid.inv.token(), "1111", ""},
			"no mobile":                    {silent.token(), "0000", ""},
			"nobody's number":              {"", "", "999999999999"},
			"a number alone":               {"", "", paid.ref},
			"a number and digits alone":    {"", "4567", paid.ref},
			"another link's number":        {known.token(), "", paid.ref},
			"a number without its link":    {"nobodybbbbbbbbbbbbbbbb", "", paid.ref},
			"a number with wrong digits":   {paid.inv.token(), "0000", paid.ref},
			"what is no link and no digit": {"<script>", "' or 1=1 --", "%00"},
			"nothing at all":               {"", "", ""},
		} {
			if got := neutral(ask(q[0], q[1], q[2]), q[0], q[1], q[2]); got != want {
				t.Errorf("%s reads otherwise:\n%s\nnot\n%s", name, got, want)
			}
		}
		if a := ask(paid.inv.token(), "4567", ""); a.status != http.StatusOK || !strings.Contains(a.body, `data-payment="paid"`) || strings.Contains(a.body, "0912") || strings.Contains(a.body, "نگار") {
			t.Errorf("the true digits: %d\n%s", a.status, a.body)
		}
		if a := ask(paid.inv.token(), "", paid.ref); a.status != http.StatusOK || !strings.Contains(a.body, `data-payment="paid"`) {
			t.Errorf("the true number: %d\n%s", a.status, a.body)
		}
		tries := map[string]int{}
		for _, token := range []string{known.token(), "nobodycccccccccccccccc"} {
			for i := range 30 {
				if a := ask(token, fmt.Sprintf("%04d", i), ""); a.status != http.StatusNotFound {
					if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
						t.Fatalf("guess %d: %d", i, a.status)
					}
					break
				}
				tries[token]++
			}
		}
		// Two questions about the known link were asked above.
		if tries[known.token()] != 8 || tries["nobodycccccccccccccccc"] != 10 {
			t.Errorf("guesses %v", tries)
		}
		if a := ask(known.token(), "4567", ""); a.status != http.StatusTooManyRequests {
			t.Errorf("the true digits after too many guesses: %d", a.status)
		}
		if got := s.read(paid.inv); got.Status != "paid" || len(s.events(known)) != 1 {
			t.Errorf("asking changed something: %+v", got)
		}
	})
}

// scanner is what stands between a letter and its reader: it opens what it finds, and what that leads to.
type scanner struct {
	*shop
	seen map[string]bool
	n    int
}

var (
	linkIn = regexp.MustCompile(`(?:href|src|action|content)="([^"]+)"`)
	bare   = regexp.MustCompile(`https?://[^\s"<>()]+`)
)

// visits are the ways to look at an address: mail scanners, browsers that prefetch, messengers' previews.
var visits = []struct {
	method string
	heads  []string
}{
	{http.MethodHead, []string{"User-Agent", "Barracuda Sentinel (EE)"}},
	{http.MethodGet, []string{"User-Agent", "Mozilla/5.0 (Windows NT 10.0) Safelinks"}},
	{http.MethodGet, []string{"User-Agent", "Mozilla/5.0", "Purpose", "prefetch", "X-Moz", "prefetch"}},
	{http.MethodGet, []string{"User-Agent", "Mozilla/5.0", "Sec-Purpose", "prefetch;prerender", "Sec-Fetch-Site", "cross-site"}},
	{http.MethodGet, []string{"User-Agent", "TelegramBot (like TwitterBot)", "Range", "bytes=0-65535"}},
	{http.MethodGet, []string{"User-Agent", "WhatsApp/2.23.20.0 A"}},
	{http.MethodGet, []string{"User-Agent", "Bale-Preview/1.0", "Accept", "text/html"}},
	{http.MethodOptions, []string{"User-Agent", "Proofpoint URL Defense"}},
}

// looks opens an address in every way, and goes on to all that it leads to.
func (c *scanner) looks(address string, deep int) {
	c.Helper()
	address = strings.TrimRight(html.UnescapeString(address), ".,;")
	address, _, _ = strings.Cut(address, "#")
	path := strings.TrimPrefix(address, c.base)
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.HasPrefix(path, "/static/") || c.seen[path] || deep < 0 || len(c.seen) > 120 {
		return
	}
	c.seen[path] = true
	var next []string
	for _, v := range visits {
		a := c.do(v.method, path, "", v.heads...)
		c.n++
		if a.status >= 500 {
			c.Errorf("%s %s: %d", v.method, path, a.status)
		}
		if a.header.Get("Set-Cookie") != "" && !strings.HasPrefix(path, "/admin") {
			c.Errorf("%s %s sets a cookie", v.method, path)
		}
		next = append(next, a.location())
		for _, m := range linkIn.FindAllStringSubmatch(a.body, -1) {
			next = append(next, m[1])
		}
	}
	for _, n := range next {
		c.looks(n, deep-1)
	}
}

// seenByPeople fails unless a link was looked at so often by people.
func (c *scanner) seenByPeople(id string, want int) {
	c.Helper()
	if err := c.app.Engine.KeepLooks(c.Context()); err != nil {
		c.Fatal(err)
	}
	err := c.app.Engine.DB.View(c.Context(), func(tx *db.Tx) error {
		got, err := tx.LooksAt(id)
		if got.Times != want {
			c.Errorf("looked at %d times, want %d", got.Times, want)
		}
		return err
	})
	if err != nil {
		c.Fatal(err)
	}
}

var allInvoices = payments.InvoiceFilter{Limit: 100}

// A scanner that opens everything in every letter and on every page, follows and HEADs it, changes neither an
// invoice nor an attempt, neither a payment page's places nor the reminders.
func TestT86_ScannersAndPreviewsChangeNothing(t *testing.T) {
	_, s, box := withMail(t)
	inv, status := s.ask(map[string]any{"amount": price, "send_email": true, "customer": map[string]any{"email": "sara@example.com", "name": "Sara", "mobile": "09121234567"}})
	if status != http.StatusCreated {
		t.Fatalf("made: %d", status)
	}
	letters(t, box, 1)
	reminder := s.remind(box, 2)
	out := s.start(s.invoice(price), "gardeshpay") // a customer at the bank meanwhile
	if _, err := s.app.Engine.CreatePayPage(t.Context(), s.scope, payments.PageWords{Slug: "seat", Title: "A seat", Amount: price, Stock: 3, Locale: "fa"}); err != nil {
		t.Fatal(err)
	}
	one, err := s.app.Engine.Invoice(t.Context(), s.scope, inv.ID)
	if err != nil {
		t.Fatal(err)
	}
	books := func() string {
		var all strings.Builder
		for _, id := range []string{inv.ID, out.inv.ID} {
			got, err := s.app.Engine.Invoice(t.Context(), s.scope, id)
			if err != nil {
				t.Fatal(err)
			}
			list, err := s.app.Engine.InvoiceAttempts(t.Context(), s.scope, id)
			if err != nil {
				t.Fatal(err)
			}
			events, _, err := s.app.Engine.InvoiceEvents(t.Context(), s.scope, id, "", 100)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&all, "%+v\n%+v\n%+v\n", got, list, events)
		}
		list, next, err := s.app.Engine.Invoices(t.Context(), s.scope, allInvoices)
		if err != nil {
			t.Fatal(err)
		}
		page, err := s.app.Engine.PayPage(t.Context(), s.slug, "seat", 0)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%d %s\n%+v\n", len(list), next, page.Page)
		return all.String()
	}
	before := books()
	c := &scanner{shop: s, seen: map[string]bool{}}
	for _, link := range append(bare.FindAllString(reminder.Text(t), -1), strings.Trim(reminder.Head(t, "List-Unsubscribe"), "<>")) {
		c.looks(link, 4)
	}
	for _, path := range []string{"/i/" + one.Token + "/pay", "/i/" + one.Token + "/money", "/p/" + s.slug + "/seat", "/p/" + s.slug + "/seat/pay?once=" + strings.Repeat("a", 22), out.inv.path(), "/money"} {
		c.looks(path, 3)
	}
	if len(c.seen) < 12 || c.n < 90 || !c.seen["/i/"+one.Token] || !c.seen["/p/"+s.slug+"/seat"] {
		t.Fatalf("looked at %d addresses, %d times: %v", len(c.seen), c.n, c.seen)
	}
	if after := books(); after != before {
		t.Errorf("looking changed\n%s\nto\n%s", before, after)
	}
	c.seenByPeople(one.ID, 0)
	if a := s.get("/i/"+one.Token, "User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Accept", "text/html", "Accept-Language", "fa",
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", "none"); a.status != http.StatusOK {
		t.Errorf("a person: %d", a.status)
	}
	c.seenByPeople(one.ID, 1)
	if after := books(); after != before {
		t.Errorf("a person's look changed\n%s\nto\n%s", before, after)
	}
	s.remind(box, 3) // nobody has ended the reminders
	if got, err := s.app.Engine.Invoice(t.Context(), s.scope, inv.ID); err != nil || got.Status != checkout.InvoiceOpen {
		t.Errorf("%+v, %v", got, err)
	}
}
