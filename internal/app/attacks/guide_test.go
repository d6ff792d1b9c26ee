package attacks_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
)

var (
	guideLink  = regexp.MustCompile(`value="[^"]*(/i/[A-Za-z0-9_-]+)"`)
	guideStep  = regexp.MustCompile(`data-step="([a-z]+)"( data-done)?`)
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
)

// done lists the steps of the guide that are behind one.
func done(page string) string {
	var list []string
	for _, m := range guideStep.FindAllStringSubmatch(page, -1) {
		if m[2] != "" {
			list = append(list, m[1])
		}
	}
	return strings.Join(list, " ")
}

// The first run, as somebody walks it on an empty installation: set-up, a test link, a payment at the
// simulated gateway, the receipt's button back, and the paid invoice.
func TestGuide_FromSetUpToAPaidTestInvoice(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	token, err := h.app.Access.NewSetup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := &person{house: h, cookies: map[string]string{}}
	a := p.send("/admin/setup/"+token, "name", "خانهٔ سفال", "slug", "pottery", "email", "first@example.com", "password", password)
	if a.status != http.StatusSeeOther || a.location() != "/admin/start" {
		t.Fatalf("set-up leads to %d %s", a.status, a.location())
	}
	page := p.open("/admin/start")
	if got := done(page.body); page.status != http.StatusOK || got != "shop" || guideLink.MatchString(page.body) {
		t.Fatalf("at first: %d, done %q", page.status, got)
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if a := p.copied().send("/admin/start"); a.status != http.StatusSeeOther || a.location() != "/admin/start" {
				t.Errorf("make a link: %d %s", a.status, a.location())
			}
		})
	}
	wait.Wait()
	p.send("/admin/start")
	p.send("/admin/look", "mode", "test")
	if n := strings.Count(p.open("/admin/invoices").body, `href="/admin/invoices/inv_`); n != 1 {
		t.Fatalf("pressed five times, %d invoices", n)
	}
	p.send("/admin/look", "mode", "live")
	page = p.open("/admin/start")
	link := guideLink.FindStringSubmatch(page.body)
	if got := done(page.body); got != "shop link" || link == nil {
		t.Fatalf("with a link: done %q", got)
	}
	h.paysAtSimulator(link[1])
	if receipt := h.get(link[1]).body; !strings.Contains(receipt, h.base+"/admin/start?") {
		t.Errorf("the receipt does not lead back: %.2000s", receipt)
	}
	page = p.open("/admin/start?invoice_id=x&status=paid")
	if got := done(page.body); got != "shop link pay see" {
		t.Errorf("paid: done %q", got)
	}
	paid := regexp.MustCompile(`href="(/admin/invoices/inv_[a-z0-9]+)"`).FindStringSubmatch(page.body)
	if paid == nil || p.open(paid[1]).status != http.StatusOK {
		t.Error("no way to the paid invoice")
	}
	if p.send("/admin/start"); done(p.open("/admin/start").body) != "shop link pay see" {
		t.Error("a press after the end makes another invoice")
	}
}

// A viewer is shown the way and makes nothing.
func TestGuide_Viewer(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "viewer", false).signIn()
	if a := p.open("/admin/start"); a.status != http.StatusOK || strings.Contains(a.body, `action="/admin/start"`) || strings.Contains(a.body, `action="/admin/look"`) {
		t.Errorf("%d", a.status)
	}
	if a := p.send("/admin/start"); a.status != http.StatusForbidden {
		t.Errorf("a viewer makes a link: %d", a.status)
	}
}

// paysAtSimulator pays a test invoice by card, as a browser without a script does.
func (h *house) paysAtSimulator(link string) {
	h.Helper()
	a := h.post(link+"/pay", fields("gateway", "gardeshpay"))
	if a.status != http.StatusSeeOther {
		h.Fatalf("start: %d %.500s", a.status, a.body)
	}
	at := a.location()
	page := h.get(at)
	m := formAction.FindStringSubmatch(page.body)
	to := at
	if m != nil {
		base, err := url.Parse(at)
		if err != nil {
			h.Fatal(err)
		}
		u, err := base.Parse(m[1])
		if err != nil {
			h.Fatal(err)
		}
		to = u.String()
	}
	back := h.post(to, fields("outcome", "paid"))
	if back.status != http.StatusSeeOther {
		h.Fatalf("at the simulator %s: %d %.1000s", to, back.status, back.body)
	}
	if a := h.get(back.location()); a.status != http.StatusSeeOther {
		h.Fatalf("callback: %d %.500s", a.status, a.body)
	}
	until(h, "the test payment is paid", func() bool { return strings.Contains(h.get(link).body, `data-state="paid"`) })
}
