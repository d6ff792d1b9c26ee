package mail_test

import (
	"context"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/mail"
)

var update = flag.Bool("update", false, "write the golden letters")

// now is Thursday, the ninth of Mehr, 18:17 in Tehran.
var now = time.Date(2026, 10, 1, 14, 47, 0, 0, time.UTC)

// sample is one letter that somebody can get.
type sample struct {
	name   string
	letter checkout.Letter
}

func shop() checkout.LetterShop {
	return checkout.LetterShop{
		Name: "خانهٔ سفال میبد", Website: "https://www.meybodpottery.ir", Phone: "035 3235 4120", Email: "shop@meybodpottery.ir",
		Address: "یزد، میبد، بلوار قاضی میرحسین، پلاک ۱۸",
	}
}

func bill() checkout.LetterFacts {
	return checkout.LetterFacts{
		Shop: shop(), Customer: "خانم احمدی", Number: "1217", Reference: "MP-1217", Description: "سفارش سفال",
		Amount: 27_050_000, Gateways: []string{"gardeshpay", "ghesta"}, ExpiresAt: time.Date(2026, 10, 6, 14, 30, 0, 0, time.UTC), At: now,
		Items: []checkout.Item{
			{Title: "سرویس چای‌خوری فیروزه‌ای، ۶ نفره", Quantity: 1, UnitAmount: 19_800_000},
			{Title: "گلدان خورشیدخانم", Quantity: 2, UnitAmount: 3_200_000},
			{Title: "ارسال با پست پیشتاز", Quantity: 1, UnitAmount: 850_000},
		},
	}
}

// tried is a bill with an attempt in it.
func tried(gateway string) checkout.LetterFacts {
	f := bill()
	f.Gateway, f.TrackingNumber, f.At = gateway, "8841027365", now.Add(-6*time.Minute)
	return f
}

func paidFacts() checkout.LetterFacts {
	f := tried("gardeshpay")
	f.RefNumber, f.CardMask = "740218839451", "603799******1234"
	return f
}

func samples() []sample {
	plain := bill()
	plain.Items, plain.Reference, plain.Customer, plain.Gateways = nil, "", "", []string{"ghesta"}
	plain.Shop.Phone, plain.Shop.Email, plain.Shop.Accent, plain.Description = "", "", "#f5d90a", "شهریهٔ کارگاه سفال، مهر"
	plain.Amount, plain.ExpiresAt = 99_999_999_999_95, now.AddDate(0, 11, 0)
	hostile := bill()
	hostile.Shop.Name, hostile.Customer, hostile.Reference = "<b>فروشگاه</b>\r\nBcc: x@example.com", "علی\u202egpj.exe", `"><script>alert(1)</script>`
	hostile.Items[0].Title, hostile.Shop.Website, hostile.Shop.Accent = "<img src=x onerror=alert(1)>\u202e", "javascript:alert(1)", "red;background:url(//evil)"
	for range 20 {
		hostile.Items = append(hostile.Items, checkout.Item{Title: "کاشی", Quantity: 1, UnitAmount: 0})
	}
	manual := paidFacts()
	manual.Manual, manual.Gateway, manual.CardMask, manual.RefNumber = true, "ghesta", "", manual.TrackingNumber
	review := tried("gardeshpay")
	review.What, review.Why = "review", checkout.CodeUnknownOutcome
	card, ghesta := tried("gardeshpay"), tried("ghesta")
	card.What, card.Why, ghesta.What, ghesta.Why = "unclaimed", "paid", "unclaimed", "canceled"
	refunded := bill()
	refunded.Amount = 6_400_000
	office := func(f checkout.LetterFacts) checkout.LetterFacts { f.Shop, f.At = shop(), now; return f }
	return []sample{
		{"request", checkout.Letter{Kind: checkout.LetterRequest, Live: true, Facts: bill()}},
		{"request-plain", checkout.Letter{Kind: checkout.LetterRequest, Live: true, Facts: plain}},
		{"request-test", checkout.Letter{Kind: checkout.LetterRequest, Facts: bill()}},
		{"request-hostile", checkout.Letter{Kind: checkout.LetterRequest, Live: true, Facts: hostile}},
		{"reminder", checkout.Letter{Kind: checkout.LetterReminder, Live: true, Facts: bill()}},
		{"receipt", checkout.Letter{Kind: checkout.LetterReceipt, Live: true, Facts: paidFacts()}},
		{"receipt-manual", checkout.Letter{Kind: checkout.LetterReceipt, Live: true, Facts: manual}},
		{"unconfirmed", checkout.Letter{Kind: checkout.LetterUnconfirmed, Live: true, Facts: review}},
		{"unpaid", checkout.Letter{Kind: checkout.LetterUnpaid, Live: true, Facts: review}},
		{"returning-card", checkout.Letter{Kind: checkout.LetterReturning, Live: true, Facts: card}},
		{"returning-ghesta", checkout.Letter{Kind: checkout.LetterReturning, Live: true, Facts: ghesta}},
		{"refunded", checkout.Letter{Kind: checkout.LetterRefunded, Live: true, Facts: refunded}},
		{"paid", checkout.Letter{Kind: checkout.LetterPaid, Live: true, Facts: paidFacts()}},
		{"attention-review", checkout.Letter{Kind: checkout.LetterAttention, Live: true, Facts: review}},
		{"attention-unclaimed", checkout.Letter{Kind: checkout.LetterAttention, Live: true, Facts: card}},
		{"invitation", checkout.Letter{Kind: checkout.LetterInvitation, Live: true, Facts: office(checkout.LetterFacts{By: "مریم کریمی", Role: "staff", ExpiresAt: now.Add(72 * time.Hour)})}},
		{"password-reset", checkout.Letter{Kind: checkout.LetterPasswordReset, Live: true, Facts: checkout.LetterFacts{At: now, Name: "maryam@meybodpottery.ir", ExpiresAt: now.Add(time.Hour)}}},
		{"security", checkout.Letter{Kind: checkout.LetterSecurity, Live: true, Facts: office(checkout.LetterFacts{What: "gateway_changed", By: "maryam@meybodpottery.ir", Name: "GardeshPay"})}},
		{"security-other", checkout.Letter{Kind: checkout.LetterSecurity, Live: true, Facts: office(checkout.LetterFacts{What: "no such code"})}},
		{"alert", checkout.Letter{Kind: checkout.LetterAlert, Live: true, Facts: checkout.LetterFacts{What: "verify_late", At: now}}},
		{"alert-machine", checkout.Letter{Kind: checkout.LetterAlert, Live: true, Facts: checkout.LetterFacts{What: "disk", Name: "pay1", At: now}}},
		{"endpoint-disabled", checkout.Letter{Kind: checkout.LetterEndpointDisabled, Live: true, Facts: office(checkout.LetterFacts{Name: "https://shop.example/hooks/dargah?x=1"})}},
	}
}

// written is a sample in one language, as it would be read now.
func (s sample) written(t testing.TB, lang string) (mail.Rendered, *checkout.Letter) {
	t.Helper()
	l := s.letter
	l.ID, l.Locale, l.Recipient = "let_06gffqt681h9pxht0fbz56wbx", lang, "sara@example.com"
	if l.Kind != checkout.LetterPasswordReset {
		l.MerchantID = "mer_1"
	}
	out, err := mail.Put(context.Background(), &l, s.links(), now)
	if err != nil {
		t.Fatal(err)
	}
	return out, &l
}

func (s sample) links() mail.Links {
	pay, deed, stop := "https://pay.meybodpottery.ir/i/4kQ9ZtW2mB7xR1cVn8sLpa", "", ""
	switch s.letter.Kind {
	case checkout.LetterInvitation:
		deed = "https://pay.meybodpottery.ir/admin/invite/Zk3-token"
	case checkout.LetterPasswordReset:
		deed = "https://pay.meybodpottery.ir/admin/reset/Zk3-token"
	case checkout.LetterReminder:
		stop = "https://pay.meybodpottery.ir/m/stop-token"
	}
	return mail.NewLinks(pay, "https://pay.meybodpottery.ir/admin/invoices/inv_1", deed, stop)
}

var address = regexp.MustCompile(`(?:href|src|action|background)="([^"]*)"|url\(([^)]*)\)`)

// TestGolden: every letter, in both languages, as HTML and as text.
func TestGolden(t *testing.T) {
	kinds := map[checkout.LetterKind]bool{}
	for _, s := range samples() {
		kinds[s.letter.Kind] = true
		for _, lang := range []string{"fa", "en"} {
			out, _ := s.written(t, lang)
			golden(t, s.name+"."+lang+".html", strings.ReplaceAll(out.HTML, "><t", ">\n<t"))
			golden(t, s.name+"."+lang+".txt", "Subject: "+out.Subject+"\n\n"+out.Text)
			lawful(t, s, lang, out)
		}
	}
	for _, k := range checkout.LetterKinds() {
		if !kinds[k] {
			t.Errorf("no sample of %s", k)
		}
	}
}

// lawful holds what every letter must hold, whatever it tells.
func lawful(t *testing.T, s sample, lang string, out mail.Rendered) {
	t.Helper()
	name := s.name + "." + lang
	for what, text := range map[string]string{"html": out.HTML, "text": out.Text, "subject": out.Subject} {
		for _, bad := range []string{"[letter", "[", "{", "\x01", "\u202e", "<script", "<img", "<no value>", "%!", "&amp;#"} {
			if strings.Contains(text, bad) && !(bad == "{" && what == "html") && !(bad == "[" && what == "html") && !(strings.HasPrefix(bad, "<") && what != "html") {
				t.Errorf("%s: %q in the %s", name, bad, what)
			}
		}
	}
	if strings.ContainsAny(out.Subject, "\r\n") || out.Subject == "" {
		t.Errorf("%s: subject %q", name, out.Subject)
	}
	for _, m := range address.FindAllStringSubmatch(out.HTML, -1) {
		u, err := url.Parse(m[1] + m[2])
		if err != nil || (u.Scheme != "tel" && u.Host != "pay.meybodpottery.ir") {
			t.Errorf("%s leads to %s", name, m[1]+m[2])
		}
	}
	if strings.Count(out.HTML, "<a ") != strings.Count(out.HTML, "href=") || strings.Contains(out.HTML, "class=\"go\"") != strings.Contains(out.Text, "https://pay.") {
		t.Errorf("%s: the two parts offer different ways on", name)
	}
	never := map[string]string{"fa": "ما هرگز شمارهٔ کارت یا رمز دوم", "en": "We never ask for your card number or second password"}[lang]
	if !strings.Contains(out.HTML, never) || !strings.Contains(out.Text, never) {
		t.Errorf("%s does not say what is never asked for", name)
	}
	dir := map[string]string{"fa": `dir="rtl"`, "en": `dir="ltr"`}[lang]
	if strings.Count(out.HTML, dir) < 10 {
		t.Errorf("%s: cells without their direction", name)
	}
	if test := !s.letter.Live; test != strings.Contains(out.HTML, "dashed") {
		t.Errorf("%s: marked as test: %t", name, !test)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./internal/app/mail -run Golden -update writes it", err)
	}
	if string(want) != got {
		t.Errorf("%s is not what it was; look at it, then go test ./internal/app/mail -run Golden -update", name)
	}
}

// A name that looks like another one, like an address or like a host, or that turns the line around, moves
// nothing: the letter is from our address, leads to our host, and says the shop's host as the name service
// knows it.
func TestNames_AreInert(t *testing.T) {
	r, err := mail.New(mail.Options{SMTP: "smtp://127.0.0.1", From: "pay@example.ir", BaseURL: "https://pay.meybodpottery.ir", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for name, shown := range map[string]string{
		"support@bank.ir":                    "support bank.ir",
		"Bank <support@bank.ir>":             "Bank support bank.ir",
		"support＠bank.ir":                    "support bank.ir",
		"\u202eknab\u202c":                   "knab",
		"\u2067بانک\u2069\u200f":             "بانک",
		"Bаnk (Cyrillic)":                    "Bаnk (Cyrillic)",
		"bank\r\nBcc: x@example.com":         "bank Bcc: x example.com",
		"=?utf-8?q?=0d=0aBcc:_x@y.example?=": "=?utf-8?q?=0d=0aBcc:_x y.example?=",
		"a\x00b\u2028c":                      "ab c",
	} {
		for _, kind := range []checkout.LetterKind{checkout.LetterRequest, checkout.LetterReceipt, checkout.LetterReminder} {
			l := &checkout.Letter{ID: "let_1", MerchantID: "mer_1", Live: true, Kind: kind, Recipient: "sara@example.com", Locale: "en", Facts: bill()}
			l.Facts.Shop.Name, l.Facts.Customer, l.Facts.Items[0].Title = name, name, name
			l.Facts.Shop.Website = "https://www.bаnk.ir/" // with a Cyrillic letter
			raw, err := r.Message(context.Background(), l, sample{letter: *l}.links(), now)
			if err != nil {
				t.Fatalf("%q: %v", name, err)
			}
			head, parts := read(t, raw)
			from, err := head.AddressList("From")
			if err != nil || len(from) != 1 || from[0].Address != "pay@example.ir" || from[0].Name != shown {
				t.Errorf("%q: from %v, %v", name, from, err)
			}
			if answers, err := head.AddressList("Reply-To"); err != nil || len(answers) != 1 || answers[0].Address != "shop@meybodpottery.ir" || answers[0].Name != shown {
				t.Errorf("%q: answers go to %v, %v", name, answers, err)
			}
			if to, err := head.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != "sara@example.com" || len(head["Bcc"]) != 0 {
				t.Errorf("%q: to %v, %v", name, to, err)
			}
			if one := head.Get("List-Unsubscribe") != ""; one != (kind == checkout.LetterReminder) {
				t.Errorf("%s: a way out %t", kind, one)
			}
			for part, text := range parts {
				if !strings.Contains(text, "xn--bnk-6cd.ir") || strings.Contains(text, "bаnk.ir") || strings.ContainsAny(text, "\u202e\u2067\u2069\u200f\u2028\x00") {
					t.Errorf("%q in %s:\n%s", name, part, text)
				}
			}
			for _, m := range address.FindAllStringSubmatch(parts["text/html"], -1) {
				if u, err := url.Parse(m[1] + m[2]); err != nil || u.Scheme != "tel" && u.Host != "pay.meybodpottery.ir" {
					t.Errorf("%q leads to %s", name, m[1]+m[2])
				}
			}
		}
	}
}

// TestWords_OnlyWhatIsProven: no letter about a payment whose outcome nobody knows says that it
// failed or that no money was taken, and only Ghesta's promises that it returns by itself.
func TestWords_OnlyWhatIsProven(t *testing.T) {
	for _, s := range samples() {
		for lang, words := range map[string][]string{
			"fa": {"پولی از شما کم نشده", "پرداخت ناموفق"}, "en": {"no money was taken", "failed"},
		} {
			out, l := s.written(t, lang)
			for _, w := range words {
				if strings.Contains(out.Text, w) {
					t.Errorf("%s.%s says %q", s.name, lang, w)
				}
			}
			itself := map[string]string{"fa": "خودکار برمی‌گرداند", "en": "by itself"}[lang]
			if strings.Contains(out.Text, itself) != (l.Kind == checkout.LetterReturning && l.Facts.Gateway == "ghesta") {
				t.Errorf("%s.%s promises that the money returns by itself", s.name, lang)
			}
		}
	}
}
