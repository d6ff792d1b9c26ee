package attacks_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

const hooksPage = "/admin/settings/webhooks"

var (
	hookSecret = regexp.MustCompile(`whsec_[0-9A-Za-z+/=]{44}`)
	onceField  = regexp.MustCompile(`name="once" value="([^"]+)"`)
	endpointID = regexp.MustCompile(`whe_[0-9a-z]{25}`)
)

// once is what makes two presses of a form one.
func (a answer) once() string {
	if m := onceField.FindStringSubmatch(a.body); m != nil {
		return m[1]
	}
	return ""
}

// moody is a receiver that answers as it is told.
type moody struct {
	*httptest.Server
	status atomic.Int64
	ids    chan string
	says   string
}

func newMoody(t testing.TB, says string) *moody {
	t.Helper()
	m := &moody{says: says, ids: make(chan string, 1000)}
	m.status.Store(http.StatusNoContent)
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.ids <- r.Header.Get("webhook-id")
		status := int(m.status.Load())
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			_, _ = w.Write([]byte(m.says))
		}
	}))
	t.Cleanup(m.Close)
	return m
}

// T63: an endpoint is added, given a new secret and removed by the owner alone, who has just said who
// they are. Its secret is shown once, and once more to whoever presses the same form twice.
func TestT63_Webhooks(t *testing.T) {
	t.Parallel()
	h := open(t, allowed)
	s := h.shop(newBank(t))
	r := newMoody(t, "")
	p := h.person(s.slug, "owner", false).signIn()
	h.clock.forward(access.LoginFresh + time.Minute)
	form := []string{"url", r.URL + "/hook", "type_invoice.paid", "on", "type_attempt.failed", "on", "type_no.such", "on", "once", p.open(hooksPage).once()}
	for name, proof := range map[string][]string{"no": {}, "a wrong": {"password", "not it"}} {
		a := p.send(hooksPage, append(form, proof...)...)
		if a.status != http.StatusForbidden || hookSecret.MatchString(a.body) || !strings.Contains(a.body, r.URL+"/hook") || !strings.Contains(a.body, `name="password"`) {
			t.Errorf("with %s password: %d", name, a.status)
		}
	}
	form = append(form, "password", p.password)
	var secrets []string
	for range 2 {
		a := p.send(hooksPage, form...)
		if a.status != http.StatusOK {
			t.Fatalf("add: %d %.400s", a.status, a.body)
		}
		secrets = append(secrets, hookSecret.FindString(a.body))
	}
	if secrets[0] == "" || secrets[0] != secrets[1] {
		t.Errorf("two presses of one form show %q", secrets)
	}
	var listed struct {
		Data []struct {
			ID, URL string
			Types   []string
		}
	}
	s.api(http.MethodGet, "/webhook-endpoints", "", &listed)
	if len(listed.Data) != 1 || listed.Data[0].URL != r.URL+"/hook" || fmt.Sprint(listed.Data[0].Types) != "[invoice.paid attempt.failed]" {
		t.Fatalf("two presses of one form made %+v", listed.Data)
	}
	page := p.open(hooksPage).body
	if strings.Contains(page, "whsec_") || !strings.Contains(page, r.URL+"/hook") || !strings.Contains(page, ">هنوز چیزی نرسیده</b>") || !strings.Contains(page, "invoice.paid, attempt.failed") {
		t.Error("the list shows a secret, or not the endpoint")
	}
	for _, bad := range []string{"", "http://203.0.113.9/", "javascript:alert(1)", "https://user@shop.example/"} {
		a := p.send(hooksPage, "url", bad)
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="url-error"`) || hookSecret.MatchString(a.body) {
			t.Errorf("%q: %d", bad, a.status)
		}
	}

	one := hooksPage + "/" + listed.Data[0].ID
	once := p.open(one).once()
	p = p.elsewhere().signIn()
	h.clock.forward(access.LoginFresh + time.Minute)
	if a := p.send(one+"/rotate", "overlap", "24", "once", once); a.status != http.StatusForbidden || hookSecret.MatchString(a.body) {
		t.Errorf("a new secret without a password: %d", a.status)
	}
	if a := p.send(one+"/remove", "sure", "on"); a.status != http.StatusForbidden {
		t.Errorf("removed without a password: %d", a.status)
	}
	for _, bad := range []string{"1000", "-1", "x"} {
		if a := p.send(one+"/rotate", "overlap", bad, "password", p.password); a.status != http.StatusUnprocessableEntity || hookSecret.MatchString(a.body) {
			t.Errorf("overlap %s: %d", bad, a.status)
		}
	}
	var rotated []string
	for range 2 {
		a := p.send(one+"/rotate", "overlap", "24", "once", once)
		rotated = append(rotated, hookSecret.FindString(a.body))
		if !strings.Contains(a.body, "<dt>رمز امضای پیشین</dt>") {
			t.Errorf("nothing tells until when the old secret signs: %d", a.status)
		}
	}
	if rotated[0] == "" || rotated[0] != rotated[1] || rotated[0] == secrets[0] {
		t.Errorf("two presses of one form show %q", rotated)
	}
	if a := p.send(one + "/remove"); a.status != http.StatusUnprocessableEntity || p.open(one).status != http.StatusOK {
		t.Errorf("removed without a tick: %d", a.status)
	}
	for i := range 2 {
		if a := p.send(one+"/remove", "sure", "on"); a.status != http.StatusSeeOther || !strings.Contains(a.location(), "done=removed") {
			t.Errorf("removed, time %d: %d %s", i, a.status, a.location())
		}
	}
	if p.open(one).status != http.StatusNotFound || strings.Contains(p.open(hooksPage).body, r.URL) {
		t.Error("it is removed and still there")
	}
	// Both presses at the same moment.
	pressed := fields("url", r.URL+"/both", "once", p.open(hooksPage).once())
	both := make([]string, 2)
	var presses sync.WaitGroup
	for i := range both {
		presses.Go(func() {
			a, err := h.try(http.MethodPost, hooksPage, pressed.Encode(), "Content-Type", formType, "Cookie", "admin="+p.cookies["admin"])
			if err != nil {
				t.Error(err)
			}
			both[i] = hookSecret.FindString(a.body)
		})
	}
	presses.Wait()
	s.api(http.MethodGet, "/webhook-endpoints", "", &listed)
	if len(listed.Data) != 1 || both[0] == "" || both[0] != both[1] {
		t.Errorf("two presses at once made %d endpoints and show %q", len(listed.Data), both)
	}
	for _, secret := range append(append(secrets, rotated...), both...) {
		if strings.Contains(h.log.String(), secret) {
			t.Error("a secret is in the log")
		}
	}
}

// T61: whose endpoint it is decides who sees it; what it may be asked for, the role.
func TestT61_OthersWebhooks(t *testing.T) {
	t.Parallel()
	h := open(t, allowed)
	b := newBank(t)
	s, other := h.shop(b), h.shop(b)
	r := newMoody(t, "")
	mine, second, theirs := s.mustHook(r.URL), s.mustHook(r.URL), other.mustHook(r.URL)
	sent, foreign := s.probe(mine), other.probe(theirs)
	one := hooksPage + "/" + mine.ID
	owner := h.person(s.slug, "owner", false).signIn()
	posts := []string{one + "/test", one + "/enable", one + "/rotate", one + "/remove", one + "/deliveries/" + sent.ID + "/again"}
	for _, role := range []string{"viewer", "staff"} {
		p := h.person(s.slug, role, false).signIn()
		for _, path := range []string{hooksPage, one, one + "/deliveries/" + sent.ID} {
			a := p.open(path)
			if a.status != http.StatusOK || strings.Contains(a.body, `action="`+hooksPage) {
				t.Errorf("%s at %s: %d, or a form", role, path, a.status)
			}
		}
		for _, path := range append(posts, hooksPage) {
			if a := p.send(path, "url", r.URL, "sure", "on"); a.status != http.StatusForbidden {
				t.Errorf("%s at %s: %d", role, path, a.status)
			}
		}
	}
	stranger := h.person(other.slug, "owner", false).signIn()
	if body := stranger.open(hooksPage).body; strings.Contains(body, mine.ID) || !strings.Contains(body, theirs.ID) {
		t.Error("the list is another shop's")
	}
	for _, path := range posts {
		if a := stranger.send(path, "sure", "on"); a.status != http.StatusNotFound {
			t.Errorf("a stranger at %s: %d", path, a.status)
		}
	}
	for who, paths := range map[*person][]string{
		stranger: {one, one + "/deliveries/" + sent.ID, hooksPage + "/" + theirs.ID + "/deliveries/" + sent.ID},
		owner:    {one + "/deliveries/" + foreign.ID, hooksPage + "/" + second.ID + "/deliveries/" + sent.ID, hooksPage + "/whe_none", one + "/deliveries/whd_none"},
	} {
		for _, path := range paths {
			if a := who.open(path); a.status != http.StatusNotFound {
				t.Errorf("%s: %d", path, a.status)
			}
			if strings.Contains(path, "/deliveries/") {
				if a := who.send(path + "/again"); a.status != http.StatusNotFound {
					t.Errorf("%s again: %d", path, a.status)
				}
			}
		}
	}
	// The mode of what is looked at is the mode of the list; an endpoint brings its own.
	owner.send("/admin/look", "merchant", s.scope.MerchantID, "mode", "test")
	if body := owner.open(hooksPage).body; strings.Contains(body, mine.ID) {
		t.Error("test mode lists a live endpoint")
	}
	if a := owner.open(one); a.status != http.StatusOK || strings.Contains(a.body, `class="testbar"`) {
		t.Errorf("a live endpoint in test mode: %d", a.status)
	}
}

// T53: an endpoint's page in each of its states, with what its receiver said as text; sent again, it
// is the same message.
func TestT53_AnswersOfReceivers(t *testing.T) {
	t.Parallel()
	h := open(t, allowed)
	s := h.shop(newBank(t))
	const markup = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}` + "\u202e"
	r := newMoody(t, markup)
	e := s.mustHook(r.URL)
	p := h.person(s.slug, "owner", false).signIn()
	one := hooksPage + "/" + e.ID
	says := func(state string) {
		t.Helper()
		for _, path := range []string{hooksPage, one} {
			if body := p.open(path).body; !regexp.MustCompile(state + `\s*</(b|span)>`).MatchString(body) {
				t.Errorf("%s does not say %s", path, state)
			}
		}
	}
	says("هنوز چیزی نرسیده")
	test := func() string {
		t.Helper()
		if a := p.send(one + "/test"); a.status != http.StatusSeeOther || a.location() != one+"?done=tested" {
			t.Fatalf("test: %d %s", a.status, a.location())
		}
		return <-r.ids
	}
	settled := func(what string, want func(d []checkout.Delivery, e checkout.Endpoint) bool) {
		t.Helper()
		until(t, what, func() bool {
			var list []checkout.Delivery
			var now *checkout.Endpoint
			err := h.app.Mail.DB.View(context.Background(), func(tx *db.Tx) (err error) {
				if list, err = tx.Deliveries(db.DeliveryQuery{EndpointID: e.ID, Limit: 100}); err == nil {
					now, err = tx.Endpoint(e.ID)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return want(list, *now)
		})
	}
	test()
	settled("it arrived", func(d []checkout.Delivery, _ checkout.Endpoint) bool {
		return d[0].Status == checkout.DeliverySucceeded
	})
	says("کار می‌کند")
	r.status.Store(http.StatusInternalServerError)
	failed := test()
	settled("it failed", func(d []checkout.Delivery, e checkout.Endpoint) bool {
		return d[0].Attempts > 0 && !e.FailingSince.IsZero()
	})
	says("پاسخ درستی نمی‌دهد")
	list := p.open(one).body
	id := regexp.MustCompile(`whd_[0-9a-z]{25}`).FindString(list)
	page := p.open(one + "/deliveries/" + id)
	if page.status != http.StatusOK || !strings.Contains(page.body, "&lt;script&gt;alert(1)") || !strings.Contains(page.body, "HTTP 500") || strings.Contains(page.body, "\u202e") {
		t.Errorf("the answer is not there as text: %d", page.status)
	}
	for _, body := range []string{page.body, list, p.open(hooksPage).body} {
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") {
			t.Error("a receiver's answer is alive")
		}
	}
	r.status.Store(http.StatusGone)
	test()
	settled("it is off", func(_ []checkout.Delivery, e checkout.Endpoint) bool { return !e.DisabledAt.IsZero() })
	says("خاموش")
	if body := p.open("/admin/attention").body; !strings.Contains(body, `href="`+one+`"`) {
		t.Error("attention does not lead to the endpoint")
	}
	s.invoice(price) // held from now on
	settled("one is held", func(d []checkout.Delivery, _ checkout.Endpoint) bool { return d[0].Status == checkout.DeliveryHeld })
	if body := p.open(hooksPage).body; !strings.Contains(body, "در انتظار فرستادن") || !strings.Contains(p.open(one).body, "نگه داشته شده") {
		t.Error("what is held is not said")
	}
	r.status.Store(http.StatusNoContent)
	for range 2 {
		if a := p.send(one + "/enable"); a.status != http.StatusSeeOther || a.location() != one+"?done=enabled" {
			t.Fatalf("enable: %d %s", a.status, a.location())
		}
	}
	for len(r.ids) > 0 {
		<-r.ids
	}
	for range 2 {
		if a := p.send(one + "/deliveries/" + id + "/again"); a.status != http.StatusSeeOther || a.location() != one+"/deliveries/"+id+"?done=resent" {
			t.Fatalf("again: %d %s", a.status, a.location())
		}
	}
	settled("all arrived", func(d []checkout.Delivery, _ checkout.Endpoint) bool {
		for i := range d {
			if d[i].ID == id || d[i].Type == checkout.EventInvoiceCreated {
				if d[i].Status != checkout.DeliverySucceeded {
					return false
				}
			}
		}
		return true
	})
	says("کار می‌کند")
	again := false
	for len(r.ids) > 0 {
		again = <-r.ids == failed || again
	}
	if !again {
		t.Error("sent again, it had another id")
	}
	if body := p.open(one + "/deliveries/" + id).body; !strings.Contains(body, "HTTP 204") || !strings.Contains(body, "HTTP 500") {
		t.Error("a try is missing")
	}
}

// The log of an endpoint goes on where it stopped, whatever is sent meanwhile.
func TestWebhooks_LogPages(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	s := h.shop(newBank(t))
	e := s.mustHook("https://127.0.0.1:1/")
	for range 30 {
		s.invoice(price)
	}
	p := h.person(s.slug, "viewer", false).signIn()
	each := regexp.MustCompile(`href="` + hooksPage + `/whe_[0-9a-z]+/deliveries/(whd_[0-9a-z]+)"`)
	path, seen := hooksPage+"/"+e.ID, map[string]bool{}
	for page := 1; path != ""; page++ {
		body := p.open(path).body
		for _, m := range each.FindAllStringSubmatch(body, -1) {
			if seen[m[1]] {
				t.Errorf("%s stands on two pages", m[1])
			}
			seen[m[1]] = true
		}
		path = ""
		if m := regexp.MustCompile(`href="(/admin/[^"]*\?before=[^"]*)"`).FindStringSubmatch(body); m != nil {
			path = m[1]
		}
		if page == 1 {
			s.invoice(price)
		}
	}
	if len(seen) != 30 {
		t.Errorf("%d deliveries were listed", len(seen))
	}
	if a := p.open(hooksPage + "/" + e.ID + "?before=%27%3B--"); a.status != http.StatusOK {
		t.Errorf("an address that nobody gave: %d", a.status)
	}
	if ids := endpointID.FindAllString(p.open(hooksPage).body, -1); len(ids) == 0 || !strings.Contains(p.open(hooksPage).body, "در انتظار فرستادن") {
		t.Error("the list does not say how many wait")
	}
}
