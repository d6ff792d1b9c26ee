package mail

import (
	"context"
	"math/rand/v2"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// Again reports whether a letter can be sent again by hand: it was refused, and we still know to whom
// it goes and what it says. A link that opens something was wiped when its letter ended.
func Again(l *checkout.Letter) bool {
	return l.Status == checkout.LetterRefused && l.Kind != checkout.LetterInvitation && l.Kind != checkout.LetterPasswordReset &&
		checkout.MailAddress(l.Recipient)
}

// Requeue puts a refused letter of a merchant in one mode back into the outbox. One that waits already
// waits. Errors: NotFound (none of theirs), Conflict (it cannot be sent again).
func (r *Room) Requeue(ctx context.Context, merchantID string, live bool, id string) error {
	return r.DB.Update(ctx, func(tx *db.Tx) error {
		l, err := tx.Letter(id)
		if err != nil {
			return err
		}
		if l.MerchantID != merchantID || l.Live != live {
			return checkout.NotFound
		}
		if l.Status == checkout.LetterQueued {
			return nil
		}
		if !Again(l) {
			return checkout.Fail(checkout.Conflict, "error.not_requeueable")
		}
		// Whoever comes second in the same moment finds it queued, which is what they wanted.
		_, err = tx.RequeueLetter(id)
		return err
	})
}

// scattered keeps what failed together from coming back together.
func scattered(d time.Duration) time.Duration {
	fifth := int64(d) / 5
	return d - time.Duration(fifth) + time.Duration(rand.Int64N(2*fifth+1))
}
