package webhooks

import (
	"context"
	"sync"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// The width of an endpoint's lane is how many deliveries are on their way to it at once. It doubles
// with each success and falls to one with a failure, so that what hangs takes few places.
const (
	firstWidth = 4
	mostWidth  = 64
)

// lanes knows what is on its way to whom, in this process.
type lanes struct {
	mu   sync.Mutex
	open map[string]*lane
}

type lane struct {
	width, busy int
}

// ill says that the last thing heard from there was no success.
func (l *lane) ill() bool { return l.width == 1 }

// free is how many deliveries may begin at an endpoint. All that are ill together take at most half of
// the places: the healthy ones never wait for them.
func (l *lanes) free(id string, taken int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, known := l.open[id]
	if !known {
		return firstWidth
	}
	if one.ill() && l.illTaken()+taken >= Places/2 {
		return 0
	}
	return max(one.width-one.busy, 0)
}

func (l *lanes) illTaken() (n int) {
	for _, one := range l.open {
		if one.ill() {
			n += one.busy
		}
	}
	return n
}

func (l *lanes) begin(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[string]*lane{}
	}
	if l.open[id] == nil {
		l.open[id] = &lane{width: firstWidth}
	}
	l.open[id].busy++
}

func (l *lanes) end(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.open[id]; one != nil {
		one.busy--
		if one.busy == 0 && one.width >= firstWidth {
			delete(l.open, id) // nothing to remember: it begins anew
		}
	}
}

// heard notes how a delivery ended.
func (l *lanes) heard(id string, well bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.open[id]
	switch {
	case one == nil:
	case well:
		one.width = min(2*one.width, mostWidth)
	default:
		one.width = 1
	}
}

// NextAt is when there is something to claim, zero when there is nothing, or no place for it.
func (h *Hooks) NextAt(ctx context.Context) (time.Time, error) {
	var next time.Time
	err := h.DB.View(ctx, func(tx *db.Tx) error {
		next = time.Time{}
		all, err := tx.WebhookLanes()
		for _, l := range all {
			if h.lanes.free(l.EndpointID, 0) > 0 {
				next = l.DueAt // the first that has a place: they are sorted
				break
			}
		}
		return err
	})
	return next, err
}

// Claim leases up to most deliveries, from each endpoint no more than its lane is wide.
func (h *Hooks) Claim(ctx context.Context, most int) ([]checkout.Job, error) {
	var claimed []checkout.Delivery
	err := h.DB.Update(ctx, func(tx *db.Tx) error {
		claimed = nil
		all, err := tx.WebhookLanes()
		if err != nil {
			return err
		}
		for _, l := range all {
			room := min(h.lanes.free(l.EndpointID, len(claimed)), most-len(claimed))
			if l.DueAt.After(tx.Now()) || most == len(claimed) {
				break
			}
			if room == 0 {
				continue
			}
			got, err := tx.ClaimDeliveries(l.EndpointID, room, tx.Now().Add(lease))
			if err != nil {
				return err
			}
			claimed = append(claimed, got...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	jobs := make([]checkout.Job, 0, len(claimed))
	for i := range claimed {
		d := &claimed[i]
		h.lanes.begin(d.EndpointID)
		jobs = append(jobs, checkout.Job{Kind: Kind, Key: d.ID, Payload: d.EndpointID + " " + d.EventID, Fence: d.Fence, LeaseUntil: d.LeaseUntil, Failures: d.Round})
	}
	return jobs, nil
}

// Prepare comes before the first request of the only server of an SQLite file: what is leased belonged
// to a dead process. On PostgreSQL other servers may be at work, and leases run out by themselves.
func (h *Hooks) Prepare(ctx context.Context) error {
	if h.DB.Engine() != db.SQLite {
		return nil
	}
	return h.DB.Update(ctx, func(tx *db.Tx) error {
		return tx.ReleaseDeliveries(tx.Now().Add(longest(schedule[len(schedule)-1])))
	})
}

// pruneBatch is how many messages one transaction forgets.
const pruneBatch = 200

// Prune forgets what was sent long ago.
func (h *Hooks) Prune(ctx context.Context) error {
	for {
		var gone int64
		err := h.DB.Update(ctx, func(tx *db.Tx) (err error) {
			gone, err = tx.PruneMessages(tx.Now().Add(-kept), pruneBatch)
			return err
		})
		if err != nil || gone < pruneBatch {
			return err
		}
	}
}
