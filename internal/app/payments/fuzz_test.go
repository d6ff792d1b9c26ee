package payments_test

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
)

// FuzzCursor: a cursor that is taken names a moment and a row, and is the only spelling of them
// that we would make, but for the case of the moment.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "x", "MQ", "bTFxM3E0ZDguaW52XzA", "1", "-1", "9223372036854775808", "\x00", "LQ", "ei5pbnZf", payments.Cursor(time.UnixMilli(1_700_000_000_000), "inv_x"), payments.Cursor(time.UnixMilli(0), "a.b.c")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, id, err := payments.ReadCursor(s)
		if err != nil {
			if id != "" || !at.IsZero() {
				t.Fatalf("%q: %v %q beside an error", s, at, id)
			}
			return
		}
		if id == "" || len(id) > 100 || at.UnixMilli() < 0 || at.Year() > 300_000 {
			t.Fatalf("%q reads as %v %q", s, at, id)
		}
		again, sameID, err := payments.ReadCursor(payments.Cursor(at, id))
		if err != nil || !again.Equal(at) || sameID != id {
			t.Fatalf("%q reads as %v %q, and that as %v %q: %v", s, at, id, again, sameID, err)
		}
	})
}

var mobile = regexp.MustCompile(`^09[0-9]{9}$`)

// FuzzInvoice: whatever a merchant's program sends, what is stored is within its bounds, holds no
// character that acts, no card number in prose, and leads a browser nowhere but over TLS.
func FuzzInvoice(f *testing.F) {
	seed := func(amount int64, description, name, mobile, email, address, title string, quantity, unit int64, key string) {
		f.Add(amount, description, name, mobile, email, address, title, quantity, unit, key)
	}
	seed(1_500_000, "سفارش ۱۰۲۴", "نگار احمدی", "۰۹۱۲۱۲۳۴۵۶۷", "a@example.com", "https://shop.example/thanks?x=1", "دفتر", 2, 750_000, "cart")
	seed(-1, "6037991234567893", "\u202eevil", "0912", "a@b\r\nBcc: c", "javascript:alert(1)", "", -1, -1, "")
	seed(9_999_999_999_999, "\x00", "<script>", "+98 912 123 4567", "A <a@b.c>", "https://a@evil.tld/", "x", 4294967297, 4294967296, strings.Repeat("k", 41))
	seed(1, "\xff", "a\u0301\u0301\u0301\u0301\u0301\u0301", "", `"a b"@c.d`, `https:\\evil.tld`, "x", 1, 1, "a\u200bb")
	seed(1, "", "", "", "", "http://127.0.0.1:8080/x", "x", 1<<62, 4, "k")
	seed(1, "", "", "", "", "https://x\t.tld", "x", 1, 1, "k")
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, amount int64, description, name, phone, email, address, title string, quantity, unit int64, key string) {
		inv := &checkout.Invoice{
			Amount: money.Rial(amount), Description: description, Reference: title, Customer: checkout.Customer{Name: name, Mobile: phone, Email: email},
			ReturnURL: address, Gateways: payments.GatewayNames(), Locale: "fa", ExpiresAt: now.Add(time.Hour), Metadata: map[string]string{key: description},
		}
		if title != "" {
			inv.Items = []checkout.Item{{Title: title, Quantity: quantity, UnitAmount: money.Rial(unit)}}
		}
		if payments.Validate(inv, now) != nil {
			return
		}
		if inv.Amount < 1 || inv.Amount > 9_999_999_999_999 {
			t.Fatalf("amount %d", inv.Amount)
		}
		for _, it := range inv.Items {
			if it.Quantity < 1 || it.UnitAmount < 0 || int64(it.UnitAmount) > amount || it.Quantity > 1_000_000 || it.Quantity*int64(it.UnitAmount) != amount {
				t.Fatalf("%d pieces of %d are not %d", it.Quantity, it.UnitAmount, amount)
			}
		}
		texts := []string{inv.Description, inv.Reference, inv.Customer.Name, inv.Metadata[key], key}
		for _, it := range inv.Items {
			texts = append(texts, it.Title)
		}
		for _, s := range texts {
			if !utf8.ValidString(s) || i18n.CleanText(s) != s || utf8.RuneCountInString(s) > 500 || strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) }) {
				t.Fatalf("stored %q", s)
			}
		}
		if i18n.LuhnCard(inv.Description) || i18n.LuhnCard(inv.Customer.Name) {
			t.Fatalf("stored a card number: %q %q", inv.Description, inv.Customer.Name)
		}
		if m := inv.Customer.Mobile; m != "" && !mobile.MatchString(m) {
			t.Fatalf("stored mobile %q", m)
		}
		if e := inv.Customer.Email; e != "" {
			if parsed, err := mail.ParseAddress(e); err != nil || parsed.Name != "" || strings.ContainsAny(e, "\r\n\x00<>") || len(e) > 254 {
				t.Fatalf("stored e-mail %q: %v", e, err)
			}
		}
		browser(t, inv.ReturnURL)
	})
}

// browser reads an address as a browser does (the URL standard: tabs and line breaks vanish, a
// backslash is a slash) and demands that it leads over TLS to the host that net/url sees.
func browser(t *testing.T, address string) {
	t.Helper()
	if address == "" {
		return
	}
	clean := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(strings.TrimSpace(address))
	scheme, rest, ok := strings.Cut(clean, "://")
	scheme = strings.ToLower(scheme)
	if !ok || (scheme != "https" && scheme != "http") {
		t.Fatalf("stored the address %q", address)
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	u, err := url.Parse(address)
	if err != nil || authority == "" || strings.Contains(authority, "@") || !strings.EqualFold(u.Host, unescaped(authority)) {
		t.Fatalf("stored the address %q, which leads to %q: %v", address, authority, err)
	}
	host := strings.ToLower(u.Hostname())
	if scheme == "http" && host != "localhost" && !strings.HasPrefix(host, "127.") && !strings.Contains(host, ":") {
		t.Fatalf("stored %q without TLS", address)
	}
}

// unescaped is a host as net/url gives it back.
func unescaped(host string) string {
	if plain, err := url.PathUnescape(host); err == nil {
		return plain
	}
	return fmt.Sprint(host)
}
