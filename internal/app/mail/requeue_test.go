package mail_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/app/mail"
	"dargah/internal/db"
)

// A refused letter goes back into the outbox by the word of its own shop: once, however often and at
// once it is asked for, and never without its address or its link.
func TestRequeue(t *testing.T) {
	onBoth(t, func(t *testing.T, d *db.DB, c *clock) {
		k := newDesk(t, d, c, nil)
		refuse := func(key string, change func(*checkout.Letter)) string {
			id := k.write(checkout.LetterReceipt, key, change)
			l := k.letter(id)
			if l.Status == checkout.LetterQueued {
				l.Status, l.Reason, l.Answer, l.EndedAt = checkout.LetterRefused, checkout.ReasonServer, "550 no", c.now()
				k.update(func(tx *db.Tx) error {
					_, err := tx.SaveLetter(l)
					return errors.Join(err, func() error { _, err := tx.DeleteJob(checkout.JobLetter, id); return err }())
				})
			}
			return id
		}
		again := func(merchant string, live bool, id string) error {
			return k.room.Requeue(context.Background(), merchant, live, id)
		}
		id := refuse("evt_1/receipt", nil)
		for name, err := range map[string]error{"another shop": again("mer_2", true, id), "nobody": again("", true, id), "other mode": again("mer_1", false, id), "none": again("mer_1", true, "let_none")} {
			if !errors.Is(err, checkout.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if k.jobs(id) {
			t.Fatal("a stranger's word sent it")
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := again("mer_1", true, id); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if l := k.letter(id); l.Status != checkout.LetterQueued || l.Tries != 0 || !k.jobs(id) {
			t.Errorf("%+v", l)
		}
		for name, id := range map[string]string{
			"link":    refuse("invited", func(l *checkout.Letter) { l.Kind = checkout.LetterInvitation }),
			"address": refuse("nowhere", func(l *checkout.Letter) { l.Recipient = "x\r\nBcc: c@evil.example" }),
		} {
			if err := again("mer_1", true, id); !errors.Is(err, checkout.Conflict) || mail.Again(k.letter(id)) || k.jobs(id) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
