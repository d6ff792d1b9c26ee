package browsertest_test

import (
	"strings"
	"testing"
)

// desk is one page of the admin to look at.
type desk struct {
	name string
	path string
	// show leads from the page at path to what is meant, when that is more than an address.
	show func(t *testing.T, b *tab)
	// gate: before one is in.
	gate bool
	// route is what the page comes of, when that is not path.
	route string
	// theirs: in the customers' language, which is Persian here.
	theirs bool
}

// invoiceOf opens the page of one of the demo's invoices, as a person finds it: by its reference.
func invoiceOf(d *demo, reference string) func(*testing.T, *tab) {
	return func(t *testing.T, b *tab) {
		b.goTo(d.URL + "/admin/invoices?q=" + reference)
		if !strings.Contains(b.address(), "/admin/invoices/inv_") {
			t.Fatalf("%s was not found: %s", reference, b.address())
		}
	}
}

func desks(d *demo) []desk {
	return []desk{
		{name: "login", path: "/admin/login", gate: true},
		{name: "login-wrong", path: "/admin/login", gate: true, show: func(_ *testing.T, b *tab) {
			b.fill("#email", "nobody@example.com")
			b.fill("#password", "not the password")
			b.submit("button")
		}},
		{name: "forgot", path: "/admin/forgot", gate: true},
		{name: "forgot-asked", path: "/admin/forgot", gate: true, show: func(_ *testing.T, b *tab) {
			b.fill("#email", "nobody@example.com")
			b.submit("button")
		}},
		{name: "link-dead", path: "/admin/reset/nothing", route: "/admin/reset/:token", gate: true},
		{name: "home", path: "/admin"},
		{name: "guide", path: "/admin/start"},
		{name: "attention", path: "/admin/attention"},
		{name: "invoices", path: "/admin/invoices"},
		{name: "invoices-filtered", path: "/admin/invoices?status=open&range=7d"},
		{name: "invoices-wrong", path: "/admin/invoices?from=1405/13/40"},
		{name: "views", path: "/admin/invoices/views"},
		{name: "invoices-none", path: "/admin/invoices?q=nothing-of-that-name"},
		{name: "invoice-new", path: "/admin/invoices/new"},
		{name: "invoice-unusual", path: "/admin/invoices/new", show: func(_ *testing.T, b *tab) {
			b.fill("#amount", "123456789000")
			b.submit(".savebar button")
		}},
		{name: "invoice-wrong", path: "/admin/invoices/new", show: func(_ *testing.T, b *tab) {
			b.fill("#amount", "12,5")
			b.fill("[name='customer.mobile']", "12")
			b.submit(".savebar button")
		}},
		{name: "invoice-verifying", path: "/admin", route: "/admin/invoices/:id", show: invoiceOf(d, "MP-1216")},
		{name: "invoice-review", path: "/admin", route: "/admin/invoices/:id", show: invoiceOf(d, "MP-1215")},
		{name: "invoice-paid", path: "/admin", route: "/admin/invoices/:id", show: invoiceOf(d, "MP-1208")},
		{name: "invoice-open", path: "/admin", route: "/admin/invoices/:id", show: invoiceOf(d, "MP-1217")},
		{name: "invoice-evidence", path: "/admin", route: "/admin/invoices/:id/evidence", show: func(t *testing.T, b *tab) {
			invoiceOf(d, "MP-1208")(t, b)
			b.goTo(b.address() + "/evidence")
		}},
		{name: "settlements", path: "/admin/settlements"},
		{name: "settlement-columns", path: "/admin/settlements", route: "/admin/settlements/:settlement", show: func(_ *testing.T, b *tab) { b.giveSettlement() }},
		{name: "settlement", path: "/admin/settlements", route: "/admin/settlements/:settlement", show: func(_ *testing.T, b *tab) {
			b.giveSettlement()
			b.press("#unit")
			b.submit(".ask button")
			b.goTo(b.address() + "?list=there")
		}},
		{name: "settings", path: "/admin/settings"},
		{name: "gateways", path: "/admin/settings/gateways"},
		{name: "keys", path: "/admin/settings/keys"},
		{name: "people", path: "/admin/settings/people"},
		{name: "people-invited", path: "/admin/settings/people", show: func(_ *testing.T, b *tab) { b.invite(d) }},
		{name: "people-wrong", path: "/admin/settings/people", show: func(_ *testing.T, b *tab) {
			b.fill("#invite-email", d.Email)
			b.submit("form[action$='/invite'] button")
		}},
		{name: "invitation", path: "/admin/settings/people", route: "/admin/invitation/:token", show: func(_ *testing.T, b *tab) {
			b.goTo(b.invite(d))
			b.fill("#password", "short")
			b.submit("button")
		}},
		{name: "audit", path: "/admin/settings/audit"},
		{name: "webhooks-none", path: "/admin/settings/webhooks"},
		{name: "webhooks-wrong", path: "/admin/settings/webhooks", show: func(_ *testing.T, b *tab) { b.addHook(d, "ftp://shop.example/") }},
		{name: "webhooks-added", path: "/admin/settings/webhooks", show: func(_ *testing.T, b *tab) { b.addHook(d, "http://127.0.0.1:1/hooks/dargah") }},
		{name: "webhook", path: "/admin/settings/webhooks", route: "/admin/settings/webhooks/:endpoint", show: func(_ *testing.T, b *tab) { b.submit(".sent .queue a") }},
		{name: "webhook-tested", path: "/admin/settings/webhooks", show: func(_ *testing.T, b *tab) {
			b.submit(".sent .queue a")
			b.submit("form[action$='/test'] button")
		}},
		{name: "webhook-unsure", path: "/admin/settings/webhooks", show: func(_ *testing.T, b *tab) {
			b.submit(".sent .queue a")
			ask[any](b, "document.querySelector('form[action$=\"/remove\"]').closest('details').open = true")
			b.submit("form[action$='/remove'] button")
		}},
		{name: "webhook-delivery", path: "/admin/settings/webhooks", route: "/admin/settings/webhooks/:endpoint/deliveries/:delivery", show: func(_ *testing.T, b *tab) {
			b.submit(".sent .queue a")
			b.submit(".split .queue a")
		}},
		{name: "webhooks", path: "/admin/settings/webhooks"},
		{name: "letters", path: "/admin/settings/letters", route: "/admin/settings/letters", show: func(t *testing.T, b *tab) {
			for _, to := range []string{"negar@example.com", d.Email} { // test mode writes to its own people only
				d.api().create(t, usual("fa").with("send_email", true).with("customer", map[string]string{"name": "نگار احمدی", "email": to}))
			}
			b.goTo(d.URL + "/admin/settings/letters")
		}},
		{name: "reminders", path: "/admin/settings/reminders"},
		{name: "many", path: "/admin/many"},
		{name: "samples", path: "/admin/settings/letters/samples"},
		{name: "customers", path: "/admin/settings/customers"},
		{name: "account", path: "/admin/account"},
		{name: "factor", path: "/admin/account/factor"},
		{name: "passkey-none", path: "/admin/account/passkey"}, // the demo has no name
		{name: "account-wrong", path: "/admin/account", show: func(_ *testing.T, b *tab) {
			b.fill("#password", "not the password")
			b.fill("#new_password", "some other password")
			b.submit("form[action$='/password'] button")
		}},
	}
}

// giveSettlement uploads a gateway's file of today whose columns nobody has named yet.
func (b *tab) giveSettlement() {
	b.t.Helper()
	ask[any](b, `(() => {
		const day = new Intl.DateTimeFormat('en-CA', {timeZone: 'Asia/Tehran'}).format(new Date());
		for (const id of ['from', 'to']) document.getElementById(id).value = day;
		const text = 'کد پیگیری,مبلغ تراکنش ' + Math.random() + ',تاریخ\n98120345,1500000,1405/09/07\n98120346,2500000,1405/09/07\n98120346,2500000,1405/09/07\n,4000000,\n';
		const files = new DataTransfer();
		files.items.add(new File([text], 'settlement-1405-09.csv', {type: 'text/csv'}));
		document.getElementById('file').files = files.files;
	})()`)
	b.submit(".ask button")
}

// addHook fills in the form of a new webhook endpoint, and proves who one is when it asks.
func (b *tab) addHook(d *demo, address string) {
	b.t.Helper()
	b.fill("#url", address)
	if ask[bool](b, "!!document.querySelector('#password')") {
		b.fill("#password", d.Password)
	}
	b.submit("form[action='/admin/settings/webhooks'] button")
}

// invite asks a colleague in, or once more when one waits already, and returns the link that is shown.
func (b *tab) invite(d *demo) string {
	b.t.Helper()
	if again := "form[action$='/invite/again']"; ask[bool](b, "!!document.querySelector("+quote(again)+")") {
		ask[any](b, "document.querySelector("+quote(again)+").closest('details').open = true")
		b.submit(again + " button")
	} else {
		b.fill("#invite-email", "nasrin@example.com")
		b.submit("form[action$='/invite'] button")
	}
	link := ask[string](b, "document.querySelector('.matter input').value")
	if !strings.HasPrefix(link, d.URL+"/admin/invitation/") {
		b.t.Fatalf("the link of the invitation is %q", link)
	}
	return link
}

// signIn comes in as the demo's owner, through the door.
func (b *tab) signIn(d *demo, locale string) {
	b.t.Helper()
	b.goTo(d.URL + "/admin/login?lang=" + locale)
	b.fill("#email", d.Email)
	b.fill("#password", d.Password)
	b.submit("button")
	if !strings.HasPrefix(b.address(), d.Admin) || strings.Contains(b.address(), "login") {
		b.t.Fatalf("not in: %s\n%s", b.address(), b.text())
	}
}

// TestAdmin_Pages looks at every page of the admin in both languages and both schemes, on a phone and
// on a desk, as axe and a finger meet them.
func TestAdmin_Pages(t *testing.T) {
	d := startDemo(t)
	for _, locale := range []string{"fa", "en"} {
		t.Run(locale, func(t *testing.T) {
			b := open(t, screen{locale: locale, width: 360, scripts: true})
			in := false
			for _, p := range desks(d) {
				if !p.gate && !in {
					b.signIn(d, locale)
					in = true
				}
				join := "?"
				if strings.Contains(p.path, "?") {
					join = "&"
				}
				b.goTo(d.URL + p.path + join + "lang=" + locale)
				if p.show != nil {
					p.show(t, b)
				}
				b.look(p, locale)
			}
			b.alone(d.URL)
		})
	}
}

// look sees the page that is there as everybody meets it.
func (b *tab) look(p desk, locale string) {
	b.t.Helper()
	ask[any](b, "document.fonts.ready.then(() => null)")
	b.isDesk(p, locale)
	if route := p.shows(); route != "" && !comesOf(b.address(), route) {
		b.t.Errorf("%s is at %s, which is not of %s", p.name, b.address(), p.shows())
	}
	sc := scene{name: "admin-" + p.name, dark: true}
	b.light(sc, locale)
	b.wide(sc, locale)
	b.darkened(sc, locale)
	b.quiet()
}

func (b *tab) isDesk(p desk, locale string) {
	b.t.Helper()
	type page struct {
		Lang, Dir, Title string
		Headlines        int
		Untranslated     bool
	}
	got := ask[page](b, `({Lang: document.documentElement.lang, Dir: document.documentElement.dir, Title: document.title,
		Headlines: document.querySelectorAll('h1').length, Untranslated: /\[[a-z_]+\.[a-z_.]+\]|\{[a-z_]+\}/.test(document.body.innerText)})`)
	if p.theirs {
		locale = "fa"
	}
	if got.Lang != locale || got.Title == "" || got.Headlines != 1 || got.Untranslated {
		b.t.Fatalf("%s is %+v\n%s", p.name, got, b.text())
	}
}
