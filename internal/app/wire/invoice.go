package wire

import (
	"time"

	"dargah/internal/app/checkout"
)

// Invoice is an invoice as a program sees it.
type Invoice struct {
	ID             string            `json:"id" doc:"Unique id." example:"inv_06epz6r5c8g4hnqk2vt0s9wxy"`
	Object         string            `json:"object" enum:"invoice" doc:"Always \"invoice\"."`
	Livemode       bool              `json:"livemode" doc:"False when it was made with a test key: no money moves." example:"true"`
	Number         string            `json:"number" doc:"Number in your own series, one for each mode." example:"1001"`
	Status         string            `json:"status" enum:"open,processing,paid,review,expired,canceled" doc:"Where the invoice stands. paid is final." example:"open"`
	Amount         int64             `json:"amount" doc:"What the customer pays, in rial." example:"1500000"`
	AmountRefunded int64             `json:"amount_refunded" doc:"What you recorded as given back, in rial." example:"0"`
	Currency       string            `json:"currency" enum:"IRR" doc:"Always IRR: rial, never toman."`
	Description    *string           `json:"description" doc:"What the payment is for; shown to the customer." example:"سفارش ۱۰۲۴"`
	Reference      *string           `json:"reference" doc:"Your own name for it, such as an order number." example:"1024"`
	Customer       *Customer         `json:"customer" doc:"Who is asked to pay."`
	Items          []Item            `json:"items" nullable:"false" doc:"Lines that add up to the amount; may be empty."`
	Gateways       []string          `json:"gateways" nullable:"false" doc:"Gateways that may take it." example:"[\"gardeshpay\",\"ghesta\"]"`
	PaymentURL     string            `json:"payment_url" format:"uri" doc:"The payment link: give this address to the customer." example:"https://pay.example.ir/i/6Zk0bUO4mFQ0y2Yt3kzq1A"`
	ReturnURL      *string           `json:"return_url" format:"uri" doc:"Where the receipt's button leads." example:"https://shop.example.ir/thanks"`
	Locale         string            `json:"locale" enum:"fa,en" doc:"Language of the payment page." example:"fa"`
	Metadata       map[string]string `json:"metadata" doc:"Your own keys and values; never shown to the customer." example:"{\"cart\":\"8731\"}"`
	CreatedAt      time.Time         `json:"created_at" example:"2026-11-22T09:30:00.125Z"`
	ExpiresAt      time.Time         `json:"expires_at" example:"2026-11-29T09:30:00.125Z"`
	PaidAt         *time.Time        `json:"paid_at" doc:"When the gateway's word was recorded; null unless paid." example:"2026-11-22T09:34:10.402Z"`
	Payment        *Payment          `json:"payment" doc:"What paid it; null unless paid."`
}

// Customer is who is asked to pay.
type Customer struct {
	Name   *string `json:"name" example:"سارا احمدی"`
	Mobile *string `json:"mobile" example:"09121234567"`
	Email  *string `json:"email" example:"sara@example.com"`
}

// Item is one line of an invoice.
type Item struct {
	Title      string `json:"title" doc:"What it is." example:"دفتر صدبرگ"`
	Quantity   int64  `json:"quantity" minimum:"1" doc:"How many." example:"2"`
	UnitAmount int64  `json:"unit_amount" minimum:"0" doc:"Price of one, in rial." example:"750000"`
}

// Payment is what paid an invoice.
type Payment struct {
	AttemptID      string    `json:"attempt_id" example:"att_06epz6vq1m3d8f5a7j2k4n6pr"`
	Gateway        string    `json:"gateway" enum:"gardeshpay,ghesta" example:"gardeshpay"`
	RefNumber      *string   `json:"ref_number" doc:"The bank's reference. Text, never a number." example:"140208211234"`
	TrackingNumber *string   `json:"tracking_number" doc:"What the gateway calls the payment." example:"98120345"`
	CardMask       *string   `json:"card_mask" example:"603799******1234"`
	Amount         int64     `json:"amount" doc:"In rial." example:"1500000"`
	PaidAt         time.Time `json:"paid_at" example:"2026-11-22T09:34:10.402Z"`
	Manual         bool      `json:"manual,omitempty" doc:"True, and only then there, when a person decided that it is paid." example:"false"`
}

// NewInvoice renders an invoice. paymentURL is its payment link, which only the engine can build.
func NewInvoice(inv *checkout.Invoice, paymentURL string) Invoice {
	out := Invoice{
		ID:             inv.ID,
		Object:         "invoice",
		Livemode:       inv.Live,
		Number:         inv.Number,
		Status:         string(inv.Status),
		Amount:         int64(inv.Amount),
		AmountRefunded: int64(inv.AmountRefunded),
		Currency:       "IRR",
		Description:    text(inv.Description),
		Reference:      text(inv.Reference),
		Customer:       newCustomer(inv.Customer),
		Items:          make([]Item, 0, len(inv.Items)),
		Gateways:       inv.Gateways,
		PaymentURL:     paymentURL,
		ReturnURL:      text(inv.ReturnURL),
		Locale:         inv.Locale,
		Metadata:       inv.Metadata,
		CreatedAt:      inv.CreatedAt.UTC(),
		ExpiresAt:      inv.ExpiresAt.UTC(),
		PaidAt:         moment(inv.PaidAt),
		Payment:        newPayment(inv.Payment),
	}
	for _, item := range inv.Items {
		out.Items = append(out.Items, Item{item.Title, item.Quantity, int64(item.UnitAmount)})
	}
	if out.Gateways == nil {
		out.Gateways = []string{}
	}
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	return out
}

func newCustomer(c checkout.Customer) *Customer {
	if c == (checkout.Customer{}) {
		return nil
	}
	return &Customer{text(c.Name), text(c.Mobile), text(c.Email)}
}

func newPayment(p *checkout.Payment) *Payment {
	if p == nil {
		return nil
	}
	return &Payment{
		AttemptID:      p.AttemptID,
		Gateway:        p.Gateway,
		RefNumber:      text(p.RefNumber),
		TrackingNumber: text(p.TrackingNumber),
		CardMask:       text(p.CardMask),
		Amount:         int64(p.Amount),
		PaidAt:         p.PaidAt.UTC(),
		Manual:         p.Manual,
	}
}
