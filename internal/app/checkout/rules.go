package checkout

import "time"

// Rules are what a merchant decided for all customers.
type Rules struct {
	MerchantID string
	// RemindAfter is how many days after a letter that asked, without a payment, the next one goes; 0: none.
	RemindAfter int
	// RemindBefore is how many hours before the expiry one goes; 0: none.
	RemindBefore int
	// RemindMost is how many reminders there are of one invoice at most.
	RemindMost int
	// QuietFrom and QuietUntil are the hours of the day between which nobody is reminded; the same twice
	// is no quiet at all.
	QuietFrom, QuietUntil int
	// ForgetDays is how long personal data of unpaid invoices is kept after their end; 0: for ever.
	ForgetDays int
}

// DefaultRules are those of a merchant who never said anything.
func DefaultRules(merchantID string) Rules {
	return Rules{MerchantID: merchantID, QuietFrom: 21, QuietUntil: 9}
}

// Reminder is what is known about reminding of one invoice.
type Reminder struct {
	InvoiceID, MerchantID string
	SentAt, LastAt        time.Time
	Count                 int
	NextAt                time.Time
}

// Breath is the least time between two letters that ask for the same.
const Breath = 12 * time.Hour

// NextReminder is when the next reminder of an invoice is due, zero when there is none before its
// expiry. Whoever was not reminded when it was time is reminded once, late, and not once for each day.
func (r *Rules) NextReminder(m *Reminder, expires time.Time, zone *time.Location) time.Time {
	if m.Count >= r.RemindMost {
		return time.Time{}
	}
	var next time.Time
	consider := func(at time.Time) {
		if at = r.Aloud(at, zone); at.Before(expires) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if r.RemindAfter > 0 {
		consider(m.LastAt.Add(time.Duration(r.RemindAfter) * 24 * time.Hour))
	}
	if r.RemindBefore > 0 {
		if at := expires.Add(-time.Duration(r.RemindBefore) * time.Hour); !at.Before(m.LastAt.Add(Breath)) {
			consider(at)
		}
	}
	return next
}

// Aloud is at itself, or the end of the quiet hours that it falls into.
func (r *Rules) Aloud(at time.Time, zone *time.Location) time.Time {
	local := at.In(zone)
	hour, quiet := local.Hour(), false
	switch {
	case r.QuietFrom < r.QuietUntil:
		quiet = hour >= r.QuietFrom && hour < r.QuietUntil
	case r.QuietFrom > r.QuietUntil:
		quiet = hour >= r.QuietFrom || hour < r.QuietUntil
	}
	if !quiet {
		return at
	}
	day := local.Day()
	if r.QuietUntil <= hour {
		day++ // the night ends tomorrow
	}
	return time.Date(local.Year(), local.Month(), day, r.QuietUntil, 0, 0, 0, zone)
}
