package checkout

import "time"

// ReferenceStatus is where one reference stands.
type ReferenceStatus string

// The states of a reference.
const (
	// ReferenceWaiting: stored, never asked; waits for the seat.
	ReferenceWaiting ReferenceStatus = "waiting"
	// ReferenceAsking: its attempt holds the seat for it. A verify call may be under way.
	ReferenceAsking ReferenceStatus = "asking"
	// ReferenceRefused: refused, and may be taken back by the gateway: asked again on a schedule.
	ReferenceRefused ReferenceStatus = "refused"
	// ReferenceSettled: answered for good, or given up to a person.
	ReferenceSettled ReferenceStatus = "settled"
	// ReferenceDropped: never asked on purpose (the invoice was paid, canceled, re-priced or in
	// review, or the reference was given up to its owner).
	ReferenceDropped ReferenceStatus = "dropped"
)

// Reference is a trackingNumber or refid that a callback brought to an attempt.
type Reference struct {
	AttemptID  string
	Gateway    string
	Live       bool
	VerifyHost string
	Canonical  string // digits without leading zeros
	Raw        string // as received, and as sent
	Status     ReferenceStatus
	// Bound: this attempt owns the reference among all attempts of the gateway, mode and verify
	// host. A permanent unique index holds it.
	Bound bool
	// Named: the callback that brought it named the attempt's own code, client reference or
	// invoice number.
	Named     bool
	ArrivedAt time.Time
	Deadline  time.Time // arrival + verify window
	// Asks is how many verify calls were ever intended.
	Asks int
	// Unheard is how many of them were sent and never answered to our knowledge, before any 15.
	Unheard int
	// Open: the last intended call's answer is not recorded. True at the start of another call
	// means that we died in between.
	Open bool
	// Met: some answer was success, code 15 or silence, so the reference stays bound for ever.
	Met bool
	// Refusals counts the re-asks after a soft refusal (0 to 3); RefusedAt is the first refusal.
	Refusals  int
	RefusedAt time.Time
	// Silences counts the unheard answers in a row in the present asking.
	Silences int
	// Postponed: a re-ask came due while a later attempt was out; one more is due when it ends.
	Postponed bool
}
