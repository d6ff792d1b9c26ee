package browsertest_test

import (
	"context"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

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

	f.leave(b)
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
	f.passkeys(b, email, second)
	b.alone(f.url)
}

// leave signs out.
func (f *firstDay) leave(b *tab) {
	b.t.Helper()
	b.goTo(f.url + "/admin/account")
	b.submit("main form[action='/admin/logout'] button")
}

// comesIn presses what signs in, and fails when it does not.
func (f *firstDay) comesIn(b *tab, by, press string) {
	b.t.Helper()
	b.submit(press)
	if b.address() != f.url+"/admin" {
		b.t.Fatalf("not in by %s: %s\n%s", by, b.address(), b.text())
	}
}

// passkeys are added, used at the door in place of the password and in place of a code, asked for when
// one is to prove who one is, and taken away.
func (f *firstDay) passkeys(b *tab, email, password string) {
	const door = "form[data-passkey=get] button"
	t := b.t
	plain := open(t, screen{locale: "fa", width: 360})
	plain.goTo(f.url + "/admin/login")
	if plain.has(door) || !plain.has("#password") {
		t.Error("without a script the door shows what does nothing, or no password")
	}
	b.virtualDevice()
	b.goTo(f.url + "/admin/account")
	b.submit("a[href='/admin/account/passkey']")
	b.seen("passkey-new")
	before := b.session()
	b.submit("form[data-passkey=create] button.button")
	if after := b.session(); after == before || after == "" {
		t.Error("with a new passkey the session's token stayed")
	}
	if !strings.HasSuffix(b.address(), "?done=passkey_added") || ask[int](b, "document.querySelectorAll('form[action$=\"/passkey/drop\"]').length") != 1 {
		t.Fatalf("the passkey is not there: %s\n%s", b.address(), b.text())
	}
	b.seen("account-passkey")
	f.proves(b)

	b.goTo(f.url + "/admin/account/factor")
	secret := strings.ReplaceAll(ask[string](b, "document.querySelector('code.ltr').textContent"), " ", "")
	b.fill("#code", code(t, secret, 0))
	b.submit("main form button.button")
	f.leave(b)
	for _, by := range []string{"a code", "a passkey in place of the code"} {
		b.fill("#email", email)
		b.fill("#password", password)
		b.submit("form button")
		if by == "a code" {
			b.seen("login-code")
			b.fill("#code", code(t, secret, 30*time.Second)) // the one of now has turned the factor on
			f.comesIn(b, by, "form button")
		} else {
			f.comesIn(b, by, door)
		}
		f.leave(b)
	}
	b.seen("login-passkey")
	f.comesIn(b, "a passkey", door)
	b.goTo(f.url + "/admin/account")
	b.press("details:has(form[action$='/passkey/drop']) > summary")
	b.submit("form[action$='/passkey/drop'] button.danger")
	if !strings.HasSuffix(b.address(), "?done=passkey_removed") {
		t.Errorf("not taken away: %s\n%s", b.address(), b.text())
	}
	f.leave(b)
	b.submit(door) // the device still has it
	if !b.has("#password") || !b.has(".notice") {
		t.Errorf("a key that was taken away: %s\n%s", b.address(), b.text())
	}
	b.seen("login-passkey-refused")
}

// proves runs the script of a form that asks who one is. That part of the page comes ten minutes after the
// sign-in, so it is put there by hand.
func (f *firstDay) proves(b *tab) {
	b.t.Helper()
	got := ask[string](b, `(async () => {
		const form = document.querySelector('form[action$="/passkey/drop"]');
		form.closest('details').open = true;
		form.insertAdjacentHTML('beforeend', '<p class="field"><input name="password"></p><div data-passkey="prove" hidden><input type="hidden" name="passkey_answer"><button type="button">x</button><p data-proved hidden>y</p><p data-failed hidden>z</p></div>');
		await import(/[^"]*passkey\.js/.exec(await (await fetch('/admin/account/passkey')).text())[0]);
		form.querySelector('[data-passkey] button').click();
		for (let i = 0; i < 400 && !form.elements.passkey_answer.value; i++) await new Promise(r => setTimeout(r, 10));
		const said = JSON.parse(form.elements.passkey_answer.value);
		return [said.type, !!said.response.signature, form.querySelector('[data-proved]').hidden, form.elements.password.closest('.field').hidden].join(' ');
	})()`)
	if got != "public-key true false true" {
		b.t.Errorf("proved by a passkey: %s", got)
	}
}

// virtualDevice gives the browser a device that keeps passkeys and is always unlocked.
func (b *tab) virtualDevice() {
	b.t.Helper()
	b.do(func(ctx context.Context, _ *chromedp.Target) (chromedp.Void, error) {
		if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return chromedp.Void{}, err
		}
		_, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}})
		return chromedp.Void{}, err
	})
}

// session is the token of the admin's session.
func (b *tab) session() string {
	b.t.Helper()
	got, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range got.Cookies {
		if c.Name == "admin" {
			return c.Value
		}
	}
	return ""
}

// code is what an app shows so long from now.
func code(t *testing.T, secret string, from time.Duration) string {
	t.Helper()
	c, err := totp.GenerateCode(secret, time.Now().Add(from))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// steps fails unless exactly these steps of the guide are behind one.
func (b *tab) steps(want string) {
	b.t.Helper()
	if got := ask[string](b, "[...document.querySelectorAll('[data-step][data-done]')].map(e => e.dataset.step).join(' ')"); got != want {
		b.t.Fatalf("behind one are %q, want %q\n%s\n%s", got, want, b.address(), b.text())
	}
}
