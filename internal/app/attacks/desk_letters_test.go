package attacks_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

const lettersPage = "/admin/settings/letters"

// letter writes one into the outbox of a shop, and closes it as it is told.
func (s *shop) letter(key string, kind checkout.LetterKind, to string, end func(*checkout.Letter)) string {
	s.Helper()
	l := &checkout.Letter{MerchantID: s.scope.MerchantID, Live: true, Kind: kind, Key: s.slug + key, Recipient: to, Locale: "fa"}
	err := s.app.Mail.DB.Update(context.Background(), func(tx *db.Tx) error {
		if _, err := tx.EnqueueLetter(l); err != nil || end == nil {
			return err
		}
		l.EndedAt = tx.Now()
		end(l)
		saved, err := tx.SaveLetter(l)
		if err == nil && !saved {
			err = fmt.Errorf("letter %s did not wait", key)
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	return l.ID
}

func refusedWith(answer string) func(*checkout.Letter) {
	return func(l *checkout.Letter) {
		l.Status, l.Reason, l.Answer = checkout.LetterRefused, checkout.ReasonServer, answer
	}
}

// T53, T61, T63: the outbox's log tells what became of each letter and who it was for as far as one
// needs it, to those of the shop; the owner sends a refused one again.
func TestT61_Letters(t *testing.T) {
	h, s := onOne(t)
	other := h.shop(s.bank)
	refused := s.letter("refused", checkout.LetterReceipt, "negar.ahmadi@example.com", refusedWith(`550 <script>alert(1)</script> no such user`))
	link := s.letter("link", checkout.LetterInvitation, "zahra@example.com", refusedWith("550 no"))
	foreign := other.letter("theirs", checkout.LetterReceipt, "someone@elsewhere.example", refusedWith("550 no"))
	s.letter("waits", checkout.LetterPaid, "shop@example.com", nil)
	s.letter("sent", checkout.LetterRefunded, "sara@example.com", func(l *checkout.Letter) { l.Status, l.Answer = checkout.LetterSent, "250 queued as 7" })
	s.letter("withheld", checkout.LetterReminder, "kian@example.com", func(l *checkout.Letter) {
		l.Status, l.Reason = checkout.LetterWithheld, checkout.ReasonOvertaken
	})
	owner := h.person(s.slug, "owner", false).signIn()
	body := owner.open(lettersPage).body
	for _, want := range []string{
		"سرور ایمیل تنظیم نشده است", "۱ نامه در صف است", "n•••@example.com", "پذیرفته نشد", "فرستاده شد", "فرستاده نشد", "در صف", "سرور ایمیل گفت:", "&lt;script&gt;alert(1)",
		"انجام شده بود", "رسید مشتری", "خبر پرداخت به فروشگاه", `value="` + refused + `"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the owner does not read %s", want)
		}
	}
	for _, never := range []string{"negar.ahmadi", "zahra@", "elsewhere.example", "<script>alert", `value="` + link + `"`, "queued as 7"} {
		if strings.Contains(body, never) {
			t.Errorf("the owner reads %s", never)
		}
	}
	status := func(id string) (l *checkout.Letter) {
		t.Helper()
		if err := h.app.Mail.DB.View(context.Background(), func(tx *db.Tx) (err error) { l, err = tx.Letter(id); return err }); err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, role := range []string{"viewer", "staff"} {
		p := h.person(s.slug, role, false).signIn()
		if a := p.open(lettersPage); a.status != http.StatusOK || strings.Contains(a.body, lettersPage+"/again") {
			t.Errorf("%s: %d, or a button", role, a.status)
		}
		if a := p.send(lettersPage+"/again", "letter", refused); a.status != http.StatusForbidden {
			t.Errorf("%s sends again: %d", role, a.status)
		}
	}
	stranger := h.person(other.slug, "owner", false).signIn()
	if a := stranger.send(lettersPage+"/again", "letter", refused); a.status != http.StatusUnprocessableEntity || status(refused).Status != checkout.LetterRefused {
		t.Errorf("another shop's owner sends it again: %d", a.status)
	}
	for name, id := range map[string]string{"nothing": "", "another shop's": foreign, "no": "let_none"} {
		if a := owner.send(lettersPage+"/again", "letter", id); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s letter: %d", name, a.status)
		}
	}
	if a := owner.send(lettersPage+"/again", "letter", link); a.status != http.StatusConflict || status(link).Status != checkout.LetterRefused {
		t.Errorf("a letter whose link is gone: %d", a.status)
	}
	for i := range 2 {
		if a := owner.send(lettersPage+"/again", "letter", refused); a.status != http.StatusSeeOther || a.location() != lettersPage+"?done=requeued" {
			t.Errorf("time %d: %d %s", i, a.status, a.location())
		}
	}
	if l := status(refused); l.Status != checkout.LetterQueued || status(foreign).Status != checkout.LetterRefused {
		t.Errorf("sent again: %+v", l)
	}
	if body := owner.open(lettersPage).body; !strings.Contains(body, "۲ نامه در صف است") {
		t.Error("two wait, and it is not said")
	}
}

// The log goes on where it stopped, whatever is written meanwhile; an address of another shop's letter
// begins anew.
func TestLetters_LogPages(t *testing.T) {
	h, s := onOne(t)
	for i := range 30 {
		s.letter(fmt.Sprint(i), checkout.LetterReceipt, fmt.Sprintf("%c%d@example.com", 'a'+i%26, i), nil)
	}
	p := h.person(s.slug, "viewer", false).signIn()
	row := regexp.MustCompile(`<bdi>[a-z]•••@example\.com</bdi>`)
	older := regexp.MustCompile(`href="(` + lettersPage + `\?before=[^"]+)"`)
	first := p.open(lettersPage).body
	m := older.FindStringSubmatch(first)
	if m == nil || len(row.FindAllString(first, -1)) != 25 {
		t.Fatalf("the first page: %.800s", first)
	}
	s.letter("meanwhile", checkout.LetterReceipt, "z@example.com", nil)
	second := p.open(m[1]).body
	if n := len(row.FindAllString(second, -1)); n != 5 || older.MatchString(second) {
		t.Errorf("%d on the second page", n)
	}
	foreign := h.shop(s.bank).letter("theirs", checkout.LetterReceipt, "a@example.com", nil)
	for _, before := range []string{foreign, "let_none", "%27"} {
		if a := p.open(lettersPage + "?before=" + before); a.status != http.StatusSeeOther || a.location() != lettersPage {
			t.Errorf("before %s: %d", before, a.status)
		}
	}
}

// With a mail server nobody is told that there is none.
func TestLetters_WithServer(t *testing.T) {
	h, s, _ := withMail(t)
	if body := h.person(s.slug, "viewer", false).signIn().open(lettersPage).body; strings.Contains(body, "CHECKOUT_SMTP_URL") || !strings.Contains(body, "نامه‌ای در صف نیست") {
		t.Error("there is a server, and nothing waits")
	}
}
