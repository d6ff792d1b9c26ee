package webhooks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"dargah/internal/app/checkout"
	"dargah/internal/app/seal"
	"dargah/internal/app/webhooks"
	"dargah/internal/db"
)

// verify is what a receiver does, with the standard's own library. Its clock is the machine's, so that
// the age is left out.
func verify(secret string, g got, body []byte) error {
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return err
	}
	return wh.VerifyIgnoringTimestamp(body, g.header)
}

func TestDeliver_SignedOverTheExactBytes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := hear(t, nil)
		made := h.endpoint(r.URL + "/hook?a=1")
		inv := h.invoice()
		h.cancel(inv)
		h.drain()
		all := r.all()
		if len(all) != 2 {
			t.Fatalf("heard %d", len(all))
		}
		slices.SortFunc(all, func(a, b got) int { return strings.Compare(a.id(), b.id()) })
		for i, want := range []struct{ kind, status string }{{"invoice.created", "open"}, {"invoice.canceled", "canceled"}} {
			g := all[i]
			var m struct {
				ID, Type  string
				Timestamp time.Time
				Livemode  bool
				Sequence  int64
				Data      struct{ ID, Status, Object, Description string }
			}
			if err := json.Unmarshal(g.body, &m); err != nil {
				t.Fatal(err)
			}
			if m.ID != g.id() || m.ID != db.EventID(inv.ID, int64(i+1)) || m.Type != want.kind || m.Sequence != int64(i+1) || !m.Livemode || !m.Timestamp.Equal(origin) ||
				m.Data.ID != inv.ID || m.Data.Status != want.status || m.Data.Object != "invoice" || m.Data.Description != "<گلدان> & کاسه" {
				t.Errorf("said %s", g.body)
			}
			if g.header.Get("Content-Type") != "application/json" || g.header.Get("User-Agent") == "" {
				t.Errorf("header %v", g.header)
			}
			if err := verify(made.Secret, g, g.body); err != nil {
				t.Errorf("the standard's library: %v", err)
			}
			for at := 0; at < len(g.body); at += 7 {
				changed := bytes.Clone(g.body)
				changed[at] ^= 1
				if verify(made.Secret, g, changed) == nil {
					t.Fatalf("byte %d changed, and nobody notices", at)
				}
			}
			for _, name := range []string{"webhook-id", "webhook-timestamp"} {
				other := got{g.header.Clone(), g.body}
				other.header.Set(name, g.header.Get(name)+"1")
				if verify(made.Secret, other, g.body) == nil {
					t.Errorf("another %s, and nobody notices", name)
				}
			}
		}
		for _, d := range h.deliveries(made.Endpoint.ID) {
			if d.Status != checkout.DeliverySucceeded || d.Attempts != 1 || d.LastStatus != 204 || !d.NextAt.IsZero() || !d.LeaseUntil.IsZero() {
				t.Errorf("delivery %+v", d)
			}
			if tries := h.tries(d.ID); len(tries) != 1 || tries[0].Status != 204 || tries[0].Attempt != 1 || !tries[0].At.Equal(origin) {
				t.Errorf("tries %+v", tries)
			}
		}
	})
}

// Three days of silence: the schedule of the contract, always the same id and bytes; then the endpoint
// is disabled with a letter, what happens is held for it, and nothing is lost.
func TestSchedule_ThenDisabledThenEnabled(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := hear(t, status(503))
		made := h.endpoint(r.URL)
		id := made.Endpoint.ID
		h.invoice()
		h.drain()
		want := []time.Duration{
			5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
		}
		for i, pause := range want {
			if got := h.next(); got < pause || got > pause+pause/20 {
				t.Fatalf("try %d after %s, want %s", i+2, got, pause)
			}
		}
		all := r.all()
		if len(all) != 11 {
			t.Fatalf("tried %d times", len(all))
		}
		for _, g := range all[1:] {
			if g.id() != all[0].id() || !bytes.Equal(g.body, all[0].body) || verify(made.Secret, g, g.body) != nil {
				t.Errorf("a retry says another thing: %v %s", g.header, g.body)
			}
		}
		if all[10].header.Get("webhook-timestamp") == all[0].header.Get("webhook-timestamp") {
			t.Error("a retry bears the old time: its receiver would refuse it as stale")
		}
		d := h.deliveries(id)[0]
		if d.Status != checkout.DeliveryFailed || d.Attempts != 11 || len(h.tries(d.ID)) != 11 {
			t.Errorf("delivery %+v", d)
		}
		e, err := h.Endpoint(context.Background(), h.scope, id)
		if err != nil || e.DisabledWhy != checkout.DisabledFailing || !e.DisabledAt.Equal(h.now()) || !e.FailingSince.Equal(origin) {
			t.Errorf("endpoint %+v: %v", e, err)
		}
		if !strings.Contains(h.log.String(), id) {
			t.Error("the log does not tell")
		}
		h.letter(made, 1)

		// It is held, not lost, and sent when somebody enables it; by hand it goes even before.
		second := h.invoice()
		if h.next() != 0 || h.deliveries(id)[1].Status != checkout.DeliveryHeld {
			t.Errorf("sent to a disabled endpoint: %+v", h.deliveries(id))
		}
		r.answer(nil)
		if _, _, err := h.Redeliver(context.Background(), h.scope, d.ID, nil); err != nil {
			t.Fatal(err)
		}
		h.next()
		if last := r.all()[11]; last.id() != all[0].id() || !bytes.Equal(last.body, all[0].body) {
			t.Errorf("by hand: %v %s", last.header, last.body)
		}
		if got := h.deliveries(id); got[0].Status != checkout.DeliverySucceeded || got[0].Attempts != 12 || got[1].Status != checkout.DeliveryHeld {
			t.Errorf("deliveries %+v", got)
		}
		for range 2 { // twice is once
			if _, _, err := h.Enable(context.Background(), h.scope, id, nil); err != nil {
				t.Fatal(err)
			}
		}
		h.next()
		if last := r.all(); len(last) != 13 || last[12].id() != db.EventID(second.ID, 1) {
			t.Errorf("heard %d", len(last))
		}
		h.letter(made, 1)
	})
}

// letter wants so many letters about an endpoint.
func (h *house) letter(made webhooks.Issued, want int) {
	h.Helper()
	err := h.db.View(context.Background(), func(tx *db.Tx) error {
		letters, err := tx.Letters(db.LetterQuery{MerchantID: h.scope.MerchantID, Live: true, Limit: 9})
		if err != nil || len(letters) != want {
			h.Errorf("%d letters: %v", len(letters), err)
			return err
		}
		for _, l := range letters {
			if l.Kind != checkout.LetterEndpointDisabled || l.Recipient != "pottery@example.com" || l.Facts.Name != made.Endpoint.URL || l.Status != checkout.LetterQueued {
				h.Errorf("letter %+v", l)
			}
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
}

func TestAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		says    func(w http.ResponseWriter, r *http.Request)
		status  int
		well    bool
		again   time.Duration
		disable string
	}{
		"redirect":     {says: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, status: 302, again: 5 * time.Second},
		"not modified": {says: status(304), status: 304, again: 5 * time.Second},
		"refused":      {says: status(400), status: 400, again: 5 * time.Second},
		"created":      {says: status(201), status: 201, well: true},
		"gone":         {says: status(410), status: 410, disable: checkout.DisabledGone},
		"patience":     {says: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "120"); w.WriteHeader(503) }, status: 503, again: 2 * time.Minute},
		"patience as a date": {says: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", origin.Add(3*time.Minute).Format(http.TimeFormat))
			w.WriteHeader(429)
		}, status: 429, again: 3 * time.Minute},
		"oblivion": {says: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "99999999")
			w.WriteHeader(503)
		}, status: 503, again: time.Hour},
		"too eager": {says: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "-5"); w.WriteHeader(503) }, status: 503, again: 5 * time.Second},
		"a flood":   {says: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) }, status: 200, well: true},
		"hangs up":  {says: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, again: 5 * time.Second},
		"breaks off": {says: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, status: 200, well: true},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				r := hear(t, tt.says)
				made := h.endpoint(r.URL)
				h.invoice()
				h.work()
				d := h.deliveries(made.Endpoint.ID)[0]
				if n := len(r.all()); n != 1 || d.LastStatus != tt.status || d.Attempts != 1 {
					t.Errorf("heard %d, %+v", n, d)
				}
				switch {
				case tt.well:
					if d.Status != checkout.DeliverySucceeded {
						t.Errorf("%+v", d)
					}
				case tt.disable != "":
					e, err := h.Endpoint(context.Background(), h.scope, made.Endpoint.ID)
					if err != nil || e.DisabledWhy != tt.disable || d.Status != checkout.DeliveryFailed {
						t.Errorf("%+v %+v %v", e, d, err)
					}
					h.letter(made, 1)
				default:
					if pause := d.NextAt.Sub(h.now()); d.Status != checkout.DeliveryPending || pause < tt.again || pause > tt.again+tt.again/20 {
						t.Errorf("again in %s: %+v", pause, d)
					}
				}
			})
		})
	}
}

// What a receiver sends back is kept for a person: a kilobyte, nothing that acts, none of our secrets.
func TestAnswer_IsKeptCleanAndShort(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var made webhooks.Issued
		r := hear(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			_, _ = w.Write([]byte("no\x00\x1b[31m\u202e " + made.Secret + " " + strings.TrimPrefix(made.Secret, "whsec_") + " " + r.Header.Get("webhook-signature") +
				" 6037991234561234 \xff" + strings.Repeat("x", 5000)))
		})
		made = h.endpoint(r.URL)
		h.invoice()
		h.work()
		kept := h.tries(h.deliveries(made.Endpoint.ID)[0].ID)[0].Answer
		for _, never := range []string{made.Secret, strings.TrimPrefix(made.Secret, "whsec_"), "v1,", "\x00", "\x1b", "\u202e", "6037991234561234"} {
			if strings.Contains(kept, never) {
				t.Errorf("kept %q in %.300q", never, kept)
			}
		}
		if len(kept) > 1024 || !strings.HasPrefix(kept, "no") {
			t.Errorf("%d bytes: %.80q", len(kept), kept)
		}
	})
}

func TestRotate_BothSignUntilTheHourComes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := hear(t, nil)
		made := h.endpoint(r.URL)
		rotated, _, err := h.Rotate(context.Background(), h.scope, made.Endpoint.ID, 24*time.Hour, nil)
		if err != nil || rotated.Secret == made.Secret {
			t.Fatalf("%+v: %v", rotated, err)
		}
		h.invoice()
		h.drain()
		g := r.all()[0]
		if verify(made.Secret, g, g.body) != nil || verify(rotated.Secret, g, g.body) != nil || len(strings.Fields(g.header.Get("webhook-signature"))) != 2 {
			t.Errorf("one of the two does not fit: %v", g.header)
		}
		h.forward(24 * time.Hour)
		h.invoice()
		h.drain()
		g = r.all()[1]
		if verify(made.Secret, g, g.body) == nil || verify(rotated.Secret, g, g.body) != nil {
			t.Error("after its hour the old one signs, or the new one does not")
		}
		last, _, err := h.Rotate(context.Background(), h.scope, made.Endpoint.ID, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		h.invoice()
		h.drain()
		g = r.all()[2]
		if verify(rotated.Secret, g, g.body) == nil || verify(last.Secret, g, g.body) != nil {
			t.Error("without overlap the old one signs, or the new one does not")
		}
		for range 5 {
			if _, _, err := h.Rotate(context.Background(), h.scope, made.Endpoint.ID, time.Hour, nil); err != nil {
				t.Fatal(err)
			}
		}
		h.invoice()
		h.drain()
		if n := len(strings.Fields(r.all()[3].header.Get("webhook-signature"))); n != 3 {
			t.Errorf("%d signatures", n)
		}
	})
}

// Whoever asks for a delivery while it is on its way gets it once more, whatever comes of this try.
func TestRedeliver_WhileItIsOnItsWay(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var id string
		ask := func() {
			if _, _, err := h.Redeliver(context.Background(), h.scope, id, nil); err != nil {
				t.Error(err)
			}
		}
		first := true
		r := hear(t, func(w http.ResponseWriter, _ *http.Request) {
			if first {
				first = false
				ask()
				ask() // twice is once more
			}
			w.WriteHeader(200)
		})
		made := h.endpoint(r.URL)
		h.invoice()
		id = h.deliveries(made.Endpoint.ID)[0].ID
		h.drain()
		if d := h.deliveries(made.Endpoint.ID)[0]; len(r.all()) != 2 || d.Status != checkout.DeliverySucceeded || d.Attempts != 2 {
			t.Errorf("heard %d: %+v", len(r.all()), d)
		}
	})
}

// A sender that was held up for longer than its lease does not spoil the word of the one that took
// over: both tries are on record, and the delivery stands where the second one left it.
func TestLease_RunsOutUnderALivingSender(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		held := true
		r := hear(t, func(w http.ResponseWriter, _ *http.Request) {
			if held {
				held = false
				h.forward(2 * time.Minute)
				h.drain() // another process
				w.WriteHeader(500)
				return
			}
			w.WriteHeader(200)
		})
		made := h.endpoint(r.URL)
		h.invoice()
		h.drain()
		d := h.deliveries(made.Endpoint.ID)[0]
		if d.Status != checkout.DeliverySucceeded || d.Attempts != 2 || len(r.all()) != 2 || len(h.tries(d.ID)) != 2 {
			t.Errorf("%+v, heard %d", d, len(r.all()))
		}
	})
}

// A dead process leaves a lease. On SQLite the next one takes it up at once, elsewhere when it ran out.
func TestPrepare_TakesUpWhatADeadProcessHeld(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := hear(t, nil)
		h.endpoint(r.URL)
		h.invoice()
		if jobs, err := h.Claim(context.Background(), 9); err != nil || len(jobs) != 1 {
			t.Fatalf("%v %v", jobs, err)
		}
		if h.work() != 0 {
			t.Error("claimed twice")
		}
		if err := h.Prepare(context.Background()); err != nil {
			t.Fatal(err)
		}
		if h.db.Engine() != db.SQLite {
			h.forward(61 * time.Second)
		}
		h.drain()
		if len(r.all()) != 1 {
			t.Errorf("heard %d", len(r.all()))
		}
	})
}

func TestTest(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := hear(t, nil)
		made := h.endpoint(r.URL, checkout.EventInvoicePaid)
		d, _, err := h.Test(context.Background(), h.scope, made.Endpoint.ID, nil)
		if err != nil {
			t.Fatal(err)
		}
		h.drain()
		g := r.all()[0]
		if err := verify(made.Secret, g, g.body); err != nil || g.id() != d.EventID || !strings.Contains(string(g.body), `"type":"webhook.test"`) || !strings.HasPrefix(g.id(), "evt_") {
			t.Errorf("%v: %s %s", err, g.id(), g.body)
		}
	})
}

// A replay sends from an event onwards, in the old words; what the endpoint never heard of, too.
func TestReplay(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r, other := hear(t, nil), hear(t, nil)
		made := h.endpoint(r.URL)
		var events []string
		for range 5 {
			events = append(events, db.EventID(h.invoice().ID, 1))
			h.forward(time.Second)
		}
		h.drain()
		before := map[string]string{}
		for _, g := range r.all() {
			before[g.id()] = string(g.body)
		}
		replay := func(id, from string) (webhooks.Replayed, error) {
			got, _, err := h.Replay(context.Background(), h.scope, id, from, nil)
			h.drain()
			return got, err
		}
		if got, err := replay(made.Endpoint.ID, events[2]); err != nil || got.Deliveries != 3 || got.NextFrom != "" {
			t.Errorf("%+v: %v", got, err)
		}
		all := r.all()
		if len(all) != 8 {
			t.Fatalf("heard %d", len(all))
		}
		for _, g := range all[5:] {
			if !slices.Contains(events[2:], g.id()) || before[g.id()] != string(g.body) {
				t.Errorf("replayed %s: %s", g.id(), g.body)
			}
		}
		late := h.endpoint(other.URL)
		if got, err := replay(late.Endpoint.ID, events[1]); err != nil || got.Deliveries != 4 || len(other.all()) != 4 {
			t.Errorf("to a new endpoint: %+v: %v, heard %d", got, err, len(other.all()))
		}
		for _, g := range other.all() {
			if before[g.id()] != string(g.body) {
				t.Errorf("one body for all: %s", g.body)
			}
		}
		wrong := h.merchant("carpets")
		if _, _, err := h.Replay(context.Background(), wrong, made.Endpoint.ID, events[0], nil); checkout.KindOf(err) != checkout.NotFound {
			t.Errorf("another's endpoint: %v", err)
		}
		for _, from := range []string{"", "evt_", "evt_x", events[0] + "0", "evt_" + strings.Repeat("0", 25) + "1", strings.Replace(events[0], "evt_", "inv_", 1)} {
			if _, err := replay(made.Endpoint.ID, from); checkout.KindOf(err) != checkout.Invalid {
				t.Errorf("from %q: %v", from, err)
			}
		}
	})
}

func TestDelete_SendsNoMoreAndForgetsTheSecret(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := hear(t, status(500))
		made := h.endpoint(r.URL)
		h.invoice()
		h.drain()
		if err := h.Hooks.Delete(context.Background(), h.scope, made.Endpoint.ID); err != nil {
			t.Fatal(err)
		}
		h.invoice()
		if h.next() != 0 || len(r.all()) != 1 {
			t.Errorf("heard %d", len(r.all()))
		}
		if err := h.Hooks.Delete(context.Background(), h.scope, made.Endpoint.ID); checkout.KindOf(err) != checkout.NotFound {
			t.Errorf("twice: %v", err)
		}
	})
}

// What was sent is kept for a month, what was not for as long as it takes.
func TestPrune(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := hear(t, nil)
		made := h.endpoint(r.URL)
		h.invoice()
		h.drain()
		r.answer(status(410))
		h.invoice()
		h.drain()
		h.invoice() // held
		count := func() int { return len(h.deliveries(made.Endpoint.ID)) }
		for _, step := range []struct {
			after time.Duration
			want  int
		}{{29 * 24 * time.Hour, 3}, {2 * 24 * time.Hour, 1}, {365 * 24 * time.Hour, 1}} {
			h.forward(step.after)
			if err := h.Prune(context.Background()); err != nil || count() != step.want {
				t.Errorf("%d left, want %d: %v", count(), step.want, err)
			}
		}
	})
}

// A new secret key of the installation: endpoints' secrets are sealed under it, and go on signing.
func TestReseal(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := hear(t, nil)
		made := h.endpoint(r.URL)
		if _, _, err := h.Rotate(context.Background(), h.scope, made.Endpoint.ID, time.Hour, nil); err != nil {
			t.Fatal(err)
		}
		fresh := seal.NewKey()
		with := func(keys ...string) *webhooks.Hooks {
			box, err := seal.New(keys...)
			if err != nil {
				t.Fatal(err)
			}
			o := h.Options
			o.Box = box
			return webhooks.New(o)
		}
		both := with(fresh, h.key)
		for _, want := range []int{1, 0} {
			if n, err := both.Reseal(context.Background()); n != want || err != nil {
				t.Errorf("sealed %d: %v", n, err)
			}
		}
		h.Hooks = with(fresh)
		h.invoice()
		h.drain()
		if all := r.all(); len(all) != 1 || verify(made.Secret, all[0], all[0].body) != nil {
			t.Errorf("heard %d", len(all))
		}
		// With the wrong key nothing is signed, and nothing is lost.
		h.Hooks = with(seal.NewKey())
		h.invoice()
		h.drain()
		h.Hooks = with(fresh)
		h.next()
		if n := len(r.all()); n != 2 {
			t.Errorf("heard %d", n)
		}
	})
}
