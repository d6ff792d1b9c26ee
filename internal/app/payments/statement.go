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

// StatementInput is what a customer knows of a payment: its link, and the last four digits of the mobile or a
// tracking number. A number without the link tells nothing: numbers can be guessed. All that is given must
// be true.
type StatementInput struct{ Token, LastFour, Number string }

// Statement is what is known of the payments of a link, for the customer whose money left. One and the same
// NotFound says that the link does not exist, that the digits are wrong, that there is no mobile, and that the
// number is another's; each of them costs the same look-ups.
func (e *Engine) Statement(ctx context.Context, in StatementInput) (*Page, error) {
	if in.Token == "" || in.LastFour == "" && in.Number == "" {
		return nil, checkout.Fail(checkout.NotFound, "error.not_found")
	}
	var page *Page
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		page = nil
		inv, attempts, err := tx.PageInvoice(in.Token)
		if errors.Is(err, checkout.NotFound) {
			inv, err = &checkout.Invoice{}, nil
		}
		if err != nil {
			return err
		}
		if len(attempts) == 0 { // a link of which nothing is known is looked at as long as any other
			if attempts, err = tx.AttemptsOfInvoice(inv.ID); err != nil {
				return err
			}
		}
		right := lastFour(inv, attempts, in.LastFour)
		if in.Number != "" {
			right = numbered(attempts, in.Number) && (in.LastFour == "" || right)
		}
		if inv.ID == "" || !right {
			return checkout.Fail(checkout.NotFound, "error.not_found")
		}
		o, err := e.office(tx, inv)
		if err != nil {
			return err
		}
		page = &Page{Invoice: *inv, Merchant: o.merchant, Attempts: attempts, Now: tx.Now()}
		return nil
	})
	return page, notFound(err)
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
