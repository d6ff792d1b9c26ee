package browsertest_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/mail/mailtest"
)

// firstDay is an installation that nobody has set up yet, with a mail server.
type firstDay struct {
	url, setup string
	box        *mailtest.Postbox
}

// startEmpty is `checkout serve` on an empty database, as on the first day.
func startEmpty(t *testing.T) *firstDay {
	t.Helper()
	theBrowser(t)
	program := binary(t)
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	f := &firstDay{url: "http://localhost:" + port, box: mailtest.Open(t)}
	serve := exec.Command(program, "serve", "--json")
	serve.Env = append(
		os.Environ(),
		"CHECKOUT_ADDR=127.0.0.1:"+port, "CHECKOUT_BASE_URL="+f.url, "CHECKOUT_DATABASE_URL=sqlite:"+filepath.Join(t.TempDir(), "first.db"),
		"CHECKOUT_SECRET_KEY="+base64.StdEncoding.EncodeToString(make([]byte, 32)), "CHECKOUT_SMTP_URL="+f.box.URL(), "CHECKOUT_MAIL_FROM=checkout@example.com",
	)
	var said struct {
		SetupURL string `json:"setup_url"`
	}
	stop, err := spawn(serve, &said)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if err := ready(f.url + "/readyz"); err != nil {
		t.Fatal(err)
	}
	f.setup = said.SetupURL
	return f
}

// letter waits for a letter to somebody whose text holds what is looked for, and returns that.
func (f *firstDay) letter(t *testing.T, to string, what *regexp.Regexp) string {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for _, m := range f.box.Taken() {
			if found := what.FindString(m.Text(t)); found != "" && strings.Contains(m.Head(t, "To"), to) {
				return found
			}
		}
	}
	t.Fatalf("no letter to %s holds %s", to, what)
	return ""
}

// seen has axe look at the page that is there, and takes its pictures in both languages; it stays in Persian.
func (b *tab) seen(name string) {
	b.t.Helper()
	b.isDesk(desk{name: name}, "fa")
	b.fitForFingers()
	b.axe(name)
	b.quiet()
	if os.Getenv(picturesEnv) == "" {
		return
	}
	here, _, _ := strings.Cut(b.address(), "?")
	for _, locale := range []string{"en", "fa"} {
		b.goTo(here + "?lang=" + locale)
		b.picture("admin-"+name+"-phone", locale)
		b.scheme(true)
		b.picture("admin-"+name+"-phone-dark", locale)
		b.scheme(false)
		b.resize(1280, 800)
		b.picture("admin-"+name+"-desktop", locale)
		b.resize(360, 780)
	}
}

// The first day, as a person walks it: the set-up link, the operator and the first shop, its gateway
// account, a test invoice that is paid at the simulated gateway; then a password that was forgotten.
func TestAdmin_FirstDay(t *testing.T) {
	f := startEmpty(t)
	const email, first, second = "sara@example.com", "a long enough password", "quite another password"
	b := open(t, screen{locale: "fa", width: 360, scripts: true})
	b.goTo(f.setup)
	b.seen("setup")
	b.fill("#name", "خانهٔ سفال میبد")
	b.fill("#slug", "pottery")
	b.fill("#email", email)
	b.fill("#password", first)
	b.submit("form button")
	b.steps("shop")
	b.seen("guide-first")

	b.submit("[data-step=gateway] button")
	save := "form[action$='/gateways/gardeshpay'] .savebar button"
	b.submit(save)
	if problems := b.has(".wrongs"); problems {
		t.Fatalf("the gateway account was not kept: %s", b.text())
	}
	b.goTo(f.url + "/admin/start")
	b.steps("shop gateway")
	b.submit("[data-step=link] button")
	b.steps("shop gateway link")
	b.seen("guide-link")
	link := ask[string](b, "document.querySelector('[data-step=pay] a.button').href")
	b.submit("[data-step=pay] a.button")
	if b.address() != link {
		t.Fatalf("the guide leads to %s, want %s", b.address(), link)
	}
	b.leave(link, card)
	b.submit(bankPays)
	b.receipt("fa")
	b.submit("a.button[href*='/admin/start']")
	b.steps("shop gateway link pay see")
	b.seen("guide-done")
	b.submit("[data-step=see] a.button")
	if !strings.Contains(b.address(), "/admin/invoices/inv_") || !b.has(".status.paid") {
		t.Errorf("the guide ends at %s\n%s", b.address(), b.text())
	}

	b.goTo(f.url + "/admin/account")
	b.submit("main form[action='/admin/logout'] button")
	b.submit("a[href='/admin/forgot']")
	b.fill("#email", email)
	b.submit("form button")
	b.goTo(f.letter(t, email, regexp.MustCompile(`http://\S+/admin/reset/[A-Za-z0-9_-]+`)))
	b.seen("reset")
	b.fill("#new_password", second)
	b.submit("form button")
	b.seen("login-reset")
	b.fill("#email", email)
	b.fill("#password", second)
	b.submit("form button")
	if b.address() != f.url+"/admin" {
		t.Errorf("not in with the new password: %s\n%s", b.address(), b.text())
	}
	b.seen("home-first-day")
	b.alone(f.url)
}

// steps fails unless exactly these steps of the guide are behind one.
func (b *tab) steps(want string) {
	b.t.Helper()
	if got := ask[string](b, "[...document.querySelectorAll('[data-step][data-done]')].map(e => e.dataset.step).join(' ')"); got != want {
		b.t.Fatalf("behind one are %q, want %q\n%s\n%s", got, want, b.address(), b.text())
	}
}
