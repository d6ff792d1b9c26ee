package api

import (
	"encoding/json"
	"time"

	"dargah/internal/app/wire"
)

// The bodies that we take, for the OpenAPI document only: what is read is read by shape. A test
// holds both against each other.

// InvoiceCreate is the body of POST /invoices.
type InvoiceCreate struct {
	Amount      int64             `json:"amount" minimum:"1" maximum:"9999999999999" doc:"In rial; a JSON integer." example:"1500000"`
	Description string            `json:"description,omitempty" doc:"What the payment is for; shown to the customer."`
	Reference   string            `json:"reference,omitempty" doc:"Your own name for it, such as an order number."`
	Customer    *InvoiceCustomer  `json:"customer,omitempty" doc:"Who is asked to pay."`
	Items       []InvoiceItem     `json:"items,omitempty" nullable:"false" maxItems:"100" doc:"Lines; they must add up to the amount."`
	Gateways    []string          `json:"gateways,omitempty" nullable:"false" enum:"gardeshpay,ghesta" doc:"Which gateways may take it; all when absent or empty."`
	ExpiresAt   *time.Time        `json:"expires_at,omitempty" doc:"7 days from now when absent; at most a year."`
	ReturnURL   string            `json:"return_url,omitempty" format:"uri" doc:"https (or http on loopback). The receipt shows a button back to it, with invoice_id and status in its query: a courtesy, not a proof."`
	Locale      string            `json:"locale,omitempty" enum:"fa,en" doc:"Language of the payment page; yours when absent."`
	Metadata    map[string]string `json:"metadata,omitempty" doc:"Your own keys and texts."`
	SendEmail   bool              `json:"send_email,omitempty" doc:"Send the payment link to customer.email."`
}

// InvoiceUpdate is the body of PATCH /invoices/{id}.
type InvoiceUpdate struct {
	Amount      int64             `json:"amount,omitempty" minimum:"1" maximum:"9999999999999" doc:"In rial; a JSON integer." example:"1400000"`
	Description *string           `json:"description,omitempty" nullable:"true"`
	Reference   *string           `json:"reference,omitempty" nullable:"true"`
	Customer    *InvoiceCustomer  `json:"customer,omitempty" doc:"Replaced as a whole."`
	Items       []InvoiceItem     `json:"items,omitempty" nullable:"true" maxItems:"100" doc:"Replaced as a whole."`
	Gateways    []string          `json:"gateways,omitempty" nullable:"true" enum:"gardeshpay,ghesta" doc:"Replaced as a whole."`
	ExpiresAt   *time.Time        `json:"expires_at,omitempty"`
	ReturnURL   *string           `json:"return_url,omitempty" format:"uri" nullable:"true"`
	Locale      string            `json:"locale,omitempty" enum:"fa,en"`
	Metadata    map[string]string `json:"metadata,omitempty" nullable:"true" doc:"Replaced as a whole."`
}

// InvoiceCustomer is who is asked to pay.
type InvoiceCustomer struct {
	Name   string `json:"name,omitempty" example:"سارا احمدی"`
	Mobile string `json:"mobile,omitempty" example:"09121234567"`
	Email  string `json:"email,omitempty" example:"sara@example.com"`
}

// InvoiceItem is one line.
type InvoiceItem struct {
	Title      string `json:"title" example:"دفتر صدبرگ"`
	Quantity   int64  `json:"quantity" minimum:"1" example:"2"`
	UnitAmount int64  `json:"unit_amount" minimum:"0" doc:"In rial." example:"750000"`
}

// AttemptResolve is the body of POST /attempts/{id}/resolve.
type AttemptResolve struct {
	Outcome   string `json:"outcome" enum:"paid,failed" doc:"What the gateway told you."`
	Note      string `json:"note" doc:"Why; it is kept in the history."`
	RefNumber string `json:"ref_number,omitempty" doc:"The bank's reference, when you were told one."`
}

// RefundCreate is the body of POST /invoices/{id}/refunds.
type RefundCreate struct {
	Amount int64  `json:"amount" minimum:"1" maximum:"9999999999999" doc:"In rial; a JSON integer, at most what is left." example:"500000"`
	Reason string `json:"reason,omitempty" doc:"Why; for you, customers do not see it."`
}

// Nothing is a body without members; it may be left out.
type Nothing struct{}

const (
	exampleInvoiceID = "inv_06epz6r5c8g4hnqk2vt0s9wxy"
	exampleAttemptID = "att_06epz6vq1m3d8f5a7j2k4n6pr"
)

// exampleCreate is an order of two notebooks.
func exampleCreate() any {
	return json.RawMessage(`{"amount":1500000,"description":"سفارش ۱۰۲۴","reference":"1024",` +
		`"customer":{"name":"سارا احمدی","mobile":"09121234567","email":"sara@example.com"},` +
		`"items":[{"title":"دفتر صدبرگ","quantity":2,"unit_amount":750000}],` +
		`"return_url":"https://shop.example.ir/thanks","metadata":{"cart":"8731"}}`)
}

func exampleUpdate() any { return json.RawMessage(`{"amount":1400000,"items":null}`) }

func exampleResolve() any {
	return json.RawMessage(`{"outcome":"paid","note":"Confirmed by the gateway's support, ticket 5512","ref_number":"140208211234"}`)
}

func exampleRefunding() any {
	return json.RawMessage(`{"amount":500000,"reason":"یک دفتر برگشت"}`)
}

func exampleRefund() wire.Refund {
	reason := "یک دفتر برگشت"
	return wire.Refund{
		ID: "rfd_06epz9t2v4x6z8b0d2f4h6k8m", Object: "refund", Livemode: true, InvoiceID: exampleInvoiceID, Amount: 500000, AmountRefunded: 500000,
		Reason: &reason, Actor: "key:key_06epz5t0a2b4c6d8e0f2g4h6j", CreatedAt: exampleTime("15:02:00.000"),
	}
}

func exampleTime(clock string) time.Time {
	t, _ := parseTime("2026-11-22T" + clock + "Z") // constants of this file
	return t
}

func exampleInvoice() wire.Invoice {
	p := func(s string) *string { return &s }
	return wire.Invoice{
		ID: exampleInvoiceID, Object: "invoice", Livemode: true, Number: "1001", Status: "open",
		Amount: 1500000, Currency: "IRR", Description: p("سفارش ۱۰۲۴"), Reference: p("1024"),
		Customer:   &wire.Customer{Name: p("سارا احمدی"), Mobile: p("09121234567"), Email: p("sara@example.com")},
		Items:      []wire.Item{{Title: "دفتر صدبرگ", Quantity: 2, UnitAmount: 750000}},
		Gateways:   []string{"gardeshpay", "ghesta"},
		PaymentURL: "https://pay.example.ir/i/6Zk0bUO4mFQ0y2Yt3kzq1A", ReturnURL: p("https://shop.example.ir/thanks"),
		Locale: "fa", Metadata: map[string]string{"cart": "8731"},
		CreatedAt: exampleTime("09:30:00.125"), ExpiresAt: exampleTime("09:30:00.125").AddDate(0, 0, 7),
	}
}

func examplePaid() wire.Invoice {
	inv, a, paid := exampleInvoice(), exampleAttempt(), exampleTime("09:34:10.402")
	inv.Status, inv.PaidAt = "paid", &paid
	inv.Payment = &wire.Payment{
		AttemptID: a.ID, Gateway: a.Gateway, RefNumber: a.RefNumber, TrackingNumber: a.TrackingNumber,
		CardMask: a.CardMask, Amount: a.Amount, PaidAt: paid,
	}
	return inv
}

func exampleCanceled() wire.Invoice {
	inv := exampleInvoice()
	inv.Status = "canceled"
	return inv
}

func exampleAttempt() wire.Attempt {
	ref, mask := "140208211234", "603799******1234"
	tracking, back, until := "98120345", exampleTime("09:34:09.771"), exampleTime("09:49:09.771")
	return wire.Attempt{
		ID: exampleAttemptID, Object: "attempt", InvoiceID: exampleInvoiceID, Gateway: "gardeshpay",
		Status: "needs_review", Amount: 1500000, TrackingNumber: &tracking, RefNumber: &ref, CardMask: &mask,
		CreatedAt: exampleTime("09:33:01.009"), ReturnedAt: &back, VerifyDeadline: &until,
	}
}

func exampleResolved() wire.Attempt {
	a, at := exampleAttempt(), exampleTime("10:20:44.000")
	a.Status, a.VerifiedAt = "paid", &at
	return a
}

func exampleEvent() wire.Event {
	request := "req_5f2b9c0d1e3a4f685b7c9d0e"
	return wire.Event{
		ID: "evt_06epz6r5c8g4hnqk2vt0s9wxy1", Type: "invoice.created", Sequence: 1, InvoiceID: exampleInvoiceID,
		Actor: "key:key_06epz5t0a2b4c6d8e0f2g4h6j", RequestID: &request,
		Data: json.RawMessage(`{"amount":1500000}`), CreatedAt: exampleTime("09:30:00.125"),
	}
}

func examplePage[T any](item T) page[T] { return page[T]{Data: []T{item}} }
