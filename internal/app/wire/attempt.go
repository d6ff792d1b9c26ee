package wire

import (
	"time"

	"dargah/internal/app/checkout"
)

// Attempt is one try to pay, as a program sees it.
type Attempt struct {
	ID             string     `json:"id" example:"att_06epz6vq1m3d8f5a7j2k4n6pr"`
	Object         string     `json:"object" enum:"attempt" doc:"Always \"attempt\"."`
	InvoiceID      string     `json:"invoice_id" example:"inv_06epz6r5c8g4hnqk2vt0s9wxy"`
	Gateway        string     `json:"gateway" enum:"gardeshpay,ghesta" example:"gardeshpay"`
	Status         string     `json:"status" enum:"created,redirected,returned,verifying,paid,failed,canceled,abandoned,unclaimed,needs_review" example:"needs_review"`
	Amount         int64      `json:"amount" doc:"Frozen when the attempt began, in rial." example:"1500000"`
	TrackingNumber *string    `json:"tracking_number" doc:"The gateway's reference; for Ghesta the refid." example:"98120345"`
	RefNumber      *string    `json:"ref_number" doc:"The bank's reference. Text, never a number." example:"140208211234"`
	CardMask       *string    `json:"card_mask" example:"603799******1234"`
	Failure        *Failure   `json:"failure" doc:"Where and why it ended without payment; null otherwise."`
	CreatedAt      time.Time  `json:"created_at" example:"2026-11-22T09:33:01.009Z"`
	ReturnedAt     *time.Time `json:"returned_at" doc:"When the customer first came back with a reference." example:"2026-11-22T09:34:09.771Z"`
	VerifiedAt     *time.Time `json:"verified_at" doc:"When the gateway confirmed it." example:"2026-11-22T09:34:10.402Z"`
	VerifyDeadline *time.Time `json:"verify_deadline" doc:"Until when the gateway is asked." example:"2026-11-22T09:49:09.771Z"`
}

// Failure says where and why an attempt ended without payment. Code and message are the
// gateway's own words: untrusted text.
type Failure struct {
	Stage   string `json:"stage" doc:"create, verify or resolve." example:"verify"`
	Code    string `json:"code" example:"7"`
	Message string `json:"message" example:"پرداخت ناموفق بوده است"`
}

// NewAttempt renders an attempt.
func NewAttempt(a *checkout.Attempt) Attempt {
	return Attempt{
		ID:             a.ID,
		Object:         "attempt",
		InvoiceID:      a.InvoiceID,
		Gateway:        a.Gateway,
		Status:         string(a.Status),
		Amount:         int64(a.Amount),
		TrackingNumber: text(a.TrackingNumber),
		RefNumber:      text(a.RefNumber),
		CardMask:       text(a.CardMask),
		Failure:        newFailure(a.Failure),
		CreatedAt:      a.CreatedAt.UTC(),
		ReturnedAt:     moment(a.ReturnedAt),
		VerifiedAt:     moment(a.VerifiedAt),
		VerifyDeadline: moment(a.VerifyDeadline),
	}
}

func newFailure(f *checkout.Failure) *Failure {
	if f == nil {
		return nil
	}
	return &Failure{f.Stage, f.Code, f.Message}
}
