package attacks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/mail/mailtest"
	"dargah/internal/db"
)

// withMail is a house before a mail server.
func withMail(t *testing.T) (*house, *shop, *mailtest.Postbox) {
	t.Helper()
	t.Parallel()
	box := mailtest.Open(t)
	b := newBank(t)
	h := open(t, map[string]string{"CHECKOUT_SMTP_URL": box.URL(), "CHECKOUT_MAIL_FROM": "pay@example.ir"})
	return h, h.shop(b), box
}

// letters waits until the server has so many.
func letters(t *testing.T, box *mailtest.Postbox, want int) []mailtest.Message {
	t.Helper()
	for limit := time.Now().Add(60 * time.Second); len(box.Taken()) < want && time.Now().Before(limit); {
		time.Sleep(10 * time.Millisecond)
	}
	got := box.Taken()
	if len(got) != want {
		t.Fatalf("%d letters, want %d", len(got), want)
	}
	return got
}

// settled waits until the outbox holds nothing that could still leave.
func (h *house) settled() {
	h.Helper()
	for limit := time.Now().Add(60 * time.Second); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		waiting := 0
		err := h.app.Mail.DB.View(context.Background(), func(tx *db.Tx) error {
			o, err := tx.Outbox("", true)
			waiting = o.Waiting
			return err
		})
		if err != nil {
			h.Fatal(err)
		}
		if waiting == 0 {
			return
		}
	}
	h.Fatal("letters wait and wait")
}

// ask makes an invoice that is sent at once.
func (s *shop) ask(body map[string]any) (invoice, int) {
	s.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		s.Fatal(err)
	}
	var inv invoice
	a := s.do(http.MethodPost, "/api/v1/invoices", string(raw), "Authorization", "Bearer "+s.key, "Content-Type", "application/json")
	if a.status == http.StatusCreated {
		if err := json.Unmarshal([]byte(a.body), &inv); err != nil {
			s.Fatal(err)
		}
	}
	return inv, a.status
}

// TestT74_MailInjection: an address that is more than an address is refused where it is given; text
// that would be a line of the head, or a command, is text in the letter; one reader, and no other.
func TestT74_MailInjection(t *testing.T) {
	h, s, box := withMail(t)
	for _, address := range []string{
		"a@b.example\nBcc: c@evil.example", "a@b.example\r\nBcc: c@evil.example", "a@b.example%0aBcc:c@evil.example\n", "\"x\r\nDATA\"@b.example", `"x y"@b.example`,
		"a@b.example,c@evil.example", "a@b.example c@evil.example", "<a@b.example>", "a@b.example>\r\nRCPT TO:<c@evil.example", "A <a@b.example>", "a@b.example;c@evil.example", "a@b.example\x00", "a@[127.0.0.1]", "a@b.example\u2028Bcc:x", "@b.example", "a@", "a(b)@c.example", "a@b.example NOTIFY=SUCCESS",
	} {
		if _, status := s.ask(map[string]any{"amount": price, "send_email": true, "customer": map[string]any{"email": address}}); status != http.StatusUnprocessableEntity {
			t.Errorf("%q is taken: %d", address, status)
		}
	}
	evil := "x\r\nBcc: c@evil.example\r\nContent-Type: text/html\r\n\r\n.\r\nQUIT\r\n\u2028Cc: c@evil.example"
	err := h.app.Mail.DB.Update(context.Background(), func(tx *db.Tx) error {
		m, err := tx.Merchant(s.scope.MerchantID)
		if err != nil {
			return err
		}
		m.Name, m.Phone, m.Address, m.Website, m.Email, m.Accent = evil, evil, evil, "https://x\r\nBcc: c@evil.example", "shop@x.example\r\nBcc: c@evil.example", evil
		return tx.UpdateMerchant(m)
	})
	if err != nil {
		t.Fatal(err)
	}
	inv, status := s.ask(map[string]any{
		"amount": price, "send_email": true, "description": evil, "reference": "x\r\nBcc: c@evil.example",
		"customer": map[string]any{"email": "sara@example.com", "name": "x\r\nBcc: c@evil.example"}, "items": []any{map[string]any{"title": evil, "quantity": 1, "unit_amount": price}},
	})
	if status != http.StatusCreated {
		t.Fatalf("made: %d", status)
	}
	m := letters(t, box, 1)[0]
	if len(m.To) != 1 || m.To[0] != "sara@example.com" || m.From != "pay@example.ir" {
		t.Errorf("from %s to %v", m.From, m.To)
	}
	own := []string{"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Received", "Return-Path", "Subject", "To"}
	for name, values := range m.Heads(t) {
		if !slices.Contains(own, name) || len(values) != 1 {
			t.Errorf("%s: %q", name, values)
		}
	}
	if to := m.Head(t, "To"); to != "<sara@example.com>" {
		t.Errorf("To %s", to)
	}
	if text := m.Text(t); !strings.Contains(text, inv.PaymentURL) || strings.Contains(text, "<script") {
		t.Errorf("the letter:\n%s", text)
	}
	// A merchant's address that is none is no reason to lose a payment, and is told to nobody.
	s.start(inv, "ghesta").pays().returns()
	s.paidOnce(inv)
	letters(t, box, 2) // the customer's receipt
	h.settled()
	var refused []checkout.Letter
	err = h.app.Mail.DB.View(context.Background(), func(tx *db.Tx) (err error) {
		refused, err = tx.Letters(db.LetterQuery{MerchantID: s.scope.MerchantID, Live: true, Status: "refused", Limit: 10})
		return err
	})
	if err != nil || len(refused) != 1 || refused[0].Kind != checkout.LetterPaid || refused[0].Reason != checkout.ReasonBadAddress {
		t.Errorf("refused %+v, %v", refused, err)
	}
}

// TestT75_MailBomb: a thousand invoices to one mailbox, from two shops and under many spellings, are
// made, and twenty letters leave in a day; nobody else's letters are held up by them.
func TestT75_MailBomb(t *testing.T) {
	h, s, box := withMail(t)
	other := h.shop(s.bank)
	var last invoice
	for i := range 1000 {
		from, to := s, []string{"victim@example.com", "VICTIM@Example.COM", "victim+%d@example.com", "Victim+x%d@example.com"}[i%4]
		if i%2 == 1 {
			from = other
		}
		if strings.Contains(to, "%d") {
			to = fmt.Sprintf(to, i)
		}
		inv, status := from.ask(map[string]any{"amount": price, "send_email": true, "customer": map[string]any{"email": to}})
		if status != http.StatusCreated {
			t.Fatalf("invoice %d: %d", i, status)
		}
		if from == s {
			last = inv
		}
	}
	if status := s.api(http.MethodPost, "/invoices/"+last.ID+"/send", "{}", nil); status != http.StatusTooManyRequests {
		t.Errorf("one more: %d", status)
	}
	if _, status := s.ask(map[string]any{"amount": price, "send_email": true, "customer": map[string]any{"email": "friend@example.com"}}); status != http.StatusCreated {
		t.Errorf("to another: %d", status)
	}
	got := letters(t, box, checkout.AskingToOne+1)
	h.settled()
	if n := len(box.Taken()); n != checkout.AskingToOne+1 {
		t.Errorf("%d letters", n)
	}
	friend := 0
	for _, m := range got {
		if m.To[0] == "friend@example.com" {
			friend++
		}
	}
	if friend != 1 {
		t.Errorf("%d letters to the other", friend)
	}
	// The next day is another one.
	h.clock.forward(25 * time.Hour)
	if status := s.api(http.MethodPost, "/invoices/"+last.ID+"/send", "{}", nil); status != http.StatusOK {
		t.Errorf("the next day: %d", status)
	}
	letters(t, box, checkout.AskingToOne+2)
}

// TestT50_HostHeaderInLetters: what a request says of hosts is in no letter that it causes.
func TestT50_HostHeaderInLetters(t *testing.T) {
	h, s, box := withMail(t)
	forwarded := []string{
		"Authorization", "Bearer " + s.key, "Content-Type", "application/json", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https",
		"Forwarded", "host=evil.example;proto=https", "X-Host", "evil.example", "Origin", "https://evil.example", "Referer", "https://evil.example/",
	}
	var inv invoice
	a := h.do(http.MethodPost, "/api/v1/invoices", `{"amount":1500000,"send_email":true,"customer":{"email":"sara@example.com"}}`, forwarded...)
	if err := json.Unmarshal([]byte(a.body), &inv); err != nil || a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, m := range letters(t, box, 1) {
		if text := m.Text(t); strings.Contains(text, "evil") || strings.Contains(string(m.Raw), "evil") || !strings.Contains(text, h.base+"/i/"+inv.token()) {
			t.Errorf("the letter:\n%s", text)
		}
	}
}
