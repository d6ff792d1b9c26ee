package attacks_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// letters are those of a shop ("" for the installation), newest first.
func (h *house) letters(shop string) (list []checkout.Letter) {
	h.Helper()
	err := h.app.Mail.DB.View(context.Background(), func(tx *db.Tx) (err error) {
		list, err = tx.Letters(db.LetterQuery{MerchantID: shop, Live: true, Limit: 50})
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return list
}

var shownLink = regexp.MustCompile(`value="[^"]*(/admin/invitation/[^"]+)"`)

// T58, T61: an invitation opens once, for whom it was sent to, and gives the role that it says.
func TestT61_Invitations(t *testing.T) {
	h, s := onOne(t)
	owner := h.person(s.slug, "owner", false).signIn()
	invite := func(email, role string) string {
		t.Helper()
		a := owner.send("/admin/settings/people/invite", "email", email, "role", role)
		m := shownLink.FindStringSubmatch(a.body)
		if a.status != http.StatusOK || m == nil {
			t.Fatalf("invite: %d %.300s", a.status, a.body)
		}
		return m[1]
	}
	link := invite("new@example.com", "staff")
	if a := owner.send("/admin/settings/people/invite", "email", "new@example.com", "role", "owner"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("the same address twice: %d", a.status)
	}
	guest := &person{house: h, cookies: map[string]string{}}
	if a := guest.send(link, "password", "short"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a short password: %d", a.status)
	}
	if a := guest.send(link, "password", "a long enough password"); a.status != http.StatusSeeOther || !guest.in() {
		t.Fatalf("accept: %d %.300s", a.status, a.body)
	}
	if a := guest.send("/admin/settings/keys", "name", "x", "kind", "write"); a.status != http.StatusForbidden {
		t.Errorf("staff does what an owner may: %d", a.status)
	}
	if a := (&person{house: h, cookies: map[string]string{}}).send(link, "password", "a long enough password"); a.status != http.StatusNotFound {
		t.Errorf("a second time: %d", a.status)
	}
	back := invite("back@example.com", "owner")
	id := invitationID.FindStringSubmatch(owner.open("/admin/settings/people").body)[1]
	if a := owner.send("/admin/settings/people/invite/cancel", "invitation", id); a.status != http.StatusSeeOther {
		t.Errorf("take back: %d", a.status)
	}
	if a := h.get(back); a.status != http.StatusNotFound {
		t.Errorf("a link that was taken back: %d", a.status)
	}
	known := h.person(h.shop(s.bank).slug, "viewer", false)
	link = invite(known.email, "viewer")
	if a := h.post(link, fields("password", "not their password")); a.status != http.StatusUnprocessableEntity {
		t.Errorf("somebody else's login joins with a wrong password: %d", a.status)
	}
	if a := h.post(link, fields("password", known.password)); !strings.HasPrefix(a.location(), "/admin/login") {
		t.Errorf("one who has a login: %d %s", a.status, a.location())
	}
	log := owner.open("/admin/settings/audit").body
	for _, want := range []string{"دعوت کرد", "دعوت را پذیرفت", "دعوت را پس گرفت", "new@example.com", owner.email} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not tell %s", want)
		}
	}
	if strings.Contains(log, link) {
		t.Error("the log tells a link that opens")
	}
}

// resetLink is what the newest letter about a new password opens.
func (h *house) resetLink() string {
	h.Helper()
	for _, l := range h.letters("") {
		if l.Kind != checkout.LetterPasswordReset {
			continue
		}
		whole, err := h.app.Mail.Box.Open(l.Sealed, checkout.SealedLetter(l.Key))
		if err != nil {
			h.Fatal(err)
		}
		return strings.TrimPrefix(string(whole), h.base)
	}
	h.Fatal("no letter about a new password")
	return ""
}

func (h *house) resetLetters(to string) (n int) {
	h.Helper()
	for _, l := range h.letters("") {
		if l.Kind == checkout.LetterPasswordReset && l.Recipient == to {
			n++
		}
	}
	return n
}

// An invitation is over after its seven days; sent again, only the new link opens; pressed by two at
// once it lets one in; and an offered role that is shown again asks who one is.
func TestT61_InvitationsEnd(t *testing.T) {
	h, s := onOne(t)
	owner := h.person(s.slug, "owner", false).signIn()
	const page = "/admin/settings/people"
	link := func(a answer) string {
		t.Helper()
		m := shownLink.FindStringSubmatch(a.body)
		if a.status != http.StatusOK || m == nil {
			t.Fatalf("no link: %d %.300s", a.status, a.body)
		}
		return m[1]
	}
	first := link(owner.send(page+"/invite", "email", "late@example.com", "role", "owner"))
	id := invitationID.FindStringSubmatch(owner.open(page).body)[1]
	h.clock.forward(access.LoginFresh + time.Minute)
	for _, wrong := range []string{"", "not it"} {
		if a := owner.send(page+"/invite/again", "invitation", id, "password", wrong); a.status != http.StatusForbidden || shownLink.MatchString(a.body) {
			t.Errorf("again with the password %q: %d", wrong, a.status)
		}
		if a := owner.send(page+"/invite", "email", "more@example.com", "role", "owner", "password", wrong); a.status != http.StatusForbidden || !strings.Contains(a.body, `value="more@example.com"`) {
			t.Errorf("another with the password %q: %d", wrong, a.status)
		}
	}
	second := link(owner.send(page+"/invite/again", "invitation", id, "password", owner.password))
	if a := h.get(first); a.status != http.StatusNotFound || h.get(second).status != http.StatusOK {
		t.Errorf("the first link after the second was made: %d", a.status)
	}
	foreign := h.person(h.shop(s.bank).slug, "owner", false).signIn()
	if a := foreign.send(page+"/invite/again", "invitation", id); a.status != http.StatusUnprocessableEntity || shownLink.MatchString(a.body) {
		t.Errorf("another shop sends it again: %d", a.status)
	}
	foreign.send(page+"/invite/cancel", "invitation", id)
	if a := h.get(second); a.status != http.StatusOK {
		t.Errorf("another shop took it back: %d", a.status)
	}
	h.clock.forward(access.InvitationLife)
	if a := h.get(second); a.status != http.StatusNotFound {
		t.Errorf("after seven days: %d", a.status)
	}
	if a := h.post(second, fields("password", password)); a.status != http.StatusNotFound {
		t.Errorf("accepted after seven days: %d", a.status)
	}
	owner = owner.elsewhere().signIn()
	third := link(owner.send(page+"/invite/again", "invitation", id))
	if n := h.atOnce(third, fields("password", password)); n != 1 {
		t.Errorf("%d of six accepted the same invitation", n)
	}
}

var invitationID = regexp.MustCompile(`name="invitation" value="(ivt_[a-z0-9]+)"`)

// atOnce sends one form six times at once and says how many went through; the others find nothing there.
func (h *house) atOnce(path string, form url.Values) int {
	h.Helper()
	var mu sync.Mutex
	through := 0
	var wait sync.WaitGroup
	for range 6 {
		wait.Go(func() {
			a, err := h.try(http.MethodPost, path, form.Encode(), "Content-Type", formType)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				h.Error(err)
			case a.status == http.StatusSeeOther:
				through++
			case a.status != http.StatusNotFound:
				h.Errorf("%s: %d %.300s", path, a.status, a.body)
			}
		})
	}
	wait.Wait()
	return through
}

// T58: a new password by letter. Who asks learns nothing; the link works once and ends what is open.
func TestT58_NewPasswordByLetter(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "owner", false).signIn()
	ask := func(email string) answer {
		a := h.post("/admin/forgot", fields("email", email))
		if a.status != http.StatusOK {
			t.Fatalf("ask: %d", a.status)
		}
		return a
	}
	known := ask(p.email)
	for _, stranger := range []string{"nobody@example.com", "", "no address at all"} {
		if a := ask(stranger); a.body != known.body {
			t.Errorf("the page tells that %q has no login", stranger)
		}
	}
	link := h.resetLink()
	if n := len(h.letters("")); n != 1 || h.resetLetters(p.email) != 1 {
		t.Fatalf("%d letters", n)
	}
	if a := h.post(link, fields("new_password", "short")); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a short password: %d", a.status)
	}
	if a := h.post(link, fields("new_password", "quite another password"), "Sec-Fetch-Site", "cross-site"); a.status != http.StatusForbidden {
		t.Errorf("a form of another site: %d", a.status)
	}
	if n := h.atOnce(link, fields("new_password", "quite another password")); n != 1 {
		t.Errorf("%d of six set a password by one link", n)
	}
	if p.in() {
		t.Error("a login of before goes on")
	}
	if a := h.get(link); a.status != http.StatusNotFound {
		t.Errorf("a second time: %d", a.status)
	}
	if a := p.elsewhere().try(p.email, password); a.status != http.StatusUnauthorized {
		t.Errorf("with the old one: %d", a.status)
	}
	q := p.elsewhere()
	if a := q.try(p.email, "quite another password"); a.status != http.StatusSeeOther || !q.in() {
		t.Errorf("with the new one: %d", a.status)
	}
	for range 5 {
		if a := ask(p.email); a.body != known.body {
			t.Error("the page tells that it was asked often")
		}
	}
	if n := h.resetLetters(p.email); n != 3 {
		t.Errorf("%d letters to one who is asked for all the time, want 3", n)
	}
	late := h.resetLink()
	h.clock.forward(access.ResetLife)
	if a := h.get(late); a.status != http.StatusNotFound {
		t.Errorf("45 minutes later: %d", a.status)
	}
	if a := h.post(late, fields("new_password", password)); a.status != http.StatusNotFound {
		t.Errorf("set 45 minutes later: %d", a.status)
	}
	// The mailbox alone is not enough where there is a second factor.
	secret := q.turnsOnFactor()
	h.clock.forward(time.Minute)
	ask(p.email)
	link = h.resetLink()
	for _, code := range []string{"", "000000"} {
		if a := h.post(link, fields("new_password", password, "code", code)); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `name="code"`) {
			t.Errorf("with the code %q: %d", code, a.status)
		}
	}
	code, err := totp.GenerateCode(secret, h.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	if a := h.post(link, fields("new_password", password, "code", code)); a.status != http.StatusSeeOther {
		t.Errorf("with the code: %d %.300s", a.status, a.body)
	}
	if a := p.elsewhere().send("/admin/login", "email", p.email, "password", password, "code", code); a.status != http.StatusUnauthorized {
		t.Errorf("the same code at the door: %d", a.status)
	}
}

// turnsOnFactor signs in anew and turns the second factor on; it returns its secret.
func (p *person) turnsOnFactor() string {
	p.Helper()
	p.password = "quite another password"
	*p = *p.elsewhere().signIn()
	key := regexp.MustCompile(`<code class="ltr">([A-Z2-7 ]+)</code>`).FindStringSubmatch(p.open("/admin/account/factor").body)
	if key == nil {
		p.Fatal("no key on the page")
	}
	secret := strings.ReplaceAll(key[1], " ", "")
	code, err := totp.GenerateCode(secret, p.clock.now())
	if err != nil {
		p.Fatal(err)
	}
	if a := p.send("/admin/account/factor", "code", code); a.status >= http.StatusBadRequest {
		p.Fatalf("turn the factor on: %d", a.status)
	}
	return secret
}

// T57: an address from which passwords of everybody are asked for is told to wait.
func TestT57_NewPasswordsOfEverybody(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]string{"CHECKOUT_TRUSTED_PROXIES": "127.0.0.0/8"})
	heard := 0
	for i := range 30 {
		if a := h.post("/admin/forgot", fields("email", fmt.Sprintf("no-%d@example.com", i)), "X-Forwarded-For", "203.0.113.9"); a.status == http.StatusOK {
			heard++
		} else if a.status != http.StatusTooManyRequests {
			t.Errorf("%d: %d", i, a.status)
		}
	}
	if heard != 20 {
		t.Errorf("%d of 30 were heard, want 20", heard)
	}
	if a := h.post("/admin/forgot", fields("email", "me@example.com"), "X-Forwarded-For", "198.51.100.3"); a.status != http.StatusOK {
		t.Errorf("another address: %d", a.status)
	}
}
