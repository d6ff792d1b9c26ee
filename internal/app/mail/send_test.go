package mail_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	stdmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"dargah/internal/app/checkout"
	"dargah/internal/app/mail"
	"dargah/internal/db"
)

// read takes a message apart as a mail program does.
func read(t testing.TB, raw []byte) (head stdmail.Header, parts map[string]string) {
	t.Helper()
	m, err := stdmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%v in\n%s", err, raw)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s: %v", kind, err)
	}
	parts = map[string]string{}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart() // decodes quoted-printable
		if err == io.EOF {
			return m.Header, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		if p.Header.Get("Content-Transfer-Encoding") == "base64" {
			if content, err = base64.StdEncoding.DecodeString(strings.NewReplacer("\r", "", "\n", "").Replace(string(content))); err != nil {
				t.Fatal(err)
			}
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		parts[kind] = string(content)
	}
}

func plainHead(t testing.TB, s string) string {
	t.Helper()
	out, err := new(mime.WordDecoder).DecodeHeader(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A letter over STARTTLS with a login, once, whoever asks again.
func TestSend(t *testing.T) {
	onBoth(t, func(t *testing.T, d *db.DB, c *clock) {
		p := newPostbox(t, postboxOptions{tls: true, user: "dargah", password: "p@ss/word"})
		k := newDesk(t, d, c, p.at("smtp", "dargah:p%40ss%2Fword@"))
		id := k.write(checkout.LetterReceipt, "evt_1/receipt", nil)
		jobs := k.claim()
		if len(jobs) != 1 {
			t.Fatalf("%d jobs", len(jobs))
		}
		k.run(jobs[0])
		k.run(jobs[0]) // the same job again finds nothing to do
		l := k.letter(id)
		if l.Status != checkout.LetterSent || l.Tries != 1 || l.EndedAt.IsZero() || !l.NextAt.IsZero() || !strings.Contains(l.Answer, "OK") || k.jobs(id) {
			t.Fatalf("%+v, its job: %t", l, k.jobs(id))
		}
		got := p.got()
		if len(got) != 1 || got[0].from != "pay@example.ir" || fmt.Sprint(got[0].to) != "[sara@example.com]" || p.logins != 1 || !p.inTLS {
			t.Fatalf("taken %+v, %d logins, in TLS %t", got, p.logins, p.inTLS)
		}
		head, parts := read(t, got[0].raw)
		for name, want := range map[string]string{
			"From": `خانهٔ سفال میبد <pay@example.ir>`, "To": "<sara@example.com>", "Reply-To": "خانهٔ سفال میبد <shop@meybodpottery.ir>",
			"Subject": "رسید پرداخت ۲٬۷۰۵٬۰۰۰ تومان به خانهٔ سفال میبد", "Message-ID": "<" + id + "@example.ir>",
			"Auto-Submitted": "auto-generated", "Content-Language": "fa", "List-Unsubscribe": "", "Bcc": "", "Cc": "", "User-Agent": "",
		} {
			if got := strings.ReplaceAll(plainHead(t, head.Get(name)), `"`, ""); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		link := "https://pay.example.ir/i/" + k.inv.Token
		for kind, text := range parts {
			if !strings.Contains(text, link) {
				t.Errorf("%s does not lead to the receipt", kind)
			}
		}
		if len(parts) != 2 || !strings.Contains(parts["text/html"], `dir="rtl"`) || strings.Contains(parts["text/plain"], "<") {
			t.Errorf("parts %v", parts)
		}
	})
}

func TestSend_ImplicitTLS(t *testing.T) {
	p := newPostbox(t, postboxOptions{implicit: true, user: "dargah", password: "x"})
	d, c := onOne(t)
	k := newDesk(t, d, c, p.at("smtps", "dargah:x@"))
	id := k.write(checkout.LetterReceipt, "evt_1/receipt", nil)
	k.work()
	if l := k.letter(id); l.Status != checkout.LetterSent || !p.inTLS {
		t.Fatalf("%+v", l)
	}
}

// No login and no letter is said in the clear to a server elsewhere, nor to one that cannot prove its
// name; on this machine it may be.
func TestSend_TLSIsDemanded(t *testing.T) {
	clear, wrong := newPostbox(t, postboxOptions{user: "dargah", password: "x"}), newPostbox(t, postboxOptions{tls: true, user: "dargah", password: "x"})
	_, wrong.roots = certificate(t, "mail.example.test") // another authority's
	local := newPostbox(t, postboxOptions{tls: true})
	for name, test := range map[string]struct {
		p     *postbox
		setup func(*mail.Options)
		sent  bool
		says  string
	}{
		"no STARTTLS":   {clear, clear.at("smtp", "dargah:x@"), false, "offers no STARTTLS"},
		"a false name":  {wrong, wrong.at("smtp", "dargah:x@"), false, "certificate"},
		"not in TLS":    {clear, clear.at("smtps", "dargah:x@"), false, "tls"},
		"local, in TLS": {local, local.here, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, c := onOne(t)
			k := newDesk(t, d, c, test.setup)
			id := k.write(checkout.LetterReceipt, "evt_1/receipt", nil)
			k.work()
			l := k.letter(id)
			if test.sent != (l.Status == checkout.LetterSent) || (!test.sent && (l.Status != checkout.LetterQueued || l.Reason != checkout.ReasonTrouble || !strings.Contains(l.Answer, test.says))) {
				t.Fatalf("%+v", l)
			}
			if !test.sent && test.p.logins != 0 {
				t.Fatal("the password was said")
			}
		})
	}
}

// What a server says about a letter is final or not; what it says about us is nobody's letter's fault.
func TestSend_Answers(t *testing.T) {
	onBoth(t, func(t *testing.T, d *db.DB, c *clock) {
		for name, test := range map[string]struct {
			does   func(*postbox)
			status checkout.LetterStatus
			reason string
			says   string
		}{
			"no such user":      {func(p *postbox) { p.onRcpt = func(string) error { return code(550, "no such user here") } }, checkout.LetterRefused, checkout.ReasonServer, "550 5.0.0 no such user here"},
			"mailbox full":      {func(p *postbox) { p.onRcpt = func(string) error { return code(452, "mailbox full") } }, checkout.LetterQueued, checkout.ReasonServer, "452"},
			"greylisted":        {func(p *postbox) { p.onRcpt = func(string) error { return code(451, "try again in 5 minutes") } }, checkout.LetterQueued, checkout.ReasonServer, "451"},
			"taken for spam":    {func(p *postbox) { p.onData = code(554, "looks like spam") }, checkout.LetterRefused, checkout.ReasonServer, "554"},
			"busy at the end":   {func(p *postbox) { p.onData = code(451, "disk full") }, checkout.LetterQueued, checkout.ReasonServer, "451"},
			"sender not liked":  {func(p *postbox) { p.onMail = code(550, "who are you") }, checkout.LetterQueued, checkout.ReasonTrouble, "550"},
			"no relay for us":   {func(p *postbox) { p.onRcpt = func(string) error { return code(554, "Relay access denied") } }, checkout.LetterQueued, checkout.ReasonTrouble, "Relay"},
			"shutting down":     {func(p *postbox) { p.onRcpt = func(string) error { return code(421, "shutting down") } }, checkout.LetterQueued, checkout.ReasonTrouble, "421"},
			"another password":  {func(p *postbox) { p.password = "changed" }, checkout.LetterQueued, checkout.ReasonTrouble, "535"},
			"ordinary":          {func(*postbox) {}, checkout.LetterSent, "", "OK"},
			"controls in words": {func(p *postbox) { p.onData = code(554, "spam \x1b[31m\x07") }, checkout.LetterRefused, checkout.ReasonServer, "554 5.0.0 spam"},
		} {
			t.Run(name, func(t *testing.T) {
				p := newPostbox(t, postboxOptions{tls: true, user: "dargah", password: "x"})
				k := newDesk(t, d, c, p.at("smtp", "dargah:x@"))
				p.does(test.does)
				id := k.write(checkout.LetterReceipt, "evt/"+name, nil)
				k.work()
				l := k.letter(id)
				if l.Status != test.status || l.Reason != test.reason || !strings.Contains(l.Answer, test.says) || strings.ContainsAny(l.Answer, "\x1b\x07\n") || l.Tries != 1 {
					t.Fatalf("%+v", l)
				}
				if queued := l.Status == checkout.LetterQueued; queued != k.jobs(id) || queued != l.NextAt.After(c.now()) {
					t.Fatalf("its job is there: %t; %+v", k.jobs(id), l)
				}
				if l.Status == checkout.LetterQueued { // and then it is well again
					p.does(func(p *postbox) { p.onMail, p.onRcpt, p.onData, p.password = nil, nil, nil, "x" })
					c.add(11 * time.Minute)
					k.work()
					if l := k.letter(id); l.Status != checkout.LetterSent || l.Tries != 2 || len(p.got()) != 1 {
						t.Fatalf("afterwards %+v", l)
					}
				}
			})
		}
	})
}

// One connection at a time knocks at a server that is away, the others wait for it; when it is back
// all are sent for, whatever their own hour was.
func TestSend_ServerAway(t *testing.T) {
	p := newPostbox(t, postboxOptions{tls: true})
	d, c := onOne(t)
	k := newDesk(t, d, c, p.at("smtp", ""))
	p.does(func(p *postbox) { p.onMail = code(421, "away") })
	var ids []string
	for i := range 20 {
		ids = append(ids, k.write(checkout.LetterReceipt, fmt.Sprint("evt", i), nil))
	}
	tries := 0
	for range 24 * 60 { // a day, minute by minute
		k.work()
		c.add(time.Minute)
	}
	for _, id := range ids {
		l := k.letter(id)
		if l.Status != checkout.LetterQueued || l.Reason != checkout.ReasonTrouble || l.NextAt.Sub(c.now()) > 24*time.Minute {
			t.Fatalf("after a day: %+v", l)
		}
		tries += l.Tries
	}
	if p.senders != tries || tries < 100 || tries > 300 {
		t.Errorf("knocked %d times, %d tries", p.senders, tries)
	}
	p.does(func(p *postbox) { p.onMail = nil })
	for range 13 { // the one that knocks is never further away than its pause
		c.add(time.Minute)
		for k.work() > 0 {
		}
	}
	if got := p.got(); len(got) != 20 {
		t.Errorf("%d of 20 letters", len(got))
	}
}

// A letter that nobody takes for days is given up, visibly, and can be sent again by hand.
func TestSend_GivesUp(t *testing.T) {
	onBoth(t, func(t *testing.T, d *db.DB, c *clock) {
		p := newPostbox(t, postboxOptions{tls: true})
		k := newDesk(t, d, c, p.at("smtp", ""))
		p.does(func(p *postbox) { p.onData = code(451, "not now") })
		id := k.write(checkout.LetterReceipt, "evt_1/receipt", nil)
		began := c.now()
		for k.letter(id).Status == checkout.LetterQueued {
			if k.work() == 0 {
				c.add(max(k.letter(id).NextAt.Sub(c.now()), time.Second))
			}
		}
		l := k.letter(id)
		if l.Status != checkout.LetterRefused || l.Reason != checkout.ReasonGaveUp || l.Tries < 20 || l.Tries > 100 || k.jobs(id) {
			t.Fatalf("%+v", l)
		}
		if took := c.now().Sub(began); took < checkout.LetterLife || took > checkout.LetterLife+3*time.Hour {
			t.Errorf("given up after %s", took)
		}
		p.does(func(p *postbox) { p.onData = nil })
		k.update(func(tx *db.Tx) error { _, err := tx.RequeueLetter(id); return err })
		k.work()
		if l := k.letter(id); l.Status != checkout.LetterSent || len(p.got()) != 1 {
			t.Fatalf("by hand: %+v", l)
		}
	})
}

// A server that takes the letter and then hangs, or a process that dies before it has written down
// that it was taken: it is sent again, and both are the same by their Message-ID.
func TestSend_DiesBeforeTheRecord(t *testing.T) {
	onBoth(t, func(t *testing.T, d *db.DB, c *clock) {
		p := newPostbox(t, postboxOptions{tls: true})
		k := newDesk(t, d, c, func(o *mail.Options) { p.at("smtp", "")(o); o.Talk = 300 * time.Millisecond })
		hang := make(chan struct{})
		p.does(func(p *postbox) { p.hang = hang })
		id := k.write(checkout.LetterReceipt, "evt_1/receipt", nil)
		k.work()
		if l := k.letter(id); l.Status != checkout.LetterQueued || l.Reason != checkout.ReasonTrouble {
			t.Fatalf("while it hangs: %+v", l)
		}
		close(hang)
		p.does(func(p *postbox) { p.hang = nil })
		for range 100 {
			if len(p.got()) == 1 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		// Another process: the first one's lease has run out.
		again := newRoom(t, k, p)
		c.add(15 * time.Minute)
		for _, j := range k.claim() {
			if err := again.RunLetter(context.Background(), j); err != nil {
				t.Fatal(err)
			}
		}
		got := p.got()
		if len(got) != 2 || k.letter(id).Status != checkout.LetterSent {
			t.Fatalf("%d taken, %+v", len(got), k.letter(id))
		}
		first, _ := read(t, got[0].raw)
		second, _ := read(t, got[1].raw)
		if first.Get("Message-ID") == "" || first.Get("Message-ID") != second.Get("Message-ID") {
			t.Errorf("%s and %s", first.Get("Message-ID"), second.Get("Message-ID"))
		}
	})
}

func newRoom(t testing.TB, k *desk, p *postbox) *mail.Room {
	t.Helper()
	o := mail.Options{DB: k.db, Box: k.box, BaseURL: "https://pay.example.ir", From: "pay@example.ir", Now: k.clock.now}
	p.at("smtp", "")(&o)
	r, err := mail.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A request says what is asked when it leaves, and does not leave when nothing is asked any more.
func TestSend_RequestIsOvertaken(t *testing.T) {
	onBoth(t, func(t *testing.T, d *db.DB, c *clock) {
		p := newPostbox(t, postboxOptions{tls: true})
		for name, test := range map[string]struct {
			happens func(k *desk, tx *db.Tx) error
			status  checkout.LetterStatus
			reason  string
		}{
			"nothing":    {nil, checkout.LetterSent, ""},
			"canceled":   {func(k *desk, tx *db.Tx) error { return k.move(tx, checkout.InvoiceCanceled) }, checkout.LetterWithheld, checkout.ReasonOvertaken},
			"being paid": {func(k *desk, tx *db.Tx) error { return k.move(tx, checkout.InvoiceProcessing) }, checkout.LetterWithheld, checkout.ReasonOvertaken},
			"repriced":   {func(k *desk, tx *db.Tx) error { k.inv.Amount = 10_000_000; return tx.EditInvoice(&k.inv) }, checkout.LetterSent, ""},
			"another name": {func(k *desk, tx *db.Tx) error {
				k.inv.Customer.Email = "other@example.com"
				return tx.EditInvoice(&k.inv)
			}, checkout.LetterWithheld, checkout.ReasonOvertaken},
			"expired": {func(k *desk, _ *db.Tx) error { k.clock.add(8 * 24 * time.Hour); return nil }, checkout.LetterWithheld, checkout.ReasonTooLate},
		} {
			t.Run(name, func(t *testing.T) {
				k := newDesk(t, d, c, p.at("smtp", ""))
				k.update(func(tx *db.Tx) error { _, err := tx.ReaderOf("mer_1", "sara@example.com", "way-out"); return err })
				k.write(checkout.LetterReminder, "evt/"+k.inv.ID, func(l *checkout.Letter) { l.Until = k.inv.ExpiresAt })
				if test.happens != nil {
					k.update(func(tx *db.Tx) error { return test.happens(k, tx) })
				}
				before := len(p.got())
				k.work()
				l := k.newest()
				if l.Status != test.status || l.Reason != test.reason || k.jobs(l.ID) {
					t.Fatalf("%+v", l)
				}
				if sent := len(p.got()) - before; (sent == 1) != (test.status == checkout.LetterSent) {
					t.Fatalf("%d sent", sent)
				}
				if name == "repriced" {
					_, parts := read(t, p.got()[before].raw)
					if !strings.Contains(parts["text/plain"], "۱٬۰۰۰٬۰۰۰ تومان") || l.Facts.Amount != 10_000_000 {
						t.Errorf("asked for %d:\n%s", l.Facts.Amount, parts["text/plain"])
					}
				}
			})
		}
	})
}

func (k *desk) move(tx *db.Tx, to checkout.InvoiceStatus) error {
	from := k.inv.Status
	k.inv.Status, k.inv.CanceledAt = to, tx.Now()
	return tx.SaveInvoice(&k.inv, from, k.inv.EventSeq)
}

func (k *desk) newest() *checkout.Letter {
	k.Helper()
	var l checkout.Letter
	k.update(func(tx *db.Tx) error {
		list, err := tx.Letters(db.LetterQuery{MerchantID: "mer_1", Live: true, InvoiceID: k.inv.ID, Limit: 1})
		if err == nil && len(list) == 1 {
			l = list[0]
		}
		return err
	})
	return &l
}

// A link that opens something stands sealed in the outbox, whole in the letter, and nowhere after it.
func TestSend_SealedLink(t *testing.T) {
	onBoth(t, func(t *testing.T, d *db.DB, c *clock) {
		p := newPostbox(t, postboxOptions{tls: true})
		k := newDesk(t, d, c, p.at("smtp", ""))
		link := "https://pay.example.ir/admin/reset/" + rand.Text()
		good := k.write(checkout.LetterPasswordReset, "reset/1", func(l *checkout.Letter) {
			l.MerchantID, l.InvoiceID, l.Sealed = "", "", k.box.Seal([]byte(link), checkout.SealedLetter("reset/1"))
			if strings.Contains(l.Sealed, link) {
				t.Fatal("sealed in the clear")
			}
		})
		moved := k.write(checkout.LetterPasswordReset, "reset/2", func(l *checkout.Letter) {
			l.MerchantID, l.InvoiceID, l.Sealed = "", "", k.box.Seal([]byte(link), checkout.SealedLetter("reset/1"))
		})
		k.work()
		if l := k.letter(good); l.Status != checkout.LetterSent || l.Sealed != "" || strings.Contains(fmt.Sprint(l), link) {
			t.Fatalf("%+v", l)
		}
		if l := k.letter(moved); l.Status != checkout.LetterRefused || l.Reason != checkout.ReasonBroken || l.Sealed != "" {
			t.Fatalf("one sealed for another letter: %+v", l)
		}
		got := p.got()
		if len(got) != 1 {
			t.Fatalf("%d sent", len(got))
		}
		if _, parts := read(t, got[0].raw); !strings.Contains(parts["text/plain"], link) || !strings.Contains(parts["text/html"], link) {
			t.Error("the link is not in the letter")
		}
	})
}

func TestSend_DKIM(t *testing.T) {
	_, small, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]any{"ed25519": small, "rsa": large} {
		t.Run(name, func(t *testing.T) {
			der, err := x509.MarshalPKCS8PrivateKey(key)
			if err != nil {
				t.Fatal(err)
			}
			record := "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(small.Public().(ed25519.PublicKey))
			if name == "rsa" {
				public, err := x509.MarshalPKIXPublicKey(&large.PublicKey)
				if err != nil {
					t.Fatal(err)
				}
				record = "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(public)
			}
			p := newPostbox(t, postboxOptions{tls: true})
			d, c := onOne(t)
			c.at = time.Now() // a signature from the future is none
			k := newDesk(t, d, c, func(o *mail.Options) {
				p.at("smtp", "")(o)
				o.DKIM = mail.DKIM{Domain: "example.ir", Selector: "s1", Key: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
			})
			k.write(checkout.LetterReceipt, "evt_1/receipt", nil)
			k.work()
			raw := p.got()[0].raw
			verify := func(raw []byte) error {
				found, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
					if name != "s1._domainkey.example.ir" {
						return nil, fmt.Errorf("asked for %s", name)
					}
					return []string{record}, nil
				}})
				if err != nil || len(found) != 1 {
					t.Fatalf("%v %v", found, err)
				}
				return found[0].Err
			}
			if err := verify(raw); err != nil {
				t.Fatal(err)
			}
			if verify(bytes.Replace(raw, []byte("sara@example.com"), []byte("sera@example.com"), 1)) == nil {
				t.Error("another reader, and the signature holds")
			}
		})
	}
}

// An address with letters outside ASCII goes to a server that takes one.
func TestSend_UnicodeAddress(t *testing.T) {
	for utf8, status := range map[bool]checkout.LetterStatus{true: checkout.LetterSent, false: checkout.LetterRefused} {
		p := newPostbox(t, postboxOptions{tls: true, utf8: utf8})
		d, c := onOne(t)
		k := newDesk(t, d, c, p.at("smtp", ""))
		id := k.write(checkout.LetterReceipt, "evt_1/receipt", func(l *checkout.Letter) { l.Recipient = "سارا@نمونه.example" })
		k.work()
		if l := k.letter(id); l.Status != status {
			t.Errorf("with SMTPUTF8 %t: %+v", utf8, l)
		}
	}
}
