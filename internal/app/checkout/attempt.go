package checkout

import (
	"slices"
	"time"

	"dargah/internal/app/money"
)

// AttemptStatus is the state of an attempt (CONTRACT §6).
type AttemptStatus string

// The states of an attempt.
const (
	// AttemptCreated: saved; the gateway is being asked for a token. After a crash here the
	// customer never left; the sweep makes it abandoned.
	AttemptCreated AttemptStatus = "created"
	// AttemptRedirected: token stored; the customer was sent on.
	AttemptRedirected AttemptStatus = "redirected"
	// AttemptReturned: a callback is stored and waits for the seat. Whoever frees the seat goes on.
	AttemptReturned AttemptStatus = "returned"
	// AttemptVerifying: holds the seat; a verify call may be under way. The verify job goes on,
	// also after a crash.
	AttemptVerifying AttemptStatus = "verifying"
	// AttemptPaid: verified, matched, recorded. At most one per invoice, ever.
	AttemptPaid AttemptStatus = "paid"
	// AttemptFailed: the gateway refused, at start or at verify.
	AttemptFailed AttemptStatus = "failed"
	// AttemptCanceled: the customer canceled at the gateway.
	AttemptCanceled AttemptStatus = "canceled"
	// AttemptAbandoned: no callback within the attempt TTL. A later one is still honoured.
	AttemptAbandoned AttemptStatus = "abandoned"
	// AttemptUnclaimed: a reference came, and is not verified on purpose.
	AttemptUnclaimed AttemptStatus = "unclaimed"
	// AttemptNeedsReview: nothing more can be learned automatically. Holds the seat until a
	// person resolves it.
	AttemptNeedsReview AttemptStatus = "needs_review"
)

// attemptMoves is the law of CONTRACT §6; SQL repeats it in WHERE, the schema in CHECK and in the
// seat's unique index. A genuine callback is honoured late, hence the ways out of failed, canceled
// and abandoned.
var attemptMoves = map[AttemptStatus][]AttemptStatus{
	AttemptCreated:     {AttemptRedirected, AttemptFailed, AttemptAbandoned, AttemptCanceled, AttemptReturned, AttemptVerifying, AttemptUnclaimed, AttemptNeedsReview},
	AttemptRedirected:  {AttemptReturned, AttemptVerifying, AttemptCanceled, AttemptAbandoned, AttemptUnclaimed, AttemptNeedsReview},
	AttemptAbandoned:   {AttemptReturned, AttemptVerifying, AttemptCanceled, AttemptUnclaimed, AttemptNeedsReview},
	AttemptReturned:    {AttemptVerifying, AttemptUnclaimed, AttemptNeedsReview},
	AttemptVerifying:   {AttemptPaid, AttemptFailed, AttemptCanceled, AttemptNeedsReview},
	AttemptFailed:      {AttemptReturned, AttemptVerifying, AttemptUnclaimed, AttemptNeedsReview},
	AttemptCanceled:    {AttemptReturned, AttemptVerifying, AttemptUnclaimed, AttemptNeedsReview},
	AttemptNeedsReview: {AttemptPaid, AttemptFailed},
	AttemptPaid:        {},
	AttemptUnclaimed:   {},
}

// AttemptStatuses lists every state, in the order of the contract.
func AttemptStatuses() []AttemptStatus {
	return []AttemptStatus{
		AttemptCreated, AttemptRedirected, AttemptReturned, AttemptVerifying, AttemptPaid,
		AttemptFailed, AttemptCanceled, AttemptAbandoned, AttemptUnclaimed, AttemptNeedsReview,
	}
}

// CanMove reports whether an attempt may go from s to next.
func (s AttemptStatus) CanMove(next AttemptStatus) bool {
	return slices.Contains(attemptMoves[s], next)
}

// Seated reports whether an attempt in this state holds its invoice's only seat.
func (s AttemptStatus) Seated() bool {
	return s == AttemptVerifying || s == AttemptPaid || s == AttemptNeedsReview
}

// Out reports whether the attempt may still bring money of itself: while one is, the invoice's
// amount cannot be edited (CONTRACT §6.6).
func (s AttemptStatus) Out() bool {
	return s == AttemptCreated || s == AttemptRedirected || s == AttemptReturned || s == AttemptVerifying
}

// Attempt is one try to pay an invoice through one gateway: one gateway token, one frozen amount.
type Attempt struct {
	ID         string
	InvoiceID  string
	MerchantID string
	Live       bool
	Gateway    string
	Status     AttemptStatus

	Amount money.Rial // frozen
	// Frozen wire facts: what was sent, in which unit, and where verify will be asked.
	WireAmount int64
	Unit       string // "rial" or "toman"
	VerifyURL  string
	VerifyHost string
	Window     time.Duration

	OurNumber     string // invoiceNumber or clientRefId; new for every attempt
	CallbackToken string // in the callback's path; never logged, never in events
	GatewayToken  string // or payment code; "" until the gateway gave one
	PayerName     string // personal data
	PayerMobile   string // personal data
	Locale        string // the language its customer had chosen, "" for the invoice's

	TrackingNumber string // the reference in question, as received
	RefNumber      string
	CardMask       string
	CardHash       string
	Failure        *Failure
	Resolved       bool // a person resolved it: it is never asked again

	CreatedAt      time.Time
	AbandonAt      time.Time // created + TTL
	RedirectedAt   time.Time
	ReturnedAt     time.Time // the first genuine callback
	VerifiedAt     time.Time
	VerifyDeadline time.Time // when the gateway may return the money that nobody verified
	UnclaimedWhy   string    // paid, canceled, review, repriced
	Note           string    // of the person who resolved it; may hold personal data, so it is in no event
	ClosedAt       time.Time // an unclaimed one that a person has closed

	// References counts the references that ever came to it, when it was read by its callback
	// address; 0 otherwise.
	References int
}

// Failure says where and why an attempt ended without payment. Code and Message are the gateway's
// own words: untrusted text.
type Failure struct{ Stage, Code, Message string }

// The stages of a failure.
const (
	StageCreate  = "create"
	StageVerify  = "verify"
	StageResolve = "resolve"
)

// The codes of our own findings, beside the gateways' codes.
const (
	CodeReferenceUsed     = "reference_used"
	CodeTooManyReferences = "too_many_references"
	CodeAmountMismatch    = "amount_mismatch"
	CodeInvoiceMismatch   = "invoice_mismatch"
	CodeAlreadyVerified   = "already_verified"
	CodeUnknownOutcome    = "outcome_unknown"
)
