package webhooks_test

import (
	"context"
	"net/http"
	"testing"

	"dargah/internal/db"
)

// What an endpoint was not given yet is counted while it is to be sent, and while it is held.
func TestWaitingDeliveries(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		r := hear(t, nil)
		e, quiet := h.endpoint(r.URL).Endpoint, h.endpoint(r.URL, "invoice.paid").Endpoint
		count := func(id string) (n int) {
			t.Helper()
			if err := h.db.View(context.Background(), func(tx *db.Tx) (err error) { n, err = tx.WaitingDeliveries(id); return err }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		h.invoice()
		h.invoice()
		if count(e.ID) != 2 || count(quiet.ID) != 0 {
			t.Errorf("%d and %d wait", count(e.ID), count(quiet.ID))
		}
		h.drain()
		if count(e.ID) != 0 {
			t.Errorf("%d wait, and all arrived", count(e.ID))
		}
		r.answer(status(http.StatusGone))
		h.invoice()
		h.drain()
		h.invoice()
		h.invoice()
		h.drain()
		if count(e.ID) != 2 {
			t.Errorf("%d are held", count(e.ID))
		}
		r.answer(nil)
		if _, _, err := h.Enable(context.Background(), h.scope, e.ID, nil); err != nil {
			t.Fatal(err)
		}
		h.drain()
		if count(e.ID) != 0 {
			t.Errorf("%d wait, and all arrived", count(e.ID))
		}
	})
}
