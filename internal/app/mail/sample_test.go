package mail_test

import (
	"errors"
	"strings"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// Every kind can be looked at in both languages, and sent to oneself: the same way as all letters, marked,
// with links of nobody's, and not without end.
func TestSample(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(t testing.TB) *db.DB) {
		p := newPostbox(t, postboxOptions{tls: true})
		d, c := open(t), &clock{at: now}
		k := newDesk(t, d, c, p.at("smtp", ""))
		shop := &checkout.Merchant{ID: "mer_1", Name: "خانهٔ سفال میبد", Email: "shop@example.com", Accent: "#0e7490"}
		for _, kind := range checkout.LetterKinds() {
			for _, lang := range []string{"fa", "en"} {
				out, err := k.room.Sample(t.Context(), shop, kind, lang)
				if err != nil || out.Subject == "" || !strings.Contains(out.HTML, shop.Name) || !strings.Contains(out.Text, "https://pay.example.ir/") {
					t.Errorf("%s.%s: %q, %v\n%s", kind, lang, out.Subject, err, out.Text)
				}
				banner, test := map[string]string{"fa": "نمونه: این نامه", "en": "Sample: this letter"}[lang], map[string]string{"fa": "آزمایشی", "en": "test mode"}[lang]
				if !strings.Contains(out.Text, banner) || !strings.Contains(out.HTML, banner) || strings.Contains(out.HTML, test) {
					t.Errorf("%s.%s does not say that it is a sample of a real letter:\n%s", kind, lang, out.Text)
				}
				if strings.Contains(out.Text, "letter.sample") {
					t.Errorf("%s.%s: %s", kind, lang, out.Text)
				}
			}
		}
		for _, wrong := range [][2]string{{"nothing", "fa"}, {"receipt", "de"}, {"", ""}} {
			if _, err := k.room.Sample(t.Context(), shop, checkout.LetterKind(wrong[0]), wrong[1]); !errors.Is(err, checkout.NotFound) {
				t.Errorf("%v: %v", wrong, err)
			}
		}
		send := func(kind checkout.LetterKind) error {
			return k.room.SendSample(t.Context(), shop, true, kind, "fa", "owner@example.com")
		}
		for _, kind := range []checkout.LetterKind{checkout.LetterReceipt, checkout.LetterReminder, checkout.LetterInvitation} {
			before := len(p.got())
			if err := send(kind); err != nil {
				t.Fatal(err)
			}
			k.work()
			var l checkout.Letter
			k.update(func(tx *db.Tx) error {
				list, err := tx.Letters(db.LetterQuery{MerchantID: "mer_1", Live: true, Status: "sent", Limit: 99})
				for _, m := range list {
					if m.Kind == kind && checkout.IsSample(&m) {
						l = m
					}
				}
				return err
			})
			if l.Status != checkout.LetterSent || l.Recipient != "owner@example.com" || len(p.got()) != before+1 {
				t.Fatalf("%+v", l)
			}
			raw := string(p.got()[before].raw)
			if one := strings.Contains(raw, "List-Unsubscribe-Post: List-Unsubscribe=One-Click") && strings.Contains(raw, "List-Unsubscribe: <https://pay.example.ir/"); one != (kind == checkout.LetterReminder) {
				t.Errorf("%s: one click %t", kind, one)
			}
			if _, parts := read(t, p.got()[before].raw); !strings.Contains(parts["text/plain"], "***") || !strings.Contains(parts["text/plain"], "https://pay.example.ir/help") {
				t.Errorf("%s", parts["text/plain"])
			}
		}
		var err error
		for range checkout.AskingToOne {
			if err = send(checkout.LetterReceipt); err != nil {
				break
			}
		}
		if !errors.Is(err, checkout.TooMany) {
			t.Errorf("samples without end: %v", err)
		}
	})
}
