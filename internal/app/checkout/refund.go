package checkout

import (
	"time"

	"dargah/internal/app/money"
)

// Refund is what a merchant gave back of a paid invoice: a record beside it.
type Refund struct {
	ID        string
	InvoiceID string
	Live      bool
	Amount    money.Rial
	Reason    string // may name people: never in events or logs
	Actor     string
	CreatedAt time.Time

	// Refunded is the invoice's AmountRefunded with this one.
	Refunded money.Rial
}
