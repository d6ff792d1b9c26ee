package simulator_test

import (
	"context"
	"fmt"
	"math/rand"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/gateways/simulator"
)

// conserved checks the sums against the lines: no rial is made, lost or in two places.
func conserved(t *testing.T, l simulator.Ledger) {
	t.Helper()
	if sum := l.Buyer + l.Credit + l.Held + l.Shop; sum != 0 {
		t.Fatalf("the accounts add up to %d: %+v", sum, l)
	}
	var card, credit, held, shop int64
	for _, p := range l.Payments {
		switch p.State {
		case simulator.StatePaid:
			held += p.Amount
		case simulator.StateCaptured:
			shop += p.Amount
		default:
			continue
		}
		card += p.ByCard
		credit += p.ByCredit
		if p.ByCard <= 0 || p.ByCredit < 0 || p.ByCard+p.ByCredit != p.Amount {
			t.Fatalf("card %d and credit %d do not make %d", p.ByCard, p.ByCredit, p.Amount)
		}
	}
	if l.Buyer != -card || l.Credit != -credit || l.Held != held || l.Shop != shop {
		t.Fatalf("accounts %d %d %d %d; the lines say %d %d %d %d", l.Buyer, l.Credit, l.Held, l.Shop, -card, -credit, held, shop)
	}
}

// stroll does random things to both vendors and checks the ledger after each.
func stroll(t *testing.T, w *world, dice *rand.Rand, steps int) {
	t.Helper()
	outcomes := append(faultNames(w, "verify"), "paid", "paid", "paid", "declined", "canceled", "pay_twice", "pay_after_expiry", "close_tab", "replay_reference")
	var cards, codes []string
	type ref struct {
		reference string
		amount    int64
		card      bool
	}
	for range steps {
		amount := int64(1_000 + dice.Intn(499_999_000))
		switch dice.Intn(7) {
		case 0:
			cards = append(cards, w.card(amount))
		case 1:
			codes = append(codes, w.code(amount))
		case 2:
			if len(cards) > 0 {
				w.atBank(cards[dice.Intn(len(cards))], outcomes[dice.Intn(len(outcomes))])
			}
		case 3:
			if len(codes) > 0 {
				page := []string{"/installment/%s?type=ghesta", "/v2/pay/gotoipg/%s"}[dice.Intn(2)]
				w.form(fmt.Sprintf(page, codes[dice.Intn(len(codes))]), "outcome", outcomes[dice.Intn(len(outcomes))])
			}
		case 4, 5:
			var refs []ref
			for _, p := range w.sim.Ledger().Payments {
				if p.Reference != "" {
					refs = append(refs, ref{p.Reference, p.Amount, p.Vendor == "gardeshpay"})
				}
			}
			if len(refs) == 0 {
				continue
			}
			r := refs[dice.Intn(len(refs))]
			if r.card {
				w.gpVerify(r.reference)
			} else {
				w.ppVerify(r.reference, r.amount-int64(dice.Intn(2)))
			}
		case 6:
			if err := w.sim.Advance(time.Duration(dice.Intn(400)) * time.Second); err != nil {
				t.Fatal(err)
			}
		}
		conserved(t, w.sim.Ledger())
	}
}

func TestLedger_Conservation(t *testing.T) {
	states := map[simulator.State]bool{}
	for seed := range int64(8) {
		w := newWorld(t, func(o *simulator.Options) { o.MaxHang = time.Millisecond })
		stroll(t, w, rand.New(rand.NewSource(seed)), 250)
		l := w.sim.Ledger()
		for _, p := range l.Payments {
			states[p.State] = true
		}
		if err := w.sim.Advance(time.Hour); err != nil {
			t.Fatal(err)
		}
		after := w.sim.Ledger()
		conserved(t, after)
		if after.Held != 0 || after.Shop != l.Shop {
			t.Errorf("seed %d: an hour later %d is held, and the shop has %d instead of %d", seed, after.Held, after.Shop, l.Shop)
		}
	}
	for _, s := range []simulator.State{held, taken, back, simulator.StateCreated, simulator.StateCanceled, simulator.StateDeclined} {
		if !states[s] {
			t.Errorf("no payment was ever %s: the walk proves too little", s)
		}
	}
}

// After every restart the books are the same, and go on the same.
func TestReplay_SameLedger(t *testing.T) {
	for seed := range int64(4) {
		w := newWorld(t, func(o *simulator.Options) { o.MaxHang = time.Millisecond })
		for range 4 {
			stroll(t, w, rand.New(rand.NewSource(seed)), 60)
			again, err := simulator.New(simulator.Options{
				PublicURL: "http://127.0.0.1:8080/simulator", Now: func() time.Time { return noon }, Journal: w.journal, Entries: w.journal.entries,
				Control: true, MaxHang: time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			if before, after := w.sim.Ledger(), again.Ledger(); !reflect.DeepEqual(before, after) {
				t.Fatalf("seed %d: before %+v\nafter %+v", seed, before, after)
			}
			w.sim = again
			w.server.Config.Handler = http.StripPrefix("/simulator", again)
		}
	}
}

// sharedJournal is one that two simulators have.
type sharedJournal struct{ *journal }

func (j sharedJournal) Since(_ context.Context, n int) ([][]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries[n:]), nil
}

// Two simulators on one journal, asked in turns, are one vendor.
func TestShared_OneVendor(t *testing.T) {
	for seed := range int64(3) {
		w := newWorld(t, nil)
		var two [2]*simulator.Simulator
		for i := range two {
			var err error
			two[i], err = simulator.New(simulator.Options{
				PublicURL: "http://127.0.0.1:8080/simulator", Now: func() time.Time { return noon }, Journal: sharedJournal{w.journal},
				Control: true, MaxHang: time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		w.sim = two[0]
		turn := 0 // the world asks one thing after the other
		w.server.Config.Handler = http.StripPrefix("/simulator", http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
			turn++
			two[turn%2].ServeHTTP(out, in)
		}))
		stroll(t, w, rand.New(rand.NewSource(seed)), 120)
		if one, other := two[0].Ledger(), two[1].Ledger(); !reflect.DeepEqual(one, other) || len(one.Payments) == 0 {
			t.Fatalf("seed %d: one says %+v\nthe other %+v", seed, one, other)
		}
	}
}

func TestReplay_FaultsAndPagesGoOn(t *testing.T) {
	w := newWorld(t, nil)
	token := w.card(10_000)
	tracking := w.tracking(w.form("/provider/payment/redirect/"+token, "outcome", "verify_503", "times", "2"))
	code := w.code(1_000_000)
	w.want(w.form("/installment/"+code+"?type=ghesta", "step", "identify", "mobile", "09120000000", "national_id", "1234567891"), 303)
	otp := w.otp(code)
	w.want(w.gpVerify(tracking), 503)
	restarted, err := simulator.New(simulator.Options{PublicURL: "http://x", Now: func() time.Time { return noon }, Entries: w.journal.entries, Journal: w.journal})
	if err != nil {
		t.Fatal(err)
	}
	w.sim = restarted
	w.server.Config.Handler = http.StripPrefix("/simulator", restarted)
	if got := w.otp(code); got != otp {
		t.Errorf("the one-time code is %s after the restart, was %s", got, otp)
	}
	w.want(w.gpVerify(tracking), 503)
	w.want(w.gpVerify(tracking), 200)
}

func TestReplay_Damaged(t *testing.T) {
	for _, entry := range []string{`{`, `{"k":"create","id":"x"}`, `{"k":"verify","id":"nobody"}`, `{"k":"settle","id":"nobody"}`} {
		if _, err := simulator.New(simulator.Options{PublicURL: "http://x", Entries: [][]byte{[]byte(entry)}}); err == nil {
			t.Errorf("%s was replayed", entry)
		}
	}
}

// What cannot be recorded does not happen, and is answered 503 everywhere.
func TestJournal_Broken(t *testing.T) {
	w := newWorld(t, nil)
	fresh, code := w.card(10_000), w.code(1_000_000)
	tracking := w.paidCard(10_000, "paid")
	refid := w.paidGhesta(1_000_000, "paid")
	before := w.sim.Ledger()
	w.journal.broken = true
	w.want(w.post("/provider/payment/getToken", gpRequest(10_000, "broken")), 503)
	w.want(w.post("/v2/pay", map[string]any{"amount": 5000, "returnUrl": kindShop}, "Authorization", "bearer shop"), 503)
	w.want(w.do("GET", "/provider/payment/redirect/"+fresh, ""), 503)
	w.want(w.atBank(fresh, "paid"), 503)
	w.want(w.atGhesta(code, "canceled"), 503)
	w.want(w.form("/installment/"+code+"?type=ghesta", "step", "identify", "mobile", "09120000000", "national_id", "1234567891"), 503)
	w.want(w.gpVerify(tracking), 503)
	w.want(w.ppVerify(refid, 1_000_000), 503)
	w.want(w.do("DELETE", "/v2/pay/"+code, "", "Authorization", "bearer shop"), 503)
	w.want(w.post("/control/clock", map[string]any{"advance": "1h"}), 503)
	w.want(w.post("/control/reset", ""), 503)
	if err := w.sim.SetFault("verify_503", 1); err != nil {
		t.Fatal(err)
	}
	if after := w.sim.Ledger(); !reflect.DeepEqual(before, after) {
		t.Fatalf("something changed: %+v\n%+v", before, after)
	}
	w.journal.broken = false
	w.want(w.gpVerify(tracking), 503) // the fault
	w.want(w.gpVerify(tracking), 200)
	w.want(w.atBank(fresh, "paid"), 303)
}

// Nothing that identifies a buyer or a merchant's token reaches the journal.
func TestJournal_HoldsNoSecrets(t *testing.T) {
	w := newWorld(t, nil)
	body := gpRequest(10_000, "secret")
	body["token"], body["mobile"], body["email"] = "provider-secret", "09121234567", "buyer@example.com"
	token := w.post("/provider/payment/getToken", body).json(t)["data"].(map[string]any)["token"].(string)
	w.want(w.form("/provider/payment/redirect/"+token, append([]string{"outcome", "paid"}, cardFields("6104330000000077")...)...), 303)
	r := w.post("/v2/pay", map[string]any{"amount": 5000, "returnUrl": kindShop, "payerName": "Buyer", "payerIdentity": "09121234567"}, "Authorization", "bearer bearer-secret").json(t)
	page := "/installment/" + r["code"].(string) + "?type=ghesta"
	w.want(w.form(page, "step", "identify", "mobile", "09127654321", "national_id", "1234567891"), 303)
	all := ""
	for _, e := range w.journal.entries {
		all += string(e) + "\n"
	}
	for _, secret := range []string{"provider-secret", "bearer-secret", "0912", "buyer@", "Buyer", "6104330000000077", "00000000", "1234567891"} {
		if strings.Contains(all, secret) {
			t.Errorf("the journal holds %q", secret)
		}
	}
	if !strings.Contains(all, "610433******0077") {
		t.Error("the mask of the card that was typed is not kept")
	}
}

func TestVerify_Concurrent(t *testing.T) {
	w := newWorld(t, nil)
	tracking := w.paidCard(10_000, "paid")
	refid := w.paidGhesta(1_000_000, "paid")
	var wg sync.WaitGroup
	var mu sync.Mutex
	first, ok := 0, 0
	for range 16 {
		wg.Go(func() {
			card, payping := w.gpVerify(tracking), w.ppVerify(refid, 1_000_000)
			mu.Lock()
			defer mu.Unlock()
			if strings.Contains(card.raw, `"verifiedBefore":false`) {
				first++
			}
			if payping.status == 200 {
				ok++
			}
		})
	}
	wg.Wait()
	if first != 1 || ok != 1 || w.sim.Ledger().Shop != 1_010_000 {
		t.Errorf("%d first verifies, %d successes, shop has %d", first, ok, w.sim.Ledger().Shop)
	}
}

// A clock that is set back does not bring returned money back to life.
func TestClock_NeverRunsBackwards(t *testing.T) {
	now := noon
	w := newWorld(t, func(o *simulator.Options) { o.Now = func() time.Time { return now } })
	tracking := w.paidCard(10_000, "paid")
	now = noon.Add(16 * time.Minute)
	if l := w.sim.Ledger(); l.Held != 0 {
		t.Fatalf("held %d", l.Held)
	}
	now = noon
	if r := w.gpVerify(tracking).json(t); r["success"] != false || !w.sim.Ledger().Now.After(noon) {
		t.Errorf("%v at %v", r, w.sim.Ledger().Now)
	}
	if err := w.sim.Advance(-time.Second); err == nil {
		t.Error("the clock was turned back")
	}
}

func TestNew_WrongOptions(t *testing.T) {
	for _, opt := range []simulator.Options{
		{},
		{PublicURL: "/simulator"},
		{PublicURL: "http://x/"},
		{PublicURL: "ftp://x"},
		{PublicURL: "http://x?y=1"},
		{PublicURL: "http://x", Switches: simulator.Switches{PayPingUnit: "dollar"}},
		{PublicURL: "http://x", Switches: simulator.Switches{AmountPlacement: "below"}},
		{PublicURL: "http://x", Switches: simulator.Switches{FailureStatus: 500}},
		{PublicURL: "http://x", Switches: simulator.Switches{InstalmentMinimum: -1}},
	} {
		if _, err := simulator.New(opt); err == nil {
			t.Errorf("%+v was accepted", opt)
		}
	}
}
