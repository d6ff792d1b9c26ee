package payments_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// leaver is a store whose customer closes the tab as soon as something was read for them.
type leaver struct {
	*db.DB
	leave context.CancelFunc
}

func (s leaver) View(ctx context.Context, fn func(*db.Tx) error) error {
	defer s.leave()
	return s.DB.View(ctx, fn)
}

// TestReject_CustomerLeaves: that a return could not be understood is on record though its browser has left.
func TestReject_CustomerLeaves(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		ctx, leave := context.WithCancel(t.Context())
		engine := w.rewired(func(o *payments.Options) { o.DB = leaver{w.db, leave} })
		home, err := engine.Callback(ctx, payments.CallbackInput{Gateway: "gardeshpay", Token: a.CallbackToken, Values: url.Values{"trackingNumber": {"no reference"}}})
		if _, ok := errors.AsType[*gateways.CallbackError](err); !ok || home != inv.Token || ctx.Err() == nil {
			t.Errorf("home %q, %v", home, err)
		}
		if e := w.last(inv); e.Type != checkout.EventCallbackRejected || e.Actor != "gateway" {
			t.Errorf("event %+v", e)
		}
	})
}

// shut is a store that takes nothing before it is opened.
type shut struct {
	*db.DB
	open chan struct{}
}

func (s shut) Update(ctx context.Context, fn func(*db.Tx) error) error {
	<-s.open
	return s.DB.Update(ctx, fn)
}

// TestReject_AtOnce: of returns that could not be read, at one address and at once, each different reason is
// on record, and the same one once.
func TestReject_AtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		store := shut{w.db, make(chan struct{})}
		w.Engine = w.rewired(func(o *payments.Options) { o.DB = store })
		problems := []string{"too large", "too large", "unreadable", "too many fields"}
		var all sync.WaitGroup
		for _, problem := range problems {
			all.Go(func() {
				w.CallbackReject(context.Background(), payments.CallbackInput{Gateway: "gardeshpay", Token: a.CallbackToken}, problem)
			})
		}
		w.until(func() bool { return w.Standing(a.CallbackToken) == len(problems) })
		close(store.open)
		all.Wait()
		var got []string
		for _, e := range w.events(inv) {
			if e.Type == checkout.EventCallbackRejected {
				got = append(got, e.Data)
			}
		}
		slices.Sort(got)
		if want := []string{`{"problem":"too large"}`, `{"problem":"too many fields"}`, `{"problem":"unreadable"}`}; !slices.Equal(got, want) {
			t.Errorf("on record: %v", got)
		}
	})
}

// TestReject_WhatTheLogSays: a rejection that could not be stored is said, since nobody waits for its answer;
// one that was, or that belongs to no attempt of ours, is not worth a line.
func TestReject_WhatTheLogSays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		store := &flaky{DB: w.db, with: errAway}
		var said []string
		engine := w.rewired(func(o *payments.Options) {
			o.DB, o.Log = store, slog.New(errorLog{func(err error) { said = append(said, err.Error()) }})
		})
		stray := testBox().Token("callback/gardeshpay", [16]byte{9})
		for _, c := range []struct {
			name, token string
			fails       int64
			lines, left int
		}{
			{"stored", a.CallbackToken, 0, 0, 1},
			{"not stored", a.CallbackToken, 1, 1, 1},
			{"nobody made it", "x", 0, 1, 1},
			{"not here", stray, 0, 1, 1},
			{"stored again", a.CallbackToken, 0, 1, 2},
		} {
			store.left.Store(c.fails)
			engine.CallbackReject(t.Context(), payments.CallbackInput{Gateway: "gardeshpay", Token: c.token}, "too large")
			if n := count(w.types(inv), checkout.EventCallbackRejected); len(said) != c.lines || n != c.left {
				t.Errorf("%s: the log says %q, %d are on record", c.name, said, n)
			}
		}
		if !strings.Contains(strings.Join(said, ""), errAway.Err.Error()) {
			t.Errorf("the log says %q", said)
		}
	})
}
