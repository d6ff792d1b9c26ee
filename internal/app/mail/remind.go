package mail

import (
	"errors"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
)

// whilePaying is how long a reminder is held back that wanted to leave while somebody was paying.
const whilePaying = 15 * time.Minute

// remind gives a reminder its way out, and asks once more, now that it leaves, what was asked when it was
// written: a mail server that was away for a night must not let it out at four in the morning, or to one
// who is paying or has had enough.
func (r *Room) remind(tx *db.Tx, l *checkout.Letter, to *links) error {
	now := tx.Now()
	reader, err := tx.KnownReader(l.MerchantID, l.Recipient)
	if errors.Is(err, checkout.NotFound) {
		// Without a way out no reminder leaves; those of the engine have one.
		closed(l, checkout.LetterRefused, checkout.ReasonBroken, now)
		return nil
	}
	if err != nil {
		return err
	}
	if !reader.StoppedAt.IsZero() {
		closed(l, checkout.LetterWithheld, checkout.ReasonUnsubscribe, now)
		return nil
	}
	to.stop = r.BaseURL + "/m/" + reader.Token
	rules, err := tx.Rules(l.MerchantID)
	if err != nil {
		return err
	}
	if at := rules.Aloud(now, i18n.Tehran()); at.After(now) {
		to.wait = at
		return nil
	}
	attempts, err := tx.AttemptsOfInvoice(l.InvoiceID)
	if err != nil {
		return err
	}
	for i := range attempts {
		if attempts[i].Status.Out() {
			to.wait = now.Add(whilePaying)
		}
	}
	return nil
}
