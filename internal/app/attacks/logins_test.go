package attacks_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"dargah/internal/app/access"
)

// T55: forms of another site, or that a page there could send, change nothing; who sends neither
// header is no browser. Only the callbacks' exact paths are exempt.
func TestT55_ForeignFormAtTheAdmin(t *testing.T) {
	h := open(t, nil)
	s := h.shop(newBank(t))
	p := h.person(s.slug, "owner", false).signIn()
	for _, foreign := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site", "Origin", "https://other.127.0.0.1.nip.io"},
		{"Origin", "https://evil.example"},
		{"Origin", "null", "Sec-Fetch-Site", "cross-site"},
	} {
		for _, path := range []string{"/admin/logout", "/admin/login", "/admin/look", "/admin/account/password"} {
			if a := p.ask(http.MethodPost, path, fields("email", p.email, "password", p.password), foreign...); a.status != http.StatusForbidden {
				t.Errorf("%s with %v: %d", path, foreign, a.status)
			}
		}
	}
	if a := p.do(http.MethodPost, "/admin/logout", "x=1", "Content-Type", "text/plain", "Sec-Fetch-Site", "cross-site"); a.status != http.StatusForbidden {
		t.Errorf("text/plain: %d", a.status)
	}
	for _, path := range []string{"/cb/ghesta/..%2f..%2fadmin/logout", "/cb/gardeshpay/../../admin/logout", "//admin/logout"} {
		if a := p.ask(http.MethodPost, path, fields(), "Sec-Fetch-Site", "cross-site"); a.status < 400 && a.status != http.StatusMovedPermanently {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if !p.in() {
		t.Error("somebody signed them out")
	}
}

// T56: a session is worth something from sign-in to its end and under the token it got there, and
// its cookie goes nowhere else.
func TestT56_SessionFixationAndCookie(t *testing.T) {
	h := open(t, nil)
	s := h.shop(newBank(t))
	p := h.person(s.slug, "owner", false)
	p.cookies["admin"] = "planted-by-somebody-0123456789abcdef0123456"
	a := p.try(p.email, p.password)
	if got := p.cookies["admin"]; got == "" || strings.HasPrefix(got, "planted") || !p.in() {
		t.Fatalf("%d, cookie %q", a.status, got)
	}
	for _, line := range a.header.Values("Set-Cookie") {
		if !strings.Contains(line, "HttpOnly") || !strings.Contains(line, "SameSite=Lax") || !strings.Contains(line, "Path=/") || strings.Contains(line, "Domain") {
			t.Errorf("cookie %s", line)
		}
	}
	first := p.cookies["admin"]
	if a := p.send("/admin/account/password", "password", p.password, "new_password", "quite another password"); a.status != http.StatusSeeOther {
		t.Fatalf("change the password: %d %.300s", a.status, a.body)
	}
	p.password = "quite another password"
	old := &person{house: h, cookies: map[string]string{"admin": first}}
	if p.cookies["admin"] == first || old.in() || !p.in() {
		t.Error("after the password was changed the old token counts, or the new one does not")
	}
	other := p.elsewhere().signIn()
	if a := p.send("/admin/account/password", "password", p.password, "new_password", password); a.status != http.StatusSeeOther || other.in() || !p.in() {
		t.Errorf("%d; the other login is in: %t", a.status, other.in())
	}
	p.password = password
	token := p.cookies["admin"]
	p.send("/admin/logout")
	replay := &person{house: h, cookies: map[string]string{"admin": token}}
	if replay.in() || p.in() {
		t.Error("a token is worth something after signing out")
	}
}

// T56: one's own logins, and nobody else's, are listed and ended there.
func TestT56_OwnLogins(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "owner", false).signIn()
	phone := p.elsewhere("User-Agent", "Mozilla/5.0 (iPhone) Safari/604.1").signIn()
	stranger := h.person(s.slug, "owner", false).signIn()
	logins := regexp.MustCompile(`name="login" value="(lgn_[a-z0-9]+)"`)
	listed := func(who *person) (ids []string) {
		for _, m := range logins.FindAllStringSubmatch(who.open("/admin/account").body, -1) {
			ids = append(ids, m[1])
		}
		return ids
	}
	mine, theirs := listed(p), listed(stranger)
	if len(mine) != 2 || len(theirs) != 1 || slices.Contains(mine, theirs[0]) || !strings.Contains(p.open("/admin/account").body, "iPhone") {
		t.Fatalf("mine are %v, theirs %v", mine, theirs)
	}
	for _, id := range mine {
		stranger.send("/admin/account/sign-out", "login", id)
	}
	if !p.in() || !phone.in() {
		t.Fatal("a stranger ended somebody's login")
	}
	list, err := h.app.Access.Logins(t.Context(), p.id)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		if strings.Contains(l.Agent, "iPhone") {
			if a := p.send("/admin/account/sign-out", "login", l.ID); a.status != http.StatusSeeOther {
				t.Errorf("end it: %d", a.status)
			}
		}
	}
	if phone.in() || !p.in() || len(listed(p)) != 1 {
		t.Errorf("the phone is in: %t, this one: %t, listed %v", phone.in(), p.in(), listed(p))
	}
}

// T56: who proves again who they are goes on under a new token, and so does the fresh right.
func TestT56_NewTokenWithFreshSignIn(t *testing.T) {
	h, s := onOne(t)
	p := h.person(s.slug, "owner", false).signIn()
	h.clock.forward(access.LoginFresh + time.Minute)
	old := p.copied()
	if a := p.send("/admin/settings/keys", "name", "mine", "kind", "write", "password", p.password); a.status != http.StatusOK {
		t.Fatalf("a key: %d %.300s", a.status, a.body)
	}
	if p.cookies["admin"] == old.cookies["admin"] || !p.in() || old.in() {
		t.Errorf("the same token %t, in %t, the old one is in %t", p.cookies["admin"] == old.cookies["admin"], p.in(), old.in())
	}
}

// T56: the limits. What is idle for 30 minutes is over, and after 12 hours everything is.
func TestT56_SessionLimits(t *testing.T) {
	h := open(t, nil)
	s := h.shop(newBank(t))
	p := h.person(s.slug, "viewer", false).signIn()
	idle := p.elsewhere().signIn()
	for i := range 25 { // 12 h 5 min, never idle for long
		if i == 24 {
			h.clock.forward(5 * time.Minute)
		} else {
			h.clock.forward(29 * time.Minute)
		}
		in := p.in()
		if want := time.Duration(i+1)*29*time.Minute < access.LoginLife; in != want && i < 24 {
			t.Fatalf("after %v: in %t", time.Duration(i+1)*29*time.Minute, in)
		}
		if !in {
			break
		}
		until(t, "the use is noted", func() bool {
			list, err := h.app.Access.Logins(t.Context(), p.id)
			return err == nil && len(list) > 0 && list[0].SeenAt.After(h.clock.now().Add(-2*time.Minute))
		})
		if i == 1 && idle.in() {
			t.Error("in after an hour of doing nothing")
		}
	}
	h.clock.forward(30 * time.Minute)
	if p.in() {
		t.Error("in after 12 hours and more")
	}
}

// T56, T58: over https the cookie is bound to this host, by its name.
func TestT56_CookieOverHTTPS(t *testing.T) {
	h := open(t, map[string]string{"CHECKOUT_BASE_URL": "https://pay.example.ir"})
	if _, err := h.app.Access.CreateMerchant(t.Context(), access.NewMerchant{Name: "x", Slug: "https-shop"}); err != nil {
		t.Fatal(err)
	}
	p := h.person("https-shop", "owner", false)
	a := p.ask(http.MethodPost, "/admin/login", fields("email", p.email, "password", p.password), "Host", "pay.example.ir")
	cookies := strings.Join(a.header.Values("Set-Cookie"), "\n")
	if a.status != http.StatusSeeOther || !strings.Contains(cookies, "__Host-admin=") || strings.Count(cookies, "; Secure") != strings.Count(cookies, "HttpOnly") {
		t.Errorf("%d %s", a.status, cookies)
	}
}

// T57: two hundred tries at one account and five thousand headers from elsewhere find nothing out,
// and keep the owner out neither at an address of hers nor at a browser that knows her.
func TestT57_BruteForce(t *testing.T) {
	h := open(t, map[string]string{"CHECKOUT_TRUSTED_PROXIES": "127.0.0.0/8"})
	s := h.shop(newBank(t))
	owner := h.person(s.slug, "owner", false)
	known := owner.elsewhere("X-Forwarded-For", "198.51.100.7").signIn()
	stranger := owner.elsewhere("X-Forwarded-For", "203.0.113.66")
	var mu sync.Mutex
	statuses := map[int]int{}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			q := owner.elsewhere("X-Forwarded-For", "203.0.113."+strconv.Itoa(i%3))
			a := q.try(owner.email, "wrong guess "+strconv.Itoa(i))
			mu.Lock()
			statuses[a.status]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if statuses[http.StatusUnauthorized] > 100 || statuses[http.StatusTooManyRequests] < 100 || statuses[http.StatusSeeOther] > 0 {
		t.Errorf("200 tries: %v", statuses)
	}
	// Also the right password is not heard there any more: no oracle.
	worn := owner.elsewhere("X-Forwarded-For", "203.0.113.1")
	if a := worn.try(owner.email, owner.password); a.status != http.StatusTooManyRequests {
		t.Errorf("the right password at a worn address: %d", a.status)
	}
	// A browser that signed in before has tries of its own.
	known.send("/admin/logout")
	if a := known.try(owner.email, owner.password); a.status != http.StatusSeeOther {
		t.Errorf("the owner at her own browser: %d", a.status)
	}
	// Unknown and known accounts read alike.
	same := func(email string) string {
		a := stranger.try(email, "nothing")
		return strconv.Itoa(a.status) + idless(a.body, email)
	}
	if a, b := same(owner.email), same("nobody@example.com"); a != b && !strings.HasPrefix(a, "429") {
		t.Errorf("an account that is there reads\n%s\nand one that is not\n%s", a, b)
	}
	h.clock.forward(16 * time.Minute)
	if a := owner.elsewhere("X-Forwarded-For", "192.0.2.200").try(owner.email, owner.password); a.status != http.StatusSeeOther {
		t.Errorf("a quarter of an hour later: %d", a.status)
	}
}

// T57: headers that nobody trusts make no new address of an attacker.
func TestT57_SpoofedAddresses(t *testing.T) {
	h := open(t, nil)
	s := h.shop(newBank(t))
	owner := h.person(s.slug, "owner", false)
	heard := 0
	for i := range 60 {
		q := owner.elsewhere("X-Forwarded-For", "203.0.113."+strconv.Itoa(i), "X-Real-IP", "203.0.113."+strconv.Itoa(i))
		if q.try(owner.email, "wrong guess").status == http.StatusUnauthorized {
			heard++
		}
	}
	if heard > 10 {
		t.Errorf("%d guesses were heard", heard)
	}
}

func idless(body, email string) string {
	body = regexp.MustCompile(`req_[0-9a-z]+`).ReplaceAllString(body, "req")
	return strings.ReplaceAll(body, email, "EMAIL")
}

// T58, T59: with a second factor the password opens nothing on any path; a code counts once, and
// guessing it ends soon.
func TestT58_T59_SecondFactor(t *testing.T) {
	h := open(t, nil)
	s := h.shop(newBank(t))
	p := h.person(s.slug, "owner", false).signIn()
	page := p.open("/admin/account/factor")
	key := regexp.MustCompile(`<code class="ltr">([A-Z2-7 ]+)</code>`).FindStringSubmatch(page.body)
	if key == nil {
		t.Fatalf("no key on the page: %.800s", page.body)
	}
	secret := strings.ReplaceAll(key[1], " ", "")
	code := func() string {
		c, err := totp.GenerateCode(secret, h.clock.now())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if a := p.send("/admin/account/factor", "code", "000000"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong code turned it on: %d", a.status)
	}
	before := p.cookies["admin"]
	shown := p.send("/admin/account/factor", "code", code())
	recovery := regexp.MustCompile(`[a-z1-9]{4}-[a-z1-9]{4}-[a-z1-9]{4}-[a-z1-9]{4}`).FindAllString(shown.body, -1)
	if len(recovery) != 10 || p.cookies["admin"] == before {
		t.Fatalf("%d recovery codes, new token %t\n%.500s", len(recovery), p.cookies["admin"] != before, shown.body)
	}
	used := code()
	if a := p.elsewhere().send("/admin/login", "email", p.email, "password", p.password, "code", used); a.status != http.StatusUnauthorized {
		t.Errorf("the code that turned it on opened the door: %d", a.status)
	}
	h.clock.forward(time.Minute)

	half := p.elsewhere()
	if a := half.try(p.email, p.password); a.status != http.StatusOK || half.in() {
		t.Errorf("the password alone: %d, in %t", a.status, half.in())
	}
	for _, header := range []string{"Basic " + "cGVyc29uOnBhc3N3b3Jk", "Bearer " + p.password} {
		if a := h.get("/api/v1/invoices", "Authorization", header); a.status != http.StatusUnauthorized {
			t.Errorf("%s at the API: %d", header, a.status)
		}
	}
	pending := half.cookies["admin"]
	now := code()
	if a := half.send("/admin/login", "code", now); a.status != http.StatusSeeOther || !half.in() || half.cookies["admin"] == pending {
		t.Errorf("password and code: %d, in %t", a.status, half.in())
	}
	if a := p.elsewhere().send("/admin/login", "email", p.email, "password", p.password, "code", now); a.status != http.StatusUnauthorized {
		t.Errorf("the same code again: %d", a.status)
	}
	if a := p.elsewhere().send("/admin/login", "email", p.email, "password", p.password, "code", recovery[3]); a.status != http.StatusSeeOther {
		t.Errorf("a recovery code: %d", a.status)
	}
	if a := p.elsewhere().send("/admin/login", "email", p.email, "password", p.password, "code", recovery[3]); a.status != http.StatusUnauthorized {
		t.Errorf("the same recovery code again: %d", a.status)
	}
	guesser := p.elsewhere()
	guesser.try(p.email, p.password)
	heard := 0
	for i := range 100 {
		if a := guesser.send("/admin/login", "code", strconv.Itoa(100000+i)); a.status == http.StatusUnauthorized {
			heard++
		}
	}
	if heard > 10 || guesser.in() {
		t.Errorf("%d of 100 guesses were heard, in %t", heard, guesser.in())
	}
}

// T60: there is no login that nobody made. The set-up link opens once, for a while, for who has it.
func TestT60_SetUp(t *testing.T) {
	h := open(t, nil)
	for _, token := range []string{"x", "..%2fsetup", strings.Repeat("A", 22)} {
		if a := h.get("/admin/setup/" + token); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", token, a.status)
		}
	}
	for _, guess := range [][2]string{{"admin", "admin"}, {"admin@example.com", "admin"}, {"root@localhost", ""}} {
		if a := h.post("/admin/login", url.Values{"email": {guess[0]}, "password": {guess[1]}}); a.status != http.StatusUnauthorized {
			t.Errorf("%v: %d", guess, a.status)
		}
	}
	stale, err := h.app.Access.NewSetup(t.Context())
	if err != nil || stale == "" {
		t.Fatal(stale, err)
	}
	h.clock.forward(25 * time.Hour)
	if a := h.get("/admin/setup/" + stale); a.status != http.StatusNotFound {
		t.Errorf("a day later: %d", a.status)
	}
	token, err := h.app.Access.NewSetup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"name": {"خانهٔ سفال"}, "slug": {"pottery"}, "email": {"first@example.com"}, "password": {password}}
	bad := url.Values{"name": {""}, "slug": {"-"}, "email": {"first"}, "password": {"short"}}
	if a := h.post("/admin/setup/"+token, bad); a.status != http.StatusUnprocessableEntity || strings.Count(a.body, `aria-invalid="true"`) != 4 || !strings.Contains(a.body, `value="first"`) {
		t.Errorf("a wrong form: %d %.600s", a.status, a.body)
	}
	var mu sync.Mutex
	statuses := map[int]int{}
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			a, err := h.try(http.MethodPost, "/admin/setup/"+token, form.Encode(), "Content-Type", formType)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			statuses[a.status]++
		})
	}
	wg.Wait()
	if statuses[http.StatusSeeOther] != 1 || statuses[http.StatusNotFound] != 5 {
		t.Errorf("six at once: %v", statuses)
	}
	if again, err := h.app.Access.NewSetup(t.Context()); again != "" || err != nil {
		t.Errorf("another link beside an operator: %q, %v", again, err)
	}
	p := &person{house: h, email: "first@example.com", password: password, cookies: map[string]string{}}
	p.signIn()
}
