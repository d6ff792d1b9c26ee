package checkout

import "time"

// Job is stored work: something that must happen although we may die before it does. There is at
// most one of a kind and key.
type Job struct {
	Kind    string
	Key     string
	Payload string
	// RunAt is when it may run; while it is leased, when the lease runs out.
	RunAt time.Time
	// Due is by when it should have run: of two that may run, the one whose window closes first
	// goes first. RunAt when zero.
	Due time.Time
	// LeaseUntil is until when a worker has it for itself, zero when nobody has.
	LeaseUntil time.Time
	// Fence is the number of the last lease. Only its holder may finish or put off the job.
	Fence int64
	// Failures is how often it failed in a row, LastFailure how at last.
	Failures    int
	LastFailure string
	// DeadAt is when it was given up to a person, zero otherwise.
	DeadAt    time.Time
	CreatedAt time.Time
}
