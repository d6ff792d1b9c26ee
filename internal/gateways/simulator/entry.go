package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// entry is one line of the journal: something that happened, with every random value it drew, so that
// applying the same entries always gives the same books. Nothing changes the books but apply.
type entry struct {
	Kind   string        `json:"k"`
	At     int64         `json:"at"` // simulator clock, Unix milliseconds
	ID     string        `json:"id,omitempty"`
	Ref    string        `json:"ref,omitempty"`
	Terms  *terms        `json:"terms,omitempty"`
	Out    *settlement   `json:"out,omitempty"`
	Via    string        `json:"via,omitempty"`
	Step   string        `json:"step,omitempty"`
	OTP    string        `json:"otp,omitempty"`
	Shift  time.Duration `json:"shift,omitempty"`
	Effect effect        `json:"effect,omitempty"`
	Used   bool          `json:"used,omitempty"` // one use of the payment's own fault is spent
}

// effect is what a verify did to the money.
type effect string

const (
	effectNone    effect = ""
	effectCapture effect = "capture"
	effectReturn  effect = "return" // the vendor refused for good and gave the money back at once
)

const (
	kindCreate = "create"
	kindEnter  = "enter"  // the customer saw the first page
	kindStep   = "step"   // one step forward or a wrong code on the instalment page
	kindSettle = "settle" // the customer chose an outcome
	kindVerify = "verify"
	kindCancel = "cancel" // DELETE /v2/pay/{code}
	kindClock  = "clock"
	kindReset  = "reset"
)

// recordPatience bounds one write to the journal, which happens under the mutex to keep its order.
const recordPatience = 10 * time.Second

var errUnavailable = errors.New("the simulator cannot record what happened")

// commit records the entry and then applies it. If we die between the two, the replay applies it: the
// vendor acted although nobody heard, which is what happens at a real vendor too. The caller holds mu.
func (s *Simulator) commit(ctx context.Context, e entry) error {
	if s.opt.Journal != nil {
		raw, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("%w: %w", errUnavailable, err)
		}
		// A browser that hangs up must not leave us unsure whether the entry is kept.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordPatience)
		defer cancel()
		if err := s.opt.Journal.Record(ctx, raw); err != nil {
			return fmt.Errorf("%w: %w", errUnavailable, err)
		}
		if _, shared := s.opt.Journal.(Shared); shared {
			return s.catchUp(ctx) // with those that others recorded before it
		}
	}
	s.applied++
	return s.books.apply(e)
}

// catchUp applies what other simulators recorded in a journal that we share. The caller holds mu.
func (s *Simulator) catchUp(ctx context.Context) error {
	j, shared := s.opt.Journal.(Shared)
	if !shared {
		return nil
	}
	entries, err := j.Since(ctx, s.applied)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	for _, raw := range entries {
		s.applied++
		err = errors.Join(err, s.replay(raw))
	}
	return err
}

func (s *Simulator) replay(raw []byte) error {
	var e entry
	if err := json.Unmarshal(raw, &e); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return s.books.apply(e)
}

// apply is the only writer of the books.
func (b *books) apply(e entry) error {
	if e.Kind == kindReset {
		*b = newBooks()
		return nil
	}
	b.advanceTo(time.UnixMilli(e.At))
	if e.Kind == kindClock {
		b.offset += e.Shift
		b.advanceTo(b.last.Add(e.Shift))
		return nil
	}
	if e.Kind == kindCreate {
		if e.Terms == nil {
			return errors.New("create without terms")
		}
		b.create(e.ID, *e.Terms)
		return nil
	}
	p := b.byID[e.ID]
	if p == nil {
		return fmt.Errorf("%s of an unknown payment", e.Kind)
	}
	switch e.Kind {
	case kindEnter:
		p.via = e.Via
	case kindStep:
		p.takeStep(e)
	case kindSettle:
		if e.Out == nil {
			return errors.New("settle without an outcome")
		}
		b.settle(p, *e.Out)
	case kindVerify:
		b.verified(p, e)
	case kindCancel:
		p.state, p.out.Outcome = StateCanceled, "deleted"
	default:
		return fmt.Errorf("unknown kind %q", e.Kind)
	}
	return nil
}
