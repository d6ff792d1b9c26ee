package db

import (
	"fmt"
	"sync/atomic"
)

// call is one Update. state goes waiting → running or waiting → gone, once.
type call struct {
	fn     func(*Tx) error
	state  atomic.Int32
	done   chan struct{}
	err    error
	woken  map[string]struct{}
	panic  *Panic
	exited bool // fn ended its goroutine (t.FailNow does)
}

const (
	callWaiting int32 = iota
	callRunning
	callGone
)

// claim begins a caller's turn, or goes on with it; false when he has gone.
func (c *call) claim() bool {
	return c.state.CompareAndSwap(callWaiting, callRunning) || c.state.Load() == callRunning
}

// Panic is what a caller's fn panicked with; it goes on in the caller's own goroutine.
type Panic struct {
	Value any
	Stack []byte
}

// Panicked tells what it was and where, for a log that does not quote it.
func (p *Panic) Panicked() (value any, stack []byte) { return p.Value, p.Stack }

func (p *Panic) Error() string { return fmt.Sprintf("%v\n\n%s", p.Value, p.Stack) }
