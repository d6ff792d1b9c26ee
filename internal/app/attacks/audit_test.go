package attacks_test

import (
	"context"
	"encoding/csv"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// deeds are all of a shop's log, oldest first.
func (s *shop) deeds() []checkout.Deed {
	s.Helper()
	var list []checkout.Deed
	err := s.app.Mail.DB.View(context.Background(), func(tx *db.Tx) (err error) {
		list, err = tx.Deeds(db.DeedQuery{MerchantID: s.scope.MerchantID, Limit: 1000})
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

func (s *shop) members() []access.Member {
	s.Helper()
	list, err := s.app.Access.Members(s.Context(), s.scope.MerchantID)
	if err != nil {
		s.Fatal(err)
	}
	return list
}

// told lists who was told of what by security letters of the shop.
func (s *shop) told() map[string][]string {
	told := map[string][]string{}
	for _, l := range s.letters(s.scope.MerchantID) {
		if l.Kind == checkout.LetterSecurity {
			told[l.Facts.What] = append(told[l.Facts.What], l.Recipient)
		}
	}
	return told
}

// busyDay is everything that an owner does in settings and with one's own login; it returns the secrets
// that were typed or shown.
func (s *shop) busyDay(p *person) (secrets []string) {
	s.Helper()
	do := func(path string, pairs ...string) answer {
		s.Helper()
		a := p.send(path, pairs...)
		if a.status >= http.StatusBadRequest {
			s.Fatalf("%s: %d %.600s", path, a.status, a.body)
		}
		return a
	}
	find := func(text, what string) string {
		s.Helper()
		m := regexp.MustCompile(what).FindString(text)
		if m == "" {
			s.Fatalf("no %s in %.2000s", what, text)
		}
		return m
	}
	do("/admin/settings", "name", "خانهٔ سفال نو", "phone", "02112345678", "locale", "fa", "email", "shop@example.com")
	do("/admin/settings/gateways/ghesta", "amount_unit", "rial", "min_amount", "200,000", "token", "new-canary-token", "enabled", "true")
	secrets = append(secrets, "new-canary-token")
	secrets = append(secrets, find(do("/admin/settings/keys", "name", "robot", "kind", "write").body, `sk_live_[0-9A-Za-z]{43}`))
	do("/admin/settings/keys/revoke", "key", find(p.open("/admin/settings/keys").body, `key_[0-9a-z]{25}`))
	link := do("/admin/settings/keys", "name", "mailer", "kind", "link").body
	secrets = append(secrets, find(link, `lsk_[0-9A-Za-z_-]{43}`))
	do("/admin/settings/linkkeys/revoke", "key", find(p.open("/admin/settings/keys").body, `lnk_[0-9a-z]{25}`))

	do("/admin/settings/webhooks", "url", "https://shop.example/hooks")
	hook := find(p.open("/admin/settings/webhooks").body, `whe_[0-9a-z]{25}`)
	secrets = append(secrets, find(do("/admin/settings/webhooks/"+hook+"/rotate").body, `whsec_[0-9A-Za-z+/=]+`))
	do("/admin/settings/webhooks/"+hook+"/remove", "url", "https://shop.example/hooks", "sure", "on")

	do("/admin/settings/people", "email", "new@example.com", "role", "staff", "new_password", "hand this over")
	secrets = append(secrets, "hand this over")
	fresh := &person{house: s.house, email: "new@example.com", password: "hand this over", cookies: map[string]string{}}
	fresh.signIn()
	id := ""
	for _, m := range s.members() {
		if m.Email == fresh.email {
			id = m.ID
		}
	}
	do("/admin/settings/people/role", "user", id, "role", "viewer")
	do("/admin/settings/people/role", "user", id, "act", "remove")
	do("/admin/settings/people/invite", "email", "guest@example.com", "role", "viewer")
	invitation := invitationID.FindStringSubmatch(p.open("/admin/settings/people").body)[1]
	do("/admin/settings/people/invite/again", "invitation", invitation)
	do("/admin/settings/people/invite/cancel", "invitation", invitation)

	made := do("/admin/pages/new", "slug", "course", "title", "دورهٔ سفالگری", "amount", "150000", "locale", "fa").location()
	made, _, _ = strings.Cut(made, "/share")
	do(made+"/switch", "on", "off")
	do(made+"/edit", "title", "دورهٔ سفالگری", "amount", "200000", "locale", "fa")
	do("/admin/settings/reminders", "after", "3", "before", "0", "most", "2", "quiet_from", "22", "quiet_until", "8")
	do("/admin/settings/customers", "forget_days", "90")
	inv := s.invoice(price)
	for range 30 { // more than a page
		do("/admin/invoices/"+inv.ID+"/note", "note", "called the customer")
	}
	do("/admin/settings/customers/export", "who", "09121234567")
	do("/admin/invoices/" + inv.ID + "/cancel")

	do("/admin/account/password", "password", p.password, "new_password", "quite another password")
	secrets = append(secrets, p.password, "quite another password")
	secret := p.turnsOnFactor() // by a sign-in of its own
	s.clock.forward(time.Minute)
	other := p.elsewhere()
	other.try(p.email, "not the password")
	other.try(p.email, p.password)
	other.send("/admin/login", "code", "000000")
	code, err := totp.GenerateCode(secret, s.clock.now())
	if err != nil {
		s.Fatal(err)
	}
	if a := other.send("/admin/login", "code", code); a.status != http.StatusSeeOther {
		s.Fatalf("with the code: %d", a.status)
	}
	other.send("/admin/logout")
	do("/admin/account/factor/drop")
	return append(secrets, secret)
}

// What people do stands in the log, once, with who, from where and by which request; of a secret there is
// never anything; the owners hear of what is dangerous, once each; and the file holds what the page shows.
func TestAudit_EveryDeed(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "owner", false).signIn()
	second := h.person(s.slug, "owner", false)
	secrets := s.busyDay(p)
	changes := map[string][]checkout.Change{} // of all deeds of a kind: two of one millisecond stand in any order
	times := map[string]int{}
	all := s.deeds()
	for _, d := range all {
		changes[d.Kind] = append(changes[d.Kind], d.Changes...)
		times[d.Kind]++
		people := d.By.Kind == "user"
		if people && (d.By.RequestID == "" || d.By.Address != "127.0.0.1" || d.By.Agent == "") {
			t.Errorf("%s: by %+v", d.Kind, d.By)
		}
		if want := slices.Contains([]string{"shop.made", "gateway.changed", "key.made", "person.added", "invoice.created"}, d.Kind); !people && !want {
			t.Errorf("%s: nobody did it: %+v", d.Kind, d.By)
		}
	}
	for kind, n := range map[string]int{
		"shop.changed": 1, "key.revoked": 1, "linkkey.made": 1, "linkkey.revoked": 1, "webhook.added": 1, "webhook.rotated": 1, "webhook.removed": 1,
		"person.role": 1, "person.removed": 1, "person.invited": 1, "person.reinvited": 1, "person.uninvited": 1, "invoice.noted": 30, "invoice.canceled": 1, "shop.rules": 2, "page.made": 1, "page.changed": 2, "invoice.customer_file": 1,
		"account.password": 1, "account.factor_on": 1, "account.factor_off": 1, "signin.password": 3, "signin.code": 1, "signin.refused": 1, "signin.code_refused": 1, "signin.ended": 1,
	} {
		if times[kind] != n {
			t.Errorf("%s stands there %d times, want %d", kind, times[kind], n)
		}
	}
	for kind, want := range map[string]checkout.Change{
		"shop.changed":    {Field: "name", Before: "خانهٔ سفال", After: "خانهٔ سفال نو"},
		"gateway.changed": {Field: "token", Before: checkout.Hidden, After: checkout.Hidden},
		"page.made":       {Field: "page_amount", After: "1500000"},
		"page.changed":    {Field: "page_amount", Before: "1500000", After: "2000000"},
		"shop.rules":      {Field: "forget_days", Before: "0", After: "90"},
		"person.role":     {Field: "role", Before: "staff", After: "viewer"},
		"person.removed":  {Field: "role", Before: "viewer"},
		"person.invited":  {Field: "role", After: "viewer"},
	} {
		if !slices.Contains(changes[kind], want) {
			t.Errorf("%s changed %+v, want %+v in it", kind, changes[kind], want)
		}
	}
	s.tellsOwners(p, second)
	s.showsTheLog(p, second.signIn(), all, append(secrets, password))
	s.everyKind(second)
}

func (s *shop) tellsOwners(p, second *person) {
	s.Helper()
	told := s.told()
	for what, who := range map[string][]string{
		"gateway_changed": {p.email, second.email}, "apikey_created": {p.email, second.email}, "apikey_revoked": {p.email, second.email}, "linkkey_created": {p.email, second.email},
		"linkkey_revoked": {p.email, second.email}, "customer_file": {p.email, second.email}, "keeping_changed": {p.email, second.email},
		"endpoint_added": {p.email, second.email}, "endpoint_rotated": {p.email, second.email}, "endpoint_removed": {p.email, second.email},
		"user_added": {p.email, second.email, "new@example.com"}, "role_changed": {p.email, second.email, "new@example.com"}, "user_removed": {p.email, second.email, "new@example.com"},
		"user_invited": {p.email, second.email}, "password_changed": {p.email, second.email}, "two_factor_added": {p.email, second.email}, "two_factor_removed": {p.email, second.email},
	} {
		slices.Sort(who)
		got := slices.Compact(slices.Sorted(slices.Values(told[what])))
		if !slices.Equal(got, who) {
			s.Errorf("of %s were told %v, want %v", what, got, who)
		}
	}
	for _, what := range []string{"", "profile_changed"} {
		if len(told[what]) > 0 {
			s.Errorf("letters about %q: %v", what, told[what])
		}
	}
}

// showsTheLog compares the page and the file with what is stored, in both languages and by each filter.
func (s *shop) showsTheLog(p, second *person, all []checkout.Deed, secrets []string) {
	s.Helper()
	const page = "/admin/settings/audit"
	file := func(query string) [][]string {
		s.Helper()
		a := second.open(page + "/export.csv" + query)
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.body, "\ufeff"))).ReadAll()
		if err != nil || a.status != http.StatusOK || !strings.HasPrefix(a.body, "\ufeff") {
			s.Fatalf("the file: %d %v %.300s", a.status, err, a.body)
		}
		return rows[1:]
	}
	rows := file("")
	own := 0 // second's own sign-in came after all was read
	for _, r := range rows {
		if r[2] == second.email {
			own++
		}
	}
	if len(rows)-own != len(all) {
		s.Errorf("the file has %d lines and %d of the reader, the log %d", len(rows), own, len(all))
	}
	kinds := map[string]bool{}
	for _, r := range rows {
		kinds[r[4]] = true
	}
	for _, lang := range []string{"fa", "en"} {
		text := second.open(page + "?lang=" + lang).body
		for _, secret := range secrets {
			if strings.Contains(text, secret) || strings.Contains(second.open(page+"/export.csv?lang="+lang).body, secret) {
				s.Errorf("the log tells the secret %.12s…", secret)
			}
		}
		if strings.Contains(text, "admin.deed.") || strings.Contains(text, "[") && strings.Contains(text, "admin.audit.") {
			s.Errorf("a deed has no words in %s", lang)
		}
	}
	for area, want := range map[string]string{
		checkout.AreaSignIn: "signin.", checkout.AreaPerson: "person.", checkout.AreaWebhook: "webhook.", checkout.AreaGateway: "gateway.", checkout.AreaShop: "shop.", checkout.AreaAccount: "account.",
	} {
		got := file("?area=" + area)
		if len(got) == 0 {
			s.Errorf("nothing of %s", area)
		}
		for _, r := range got {
			if !strings.HasPrefix(r[4], want) {
				s.Errorf("of %s the file tells %s", area, r[4])
			}
		}
		list := second.open(page + "?area=" + area).body
		if n := strings.Count(list, "<time datetime="); n != len(got) {
			s.Errorf("of %s the page shows %d, the file %d", area, n, len(got))
		}
	}
	for who, want := range map[string]string{p.id: p.email, second.id: second.email} {
		for _, r := range file("?who=" + who) {
			if r[2] != want {
				s.Errorf("by %s the file tells of %s", want, r[2])
			}
		}
	}
	if got := file("?who=commands"); len(got) == 0 || slices.ContainsFunc(got, func(r []string) bool { return strings.Contains(r[2], "@") }) {
		s.Errorf("by commands: %v", got)
	}
	if got := file("?who=" + p.id + "&area=" + checkout.AreaWebhook); len(got) != 3 {
		s.Errorf("by one person about webhooks: %v", got)
	}
	s.logPages(second, len(rows))
	staff := s.person(s.slug, "staff", false).signIn()
	stranger := s.person(s.house.shop(s.bank).slug, "owner", false).signIn()
	for _, path := range []string{page, page + "/export.csv"} {
		if a := staff.open(path); a.status != http.StatusForbidden {
			s.Errorf("staff at %s: %d", path, a.status)
		}
		if a := stranger.open(path + "?before=" + all[len(all)-1].ID + "&who=" + p.id); strings.Contains(a.body, p.email) {
			s.Errorf("another shop's owner reads at %s", path)
		}
	}
}

var olderLink = regexp.MustCompile(`href="(/admin/settings/audit\?before=[^"]+)"`)

// logPages reads the log from its newest to its oldest page: as many deeds as the file has.
func (s *shop) logPages(p *person, want int) {
	s.Helper()
	n, pages := 0, 0
	for path := "/admin/settings/audit"; path != "" && pages < 20; pages++ {
		a := p.open(path)
		n += strings.Count(a.body, "<time datetime=")
		path = ""
		if next := olderLink.FindStringSubmatch(a.body); next != nil {
			path = strings.ReplaceAll(next[1], "&amp;", "&")
		}
	}
	if n != want || pages < 2 {
		s.Errorf("on %d pages there are %d deeds, in the file %d", pages, n, want)
	}
}
