package attacks_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/access"
	"dargah/internal/app/admin"
)

// fresh is what a form that changes something asks of one who came in long ago.
type fresh struct {
	form []string // a whole form that would do it, without the password
	why  string   // why it asks nothing
}

// freshForms says of every form of the admin whether it is dangerous. What only takes something away
// from a thief (a key, an invitation, a sign-in) asks nothing: whoever finds one must not be held up.
var freshForms = map[string]fresh{
	"/admin/settings/gateways/gardeshpay":                           {form: []string{"amount_unit", "toman"}},
	"/admin/settings/gateways/ghesta":                               {form: []string{"token", "stolen"}},
	"/admin/settings/keys":                                          {form: []string{"name", "mine", "kind", "write"}},
	"/admin/settings/webhooks":                                      {form: []string{"url", "https://thief.example/"}},
	"/admin/settings/webhooks/:endpoint/rotate":                     {form: []string{"overlap", "0"}},
	"/admin/settings/webhooks/:endpoint/remove":                     {form: []string{"sure", "on"}},
	"/admin/settings/people":                                        {form: []string{"email", "thief@example.com", "role", "owner", "new_password", password}},
	"/admin/settings/people/role":                                   {form: []string{"user", ":user", "role", "owner"}},
	"/admin/settings/people/invite":                                 {form: []string{"email", "thief@example.com", "role", "owner"}},
	"/admin/settings/people/invite/again":                           {form: []string{"invitation", "inv_none"}},
	"/admin/settings/customers":                                     {form: []string{"forget_days", "30"}},
	"/admin/settings/customers/export":                              {form: []string{"who", "09121234567"}},
	"/admin/account/password":                                       {form: []string{"new_password", "quite another password"}},
	"/admin/account/factor":                                         {form: []string{"code", "000000"}},
	"/admin/account/factor/drop":                                    {form: []string{}},
	"/admin/account/passkey":                                        {form: []string{"name", "thief", "answer", "{}"}},
	"/admin/account/passkey/drop":                                   {form: []string{"passkey", "pky_none"}},
	"/admin/invoices/:id/resolve/:attempt":                          {form: []string{"outcome", "paid", "note", "x"}},
	"/admin/invoices/:id/refund":                                    {form: []string{"amount", "100000", "reason", "x"}},
	"/admin/settings/keys/revoke":                                   {why: "takes away"},
	"/admin/settings/linkkeys/revoke":                               {why: "takes away"},
	"/admin/settings/people/invite/cancel":                          {why: "takes away"},
	"/admin/account/sign-out":                                       {why: "takes away"},
	"/admin/logout":                                                 {why: "takes away"},
	"/admin/settings":                                               {why: "what customers read; no key, no money and no way in"},
	"/admin/settings/logo":                                          {why: "what customers see"},
	"/admin/settings/logo/remove":                                   {why: "what customers see"},
	"/admin/settings/reminders":                                     {why: "when customers are written to, within bounds"},
	"/admin/settings/gateways/try":                                  {why: "changes nothing"},
	"/admin/settings/webhooks/:endpoint/test":                       {why: "sends to where an owner said"},
	"/admin/settings/webhooks/:endpoint/enable":                     {why: "sends to where an owner said"},
	"/admin/settings/webhooks/:endpoint/replay":                     {why: "sends to where an owner said"},
	"/admin/settings/letters/again":                                 {why: "sends what was written, to whom it was written"},
	"/admin/look":                                                   {why: "what one looks at"},
	"/admin/attention/stray":                                        {why: "a line of a list"},
	"/admin/start":                                                  {why: "a link of test mode"},
	"/admin/views":                                                  {why: "one's own"},
	"/admin/login":                                                  {why: "the door"},
	"/admin/login/passkey":                                          {why: "the door"},
	"/admin/setup/:token":                                           {why: "the door"},
	"/admin/forgot":                                                 {why: "the door"},
	"/admin/reset/:token":                                           {why: "the door"},
	"/admin/invitation/:token":                                      {why: "the door"},
	"/admin/settings/webhooks/:endpoint/deliveries/:delivery/again": {why: "sends to where an owner said"},
}

// dailyWork are the rooms in which staff works all day long; what is dangerous there stands above.
var dailyWork = []string{"/admin/invoices", "/admin/many", "/admin/pages", "/admin/settlements", "/admin/views", "/admin/settings/letters/sample"}

// T63: a dangerous form asks for a fresh sign-in: a screen left alone, or a stolen cookie, gives nobody a
// key, a way in, a customer's data or a record of money. A form that this table does not know fails.
func TestT63_FreshSignIn(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "owner", false).signIn()
	other := h.person(s.slug, "staff", false)
	o := s.began("gardeshpay").pays()
	o.returns()
	s.ends(o.inv, "paid")
	p.open("/admin/account/factor") // a second factor is offered
	h.clock.forward(access.LoginFresh + time.Minute)
	before := len(s.deeds())
	asked := 0
	for _, r := range admin.Routes() {
		f, known := freshForms[r.Path]
		switch {
		case r.Method != http.MethodPost:
			continue
		case !known:
			daily := false
			for _, room := range dailyWork {
				daily = daily || strings.HasPrefix(r.Path, room)
			}
			if !daily {
				t.Errorf("%s: is it dangerous? Say so in this table", r.Path)
			}
			continue
		case f.why != "":
			continue
		}
		asked++
		path := strings.NewReplacer(":id", o.inv.ID, ":attempt", s.attempts(o.inv)[0].ID).Replace(r.Path)
		if strings.Contains(path, ":") {
			path = fill(t, h, s, path)
			before = len(s.deeds()) // an endpoint of its own, by the shop's program
		}
		form := strings.Split(strings.ReplaceAll(strings.Join(f.form, "\x00"), ":user", other.id), "\x00")
		if len(f.form) == 0 {
			form = nil
		}
		a := p.send(path, form...)
		// One's own password asks for the old one whatever the age; there are no passkeys at an address of numbers.
		refused := a.status == http.StatusForbidden || r.Path == "/admin/account/password" && a.status == http.StatusUnprocessableEntity
		if asks := strings.Contains(a.body, `name="password"`); !refused || !asks && r.Path != "/admin/account/passkey" {
			t.Errorf("%s: %d, and a password is asked for: %t", r.Path, a.status, asks)
		}
		if got := s.deeds(); len(got) != before {
			t.Errorf("%s was done: %s", r.Path, got[len(got)-1].Kind)
		}
	}
	if asked != 19 {
		t.Errorf("%d forms were asked", asked)
	}
	if a := p.send("/admin/settings/customers/export", "who", "09121234567", "password", p.password); a.status != http.StatusOK || !strings.HasPrefix(a.body, "PK") {
		t.Errorf("with the password: %d", a.status)
	}
	h.clock.forward(access.LoginFresh + time.Minute)
	if a := p.send("/admin/settings/customers", "forget_days", "30", "password", p.password); a.status != http.StatusSeeOther {
		t.Errorf("keep for a while: %d", a.status)
	}
	told := s.told()
	for _, what := range []string{"customer_file", "keeping_changed"} {
		if len(told[what]) != 1 || told[what][0] != p.email {
			t.Errorf("of %s were told %v", what, told[what])
		}
	}
}
