package mail_test

import (
	"bytes"
	"context"
	stdmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/mail"
)

// FuzzMessage: whatever a merchant, a customer or a shop's program wrote, a letter's head holds our
// own lines and no other, names one reader, and comes from our address.
func FuzzMessage(f *testing.F) {
	f.Add("sara@example.com", "خانهٔ سفال", "shop@example.ir", "سارا", "MP-1", "کاسه", byte(0))
	f.Add("a@b.example\r\nBcc: c@d.example", "x\r\nBcc: c@d.example\r\n\r\nhello", "shop@example.ir\nCc: x@y", "\x00", "=?utf-8?q?=0d=0aBcc:_x?=", "\r\n.\r\nDATA", byte(1))
	f.Add(`"x\r\nDATA"@b.example`, "a, b <c@d>", "<shop@example.ir>", "\u2028Bcc: x", "\u202egpj", strings.Repeat("ا", 400), byte(3))
	f.Add("a@b.example", "\xff\xfe", "not an address", "", "", ".", byte(7))
	// A word that no space divides: nothing folds it.
	f.Add("a@b.example", strings.Repeat("3", 2000), "shop@example.ir", strings.Repeat("3", 2000), strings.Repeat("3", 2000), strings.Repeat("3", 2000), byte('R'))
	r, err := mail.New(mail.Options{SMTP: "smtp://127.0.0.1", From: "Dargah <pay@example.ir>", BaseURL: "https://pay.example.ir", Now: func() time.Time { return now }})
	if err != nil {
		f.Fatal(err)
	}
	kinds := checkout.LetterKinds()
	own := []string{"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "List-Unsubscribe", "List-Unsubscribe-Post", "Message-Id", "Mime-Version", "Reply-To", "Subject", "To"}
	f.Fuzz(func(t *testing.T, to, shop, reply, customer, reference, title string, pick byte) {
		l := &checkout.Letter{
			ID: "let_1", MerchantID: "mer_1", Live: true, Kind: kinds[int(pick)%len(kinds)], Recipient: to, Locale: []string{"fa", "en"}[int(pick)/16%2],
			Facts: checkout.LetterFacts{
				Shop: checkout.LetterShop{Name: shop, Email: reply, Phone: customer, Website: title, Accent: reference, Address: title}, Customer: customer, Reference: reference,
				Number: reference, Description: title, Items: []checkout.Item{{Title: title, Quantity: 2, UnitAmount: 10}}, Amount: 20, By: customer, Name: title, What: reference, Why: title,
			},
		}
		if !checkout.MailAddress(to) {
			return // EnqueueLetter keeps these out
		}
		raw, err := r.Message(context.Background(), l, mail.NewLinks("https://pay.example.ir/i/x", "https://pay.example.ir/admin", "https://pay.example.ir/d", "https://pay.example.ir/m/x"), now)
		if err != nil {
			t.Fatalf("%q: %v", to, err)
		}
		m, err := stdmail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%v in %q", err, raw)
		}
		for name, values := range m.Header {
			if !slices.Contains(own, name) || len(values) != 1 {
				t.Fatalf("%s: %q", name, values)
			}
		}
		from, err := m.Header.AddressList("From")
		if err != nil || len(from) != 1 || from[0].Address != "pay@example.ir" {
			t.Fatalf("From %v, %v: %q", from, err, m.Header.Get("From"))
		}
		readers, err := m.Header.AddressList("To")
		if err != nil || len(readers) != 1 || readers[0].Address != to {
			t.Fatalf("To %v, %v: %q", readers, err, m.Header.Get("To"))
		}
		if answers := m.Header.Get("Reply-To"); answers != "" {
			list, err := m.Header.AddressList("Reply-To")
			if err != nil || len(list) != 1 || list[0].Address != reply {
				t.Fatalf("Reply-To %q: %v", answers, err)
			}
		}
		head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
		for line := range bytes.SplitSeq(head, []byte("\r\n")) {
			if bytes.ContainsAny(line, "\r\n\x00") || len(line) > 998 {
				t.Fatalf("a line of the head: %q", line)
			}
		}
		if _, parts := read(t, raw); len(parts) != 2 || !strings.Contains(parts["text/html"], "</html>") || strings.Contains(parts["text/html"], "<script") {
			t.Fatalf("parts %v", parts)
		}
	})
}

// FuzzAddress: what is taken for an address is one, in one word that no mail server reads as more.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"a@example.com", "a+b@example.com", "سارا@نمونه.example", "a@b\r\nRCPT TO:<c@d>", `"a b"@example.com`, "a@[127.0.0.1]", "a@b,c@d", "A <a@b.example>", "a@b>NOTIFY=x", "", "@", "a@b@c", "a@b.example\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !checkout.MailAddress(s) {
			return
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`<>(),;:"[]\`, r) }) || strings.Count(s, "@") != 1 || len(s) > 254 {
			t.Fatalf("%q is taken for an address", s)
		}
		local, domain, _ := strings.Cut(s, "@")
		if local == "" || domain == "" {
			t.Fatalf("%q is taken for an address", s)
		}
		list, err := stdmail.ParseAddressList(s)
		if err != nil || len(list) != 1 || list[0].Address != s || list[0].Name != "" {
			t.Fatalf("%q reads as %v, %v", s, list, err)
		}
	})
}
