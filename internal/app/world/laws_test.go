package world_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways/simulator"
)

// The moves of CONTRACT §6, written once more. What one commit does may be two moves: a payment that
// is heard late goes from failed or canceled over verifying to paid; and of an attempt that failed, the
// next reference has its turn at once.
var (
	invoiceMoves = moves(`
open > processing review expired canceled
processing > paid review open expired
review > paid open expired
expired > processing review canceled
open > paid
expired > paid`)
	attemptMoves = moves(`
new > created
created > redirected failed abandoned canceled returned verifying unclaimed needs_review
redirected > returned verifying canceled abandoned unclaimed needs_review
returned > verifying unclaimed needs_review
verifying > paid failed canceled needs_review
failed > returned verifying unclaimed needs_review
canceled > returned verifying unclaimed needs_review
abandoned > returned verifying canceled unclaimed needs_review
needs_review > paid failed
failed > paid
canceled > paid
verifying > unclaimed returned`)
)

func moves(law string) map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(law) {
		from, to, ok := strings.Cut(strings.TrimSpace(line), " > ")
		for _, t := range strings.Fields(to) {
			all[from+" > "+t] = ok
		}
	}
	return all
}

// held holds one invoice's new state against its last one and the laws.
func (w *world) held(old, now *book) {
	w.chainLaw(now)
	w.moveLaw(old, now)
	w.seatLaw(now)
	w.jobLaw(now)
	if w.broken != nil && !strings.Contains(w.broken.text, "\n") {
		w.broken.text += "\n" + now.String()
	}
}

// chainLaw: events are numbered without a gap and chained by hash; one says invoice.paid if and only
// if the invoice is; none holds a secret.
func (w *world) chainLaw(b *book) {
	from := 0
	if b.hash != "" {
		from = slices.IndexFunc(b.events, func(e checkout.Event) bool { return e.Sequence > w.seen(b) })
		if from < 0 {
			from = len(b.events)
		}
	}
	for i := from; i < len(b.events); i++ {
		e := &b.events[i]
		if e.Sequence != int64(i+1) {
			w.breach("chain", "event %d stands in place %d", e.Sequence, i+1)
			return
		}
		if b.hash = chain(b.hash, e); e.Type == checkout.EventInvoicePaid {
			b.paid++
		}
		w.tally("event %s", e.Type)
		w.say("    [%s] %s %s", b.inv.Number, e.Type, short40(e.Data))
		w.secretLaw(b, e)
	}
	w.chained[b.inv.ID] = int64(len(b.events))
	if b.inv.EventSeq != int64(len(b.events)) || b.inv.EventHash != b.hash {
		w.breach("chain", "the head of invoice %s is event %d of %d", b.inv.Number, b.inv.EventSeq, len(b.events))
	}
	if b.paid > 1 || (b.paid == 1) != (b.inv.Status == checkout.InvoicePaid) {
		w.breach("one invoice.paid", "invoice %s is %s with %d events invoice.paid", b.inv.Number, b.inv.Status, b.paid)
	}
}

func (w *world) seen(b *book) int64 { return w.chained[b.inv.ID] }

func short40(s string) string {
	if len(s) > 160 {
		return s[:160] + "…"
	}
	return s
}

func (w *world) secretLaw(b *book, e *checkout.Event) {
	secrets := []string{b.inv.Token, b.inv.Customer.Name, b.inv.Customer.Mobile, b.inv.Customer.Email, "rial-shop", "toman-shop"}
	if a := b.attempt(e.AttemptID); a != nil {
		secrets = append(secrets, a.CallbackToken, a.CardHash)
		if len(a.GatewayToken) > 6 {
			secrets = append(secrets, a.GatewayToken)
		}
	}
	for _, s := range secrets {
		if s != "" && strings.Contains(e.Data, s) {
			w.breach("secrets", "event %d (%s) tells %q", e.Sequence, e.Type, s)
		}
	}
}

// moveLaw: only the moves of the contract, and each with its reason; what is frozen stays.
func (w *world) moveLaw(old, now *book) {
	if old != nil && old.inv.Status != now.inv.Status {
		move := fmt.Sprintf("%s > %s", old.inv.Status, now.inv.Status)
		w.tally("invoice %s", move)
		w.say("    invoice %s: %s", now.inv.Number, move)
		if !invoiceMoves[move] {
			w.breach("moves", "invoice %s: %s", now.inv.Number, move)
		}
	}
	if old == nil {
		w.tally("invoice new > open")
	} else if old.inv.Amount != now.inv.Amount {
		for i := range old.attempts {
			if old.attempts[i].Status.Out() {
				w.breach("frozen", "invoice %s was repriced while an attempt is %s", now.inv.Number, old.attempts[i].Status)
			}
		}
	}
	for i := range now.attempts {
		a := &now.attempts[i]
		was := &checkout.Attempt{Status: "new"}
		if old != nil && old.attempt(a.ID) != nil {
			was = old.attempt(a.ID)
			if was.Amount != a.Amount || was.WireAmount != a.WireAmount || was.Unit != a.Unit || was.OurNumber != a.OurNumber || was.VerifyURL != a.VerifyURL || was.Window != a.Window || was.CallbackToken != a.CallbackToken {
				w.breach("frozen", "%s changed what is frozen", w.name(a.ID))
			}
		}
		if was.Status == a.Status {
			continue
		}
		move := fmt.Sprintf("%s > %s", was.Status, a.Status)
		w.tally("attempt %s", move)
		w.say("    %s: %s", w.name(a.ID), move)
		if !attemptMoves[move] {
			w.breach("moves", "%s: %s", w.name(a.ID), move)
		}
		w.reasonLaw(now, a)
	}
}

// reasonLaw: an attempt is what it is because of something that really happened.
func (w *world) reasonLaw(b *book, a *checkout.Attempt) {
	switch a.Status {
	case checkout.AttemptCreated:
		w.newLaw(b, a)
	case checkout.AttemptPaid:
		w.paidLaw(b, a)
	case checkout.AttemptFailed:
		w.failedLaw(b, a)
	case checkout.AttemptCanceled:
		w.tally("canceled: failure %s", code(a))
		if a.Failure != nil && a.Failure.Stage == checkout.StageVerify && !w.heardOf(a, func(h *word) bool { return h.refused && h.code == "1" }) {
			w.breach("unknown is not no", "%s is canceled, and no answer said so", w.name(a.ID))
		}
	case checkout.AttemptUnclaimed:
		w.unclaimedLaw(b, a)
	case checkout.AttemptNeedsReview:
		w.reviewLaw(b, a)
	case checkout.AttemptAbandoned:
		if w.now().Before(a.AbandonAt) && b.inv.At(w.now()) == checkout.InvoiceOpen {
			w.breach("reasons", "%s is abandoned before its time", w.name(a.ID))
		}
	}
}

func code(a *checkout.Attempt) string {
	if a.Failure == nil {
		return "-"
	}
	return a.Failure.Stage + " " + a.Failure.Code
}

// newLaw: an attempt is over what the invoice asks now, to the rial, in the account's unit.
func (w *world) newLaw(b *book, a *checkout.Attempt) {
	wire := int64(a.Amount)
	if a.Unit == "toman" {
		wire /= 10
	}
	if a.Amount != b.inv.Amount || a.WireAmount != wire || a.Unit == "toman" && a.Amount%10 != 0 {
		w.breach("frozen", "%s is over %d (%d %s) of an invoice over %d", w.name(a.ID), a.Amount, a.WireAmount, a.Unit, b.inv.Amount)
	}
	if len(b.attempts) > 30 {
		w.breach("bounds", "%d attempts", len(b.attempts))
	}
}

// asks are the verify calls about one reference of an attempt, in their order.
func (w *world) asks(a *checkout.Attempt, ref string) []*call {
	var list []*call
	for _, c := range w.calls {
		if c.verify && c.attempt == a.ID && canonical(c.reference()) == canonical(ref) {
			list = append(list, c)
		}
	}
	return list
}

func (w *world) heardOf(a *checkout.Attempt, is func(*word) bool) bool {
	for _, c := range w.asks(a, a.TrackingNumber) {
		if c.heard != nil && is(c.heard) {
			return true
		}
	}
	return false
}

// proven: an answer that says success, for this amount and, where the vendor tells one, this number.
func proven(a *checkout.Attempt, h *word) bool {
	if !h.success || len(h.amounts) == 0 || a.Gateway == "gardeshpay" && h.number != a.OurNumber {
		return false
	}
	for _, amount := range h.amounts {
		if amount != fmt.Sprint(a.WireAmount) {
			return false
		}
	}
	return true
}

// paidLaw is I1: paid only by a proof for this very attempt, and the vendor's ledger says the same.
func (w *world) paidLaw(b *book, a *checkout.Attempt) {
	if a.Resolved {
		w.tally("paid: by a person")
		return
	}
	proof := "none"
	lost := false // a call was intended, and its answer is not known: by a death, perhaps it never left
	for _, r := range b.refs[a.ID] {
		if r.Raw == a.TrackingNumber {
			lost = r.Asks > len(w.asks(a, r.Raw))
		}
	}
	for _, c := range w.asks(a, a.TrackingNumber) {
		switch {
		case c.heard != nil && proven(a, c.heard):
			proof = "answer"
		case c.heard != nil && c.heard.code == "15" && lost && proof == "none":
			proof = "15 after a lost answer"
		}
		lost = lost || c.heard == nil || !c.heard.refused && !proven(a, c.heard) || c.actor.proc.dead
	}
	w.tally("paid: by %s", proof)
	p := w.payment(a.Gateway, a.TrackingNumber)
	switch {
	case proof == "none":
		w.breach("no paid without proof", "%s is paid by %s, and no answer proves it", w.name(a.ID), a.TrackingNumber)
	case p == nil || p.State != simulator.StateCaptured:
		w.breach("free goods", "%s is paid by %s, which the gateway never captured: %+v", w.name(a.ID), a.TrackingNumber, p)
	case !w.sameAmount(a, p) || a.Gateway == "gardeshpay" && p.Number != a.OurNumber:
		w.breach("free goods", "%s over %d is paid by %+v", w.name(a.ID), a.Amount, *p)
	case w.bank.by[p.Vendor+" "+p.Reference] != a.ID:
		w.breach("free goods", "%s is paid by %s, which %s captured", w.name(a.ID), p.Reference, w.name(w.bank.by[p.Vendor+" "+p.Reference]))
	case b.inv.Amount != a.Amount:
		w.breach("free goods", "%s over %d paid an invoice over %d", w.name(a.ID), a.Amount, b.inv.Amount)
	}
	for _, other := range w.books {
		for i := range other.attempts {
			o := &other.attempts[i]
			if o.ID != a.ID && o.Status == checkout.AttemptPaid && !o.Resolved && o.Gateway == a.Gateway && canonical(o.TrackingNumber) == canonical(a.TrackingNumber) {
				w.breach("references", "%s paid for %s and for %s", a.TrackingNumber, w.name(a.ID), w.name(o.ID))
			}
		}
	}
}

// sameAmount: GardeshPay's ledger keeps what was on the wire, PayPing's is in rial by its own reckoning.
func (w *world) sameAmount(a *checkout.Attempt, p *simulator.Payment) bool {
	if a.Gateway == "gardeshpay" {
		return p.Amount == a.WireAmount
	}
	return p.Amount == int64(a.Amount)
}

// takenBack are PayPing's refusals that it may take back (CONTRACT §6.4); of GardeshPay, which
// documents no codes, every one may be.
var takenBack = []string{"12", "25", "29", "39", "48", "49", "77"}

// failedLaw is I3: unknown never became no; and a no that may be taken back is asked about again.
func (w *world) failedLaw(b *book, a *checkout.Attempt) {
	w.tally("failed: %s", code(a))
	if a.Failure == nil || a.Failure.Stage != checkout.StageVerify {
		return
	}
	for _, r := range b.refs[a.ID] {
		soft := a.Gateway == "gardeshpay" || slices.Contains(takenBack, a.Failure.Code)
		if r.Raw == a.TrackingNumber && r.Bound && soft && r.Refusals < 3 && r.Status != checkout.ReferenceRefused {
			w.breach("asked again", "%s was refused with %q, and %s is not going to be asked about again", w.name(a.ID), a.Failure.Code, r.Raw)
		}
	}
	list := w.asks(a, a.TrackingNumber)
	for _, c := range slices.Backward(list) {
		if c.heard != nil && c.heard.refused && c.heard.code == a.Failure.Code {
			return
		}
	}
	w.breach("unknown is not no", "%s is failed with %q, and no answer about %s said so", w.name(a.ID), a.Failure.Code, a.TrackingNumber)
}

// unclaimedLaw: nothing is asked about what is not to be captured.
func (w *world) unclaimedLaw(b *book, a *checkout.Attempt) {
	w.tally("unclaimed: %s", a.UnclaimedWhy)
	ok := string(b.inv.Status) == a.UnclaimedWhy || a.UnclaimedWhy == "repriced" && b.inv.Amount != a.Amount
	if !ok {
		w.breach("reasons", "%s is unclaimed as %s; the invoice is %s over %d", w.name(a.ID), a.UnclaimedWhy, b.inv.Status, b.inv.Amount)
	}
	asks := w.asks(a, a.TrackingNumber)
	if len(asks) == 0 {
		return
	}
	// Else it was refused for the time being, an intended call was never heard, and it is not asked
	// about again.
	w.tally("unclaimed: after a refusal, and a call that nobody heard")
	intended, told := 0, 0
	for _, r := range b.refs[a.ID] {
		if canonical(r.Raw) == canonical(a.TrackingNumber) {
			intended = r.Asks
		}
	}
	for _, c := range asks {
		if c.heard != nil && (c.heard.refused || proven(a, c.heard)) && !c.actor.proc.dead {
			told++
		}
	}
	if last := asks[len(asks)-1].heard; last == nil || !last.refused || told >= intended {
		w.breach("reasons", "%s is unclaimed; of %d intended calls %d left and %d were answered, the last by %+v", w.name(a.ID), intended, len(asks), told, last)
	}
}

// reviewLaw: a person is asked only when nothing more can be learned.
func (w *world) reviewLaw(b *book, a *checkout.Attempt) {
	reason := ""
	if a.Failure != nil {
		reason = a.Failure.Code
	}
	w.tally("review: %s", reason)
	ok := true
	switch reason {
	case checkout.CodeUnknownOutcome:
		ok = !w.now().Before(a.VerifyDeadline)
		for _, r := range b.refs[a.ID] {
			if r.Raw == a.TrackingNumber && r.Asks < 2 {
				ok = false
			}
		}
	case checkout.CodeAmountMismatch, checkout.CodeInvoiceMismatch:
		ok = w.heardOf(a, func(h *word) bool { return h.success && !proven(a, h) })
	case checkout.CodeAlreadyVerified:
		ok = w.heardOf(a, func(h *word) bool { return h.code == "15" })
		if p := w.payment(a.Gateway, a.TrackingNumber); p != nil && w.bank.by[p.Vendor+" "+p.Reference] == a.ID && !w.lyingFifteen(a) && !w.cutRefusal(a) {
			w.breach("our own capture", "%s captured %s itself, and does not know it", w.name(a.ID), p.Reference)
		}
	case checkout.CodeReferenceUsed:
		ok = w.boundElsewhere(a)
	case checkout.CodeTooManyReferences:
		ok = len(b.refs[a.ID]) > 5
	case "46", "47":
		ok = w.heardOf(a, func(h *word) bool { return h.refused && h.code == reason })
	default:
		ok = false
	}
	if !ok {
		w.breach("reasons", "%s needs a person for %q, which nothing explains", w.name(a.ID), reason)
	}
}

// lyingFifteen: the vendor said 15 to the very call that captured.
func (w *world) lyingFifteen(a *checkout.Attempt) bool {
	return slices.ContainsFunc(w.asks(a, a.TrackingNumber), func(c *call) bool { return c.captured && c.heard != nil && c.heard.code == "15" })
}

// cutRefusal: a 4xx that is no JSON. It decides nothing, and the contract (§6.5) does not count it among
// the answers that were never recorded: a 15 after it is a person's to judge.
func (w *world) cutRefusal(a *checkout.Attempt) bool {
	return slices.ContainsFunc(w.asks(a, a.TrackingNumber), func(c *call) bool {
		return c.heard != nil && c.status >= 400 && c.status < 500 && !json.Valid(c.answer)
	})
}

func (w *world) boundElsewhere(a *checkout.Attempt) bool {
	for _, b := range w.books {
		for id, refs := range b.refs {
			if id == a.ID {
				continue
			}
			for _, r := range refs {
				if r.Gateway == a.Gateway && r.Bound && canonical(r.Raw) == canonical(a.TrackingNumber) {
					return true
				}
			}
		}
	}
	return false
}

// seatLaw: at most one attempt holds the seat, and the invoice's state says which kind it is.
func (w *world) seatLaw(b *book) {
	count := map[checkout.AttemptStatus]int{}
	for _, a := range b.attempts {
		count[a.Status]++
		waits := slices.ContainsFunc(b.refs[a.ID], func(r checkout.Reference) bool { return r.Status == checkout.ReferenceWaiting })
		if a.Status == checkout.AttemptReturned && !waits {
			w.breach("seat", "%s waits, and has nothing to be asked about", w.name(a.ID))
		}
	}
	if n := count[checkout.AttemptVerifying] + count[checkout.AttemptPaid] + count[checkout.AttemptNeedsReview]; n > 1 {
		w.breach("seat", "%d attempts of invoice %s hold the seat", n, b.inv.Number)
	}
	for _, s := range []struct {
		invoice checkout.InvoiceStatus
		attempt checkout.AttemptStatus
	}{{checkout.InvoiceProcessing, checkout.AttemptVerifying}, {checkout.InvoicePaid, checkout.AttemptPaid}, {checkout.InvoiceReview, checkout.AttemptNeedsReview}} {
		if (b.inv.Status == s.invoice) != (count[s.attempt] == 1) {
			w.breach("seat", "invoice %s is %s with %d attempts %s", b.inv.Number, b.inv.Status, count[s.attempt], s.attempt)
		}
	}
	if b.inv.AttemptCount != len(b.attempts) {
		w.breach("seat", "%d attempts, counted %d", len(b.attempts), b.inv.AttemptCount)
	}
}

// waits of CONTRACT §6.4: at once, then 5, 15, 30, 60 s, then every minute.
var waits = []time.Duration{0, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute}

// jobLaw: whatever is to be asked has a stored job, which is not later than the contract says; and
// one reference at most is being asked about.
func (w *world) jobLaw(b *book) {
	asking := 0
	for _, a := range b.attempts {
		for _, r := range b.refs[a.ID] {
			job := b.jobs[a.ID+"/"+r.Canonical]
			needed := false
			switch r.Status {
			case checkout.ReferenceAsking:
				asking++
				needed = true
			case checkout.ReferenceRefused:
				needed = true
			case checkout.ReferenceWaiting:
				needed = b.inv.Status != checkout.InvoiceProcessing // else whoever frees the seat goes on with it
			}
			if !needed {
				continue
			}
			if job == nil || !job.DeadAt.IsZero() {
				w.breach("jobs", "reference %s of %s is %s, and nobody is going to ask", r.Raw, w.name(a.ID), r.Status)
				continue
			}
			w.scheduleLaw(b, &a, &r, job)
		}
	}
	if (asking == 1) != (b.inv.Status == checkout.InvoiceProcessing) || asking > 1 {
		w.breach("jobs", "%d references of invoice %s (%s) are being asked about", asking, b.inv.Number, b.inv.Status)
	}
}

func (w *world) scheduleLaw(b *book, a *checkout.Attempt, r *checkout.Reference, job *checkout.Job) {
	if !job.LeaseUntil.IsZero() {
		return // a call is out
	}
	silences, last := 0, b.events[len(b.events)-1].CreatedAt // the commit that is looked at
	for i := range b.events {
		e := &b.events[i]
		if e.AttemptID != a.ID {
			continue
		}
		switch e.Type {
		case checkout.EventVerifyAnswered:
			if strings.Contains(e.Data, `"outcome":"unknown"`) && strings.Contains(e.Data, `"ask":`) && !strings.Contains(e.Data, `"late":true`) {
				silences++
			}
		case checkout.EventAttemptReturned, checkout.EventAttemptFailed, checkout.EventAttemptCanceled:
			silences = 0
		}
	}
	if r.Status == checkout.ReferenceRefused {
		w.reaskLaw(a, r, job)
		return
	}
	most := 2 * time.Second // while another's call about it is out
	if r.Status == checkout.ReferenceWaiting && a.Status != checkout.AttemptReturned && w.ahead > w.skew {
		most = 9*time.Minute + w.ahead - w.skew // no money of this attempt waits
	}
	if r.Status == checkout.ReferenceAsking {
		if silences > 0 {
			most = max(most, waits[min(silences, len(waits))-1])
		}
		if c := w.lastCall(a, r); c != nil && (c.status == 429 || c.status == 503) {
			most = time.Minute // Retry-After, of which a minute is believed
		}
		if r.Postponed || r.Refusals > 0 {
			most = max(most, time.Minute)
		}
	}
	if late := job.RunAt.Sub(last); late > most {
		w.breach("schedule", "%s of %s (%s) is to be asked about %s after the last word, %d silences; at most %s", r.Raw, w.name(a.ID), r.Status, late, silences, most)
	}
}

// reaskLaw: 30 s, 2 min and 8 min after the first refusal; where the seat is taken or a later attempt
// is out, it is looked again within a minute. Times that a clock ahead has written are cut at a start.
func (w *world) reaskLaw(a *checkout.Attempt, r *checkout.Reference, job *checkout.Job) {
	latest := w.now().Add(time.Minute)
	if w.ahead > w.skew {
		latest = w.now().Add(9*time.Minute + w.ahead - w.skew)
	}
	if r.Refusals > 0 {
		due := r.RefusedAt.Add([]time.Duration{30 * time.Second, 2 * time.Minute, 8 * time.Minute}[min(r.Refusals, 3)-1])
		if due.After(latest) {
			latest = due
		}
	}
	if job.RunAt.After(latest) {
		w.breach("schedule", "%s of %s was refused %d times and is to be asked about again at %s", r.Raw, w.name(a.ID), r.Refusals, job.RunAt)
	}
}

func (w *world) lastCall(a *checkout.Attempt, r *checkout.Reference) *call {
	list := w.asks(a, r.Raw)
	if len(list) == 0 {
		return nil
	}
	return list[len(list)-1]
}

// restLaws: when the faults are over and time has passed, nothing is under way and nothing is silent.
func (w *world) restLaws() {
	for _, b := range w.books {
		b.inv.EventSeq = -1 // look at everything, also where nothing was told
	}
	w.look()
	for _, b := range w.sorted() {
		for i := range b.attempts {
			a := &b.attempts[i]
			if a.Status.Out() {
				w.breach("nothing silent", "%s rests as %s\n%s", w.name(a.ID), a.Status, b)
			}
			for _, r := range b.refs[a.ID] {
				open := r.Status == checkout.ReferenceWaiting || r.Status == checkout.ReferenceAsking || r.Status == checkout.ReferenceRefused
				given := a.Resolved || a.Failure != nil && a.Failure.Code == checkout.CodeTooManyReferences
				if open || r.Bound && r.Asks == 0 && r.Status != checkout.ReferenceDropped && !given {
					w.breach("nothing silent", "reference %s of %s rests as %s after %d asks\n%s", r.Raw, w.name(a.ID), r.Status, r.Asks, b)
				}
			}
		}
	}
	err := w.view(func(tx *db.Tx) error {
		next, err := tx.NextJobAt([]string{payments.JobVerify})
		if err == nil && !next.IsZero() {
			w.breach("nothing silent", "a job is left for %s", next)
		}
		return err
	})
	w.failed(err)
}

// accounts compares the vendors' ledger with our books, to the rial: no goods for nothing, no money
// that nobody sees, no second capture.
func (w *world) accounts() {
	l := w.bank.sim.Ledger()
	if l.Buyer+l.Credit+l.Held+l.Shop != 0 || l.Held != 0 {
		w.breach("conservation", "the vendors' sums: buyer %d, credit %d, held %d, shop %d", l.Buyer, l.Credit, l.Held, l.Shop)
	}
	var captured, seen, ours int64
	for i := range l.Payments {
		p := &l.Payments[i]
		w.tally("ledger: %s", p.State)
		if p.State != simulator.StateCaptured {
			continue
		}
		captured += p.Amount
		how, sum := w.whoSees(p)
		w.tally("captured: %s", how)
		seen += sum
		if how == "nobody" {
			w.breach("lost money", "%s captured %s (%d) for number %s, and nobody sees it\n%s", p.Vendor, p.Reference, p.Amount, p.Number, w.bookOf(p))
		}
	}
	for _, b := range w.sorted() {
		w.tally("at rest: invoice %s", b.inv.Status)
		for i := range b.attempts {
			a := &b.attempts[i]
			w.tally("at rest: attempt %s", a.Status)
			if a.Status == checkout.AttemptPaid && !a.Resolved {
				ours += w.ledgerAmount(a)
			}
		}
	}
	if captured != l.Shop || ours != seen {
		w.breach("conservation", "the shop has %d by the ledger, %d by its lines; paid with us are %d, captured for it %d", l.Shop, captured, ours, seen)
	}
	w.replays()
}

func (w *world) ledgerAmount(a *checkout.Attempt) int64 {
	if a.Gateway == "gardeshpay" {
		return a.WireAmount
	}
	return int64(a.Amount)
}

// whoSees says where captured money stands in our books, and how much of it is paid for an invoice.
func (w *world) whoSees(p *simulator.Payment) (how string, paid int64) {
	how = "nobody"
	if w.bank.lied[p.Vendor+" "+p.Reference] {
		how = "nobody, the vendor denied it after the capture"
	}
	for _, b := range w.books {
		for i := range b.attempts {
			a := &b.attempts[i]
			if vendorOf(a.Gateway) != p.Vendor {
				continue
			}
			for _, r := range b.refs[a.ID] {
				if canonical(r.Raw) != canonical(p.Reference) {
					continue
				}
				switch {
				case a.Status == checkout.AttemptPaid && !a.Resolved && canonical(a.TrackingNumber) == canonical(p.Reference):
					return "paid", p.Amount
				case a.Status == checkout.AttemptNeedsReview:
					how = "a person is asked"
				case a.Resolved && !strings.HasPrefix(how, "a person is"):
					how = "a person decided"
				case a.Status == checkout.AttemptUnclaimed && r.Asks > 0 && !strings.HasPrefix(how, "a person"):
					how = "unclaimed after a call that nobody heard"
				case how == "nobody" && slices.ContainsFunc(b.events, func(e checkout.Event) bool {
					return e.AttemptID == a.ID && strings.Contains(e.Data, `"late":true`) && strings.Contains(e.Data, `"outcome":"paid"`) && strings.Contains(e.Data, r.Raw)
				}):
					how = "an event of a late word"
				}
			}
		}
	}
	return how, 0
}

func (w *world) bookOf(p *simulator.Payment) string {
	for _, b := range w.books {
		for _, a := range b.attempts {
			if a.OurNumber == p.Number {
				return b.String()
			}
		}
	}
	return ""
}

// replays: the vendors' journal, played again, gives the same ledger; and every event still stands as
// it was first read.
func (w *world) replays() {
	if w.seed%20 == 0 {
		again, err := simulator.New(simulator.Options{PublicURL: bankAddress, Now: w.desk.now, Entries: w.bank.past})
		if err != nil {
			w.breach("conservation", "the vendors' journal cannot be played again: %v", err)
			return
		}
		if a, b := again.Ledger(), w.bank.sim.Ledger(); a.Shop != b.Shop || a.Buyer != b.Buyer || len(a.Payments) != len(b.Payments) {
			w.breach("conservation", "the vendors' journal gives another ledger")
		}
	}
	w.failed(w.view(func(tx *db.Tx) error {
		for _, b := range w.sorted() {
			all, err := tx.EventsOfInvoice(b.inv.ID, 0, 10_000)
			if err != nil {
				return err
			}
			slices.Reverse(all)
			if len(all) != len(b.events) {
				w.breach("chain", "invoice %s: %d events, %d were seen", b.inv.Number, len(all), len(b.events))
				return nil
			}
			for i := range all {
				if all[i] != b.events[i] {
					w.breach("chain", "invoice %s: event %d changed", b.inv.Number, i+1)
				}
			}
		}
		return nil
	}))
}
