package payments

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
)

const (
	// JobRules is the kind of the stored job that has a merchant's invoices looked at after the rule for
	// reminders was changed. Its key is the merchant's id.
	JobRules = "rules"
	// whilePaying is when a reminder is thought of again that came while somebody was paying.
	whilePaying = 15 * time.Minute
	// whileAsking is the same while a payment is being confirmed or waits for a person.
	whileAsking = time.Hour
	// reminderLife is how long a reminder is tried: a day later it would say something else.
	reminderLife = 24 * time.Hour

	mostReminders  = 10
	mostRemindDays = 90
	mostHours      = 30 * 24
)

// Remind writes to those who were asked and have not paid, as each merchant's rule says. It reads an
// index of what is due, in the background: a payment costs nothing for it. Two processes that look at
// the same invoice are kept apart by its lock, and its letters by their keys.
func (e *Engine) Remind(ctx context.Context) error {
	return e.sweep(ctx, (*db.Tx).DueReminders, e.remind)
}

func (e *Engine) remind(ctx context.Context, id string) error {
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		s, err := e.begin(tx, id, checkout.Actor{})
		if errors.Is(err, checkout.NotFound) {
			return tx.DropReminder(id)
		}
		if err != nil {
			return err
		}
		m, err := tx.Reminder(id)
		if errors.Is(err, checkout.NotFound) || (err == nil && m.NextAt.After(tx.Now())) {
			return nil // another process was here
		}
		if err != nil {
			return err
		}
		again, err := s.remind(m)
		if err != nil {
			return err
		}
		if again.IsZero() {
			return tx.DropReminder(id)
		}
		m.NextAt = again
		if err := tx.SaveReminder(m); err != nil {
			return err
		}
		return s.save()
	})
}

// remind writes the letter if it is time, and says when to look again: never, with the zero time, when
// the invoice is over. Nobody is reminded who has paid, who is paying at this moment, or whose payment is
// being confirmed.
func (s *step) remind(m *checkout.Reminder) (again time.Time, err error) {
	now := s.tx.Now()
	switch s.inv.At(now) {
	case checkout.InvoiceOpen:
	case checkout.InvoiceProcessing, checkout.InvoiceReview:
		return now.Add(whileAsking), nil
	default:
		return time.Time{}, nil
	}
	if s.inv.Customer.Email == "" {
		return s.inv.ExpiresAt, nil
	}
	rules, err := s.tx.Rules(s.inv.MerchantID)
	if err != nil {
		return time.Time{}, err
	}
	due := rules.NextReminder(m, s.inv.ExpiresAt, i18n.Tehran())
	if due.IsZero() {
		return s.inv.ExpiresAt, nil
	}
	if due.After(now) {
		return due, nil
	}
	if at := rules.Aloud(now, i18n.Tehran()); at.After(now) {
		return at, nil
	}
	attempts, err := s.tx.AttemptsOfInvoice(s.inv.ID)
	if err != nil {
		return time.Time{}, err
	}
	if slices.ContainsFunc(attempts, func(a checkout.Attempt) bool { return a.Status.Out() }) {
		return now.Add(whilePaying), nil
	}
	reader, err := s.tx.ReaderOf(s.inv.MerchantID, s.inv.Customer.Email, checkout.NewToken(s.engine.Random))
	if err != nil {
		return time.Time{}, err
	}
	if !reader.StoppedAt.IsZero() {
		return now.Add(24 * time.Hour), nil // they may change their mind
	}
	if err := s.reminder(m); err != nil {
		return time.Time{}, err
	}
	m.LastAt, m.Count = now, m.Count+1
	if next := rules.NextReminder(m, s.inv.ExpiresAt, i18n.Tehran()); !next.IsZero() {
		return next, nil
	}
	return s.inv.ExpiresAt, nil
}

// reminder puts the letter into the outbox, and leaves an event that says so. The number makes it one.
func (s *step) reminder(m *checkout.Reminder) error {
	shop, err := s.tx.Merchant(s.inv.MerchantID)
	if err != nil {
		return err
	}
	now := s.tx.Now()
	l := &checkout.Letter{
		ID:         checkout.NewID(checkout.PrefixLetter, now, s.engine.Random),
		MerchantID: s.inv.MerchantID, Live: s.inv.Live, Kind: checkout.LetterReminder,
		Key:       s.inv.ID + "/reminder/" + strconv.Itoa(m.Count+1),
		InvoiceID: s.inv.ID, Recipient: s.inv.Customer.Email, Locale: s.inv.Locale, Until: now.Add(reminderLife),
	}
	if s.inv.ExpiresAt.Before(l.Until) {
		l.Until = s.inv.ExpiresAt
	}
	l.Facts.Describe(s.inv, shop)
	l.Facts.At = now
	fresh, err := s.tx.EnqueueLetter(l)
	if err != nil || !fresh {
		return err
	}
	data := facts{"letter": l.ID, "reminder": m.Count + 1}
	if l.Status != checkout.LetterQueued {
		data["withheld"] = l.Reason
	}
	return s.event(checkout.EventInvoiceSent, "", "", data)
}

// asked notes that the invoice was sent, and when the first look at it is due.
func (s *step) asked() error {
	rules := s.rules
	if rules == nil {
		read, err := s.tx.Rules(s.inv.MerchantID)
		if err != nil {
			return err
		}
		rules = &read
	}
	now := s.tx.Now()
	m := checkout.Reminder{SentAt: now, LastAt: now}
	next := rules.NextReminder(&m, s.inv.ExpiresAt, i18n.Tehran())
	if next.IsZero() {
		next = s.inv.ExpiresAt
	}
	return s.tx.Asked(s.inv.ID, s.inv.MerchantID, next)
}

// Rules reads what a merchant decided for all customers.
func (e *Engine) Rules(ctx context.Context, merchantID string) (rules checkout.Rules, err error) {
	err = e.DB.View(ctx, func(tx *db.Tx) error {
		rules, err = tx.Rules(merchantID)
		return err
	})
	return rules, err
}

// SetRules changes a merchant's rules; change gets those in force. Invoices that are out already follow
// the new ones. Errors: Invalid with the wrong fields.
func (e *Engine) SetRules(ctx context.Context, merchantID string, change func(*checkout.Rules)) error {
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		if err := tx.LockMerchant(merchantID); err != nil {
			return err
		}
		rules, err := tx.Rules(merchantID)
		if err != nil {
			return err
		}
		before := ruleWords(&rules)
		change(&rules)
		rules.MerchantID = merchantID
		if err := checkRules(&rules); err != nil {
			return err
		}
		if err := tx.SaveRules(&rules); err != nil {
			return err
		}
		if changes := checkout.Diff(ruleNames, before, ruleWords(&rules)); len(changes) > 0 {
			d := checkout.Deed{MerchantID: merchantID, Live: true, By: checkout.ActorOf(ctx), Area: checkout.AreaShop, Kind: "shop.rules", Object: merchantID, Changes: changes}
			if slices.ContainsFunc(changes, func(c checkout.Change) bool { return c.Field == "forget_days" }) {
				d.Alarm = "keeping_changed" // what is forgotten does not come back
			}
			if err := tx.Record(&d); err != nil {
				return err
			}
		}
		return tx.EnqueueJob(checkout.Job{Kind: JobRules, Key: merchantID, RunAt: tx.Now()})
	})
}

var ruleNames = []string{"after", "before", "most", "quiet_from", "quiet_until", "forget_days"}

// ruleWords are the rules as the log of deeds tells them.
func ruleWords(r *checkout.Rules) map[string]string {
	words := map[string]string{}
	for i, n := range []int{r.RemindAfter, r.RemindBefore, r.RemindMost, r.QuietFrom, r.QuietUntil, r.ForgetDays} {
		words[ruleNames[i]] = strconv.Itoa(n)
	}
	return words
}

func checkRules(r *checkout.Rules) error {
	v := verdict{}
	within := func(field string, n, least, most int) {
		if n < least || n > most {
			v.wrong(field, "out_of_range")
		}
	}
	within("after", r.RemindAfter, 0, mostRemindDays)
	within("before", r.RemindBefore, 0, mostHours)
	within("most", r.RemindMost, 0, mostReminders)
	within("quiet_from", r.QuietFrom, 0, 23)
	within("quiet_until", r.QuietUntil, 0, 23)
	within("forget_days", r.ForgetDays, 0, 3650)
	return v.err()
}

// RunRules is the handler of JobRules. Run twice it does the same twice, and nothing is sent by it.
func (e *Engine) RunRules(ctx context.Context, job checkout.Job) error {
	for after := ""; ; {
		var last string // a try that is undone must not be gone on from
		err := e.DB.Update(ctx, func(tx *db.Tx) (err error) {
			last, err = tx.LookAtReminders(job.Key, after, sweepBatch)
			return err
		})
		if err != nil || last == "" {
			return err
		}
		after = last
	}
}

// Reader is who follows the way out of a reminder: of which shop, and whether reminders have ended.
type Reader struct {
	Merchant checkout.Merchant
	Stopped  bool
}

// Reader finds the reader of a reminder's way out. NotFound when the token is nobody's.
func (e *Engine) Reader(ctx context.Context, token string) (out Reader, err error) {
	err = e.DB.View(ctx, func(tx *db.Tx) error {
		r, err := tx.ReaderByToken(token)
		if err != nil {
			return err
		}
		m, err := tx.Merchant(r.MerchantID)
		if err != nil {
			return err
		}
		out = Reader{Merchant: *m, Stopped: !r.StoppedAt.IsZero()}
		return nil
	})
	return out, err
}

// StopReminders ends one merchant's reminders to one address, or lets them come again.
func (e *Engine) StopReminders(ctx context.Context, token string, stop bool) error {
	return e.DB.Update(ctx, func(tx *db.Tx) error { return tx.StopReader(token, stop) })
}
