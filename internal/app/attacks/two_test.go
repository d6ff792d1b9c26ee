package attacks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"dargah/internal/db/dbtest"
)

// beside opens another process's house on the same database and under the same address: what is sent to
// it reaches it, whatever the name says.
func (h *house) beside() *house {
	h.Helper()
	other := openOn(h.TB, h.env["CHECKOUT_DATABASE_URL"], map[string]string{
		"CHECKOUT_BASE_URL": h.base, "CHECKOUT_SECRET_KEY": h.env["CHECKOUT_SECRET_KEY"],
	})
	other.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, other.door.Addr().String())
	}
	other.base = h.base
	return other
}

// at is the same browser, led to another process.
func (p *person) at(h *house) *person {
	q := *p
	q.house = h
	return &q
}

// Two processes on one database are one house: who signed in at one is in at the other until he signs out
// anywhere, and whoever guesses does not begin anew at the next door.
func TestTwoProcesses_AreOneHouse(t *testing.T) {
	t.Parallel()
	one := openOn(t, dbtest.PostgresURL(t), nil)
	two := one.beside()
	s := one.shop(newBank(t))
	owner := one.person(s.slug, "owner", false)

	there := owner.at(two)
	if there.in() {
		t.Fatal("in without a password")
	}
	owner.signIn()
	if !there.in() {
		t.Error("who signed in at one is not in at the other")
	}
	if a := there.send("/admin/logout"); a.status != http.StatusSeeOther || owner.in() {
		t.Errorf("signed out at the other: %d, in at the first: %t", a.status, owner.in())
	}

	heard := 0
	for i := range 30 {
		door := []*house{one, two}[i%2]
		if owner.elsewhere().at(door).try(owner.email, "wrong guess").status == http.StatusUnauthorized {
			heard++
		}
	}
	if heard > 10 {
		t.Errorf("%d guesses of a password were heard at two doors", heard)
	}

	link := s.invoice(price)
	ask := func(h *house) int {
		return h.post("/money", url.Values{"link": {link.token()}, "last4": {"0000"}}).status
	}
	for ask(one) != http.StatusTooManyRequests {
		heard++
	}
	asked := 0
	for ; ask(two) != http.StatusTooManyRequests && asked < 10; asked++ {
		time.Sleep(time.Second) // they tell each other every second
	}
	if asked == 10 {
		t.Errorf("%d guesses about one link at the second door, after all of them at the first", asked)
	}
}

// A test payment begins at one process, is paid on the bank's page at the other and comes back to the first:
// the simulated bank is one.
func TestTwoProcesses_TestMode(t *testing.T) {
	t.Parallel()
	one := openOn(t, dbtest.PostgresURL(t), nil)
	two := one.beside()
	s := one.shop(newBank(t))
	_, key, err := one.app.Access.CreateKey(t.Context(), s.slug, "two", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		var inv invoice
		made := one.do(http.MethodPost, "/api/v1/invoices", fmt.Sprintf(`{"amount":%d}`, price), "Authorization", "Bearer "+key, "Content-Type", "application/json")
		if err := json.Unmarshal([]byte(made.body), &inv); err != nil {
			t.Fatal(err)
		}
		begun := one.post("/i/"+inv.token()+"/pay", url.Values{"gateway": {gateway}, "payer_name": {"نگار احمدی"}, "payer_mobile": {"09121234567"}})
		bank := begun.location()
		if bank == "" {
			t.Fatalf("%s: %d %s", gateway, begun.status, begun.body)
		}
		if a := two.get(bank); a.status != http.StatusOK {
			t.Fatalf("%s: the bank's page at the other process: %d", gateway, a.status)
		}
		paid := two.post(bank, url.Values{"outcome": {"paid"}})
		back := one.bring(paid)
		if back.status != http.StatusSeeOther {
			t.Fatalf("%s: the way back: %d %.300s", gateway, back.status, back.body)
		}
		if a := two.get("/i/" + inv.token()); !strings.Contains(a.body, `data-state="paid"`) {
			t.Errorf("%s: %.300s", gateway, a.body)
		}
	}
}

// bring follows a bank's answer as a browser does: an address, or a form that posts itself.
func (h *house) bring(a answer) answer {
	h.Helper()
	if to := a.location(); to != "" {
		return h.get(to)
	}
	action := regexp.MustCompile(`action="([^"]+)"`).FindStringSubmatch(a.body)
	form := url.Values{}
	for _, m := range regexp.MustCompile(`name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	if action == nil {
		h.Fatalf("neither an address nor a form: %d %.500s", a.status, a.body)
	}
	return h.post(html.UnescapeString(action[1]), form)
}
