package attacks_test

import (
	"net/http"
	"strings"
	"testing"
)

// Trying an account says how far it comes, touches no invoice, and tells nobody a secret.
func TestTrial_Account(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "owner", false).signIn()
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		a := p.send("/admin/settings/gateways/try", "gateway", gateway)
		if a.status != http.StatusOK || !strings.Contains(a.body, `class="tried"`) || strings.Contains(a.body, "canary-bearer") {
			t.Errorf("%s: %d %.1500s", gateway, a.status, a.body)
		}
		if page := p.open("/admin/invoices"); strings.Contains(page.body, "/admin/invoices/inv_") {
			t.Errorf("%s: an invoice came of it", gateway)
		}
	}
	if a := p.send("/admin/settings/gateways/try", "gateway", "paypal"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown gateway: %d", a.status)
	}
	p.send("/admin/look", "mode", "test")
	if a := p.send("/admin/settings/gateways/try", "gateway", "ghesta"); a.status != http.StatusOK || !strings.Contains(a.body, "شبیه‌ساز") {
		t.Errorf("test mode: %d", a.status)
	}
}

// A test invoice is made in test mode only, and once however often it is pressed.
func TestTrial_Invoice(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "staff", false).signIn()
	if a := p.send("/admin/invoices/test"); a.status != http.StatusConflict {
		t.Errorf("live: %d", a.status)
	}
	p.send("/admin/look", "mode", "test")
	mark := formOf(t, p.open("/admin/invoices").body)
	first, second := p.send("/admin/invoices/test", "once", mark), p.send("/admin/invoices/test", "once", mark)
	if first.status != http.StatusSeeOther || first.location() != second.location() {
		t.Errorf("%d %s, then %s", first.status, first.location(), second.location())
	}
}
