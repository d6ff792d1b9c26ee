package payments_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// book is one invoice with all that belongs to it, read in one snapshot.
type book struct {
	inv      *checkout.Invoice
	attempts []checkout.Attempt
	refs     map[string][]checkout.Reference // by attempt
	events   []checkout.Event                // oldest first
}

// books reads everything that one merchant has.
func books(tx *db.Tx, sc payments.Scope) ([]book, error) {
	list, err := tx.Invoices(db.InvoiceQuery{MerchantID: sc.MerchantID, Live: sc.Live, Limit: 1000})
	if err != nil {
		return nil, err
	}
	var all []book
	for i := range list {
		b, err := readBook(tx, &list[i])
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

func readBook(tx *db.Tx, inv *checkout.Invoice) (book, error) {
	b := book{inv: inv, refs: map[string][]checkout.Reference{}}
	var err error
	if b.attempts, err = tx.AttemptsOfInvoice(inv.ID); err != nil {
		return b, err
	}
	for _, a := range b.attempts {
		if b.refs[a.ID], err = tx.ReferencesOfAttempt(a.ID); err != nil {
			return b, err
		}
	}
	newest, err := tx.EventsOfInvoice(inv.ID, 0, 10_000)
	for i := range newest {
		b.events = append(b.events, newest[len(newest)-1-i])
	}
	return b, err
}

func (b *book) count(s checkout.AttemptStatus) int {
	n := 0
	for _, a := range b.attempts {
		if a.Status == s {
			n++
		}
	}
	return n
}

// laws holds the store against the contract: what must be true between any two steps, whatever
// went wrong.
func laws(tx *db.Tx, sc payments.Scope) error {
	all, err := books(tx, sc)
	if err != nil {
		return err
	}
	return lawful(tx, all)
}

// lawful is laws for some invoices.
func lawful(tx *db.Tx, all []book) error {
	paidBy := map[string]string{}
	for i := range all {
		b := &all[i]
		jobs := func(b *book) error { return jobLaw(tx, b) }
		for _, law := range []func(*book) error{seatLaw, chainLaw, replayLaw, silenceLaw, jobs} {
			if err := law(b); err != nil {
				return fmt.Errorf("invoice %s (%s): %w\n%s", b.inv.Number, b.inv.Status, err, b)
			}
		}
		for _, a := range b.attempts {
			if a.Status != checkout.AttemptPaid || a.Resolved { // a person may have reasons
				continue
			}
			key := a.Gateway + " " + gateways.Canonical(a.TrackingNumber)
			if other, taken := paidBy[key]; taken {
				return fmt.Errorf("reference %s paid for %s and for %s", key, other, a.ID)
			}
			paidBy[key] = a.ID
		}
	}
	return nil
}

// seatLaw: at most one attempt holds the seat, and the invoice's state says which kind it is.
func seatLaw(b *book) error {
	verifying, paid, review := b.count(checkout.AttemptVerifying), b.count(checkout.AttemptPaid), b.count(checkout.AttemptNeedsReview)
	if verifying+paid+review > 1 {
		return fmt.Errorf("%d attempts hold the seat", verifying+paid+review)
	}
	for _, c := range []struct {
		invoice  checkout.InvoiceStatus
		attempts int
	}{{checkout.InvoiceProcessing, verifying}, {checkout.InvoicePaid, paid}, {checkout.InvoiceReview, review}} {
		if (b.inv.Status == c.invoice) != (c.attempts == 1) {
			return fmt.Errorf("the invoice is %s with %d such attempts", b.inv.Status, c.attempts)
		}
	}
	for _, a := range b.attempts {
		waits := slices.ContainsFunc(b.refs[a.ID], func(r checkout.Reference) bool { return r.Status == checkout.ReferenceWaiting })
		if a.Status == checkout.AttemptReturned && !waits {
			return fmt.Errorf("attempt %s waits with nothing to ask about", a.ID)
		}
	}
	if p := b.inv.Payment; (p != nil) != (paid == 1) || p != nil && (p.Amount != b.inv.Amount || b.inv.PaidAt.IsZero()) {
		return fmt.Errorf("payment %+v of %d rial", p, b.inv.Amount)
	}
	if b.inv.AttemptCount != len(b.attempts) {
		return fmt.Errorf("%d attempts, %d counted", len(b.attempts), b.inv.AttemptCount)
	}
	return nil
}

// chainLaw: events are numbered without a gap, each holds the hash of the one before, and exactly
// one says that the invoice was paid.
func chainLaw(b *book) error {
	prev, paid := "", 0
	for i := range b.events {
		e := b.events[i]
		if e.Sequence != int64(i+1) {
			return fmt.Errorf("the chain breaks at event %d (%s)", e.Sequence, e.Type)
		}
		if prev = checkout.EventHash(prev, &e); e.Type == checkout.EventInvoicePaid {
			paid++
		}
	}
	if b.inv.EventSeq != int64(len(b.events)) || b.inv.EventHash != prev {
		return fmt.Errorf("the head of the chain is event %d of %d", b.inv.EventSeq, len(b.events))
	}
	if (paid == 1) != (b.inv.Status == checkout.InvoicePaid) || paid > 1 {
		return fmt.Errorf("%d invoice.paid events", paid)
	}
	return nil
}

// replayLaw: the events alone tell where every attempt and the invoice's verify count stand. Only
// an attempt that was handed the seat is ahead of them, until its verify is asked.
func replayLaw(b *book) error {
	told, asked := map[string]checkout.AttemptStatus{}, map[string]int{}
	for _, e := range b.events {
		var data struct {
			Ask     int
			Outcome string
		}
		if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
			return fmt.Errorf("event %d: %w", e.Sequence, err)
		}
		switch e.Type {
		case checkout.EventAttemptReturned:
			told[e.AttemptID] = checkout.AttemptReturned
		case checkout.EventVerifyAsked:
			told[e.AttemptID] = checkout.AttemptVerifying
			asked[e.AttemptID]++
		case checkout.EventVerifyAnswered:
			if data.Ask == 0 { // withdrawn: it was never sent
				asked[e.AttemptID]--
			}
		case checkout.EventInvoicePaid:
			told[e.AttemptID] = checkout.AttemptPaid
		case checkout.EventAttemptResolved:
			told[e.AttemptID] = checkout.AttemptStatus(data.Outcome)
		default:
			if s, ok := strings.CutPrefix(e.Type, "attempt."); ok {
				told[e.AttemptID] = checkout.AttemptStatus(s)
			}
		}
	}
	for _, a := range b.attempts {
		handed := a.Status == checkout.AttemptVerifying && (told[a.ID] == checkout.AttemptReturned || told[a.ID] == checkout.AttemptFailed || told[a.ID] == checkout.AttemptCanceled)
		if told[a.ID] != a.Status && !handed {
			return fmt.Errorf("attempt %s is %s, its events say %s", a.ID, a.Status, told[a.ID])
		}
		asks := 0
		for _, r := range b.refs[a.ID] {
			asks += r.Asks
		}
		if asks != asked[a.ID] {
			return fmt.Errorf("attempt %s was asked about %d times, its events say %d", a.ID, asks, asked[a.ID])
		}
	}
	return nil
}

// silenceLaw: events hold no token and nobody's name, mobile or address.
func silenceLaw(b *book) error {
	secrets := []string{b.inv.Token, b.inv.Customer.Name, b.inv.Customer.Mobile, b.inv.Customer.Email}
	for _, a := range b.attempts {
		secrets = append(secrets, a.CallbackToken, a.PayerName, a.PayerMobile, a.CardHash)
		if len(a.GatewayToken) > 8 { // a scripted "tok1" is no secret
			secrets = append(secrets, a.GatewayToken)
		}
	}
	for _, e := range b.events {
		for _, s := range secrets {
			if s != "" && strings.Contains(e.Data+e.Actor+e.RequestID+e.GatewayID, s) {
				return fmt.Errorf("event %d (%s) tells %q", e.Sequence, e.Type, s)
			}
		}
	}
	return nil
}

// jobLaw: whatever is to be asked again has a stored job, and one reference at most is being asked.
func jobLaw(tx *db.Tx, b *book) error {
	asking := 0
	for _, a := range b.attempts {
		for _, r := range b.refs[a.ID] {
			switch r.Status {
			case checkout.ReferenceAsking:
				asking++
				if a.Status != checkout.AttemptVerifying {
					return fmt.Errorf("reference %s is being asked for an attempt that is %s", r.Raw, a.Status)
				}
			case checkout.ReferenceRefused:
			case checkout.ReferenceWaiting:
				// Whoever frees the seat goes on with it; when nobody holds the seat, its own job must.
				if b.inv.Status == checkout.InvoiceProcessing {
					continue
				}
			default:
				continue
			}
			job, err := tx.Job(payments.JobVerify, r.AttemptID+"/"+r.Canonical)
			if err != nil {
				return fmt.Errorf("reference %s is %s: %w", r.Raw, r.Status, err)
			}
			if !job.DeadAt.IsZero() {
				return fmt.Errorf("reference %s is %s with a dead job", r.Raw, r.Status)
			}
		}
	}
	if (asking == 1) != (b.inv.Status == checkout.InvoiceProcessing) || asking > 1 {
		return fmt.Errorf("%d references are being asked", asking)
	}
	return nil
}

// restLaw: when all faults are over and time has passed, nothing is under way and nothing is silent.
func restLaw(tx *db.Tx, sc payments.Scope) error {
	all, err := books(tx, sc)
	if err != nil {
		return err
	}
	return atRest(tx, all)
}

func atRest(tx *db.Tx, all []book) error {
	for i := range all {
		b := &all[i]
		for _, a := range b.attempts {
			if a.Status.Out() {
				return fmt.Errorf("attempt %s rests as %s\n%s", a.ID, a.Status, b)
			}
			for _, r := range b.refs[a.ID] {
				open := r.Status == checkout.ReferenceWaiting || r.Status == checkout.ReferenceAsking || r.Status == checkout.ReferenceRefused
				tooMany := a.Resolved || a.Failure != nil && a.Failure.Code == checkout.CodeTooManyReferences
				if open || r.Bound && r.Asks == 0 && r.Status != checkout.ReferenceDropped && !tooMany {
					return fmt.Errorf("reference %s rests as %s after %d asks\n%s", r.Raw, r.Status, r.Asks, b)
				}
			}
		}
	}
	next, err := tx.NextJobAt([]string{payments.JobVerify})
	if err == nil && !next.IsZero() {
		err = fmt.Errorf("a job is left for %s", next)
	}
	return err
}

// numbers are what a vendor was called with: our number and the callback address that came with it.
type numbers struct{ sync.Map }

// attempt finds the attempt that a vendor was called about.
func (n *numbers) attempt(tx *db.Tx, gateway, number string) (*checkout.Attempt, error) {
	address, ok := n.Load(number)
	if !ok {
		return nil, fmt.Errorf("%s was asked about %s, which was never started", gateway, number)
	}
	s := address.(string)
	a, err := tx.AttemptByCallback(gateway, s[strings.LastIndex(s, "/")+1:])
	if err == nil && a.OurNumber != number {
		err = fmt.Errorf("%s was called with %s for attempt %s", gateway, number, a.ID)
	}
	return a, err
}

// allowed: a verify captures, so it may go out only for the attempt that holds its invoice's seat,
// for the amount that the invoice asks, and with the intent on record.
func (n *numbers) allowed(tx *db.Tx, gateway string, r gateways.VerifyRequest) (*checkout.Attempt, error) {
	a, err := n.attempt(tx, gateway, r.OurNumber)
	if err != nil {
		return nil, err
	}
	inv, err := tx.Invoice(a.InvoiceID)
	if err != nil {
		return nil, err
	}
	ref, err := tx.Reference(a.ID, gateways.Canonical(r.Reference))
	if err != nil {
		return nil, err
	}
	if inv.Status != checkout.InvoiceProcessing || a.Status != checkout.AttemptVerifying || a.Amount != inv.Amount || r.WireAmount != a.WireAmount {
		return nil, fmt.Errorf("verify of %s: invoice %s over %d, attempt %s over %d", r.Reference, inv.Status, inv.Amount, a.Status, a.Amount)
	}
	if ref.Status != checkout.ReferenceAsking || !ref.Open || !ref.Bound || ref.Raw != r.Reference || ref.Asks < 1 {
		return nil, fmt.Errorf("verify of %s with no intent on record: %+v", r.Reference, ref)
	}
	return a, nil
}

// String tells a book's story, for a person.
func (b *book) String() string {
	var s strings.Builder
	for _, a := range b.attempts {
		fmt.Fprintf(&s, "  attempt %s %s %s over %d", a.ID, a.Gateway, a.Status, a.Amount)
		for _, r := range b.refs[a.ID] {
			fmt.Fprintf(&s, " [%s %s bound=%t asks=%d unheard=%d met=%t]", r.Raw, r.Status, r.Bound, r.Asks, r.Unheard, r.Met)
		}
		s.WriteByte('\n')
	}
	for _, e := range b.events {
		fmt.Fprintf(&s, "  %3d %s %s %s %s\n", e.Sequence, e.CreatedAt.Format("15:04:05"), e.Type, e.AttemptID, e.Data)
	}
	return s.String()
}
