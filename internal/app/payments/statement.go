package payments

import (
	"context"
	"crypto/subtle"
	"errors"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// StatementInput is what a customer knows of a payment: its link together with the last four digits of the
// mobile or with a tracking number, or a tracking number alone. All that is given must be true.
type StatementInput struct{ Token, LastFour, Number string }

// Statement is what is known of payments, for the customer whose money left.
type Statement struct {
	Page
	// Whole: asked with the link. Who knows no more than a number, and a bank's numbers can be guessed, is
	// told what became of that one payment, and neither how much it was nor what for.
	Whole bool
}

// Statement looks for what a customer asks about. One and the same NotFound says that the link does not
// exist, that the digits are wrong, that there is no mobile, and that the number is nobody's; each of
// them costs the same look-ups.
func (e *Engine) Statement(ctx context.Context, in StatementInput) ([]Statement, error) {
	if (in.LastFour == "" || in.Token == "") && in.Number == "" {
		return nil, checkout.Fail(checkout.NotFound, "error.not_found")
	}
	var list []Statement
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		list = nil
		inv, attempts, err := tx.PageInvoice(in.Token)
		if errors.Is(err, checkout.NotFound) {
			inv = &checkout.Invoice{}
			err = nil
		}
		if err != nil {
			return err
		}
		if len(attempts) == 0 { // a link of which nothing is known is looked at as long as any other
			if attempts, err = tx.AttemptsOfInvoice(inv.ID); err != nil {
				return err
			}
		}
		held, err := tx.ReferenceHolders(gateways.Canonical(in.Number))
		if err != nil {
			return err
		}
		right := lastFour(inv, attempts, in.LastFour)
		if in.Number != "" {
			right = numbered(attempts, in.Number) && (in.LastFour == "" || right)
		}
		switch {
		case in.Token != "" && inv.ID != "" && right:
			return e.add(tx, &list, inv, attempts, true)
		case in.Token == "" && in.LastFour == "":
			return e.byNumber(tx, &list, held)
		}
		return nil
	})
	if err == nil && len(list) == 0 {
		err = checkout.Fail(checkout.NotFound, "error.not_found")
	}
	return list, notFound(err)
}

// byNumber is what became of the payments that a number belongs to.
func (e *Engine) byNumber(tx *db.Tx, list *[]Statement, held []checkout.Reference) error {
	for i := range held {
		a, err := tx.Attempt(held[i].AttemptID)
		if err != nil {
			return err
		}
		inv, err := tx.Invoice(a.InvoiceID)
		if err != nil {
			return err
		}
		if err := e.add(tx, list, inv, []checkout.Attempt{*a}, false); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) add(tx *db.Tx, list *[]Statement, inv *checkout.Invoice, attempts []checkout.Attempt, whole bool) error {
	o, err := e.office(tx, inv)
	if err != nil {
		return err
	}
	*list = append(*list, Statement{Page: Page{Invoice: *inv, Merchant: o.merchant, Attempts: attempts, Now: tx.Now()}, Whole: whole})
	return nil
}

// lastFour reports whether the digits end any mobile that the shop or the customer gave. Every mobile is
// compared, in constant time.
func lastFour(inv *checkout.Invoice, attempts []checkout.Attempt, digits string) bool {
	found := endsIn(inv.Customer.Mobile, digits)
	for i := range attempts {
		found |= endsIn(attempts[i].PayerMobile, digits)
	}
	return found == 1
}

func endsIn(mobile, digits string) int {
	mobile = i18n.FoldDigits(mobile)
	if len(mobile) < 4 || len(digits) != 4 {
		return 0
	}
	return subtle.ConstantTimeCompare([]byte(mobile[len(mobile)-4:]), []byte(digits))
}

// numbered reports whether any attempt has the number, as the gateway's or as the bank's.
func numbered(attempts []checkout.Attempt, number string) bool {
	found := 0
	for i := range attempts {
		for _, own := range []string{attempts[i].TrackingNumber, attempts[i].RefNumber} {
			if own != "" {
				found |= subtle.ConstantTimeCompare([]byte(gateways.Canonical(own)), []byte(gateways.Canonical(number)))
			}
		}
	}
	return found == 1
}
