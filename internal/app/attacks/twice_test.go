package attacks_test

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/access"
)

var onceMark = regexp.MustCompile(`name="once" value="([^"]+)"`)

// formOf is the mark of a form on a page: what makes its presses one.
func formOf(t *testing.T, page string) string {
	t.Helper()
	m := onceMark.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the form has no mark: %.600s", page)
	}
	return m[1]
}

// copied is the same person in a browser of the same cookies, as they are now.
func (p *person) copied() *person {
	return &person{house: p.house, id: p.id, email: p.email, password: p.password, cookies: maps.Clone(p.cookies), headers: p.headers}
}

// A form pressed twice makes one invoice, whether the presses come after each other or at once; another
// word in it makes another.
func TestTwice_OneInvoice(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house, s *shop) {
		p := h.person(s.slug, "staff", false).signIn()
		form := []string{
			"once", formOf(t, p.open("/admin/invoices/new").body), "gateway_gardeshpay", "on", "locale", "fa", "amount", "",
			"item_title_1", "کاسه", "item_quantity_1", "۲", "item_price_1", "۱۵۰٬۰۰۰", "item_title_3", "ارسال", "item_price_3", "35,000",
		}
		var wait sync.WaitGroup
		answers := make([]answer, 4)
		for i := range answers {
			wait.Go(func() { answers[i] = p.copied().send("/admin/invoices/new", form...) })
		}
		wait.Wait()
		for _, a := range append(answers, p.send("/admin/invoices/new", form...)) {
			if a.status != http.StatusSeeOther || a.location() != answers[0].location() {
				t.Errorf("%d %s, want %s", a.status, a.location(), answers[0].location())
			}
		}
		page := p.open(strings.TrimSuffix(answers[0].location(), "?done=created")).body
		if !strings.Contains(page, "۳۳۵٬۰۰۰") || !strings.Contains(page, "کاسه") || !strings.Contains(page, "× ۲") {
			t.Errorf("the invoice is not the sum of its items: %.2000s", page)
		}
		if other := p.send("/admin/invoices/new", append(form, "reference", "another")...); other.location() == answers[0].location() {
			t.Error("another invoice is told the first one's address")
		}
	})
}

// Nothing is stored while somebody only reads what a form comes to; what does not fit is said beside it.
func TestTwice_FormIsRead(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "staff", false).signIn()
	form := []string{"gateway_gardeshpay", "on", "locale", "fa", "item_title_1", "a", "item_quantity_1", "3", "item_price_1", "50000"}
	for act, want := range map[string]string{"count": "یک میلیون و پانصد هزار ریال", "more": "item_title_5"} {
		a := p.send("/admin/invoices/new", append(form, "act", act)...)
		if a.status != http.StatusOK || !strings.Contains(a.body, "صد و پنجاه هزار تومان") || (act == "more" && !strings.Contains(a.body, want)) {
			t.Errorf("%s: %d %.3000s", act, a.status, a.body)
		}
	}
	for name, pairs := range map[string][]string{
		"a sum that is another": {"amount", "150001"}, "a price with a comma": {"item_title_2", "b", "item_price_2", "1.5"}, "no title": {"item_price_2", "100"},
		"no pieces": {"item_title_2", "b", "item_price_2", "100", "item_quantity_2", "0"}, "too much": {"item_title_2", "b", "item_price_2", "999999999999", "item_quantity_2", "1000000"},
		"a card number": {"item_title_2", "6037 9912 3456 7893", "item_price_2", "100"},
	} {
		if a := p.send("/admin/invoices/new", append(form, pairs...)...); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `class="notice wrongs"`) {
			t.Errorf("%s: %d %.300s", name, a.status, a.body)
		}
	}
	if page := p.open("/admin/invoices"); strings.Contains(page.body, "/admin/invoices/inv_") {
		t.Error("an invoice was stored")
	}
}

// A form that asks for the password is pressed twice: the second press comes under the token that the
// first one made void, and shows the same secret. The void token opens nothing else.
func TestTwice_SecretIsSeen(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house, s *shop) {
		p := h.person(s.slug, "owner", false).signIn()
		h.clock.forward(access.LoginFresh + time.Minute)
		before := p.open("/admin/settings/keys").body
		form := []string{"once", formOf(t, before), "name", "shop", "kind", "write", "password", p.password}
		secret := regexp.MustCompile(`sk_live_[0-9A-Za-z]{43}`)
		void := p.copied()
		first := p.copied().send("/admin/settings/keys", form...)
		want := secret.FindString(first.body)
		if want == "" {
			t.Fatalf("no secret: %d %.600s", first.status, first.body)
		}
		if a := void.copied().open("/admin/settings/keys"); a.status != http.StatusSeeOther {
			t.Errorf("the void token opens a page: %d", a.status)
		}
		for name, change := range map[string][]string{"another name": {"name", "mine"}, "another password": {"password", "guessed"}, "no password": {"password", ""}} {
			forged := slices.Clone(form)
			for i := 0; i < len(forged); i += 2 {
				if forged[i] == change[0] {
					forged[i+1] = change[1]
				}
			}
			if a := void.copied().send("/admin/settings/keys", forged...); a.status != http.StatusSeeOther || !strings.HasPrefix(a.location(), "/admin/login") {
				t.Errorf("%s under the void token: %d", name, a.status)
			}
		}
		second := void.copied()
		if a := second.send("/admin/settings/keys", form...); secret.FindString(a.body) != want {
			t.Errorf("the second press: %d, another secret or none", a.status)
		}
		if a := second.open("/admin/settings/keys"); a.status != http.StatusOK || strings.Contains(a.body, want) || strings.Count(a.body, `name="key"`) != 1+strings.Count(before, `name="key"`) {
			t.Errorf("after two presses: %d, %d keys", a.status, strings.Count(a.body, `name="key"`))
		}
		h.clock.forward(2 * time.Minute)
		if a := void.copied().send("/admin/settings/keys", form...); a.status != http.StatusSeeOther {
			t.Errorf("a late press: %d", a.status)
		}
	})
}

// A refund that is pressed twice is one.
func TestTwice_OneRefund(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "owner", false).signIn()
	o := s.began("gardeshpay").pays()
	o.returns()
	inv := o.inv
	s.paidOnce(inv)
	path := "/admin/invoices/" + inv.ID
	form := []string{"once", formOf(t, p.open(path).body), "amount", "1000", "reason", "broken"}
	for range 2 {
		if a := p.send(path+"/refund", form...); !strings.Contains(a.location(), "done=refunded") {
			t.Fatalf("%d %s %.300s", a.status, a.location(), a.body)
		}
	}
	if n := strings.Count(p.open(path).body, "<bdi>broken</bdi>"); n != 1 {
		t.Errorf("%d refunds", n)
	}
}
