package attacks_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
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
