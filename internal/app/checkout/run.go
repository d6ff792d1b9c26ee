package checkout

import (
	"time"

	"dargah/internal/app/money"
)

// RunStatus is the state of a run.
type RunStatus string

// The states of a run.
const (
	RunReading RunStatus = "reading" // its lines are being stored; a crash leaves it here for ever
	RunChecked RunStatus = "checked" // a person looks at it
	RunRunning RunStatus = "running"
	RunStopped RunStatus = "stopped" // by a person; it can go on
	RunDone    RunStatus = "done"
)

// Run is a file of customers and amounts that became, or will become, invoices.
type Run struct {
	ID         string
	MerchantID string
	Live       bool
	Actor      string
	Name       string // of the file
	Unit       string // rial or toman, as a person said
	Status     RunStatus
	Letters    bool // write to those who have an address

	Total, Fine, Wrong, Doubles, Addressed int
	FineRial                               money.Rial
	Made, Failed                           int

	CreatedAt, StartedAt, EndedAt time.Time
}

// RowStatus is what became of a line.
type RowStatus string

// The states of a line.
const (
	RowReady  RowStatus = "ready"
	RowDouble RowStatus = "double" // the same was asked before; left out unless a person says otherwise
	RowWrong  RowStatus = "wrong"
	RowMade   RowStatus = "made"
	RowFailed RowStatus = "failed" // right when it was checked, and not any more
)

// RunRow is one line of a run.
type RunRow struct {
	RunID     string
	Line      int
	Status    RowStatus
	Ask       RunAsk
	Problems  []FieldError
	InvoiceID string
	Same      string
	MayDouble bool
	MadeAt    time.Time
}

// RunAsk is what a line asks for, as it was read.
type RunAsk struct {
	Name, Email, Mobile    string
	Amount                 money.Rial
	Typed                  string // the amount as it stands in the file
	Description, Reference string
	Locale                 string
	ExpiresAt              time.Time // zero: as usual
	Days                   int       // instead of ExpiresAt: so many days from when it is made
}
