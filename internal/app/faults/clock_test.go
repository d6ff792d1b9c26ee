package faults_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dargah/internal/gateways/simulator"
)

// asks are the moments at which the bank was asked to verify, by a stop watch that the test starts.
type asks struct {
	began time.Time
	at    []time.Duration
}

// watch notes every verify from now on and does d, which may be nil, until it is changed.
func (h *hours) watch(a *asks, d deed) {
	a.began = time.Now()
	if d == nil {
		d = answers
	}
	h.bank.every(verify, func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		a.at = append(a.at, time.Since(a.began)) // one invoice, so one call at a time
		d(w, r, serve)
	})
}

// TestF18_VerifyOutage: the bank's verify is away for 3, 9, 14 and 20 minutes, in three ways. Up to 14 it
// is paid. After 20 the bank has given the money back; until it says so itself nothing is failed: it is
// before a person, or, where the window was set longer, asked about and refused.
func TestF18_VerifyOutage(t *testing.T) {
	downs := map[string]deed{"503": says(503, ""), "hangs": hangs, "resets": resets}
	ways := map[time.Duration][]string{3: {"503"}, 9: {"503", "hangs", "resets"}, 14: {"hangs"}, 20: {"resets"}}
	eachGateway(t, func(t *testing.T, gateway string) {
		for minutes, list := range ways {
			for _, what := range list {
				down := downs[what]
				t.Run(fmt.Sprintf("%d minutes %s", minutes, what), func(t *testing.T) {
					inHours(t, func(t *testing.T, h *hours) {
						inv := h.invoice()
						back := h.paidAt(inv, gateway)
						var heard asks
						h.watch(&heard, down)
						h.mustTake(back)
						for range minutes {
							if got := h.get(inv.PaymentURL).state(); minutes < 15 && got != "confirming" {
								t.Fatalf("the page says %q while nobody knows", got)
							}
							time.Sleep(time.Minute)
						}
						h.bank.every(verify, nil)
						time.Sleep(2 * time.Minute)
						heard.steady(t)
						if minutes == 20 {
							time.Sleep(10 * time.Minute)
							h.want(inv, "review", "needs_review")
							if p := h.bank.payment(back.reference); p.State != simulator.StateReturned {
								t.Errorf("the bank says %s", p.State)
							}
							h.oracle()
							return
						}
						h.paidOnce(inv, back.reference)
					})
				})
			}
		}
		t.Run("20 minutes in a longer window", func(t *testing.T) {
			inHours(t, func(t *testing.T, h *hours) {
				h.window(gateway, "40m")
				inv := h.invoice()
				back := h.paidAt(inv, gateway)
				h.bank.every(verify, resets)
				h.mustTake(back)
				for range 20 {
					time.Sleep(time.Minute)
					h.want(inv, "processing", "verifying")
				}
				h.bank.every(verify, nil)
				time.Sleep(15 * time.Minute)
				h.want(inv, "open", "failed")
				h.oracle()
			})
		})
	})
}

// steady holds that it was asked at once, five times in the first minute after that, and never more
// than a minute (and the time that the bank took) apart.
func (a *asks) steady(t *testing.T) {
	t.Helper()
	early := 0
	for i, at := range a.at {
		if at <= 5*time.Minute {
			early++
		}
		if i > 0 && at-a.at[i-1] > 81*time.Second {
			t.Errorf("nobody asked from %v to %v", a.at[i-1], at)
		}
	}
	if early < 5 || a.at[0] > time.Second {
		t.Errorf("asked %d times in the first five minutes, first after %v", early, a.at[0])
	}
}

// window changes an account's verify window.
func (h *hours) window(gateway, d string) {
	h.Helper()
	n := house{shop: h.shop, env: []string{
		"CHECKOUT_BASE_URL=" + h.cfg.BaseURL, "CHECKOUT_DATABASE_URL=" + h.cfg.DatabaseURL, "CHECKOUT_SECRET_KEY=" + h.cfg.SecretKeys[0],
	}}
	n.account(gateway, map[string]string{"verify_window": d})
}

// TestF19_NegativeThenPositive: a no that the bank takes back is heard at 30 s, 2 min or 8 min; after the
// fourth it is final. Who pays with another attempt meanwhile is not asked about again.
func TestF19_NegativeThenPositive(t *testing.T) {
	eachGateway(t, func(t *testing.T, gateway string) {
		for refusals, wait := range []time.Duration{1: 30 * time.Second, 2: 2 * time.Minute, 3: 8 * time.Minute, 4: 0} {
			if refusals == 0 {
				continue
			}
			t.Run(fmt.Sprintf("%d refusals", refusals), func(t *testing.T) {
				inHours(t, func(t *testing.T, h *hours) {
					inv := h.invoice()
					back := h.paidAt(inv, gateway)
					for range refusals {
						h.bank.next(verify, refused(gateway))
					}
					began := time.Now()
					h.mustTake(back)
					h.want(inv, "open", "failed")
					if wait == 0 {
						time.Sleep(30 * time.Minute)
						h.want(inv, "open", "failed")
						if n := len(h.bank.calls(verify)); n != refusals {
							t.Errorf("asked %d times", n)
						}
						h.oracle()
						return
					}
					h.paidOnce(inv, back.reference)
					if took := time.Since(began); took < wait || took > wait+5*time.Second {
						t.Errorf("paid after %v, want %v", took, wait)
					}
				})
			})
		}
		t.Run("another attempt pays meanwhile", func(t *testing.T) {
			inHours(t, func(t *testing.T, h *hours) {
				inv := h.invoice()
				first := h.paidAt(inv, gateway)
				h.bank.next(verify, refused(gateway))
				h.mustTake(first)
				time.Sleep(time.Second) // "later" is told by the clock
				second := h.paidAt(inv, gateway)
				time.Sleep(9 * time.Minute) // out at the gateway through all three moments
				if n := len(h.bank.calls(verify)); n != 1 {
					t.Errorf("asked about the first while a second customer was out: %d calls", n)
				}
				h.mustTake(second)
				h.paidOnce(inv, second.reference)
				time.Sleep(20 * time.Minute)
				if p := h.bank.payment(first.reference); p.State != simulator.StateReturned {
					t.Errorf("the first payment is %s at the bank", p.State)
				}
				h.oracle()
			})
		})
	})
}

// TestF21_BreakerRestsAndProbes: after five troubles in a row the customers of a gateway are spared the
// wait, at once and with the other gateway at hand; after thirty seconds one of them tries again.
func TestF21_BreakerRestsAndProbes(t *testing.T) {
	eachGateway(t, func(t *testing.T, gateway string) {
		inHours(t, func(t *testing.T, h *hours) {
			h.bank.every(start, hangs)
			inv := h.invoice()
			choose := func(status int) {
				t.Helper()
				began := time.Now()
				r, err := h.choose(inv, gateway)
				if err != nil || r.status != status || time.Since(began) > 20*time.Second {
					t.Errorf("%v, %v after %v: want %d", r, err, time.Since(began), status)
				}
			}
			for range 5 {
				choose(http.StatusBadGateway)
			}
			began := time.Now()
			choose(http.StatusUnprocessableEntity) // the page says so before anybody waits
			if took := time.Since(began); took > time.Second || len(h.bank.calls(start)) != 5 {
				t.Errorf("after five troubles it took %v and %d calls", took, len(h.bank.calls(start)))
			}
			h.bank.every(start, nil)
			time.Sleep(31 * time.Second)
			choose(http.StatusSeeOther)
			choose(http.StatusSeeOther)
			h.want(inv, "open", "redirected")
		})
	})
}

// TestF28_ClockJumps: the machine's clock is set an hour ahead, an hour back, or ahead and right again, at
// every stage of a payment. The schedule and the words may change, the outcome does not, and nothing is
// put off further than its longest pause.
func TestF28_ClockJumps(t *testing.T) {
	jumps := map[string][]time.Duration{"ahead": {time.Hour}, "back": {-time.Hour}, "ahead and right again": {time.Hour, -time.Hour}}
	eachGateway(t, func(t *testing.T, gateway string) {
		for what, steps := range jumps {
			jump := func(h *hours) {
				for _, d := range steps {
					h.step(d)
					time.Sleep(10 * time.Second)
				}
			}
			t.Run(what+" before the start", func(t *testing.T) {
				inHours(t, func(_ *testing.T, h *hours) {
					inv := h.invoice()
					jump(h)
					back := h.paidAt(inv, gateway)
					h.mustTake(back)
					h.paidOnce(inv, back.reference)
				})
			})
			t.Run(what+" while the customer is out", func(t *testing.T) {
				inHours(t, func(_ *testing.T, h *hours) {
					inv := h.invoice()
					back := h.paidAt(inv, gateway)
					jump(h)
					h.mustTake(back)
					h.paidOnce(inv, back.reference)
				})
			})
			t.Run(what+" while verify is out", func(t *testing.T) {
				inHours(t, func(t *testing.T, h *hours) {
					inv := h.invoice()
					back := h.paidAt(inv, gateway)
					g := newGate(t)
					h.bank.next(verify, g.before(answers))
					h.mustTake(back) // answered without the bank's word
					jump(h)
					if n := len(h.bank.calls(verify)); n > 2 {
						t.Errorf("asked %d times while a call was out", n)
					}
					g.open()
					h.paidOnce(inv, back.reference)
				})
			})
			t.Run(what+" between two asks", func(t *testing.T) {
				inHours(t, func(t *testing.T, h *hours) {
					inv := h.invoice()
					back := h.paidAt(inv, gateway)
					h.bank.every(verify, resets)
					h.mustTake(back)
					time.Sleep(3 * time.Minute)
					h.bank.every(verify, nil)
					began := time.Now()
					jump(h)
					h.paidOnce(inv, back.reference)
					if took := time.Since(began); took > 90*time.Second {
						t.Errorf("asked again after %v", took)
					}
				})
			})
			t.Run(what+" over a restart", func(t *testing.T) {
				inHours(t, func(t *testing.T, h *hours) {
					inv := h.invoice()
					back := h.paidAt(inv, gateway)
					h.bank.every(verify, resets)
					h.mustTake(back)
					time.Sleep(3 * time.Minute)
					h.close()
					for _, d := range steps {
						h.step(d)
						h.open()
						time.Sleep(5 * time.Second)
						if d != steps[len(steps)-1] {
							h.close()
						}
					}
					h.bank.every(verify, nil)
					if what == "ahead" || what == "ahead and right again" {
						// The window has passed by that clock: asked once more at its end, and before a person
						// when that is not answered either. Never failed, never paid unproven.
						time.Sleep(10 * time.Minute)
						if s := h.fetch(inv).Status; s != "paid" && s != "review" {
							t.Errorf("the invoice is %s", s)
						}
						h.oracle()
						return
					}
					began := time.Now()
					h.paidOnce(inv, back.reference)
					if took := time.Since(began); took > 90*time.Second {
						t.Errorf("asked again after %v", took)
					}
				})
			})
		}
	})
}

var invoiceDate = regexp.MustCompile(`"invoiceDate":"([^"]*)"`)

// TestF29_TurnOfTheYear: the last seconds of a Persian year of 365 days and of one of 366. The gateway
// gets Tehran's own date and hour, the customer reads the Jalali one, and what expires does so when it
// said.
func TestF29_TurnOfTheYear(t *testing.T) {
	t.Parallel()
	tehran := time.FixedZone("", 3*3600+1800)
	for last, said := range map[time.Time][2]string{
		time.Date(2026, 3, 20, 23, 59, 40, 0, tehran): {"۲۹ اسفند ۱۴۰۴", "۱ فروردین ۱۴۰۵"},
		time.Date(2025, 3, 20, 23, 59, 40, 0, tehran): {"۳۰ اسفند ۱۴۰۳", "۱ فروردین ۱۴۰۴"},
	} {
		t.Run(last.Format("2006"), func(t *testing.T) {
			t.Parallel()
			address := sqlite(t)
			synctest.Test(t, func(t *testing.T) {
				h := newHours(t, address)
				h.step(time.Until(last))
				h.open()
				defer h.close()
				var dying invoice
				h.api("POST", "/invoices", fmt.Sprintf(`{"amount":%d,"expires_at":%q}`, amount, last.Add(30*time.Second).UTC().Format(time.RFC3339)), &dying)
				for i, day := range said {
					inv := h.invoice()
					now := last.Add(time.Duration(i) * 30 * time.Second)
					back := h.paidAt(inv, "gardeshpay")
					h.mustTake(back)
					h.paidOnce(inv, back.reference)
					if r := h.get(inv.PaymentURL); !strings.Contains(r.body, day) {
						t.Errorf("the receipt does not say %s", day)
					}
					calls := h.bank.calls(start)
					got := invoiceDate.FindStringSubmatch(calls[len(calls)-1].body)
					if want := now.Format("2006-01-02T15:04:05"); got == nil || got[1] != want {
						t.Errorf("invoiceDate %v, want %s", got, want)
					}
					want := []string{"payable", "expired"}[i]
					if got := h.get(dying.PaymentURL).state(); got != want {
						t.Errorf("what expires at midnight is %q, want %q", got, want)
					}
					time.Sleep(30*time.Second - h.since(now))
				}
			})
		})
	}
}

// since is how far the house's clock is beyond a moment.
func (h *hours) since(at time.Time) time.Duration {
	return time.Now().Add(time.Duration(h.wrong.Load())).Sub(at)
}

// TestF42_ReversedBeforeVerify: our window is longer than the bank's. It refuses after it has given the
// money back, and that is the end of it: not paid, and the refusal is on record.
func TestF42_ReversedBeforeVerify(t *testing.T) {
	eachGateway(t, func(t *testing.T, gateway string) {
		inHours(t, func(t *testing.T, h *hours) {
			h.window(gateway, "20m")
			inv := h.invoice()
			back := h.paidAt(inv, gateway)
			h.bank.every(verify, hangs)
			h.mustTake(back)
			time.Sleep(15*time.Minute + time.Second)
			if p := h.bank.payment(back.reference); p.State != simulator.StateReturned {
				t.Fatalf("the bank says %s", p.State)
			}
			h.want(inv, "processing", "verifying")
			h.bank.every(verify, nil)
			time.Sleep(30 * time.Minute)
			h.want(inv, "open", "failed")
			if f := h.attempts(inv)[0].Failure; f == nil || f.Stage != "verify" {
				t.Errorf("failure %+v", f)
			}
			h.oracle()
		})
	})
}

// TestRestart_WithinTenSeconds: what a life that was cut off left behind is taken up by the next one
// within ten seconds, whoever comes back or not, and the one whose window ends first is asked first.
func TestRestart_WithinTenSeconds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	address := sqlite(t)
	synctest.Test(t, func(t *testing.T) {
		const customers = 300 // more than are asked about at once
		h := newHours(t, address, "CHECKOUT_GATEWAY_TIMEOUT=60s")
		h.open()
		h.bank.every(verify, hangs)
		var backs []comeback
		for i := range customers {
			inv := h.invoice()
			back := h.paidAt(inv, []string{"gardeshpay", "ghesta"}[i%2])
			backs = append(backs, back)
			go func() { _, _ = h.take(back) }()
			time.Sleep(100 * time.Millisecond)
		}
		// What a crash at this moment leaves on the disk. The life that goes on is not looked at again.
		left := filepath.Join(dir, "left.db")
		if _, err := other(t, address).Exec("VACUUM INTO '" + left + "'"); err != nil {
			t.Fatal(err)
		}
		h.close()
		h.cfg.DatabaseURL = "sqlite:" + left

		asked := map[string]time.Duration{}
		var order []string
		full := make(chan struct{})
		began := time.Now()
		h.bank.every(verify, func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
			ref := readCall(r).reference
			h.bank.mu.Lock()
			asked[ref] = time.Since(began)
			order = append(order, ref)
			h.bank.mu.Unlock()
			<-full // so that the first places are taken by those who come first
			serve(w, r)
		})
		h.open()
		time.Sleep(5 * time.Second)
		close(full)
		time.Sleep(5 * time.Second)
		for i, back := range backs {
			if at, ok := asked[back.reference]; !ok || at > 10*time.Second {
				t.Errorf("customer %d was asked about after %v (%v)", i, at, ok)
			}
		}
		places := map[string]int{}
		for i, back := range backs {
			places[back.reference] = i
		}
		for i, ref := range order[:256] {
			if places[ref] >= 256 {
				t.Errorf("the call in place %d is about customer %d, whose window ends later than that of those who wait", i, places[ref])
			}
		}
		time.Sleep(time.Minute)
		h.oracle()
		h.close()
		lawful(t, h.cfg.DatabaseURL)
	})
}
