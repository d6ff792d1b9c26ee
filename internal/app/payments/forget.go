package payments

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
)

// Forget removes the personal data of customers who never paid, as many days after the end of their
// invoices as each merchant says. Paid invoices keep theirs: receipts and books need it. Events hold none,
// so that their chain stays what it was.
func (e *Engine) Forget(ctx context.Context) error {
	var rules map[string]int
	err := e.DB.View(ctx, func(tx *db.Tx) (err error) {
		rules, err = tx.Forgetful()
		return err
	})
	if err != nil {
		return err
	}
	for merchant, days := range rules {
		kept := time.Duration(days) * 24 * time.Hour
		for after, more := "", true; more; {
			if after, more, err = e.forgetSome(ctx, merchant, kept, after); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetSome does the batch behind an invoice, each in a transaction of its own, and returns its last one
// and whether there may be more. What waits for a person, or fails, is left for the next time and holds
// up nobody behind it.
func (e *Engine) forgetSome(ctx context.Context, merchant string, kept time.Duration, after string) (string, bool, error) {
	var ids []string
	err := e.DB.View(ctx, func(tx *db.Tx) (err error) {
		ids, err = tx.Forgettable(merchant, tx.Now().Add(-kept), after, sweepBatch)
		return err
	})
	if err != nil {
		return after, false, err
	}
	for _, id := range ids {
		if err := e.DB.Update(ctx, func(tx *db.Tx) error { return e.forget(tx, id) }); err != nil {
			e.Log.Error("forget", slog.String("id", id), slog.Any("error", err))
		}
		after = id
	}
	return after, len(ids) == sweepBatch, nil
}

// forget removes what is known of one invoice's customer. Where money may still be on its way, or a person
// still has to close an attempt, somebody may have to be called: that waits.
func (e *Engine) forget(tx *db.Tx, id string) error {
	s, err := e.begin(tx, id, checkout.Actor{})
	if err != nil {
		return err
	}
	if s.inv.Status != checkout.InvoiceExpired && s.inv.Status != checkout.InvoiceCanceled {
		return nil // an attempt that began before came back
	}
	attempts, err := tx.AttemptsOfInvoice(id)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(attempts, func(a checkout.Attempt) bool {
		return a.Status.Out() || a.Status == checkout.AttemptNeedsReview ||
			(a.Status == checkout.AttemptUnclaimed && a.Gateway == "gardeshpay" && a.ClosedAt.IsZero())
	}) {
		return nil
	}
	before := *s.inv
	fields := unname(s.inv, attempts)
	if err := tx.ForgetInvoice(s.inv); err != nil {
		return err
	}
	if err := findable(tx, &before, s.inv); err != nil {
		return err
	}
	if _, err := tx.ForgetLettersOf(id); err != nil {
		return err
	}
	if err := tx.DropReminder(id); err != nil {
		return err
	}
	if err := s.event(checkout.EventInvoiceUpdated, "", "", facts{"fields": fields, "forgotten": true}); err != nil {
		return err
	}
	return s.save()
}

// unname takes out of an invoice what says or may say who was asked to pay: the customer, all free words of
// the shop, and what an address carries behind its path. What is counted of a line stays, and so does the
// shop's own reference, its key to its books, unless it holds the name, the mobile or the address of one of
// them. It returns the fields that were emptied.
func unname(inv *checkout.Invoice, attempts []checkout.Attempt) []string {
	fields := []string{"customer", "description", "metadata"}
	who := []checkout.Customer{inv.Customer}
	for i := range attempts {
		who = append(who, checkout.Customer{Name: attempts[i].PayerName, Mobile: attempts[i].PayerMobile})
	}
	if slices.ContainsFunc(who, func(c checkout.Customer) bool { return Names(inv.Reference, c) }) {
		inv.Reference = ""
		fields = append(fields, "reference")
	}
	if len(inv.Items) > 0 {
		inv.Items = slices.Clone(inv.Items)
		for i := range inv.Items {
			inv.Items[i].Title = ""
		}
		fields = append(fields, "items")
	}
	if at := strings.IndexAny(inv.ReturnURL, "?#"); at >= 0 {
		inv.ReturnURL = inv.ReturnURL[:at]
		fields = append(fields, "return_url")
	}
	inv.Customer, inv.Description, inv.Metadata = checkout.Customer{}, "", nil
	return fields
}

// Names reports whether a text holds any of a person's names, the mobile in whatever spelling, or the
// e-mail address.
func Names(text string, c checkout.Customer) bool {
	folded := i18n.FoldText(text)
	for _, own := range append(strings.Fields(i18n.FoldText(c.Name)), i18n.FoldText(c.Email)) {
		if len([]rune(own)) > 2 && strings.Contains(folded, own) {
			return true
		}
	}
	mobile := strings.TrimLeft(onlyDigits(c.Mobile), "0")
	mobile = strings.TrimPrefix(mobile, "98")
	return len(mobile) > 6 && strings.Contains(onlyDigits(text), mobile)
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, i18n.FoldDigits(s))
}
