package wire

import (
	"time"

	"dargah/internal/app/checkout"
)

// Refund is what a merchant recorded as given back, as a program sees it.
type Refund struct {
	ID             string    `json:"id" example:"rfd_06epz9t2v4x6z8b0d2f4h6k8m"`
	Object         string    `json:"object" enum:"refund" doc:"Always \"refund\"."`
	Livemode       bool      `json:"livemode" example:"true"`
	InvoiceID      string    `json:"invoice_id" example:"inv_06epz6r5c8g4hnqk2vt0s9wxy"`
	Amount         int64     `json:"amount" doc:"In rial." example:"500000"`
	AmountRefunded int64     `json:"amount_refunded" doc:"What was recorded for the invoice in all, with this one." example:"500000"`
	Reason         *string   `json:"reason" example:"یک دفتر برگشت"`
	Actor          string    `json:"actor" doc:"Who recorded it: user:<id> or key:<id>." example:"key:key_06epz5t0a2b4c6d8e0f2g4h6j"`
	CreatedAt      time.Time `json:"created_at" example:"2026-11-25T11:02:00.000Z"`
}

// NewRefund renders a refund.
func NewRefund(r *checkout.Refund) Refund {
	return Refund{
		ID: r.ID, Object: "refund", Livemode: r.Live, InvoiceID: r.InvoiceID, Amount: int64(r.Amount), AmountRefunded: int64(r.Refunded),
		Reason: text(r.Reason), Actor: r.Actor, CreatedAt: r.CreatedAt.UTC(),
	}
}
