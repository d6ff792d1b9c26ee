package faults_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app"
	"dargah/internal/app/checkout"
	"dargah/internal/app/mail/mailtest"
	"dargah/internal/app/seal"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// office is a house before a mail server, whose clock is put forward by hand.
type office struct {
	*shop
	app   *app.App
	box   *mailtest.Postbox
	ahead atomic.Int64
	url   string
}

func (o *office) now() time.Time { return time.Now().Add(time.Duration(o.ahead.Load())) }

// RoundTrip takes what is for the house there, and everything else to the network.
func (o *office) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != houseHost {
		return network().RoundTrip(req)
	}
	in := httptest.NewRequestWithContext(req.Context(), req.Method, req.URL.String(), req.Body)
	in.Header = req.Header.Clone()
	out := httptest.NewRecorder()
	o.app.Server.ServeHTTP(out, in)
	resp := out.Result()
	resp.Request = req
	return resp, nil
}

func newOffice(t *testing.T, address string) *office {
	t.Helper()
	o := &office{box: mailtest.Open(t), url: address}
	o.shop = &shop{TB: t, base: "http://" + houseHost, bank: newBank(t), client: browser(o), pause: 10 * time.Millisecond, most: patience}
	vars := map[string]string{
		"CHECKOUT_BASE_URL": o.base, "CHECKOUT_DATABASE_URL": address, "CHECKOUT_SECRET_KEY": seal.NewKey(),
		"CHECKOUT_SMTP_URL": o.box.URL(), "CHECKOUT_MAIL_FROM": "pay@example.ir",
	}
	cfg, err := app.Load(func(name string) string { return vars[name] })
	if err != nil {
		t.Fatal(err)
	}
	o.key = furnish(t, cfg, o.bank.url)
	o.app, err = app.Open(context.Background(), cfg, app.Options{Now: o.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	o.app.Start(context.Background())
	t.Cleanup(func() {
		o.box.Down(false)
		if err := o.app.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return o
}

// mailed is an invoice whose customer has an address; pay takes it to its receipt.
func (s *shop) mailed(to string) invoice {
	s.Helper()
	var inv invoice
	s.calls(http.MethodPost, "/invoices", `{"amount":1500000,"description":"test","customer":{"name":"Sara","mobile":"09121234567","email":"`+to+`"}}`, http.StatusCreated, &inv)
	return inv
}

func (s *shop) pay(inv invoice) {
	s.Helper()
	back := s.paidAt(inv, "ghesta")
	s.mustTake(back)
	s.paidOnce(inv, back.reference)
}

// letter is the only one about an invoice, as the log shows it.
func (o *office) letter(inv invoice) checkout.Letter {
	o.Helper()
	var list []checkout.Letter
	err := o.app.Mail.DB.View(context.Background(), func(tx *db.Tx) error {
		got, err := tx.Invoice(inv.ID)
		if err == nil {
			list, err = tx.Letters(db.LetterQuery{MerchantID: got.MerchantID, Live: true, InvoiceID: inv.ID, Limit: 10})
		}
		return err
	})
	if err != nil || len(list) != 1 {
		o.Fatalf("letters %+v, %v", list, err)
	}
	return list[0]
}

// to counts what the mail server took for an address.
func to(box *mailtest.Postbox, address string) (got []mailtest.Message) {
	for _, m := range box.Taken() {
		if len(m.To) == 1 && m.To[0] == address {
			got = append(got, m)
		}
	}
	return got
}

// untilTried waits for a letter's next try and returns it.
func (o *office) untilTried(inv invoice, tries int) (l checkout.Letter) {
	o.Helper()
	o.until(fmt.Sprintf("try %d", tries), func() bool {
		l = o.letter(inv)
		return l.Tries >= tries || l.Status != checkout.LetterQueued
	})
	return l
}

// TestF30_MailServerTroubles: whatever the mail server does, who pays is paid at once and hears it on
// the page. The letter waits through a day without a server, and through one that is too busy; it is
// tried some dozens of times in five days and then given up where a person sees it; one that the
// server will not have is given up at once, with the server's words.
func TestF30_MailServerTroubles(t *testing.T) {
	t.Parallel()
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		t.Parallel()
		o := newOffice(t, fresh(t))
		t.Run("away for a day", func(t *testing.T) {
			o.box.Down(true)
			inv := o.mailed("away@example.com")
			o.pay(inv)
			o.wait(t, inv, checkout.ReasonTrouble, 24*time.Hour)
			o.box.Down(false)
			o.ahead.Add(int64(30 * time.Minute))
			o.sent(t, inv, "away@example.com")
		})
		t.Run("busy for a day", func(t *testing.T) {
			o.box.Refuse(451, "try again later")
			inv := o.mailed("busy@example.com")
			o.pay(inv)
			if l := o.wait(t, inv, checkout.ReasonServer, 24*time.Hour); !strings.HasPrefix(l.Answer, "451") {
				t.Errorf("the log says %q", l.Answer)
			}
			o.box.Refuse(0, "")
			o.ahead.Add(int64(3 * time.Hour))
			o.sent(t, inv, "busy@example.com")
		})
		t.Run("busy for ever", func(t *testing.T) {
			o.box.Refuse(451, "try again later")
			defer o.box.Refuse(0, "")
			before := o.box.Asked()
			inv := o.mailed("ever@example.com")
			o.pay(inv)
			l := o.wait(t, inv, checkout.ReasonServer, 6*24*time.Hour)
			if l.Status != checkout.LetterRefused || l.Reason != checkout.ReasonGaveUp || l.Tries != o.box.Asked()-before || l.Tries < 10 || l.Tries > 100 {
				t.Errorf("after six days: %+v", l)
			}
			o.dead(t, inv, 1)
		})
		t.Run("will not have it", func(t *testing.T) {
			o.box.Refuse(550, "no such mailbox")
			defer o.box.Refuse(0, "")
			inv := o.mailed("none@example.com")
			o.pay(inv)
			if l := o.untilTried(inv, 1); l.Status != checkout.LetterRefused || l.Reason != checkout.ReasonServer || l.Tries != 1 || !strings.Contains(l.Answer, "no such mailbox") {
				t.Errorf("%+v", l)
			}
			o.dead(t, inv, 2)
		})
		t.Run("hangs", func(t *testing.T) {
			release := make(chan struct{})
			o.box.Hold(func() { <-release }, nil)
			first := o.mailed("hangs@example.com")
			o.pay(first)
			o.pay(o.mailed("second@example.com")) // while the first one's letter hangs
			o.box.Hold(nil, nil)
			close(release)
			// Not before the try has ended: an hour's jump under a living one ends its lease, and the letter
			// leaves once more.
			if l := o.untilTried(first, 1); l.Status == checkout.LetterQueued {
				o.ahead.Add(int64(3 * time.Hour))
			}
			o.sent(t, first, "hangs@example.com")
		})
	})
}

// wait lets time go by, from one try to the next, and demands that the letter waits with a reason.
func (o *office) wait(t *testing.T, inv invoice, reason string, d time.Duration) (l checkout.Letter) {
	t.Helper()
	end := o.now().Add(d)
	for tries := 1; o.now().Before(end); tries++ {
		if l = o.untilTried(inv, tries); l.Status != checkout.LetterQueued {
			return l
		}
		if l.Reason != reason || l.Answer == "" || !l.NextAt.After(o.now().Add(-time.Second)) {
			t.Fatalf("after try %d: %+v", tries, l)
		}
		o.ahead.Add(int64(max(l.NextAt.Sub(o.now()), 2*time.Hour)) + int64(time.Second))
	}
	return l
}

func (o *office) sent(t *testing.T, inv invoice, address string) {
	t.Helper()
	o.until("the letter to "+address, func() bool { return o.letter(inv).Status == checkout.LetterSent })
	got := to(o.box, address)
	if len(got) != 1 || !strings.Contains(got[0].Text(t), inv.PaymentURL) {
		t.Errorf("%d letters to %s", len(got), address)
	}
}

// dead is what a person sees of letters that were given up: so many, and no job that goes on.
func (o *office) dead(t *testing.T, inv invoice, want int) {
	t.Helper()
	id := o.letter(inv).ID
	err := o.app.Mail.DB.View(context.Background(), func(tx *db.Tx) error {
		out, err := tx.Outbox("", true)
		if err == nil && out.Refused != want {
			t.Errorf("outbox %+v, want %d refused", out, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	o.until("the end of its job", func() bool {
		return number(t, o.url, "SELECT COUNT(*) FROM jobs WHERE kind = 'letter' AND key = '"+id+"'") == 0
	})
}

// TestF16_LettersAfterDeath: who dies after the commit, with the letter on its way, finds it in the
// outbox after the restart, and the reader gets it; F17: one that the server took and of whose yes
// nobody heard is sent again under the same Message-ID.
func TestF16_LettersAfterDeath(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		box := mailtest.Open(t)
		h := newHouse(t, url, "CHECKOUT_SMTP_URL="+box.URL(), "CHECKOUT_MAIL_FROM=pay@example.ir")
		h.boot()
		for _, taken := range []bool{false, true} {
			came, release := make(chan struct{}, 8), make(chan struct{})
			hold := func() { came <- struct{}{}; <-release }
			if taken {
				box.Hold(nil, hold)
			} else {
				box.Hold(hold, nil)
			}
			address := fmt.Sprintf("taken-%t@example.com", taken)
			inv := h.mailed(address)
			back := h.paidAt(inv, gateway)
			h.mustTake(back)
			<-came
			h.kill()
			box.Hold(nil, nil)
			close(release)
			h.boot()
			h.paidOnce(inv, back.reference)
			want := 1
			if taken {
				want = 2
			}
			h.until("the letter", func() bool { return len(to(box, address)) == want })
			got := to(box, address)
			if first, last := got[0].Head(t, "Message-Id"), got[want-1].Head(t, "Message-Id"); first == "" || first != last {
				t.Errorf("one letter under two names: %s, %s", first, last)
			}
			h.until("its record", func() bool {
				return number(t, url, "SELECT COUNT(*) FROM letters WHERE status = 'sent' AND recipient = '"+address+"'") == 1
			})
		}
		h.stop()
		lawful(t, url)
	})
}
