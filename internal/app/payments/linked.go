package payments

import (
	"context"
	"errors"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// LinkPage reads what a signed link shows, without making anything. Until an attempt was made, that
// is what this link asks for, and the invoice has no token; afterwards it is the invoice. Errors:
// Forbidden for a link that is not true, or no longer.
func (e *Engine) LinkPage(ctx context.Context, in LinkInput) (Page, error) {
	var p Page
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		l, err := e.openLink(tx, in)
		if err != nil {
			return err
		}
		draft, err := e.draftOf(tx, l)
		if err != nil {
			return err
		}
		_, token, err := tx.LinkedInvoice(l.merchant.ID, l.key.Live, draft.Reference)
		if err == nil {
			p, err = e.page(tx, token)
			return err
		}
		if !errors.Is(err, checkout.NotFound) {
			return err
		}
		o, err := e.office(tx, &draft)
		if err != nil {
			return err
		}
		draft.Token = ""
		p = Page{Invoice: draft, Merchant: o.merchant, Now: tx.Now()}
		p.Methods, err = e.methods(tx, &draft)
		return err
	})
	return p, err
}

// draftOf is the invoice of a link, unsaved. What its maker got wrong (an amount of 0, a mobile that is
// none) makes it as broken as a wrong signature: only the shop can mend it.
func (e *Engine) draftOf(tx *db.Tx, l *link) (checkout.Invoice, error) {
	in, err := l.invoice(tx.Now())
	if err != nil {
		return checkout.Invoice{}, err
	}
	draft, err := e.draft(tx, l.scope(), in)
	if checkout.KindOf(err) == checkout.Invalid || (err == nil && draft.Reference == "") {
		return draft, &checkout.Error{Kind: checkout.Forbidden, Key: keyLink, Err: err}
	}
	draft.MerchantRevision = l.merchant.Revision
	return draft, err
}

// linkTries is how often a start on a link begins anew when another one made the invoice meanwhile;
// the second time it is there.
const linkTries = 3

var errLinkTaken = errors.New("another start made the link's invoice")

// StartLink makes an attempt on the invoice of a signed link, and the invoice with it when it is the
// first one: both or neither. It returns where to send the customer, and the token of the invoice's
// page when there is an invoice. Errors: Forbidden for the link, and those of Start.
func (e *Engine) StartLink(ctx context.Context, in LinkInput, start StartInput) (redirect, token string, err error) {
	for range linkTries {
		var n begun
		err = e.DB.Update(ctx, func(tx *db.Tx) error {
			s, err := e.linked(tx, in, customer(start))
			if err != nil {
				return err
			}
			token = s.inv.Token
			n, err = e.beginAttempt(s, start)
			return err
		})
		if errors.Is(err, errLinkTaken) {
			continue
		}
		if err != nil {
			return "", e.standing(ctx, in), err
		}
		redirect, err = e.askForToken(ctx, n, customer(start))
		return redirect, token, err
	}
	return "", "", err
}

// standing is the token of the link's invoice if there is one: what went wrong may have been somebody
// else's doing, and then its page tells it.
func (e *Engine) standing(ctx context.Context, in LinkInput) string {
	p, err := e.LinkPage(ctx, in)
	if err != nil {
		return ""
	}
	return p.Invoice.Token
}

// linked begins a step on the invoice of a link, which it makes if there is none.
func (e *Engine) linked(tx *db.Tx, in LinkInput, by checkout.Actor) (*step, error) {
	l, err := e.openLink(tx, in)
	if err != nil {
		return nil, err
	}
	draft, err := e.draftOf(tx, l)
	if err != nil {
		return nil, err
	}
	id, _, err := tx.LinkedInvoice(l.merchant.ID, l.key.Live, draft.Reference)
	if errors.Is(err, checkout.NotFound) {
		id = draft.ID
		if err := e.insertInvoice(tx, &draft, l.key.ID, by); err != nil {
			return nil, err
		}
		first, err := tx.ClaimLink(l.merchant.ID, l.key.Live, draft.Reference, id)
		if err == nil && !first {
			err = errLinkTaken // PostgreSQL: it committed while we worked; all of ours is undone
		}
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	return e.begin(tx, id, by)
}
