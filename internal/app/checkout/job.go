package checkout

import "time"

// Job is stored work: of a kind, about one thing (its key). A claim takes a lease and raises the
// fence; only the holder of the present fence may finish it or put it off.
type Job struct {
	Kind        string
	Key         string
	Payload     string
	RunAt       time.Time
	Due         time.Time // when it is too late: the closest is claimed first
	LeaseUntil  time.Time // zero when nobody holds it
	Fence       int64
	Failures    int // in a row
	LastFailure string
	DeadAt      time.Time // given up to a person
	CreatedAt   time.Time
}
