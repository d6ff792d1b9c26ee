package checkout

import (
	"time"

	"dargah/internal/app/money"
)

// PrefixSettlement is that of a settlement's id.
const PrefixSettlement = "stl_"

// Settlement is a gateway's file held against our books for one period. It changes nothing of either.
type Settlement struct {
	ID         string
	MerchantID string
	Live       bool
	Gateway    string
	FileName   string
	FileHash   string // by which the same file is known again
	UserID     string
	From, To   time.Time // the first moment, and the first one after it
	Done       bool
	Columns    string // JSON
	Figures    string // JSON
	CreatedAt  time.Time
}

// The lists of a settlement.
const (
	SettledHere   = "here"   // only in our books
	SettledThere  = "there"  // only in the file
	SettledAmount = "amount" // in both, of different amounts
)

// Why a line is only there, beside that our books do not have it.
const (
	SettledTwice  = "twice"  // the file has it twice
	SettledUnread = "unread" // its amount cannot be read
)

// SettledLine is one line that does not agree. Theirs and Ours are 0 where there is none.
type SettledLine struct {
	Kind                string
	Line                int64
	Reference, Tracking string
	Theirs, Ours        money.Rial
	InvoiceID           string
	Note                string
}

// PaidThrough is a payment as a settlement looks for it.
type PaidThrough struct {
	InvoiceID           string
	Reference, Tracking string
	Amount              money.Rial
	PaidAt              time.Time
}
