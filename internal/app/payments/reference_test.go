package payments_test

import (
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/gateways"
)

// TestReference_GivenUpToAPersonStaysBound: nobody answered until the window closed, so a person was
// asked. That is no hard refusal: another attempt that names itself must not get the reference and
// capture the money while the person looks into it, or both would be paid by one payment.
func TestReference_GivenUpToAPersonStaysBound(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if err := w.SetAccount(t.Context(), w.scope, "ghesta", map[string]string{"verify_window": "1m"}, checkout.Actor{}); err != nil {
			t.Fatal(err)
		}
		mine, theirs := w.invoice(1_500_000), w.invoice(1_500_000)
		a, b := w.start(mine, "ghesta"), w.start(theirs, "ghesta")
		w.ins.say("7777", gateways.Answer{Body: "no connection"}) // never sent
		w.mustBack(a, "7777")
		w.pass(2 * time.Minute)
		w.want(mine, checkout.InvoiceReview, a, checkout.AttemptNeedsReview)
		asked := w.ins.asked()
		w.ins.say("7777", paid("7777"))
		w.mustBack(b, "7777")
		w.work()
		w.want(theirs, checkout.InvoiceReview, b, checkout.AttemptNeedsReview)
		if w.ins.asked() != asked {
			t.Error("another attempt asked about a reference that a person looks into")
		}
	})
}
