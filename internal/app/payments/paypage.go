package payments

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/db"
)

// placeHeld is how long an unpaid invoice keeps one of a page's limited places. An attempt that is out
// at a gateway by then keeps it until it has come back or is abandoned.
const placeHeld = 30 * time.Minute

// PagePress is what a customer pressed on a payment page.
type PagePress struct {
	Merchant, Page string // as in the address
	// Nonce came with the form. The same one with the same words is the same press, however often.
	Nonce   string
	Toman   string // as it was typed, where the customer says how much
	Answers []string
}

// OpenPage is what a payment page shows before anything is pressed.
type OpenPage struct {
	Page     checkout.PayPage
	Merchant checkout.Merchant
	Methods  []Method
	State    checkout.PageState
	Now      time.Time
}

// PayPage reads what a payment page shows; it makes nothing. amount is what the customer has typed, 0
// when nothing was: then a method counts as open when it takes any amount of the page's. Errors: NotFound.
func (e *Engine) PayPage(ctx context.Context, merchant, page string, amount money.Rial) (OpenPage, error) {
	var o OpenPage
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		p, err := tx.PayPageBySlug(merchant, page)
		if err != nil {
			return err
		}
		m, err := tx.Merchant(p.MerchantID)
		if err != nil {
			return err
		}
		o = OpenPage{Page: *p, Merchant: *m, Now: tx.Now(), State: p.At(tx.Now())}
		// A draft, for what it takes to pay it: what the page asks itself no method asks again.
		draft := checkout.Invoice{MerchantID: p.MerchantID, Live: p.Live, Gateways: GatewayNames(), Amount: p.Amount, MerchantRevision: m.Revision}
		if p.Asks(checkout.FieldName) {
			draft.Customer.Name = "-"
		}
		if p.Asks(checkout.FieldMobile) {
			draft.Customer.Mobile = "-"
		}
		if draft.Amount == 0 {
			draft.Amount = amount
		}
		if draft.Amount == 0 {
			draft.Amount = p.Min
		}
		if o.Methods, err = e.methods(tx, &draft); err != nil || p.Amount != 0 || amount != 0 {
			return err
		}
		for i := range o.Methods {
			if err := e.anyAmount(tx, p, &draft, &o.Methods[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return o, notFound(err)
}

// anyAmount judges a method of a page where nothing was typed yet by the least that it takes of what can be.
func (e *Engine) anyAmount(tx *db.Tx, p *checkout.PayPage, draft *checkout.Invoice, m *Method) error {
	draft.Amount = (max(p.Min, m.Limit) + 9) / 10 * 10 // whole toman
	if m.Why == "off" || draft.Amount > p.Max {        // one whose account does not open stays off
		return nil
	}
	acc, err := e.accountOf(tx, draft, m.Gateway)
	if err == nil {
		*m = e.method(draft, m.Gateway, acc)
	}
	return err
}

var (
	errPageClosed = checkout.Fail(checkout.Conflict, "error.page_closed")
	errNoPlace    = checkout.Fail(checkout.Conflict, "error.sold_out")
)

// StartPage makes the invoice of a press and starts its payment: both or neither. It returns where to
// send the customer, and the token of the invoice's page when there is an invoice. Errors: NotFound,
// Invalid (amount, field_1 …), Conflict when the page takes no payments, and those of Start.
func (e *Engine) StartPage(ctx context.Context, in PagePress, start StartInput) (redirect, token string, err error) {
	for range linkTries {
		var n begun
		err = e.DB.Update(ctx, func(tx *db.Tx) error {
			token = ""
			s, err := e.pressed(tx, in, customer(start))
			if err != nil {
				return err
			}
			n, err = e.beginAttempt(s, start)
			if err == nil || checkout.KindOf(err) == checkout.Conflict {
				token = s.inv.Token
			}
			return err
		})
		if errors.Is(err, errLinkTaken) {
			continue
		}
		if err != nil {
			return "", token, notFound(err)
		}
		redirect, err = e.askForToken(ctx, n, customer(start))
		return redirect, token, err
	}
	return "", "", err
}

// pressed begins a step on the invoice of a press, which it makes if there is none.
func (e *Engine) pressed(tx *db.Tx, in PagePress, by checkout.Actor) (*step, error) {
	p, err := tx.PayPageBySlug(in.Merchant, in.Page)
	if err != nil {
		return nil, err
	}
	asked, err := pageInvoice(p, in)
	if err != nil {
		return nil, err
	}
	press, err := in.press()
	if err != nil {
		return nil, err
	}
	id, err := tx.PressedInvoice(p.ID, press)
	if err == nil {
		return e.begin(tx, id, by)
	}
	if !errors.Is(err, checkout.NotFound) {
		return nil, err
	}
	return e.firstPress(tx, p, asked, press, by)
}

// firstPress makes the invoice of a press, on a page that takes it.
func (e *Engine) firstPress(tx *db.Tx, p *checkout.PayPage, asked NewInvoice, press string, by checkout.Actor) (*step, error) {
	now := tx.Now()
	switch p.At(now) {
	case checkout.PageOpen:
	case checkout.PageSoldOut:
		return nil, errNoPlace
	default:
		return nil, errPageClosed
	}
	asked.ExpiresAt = now.Add(linkLife)
	var held time.Time
	if p.Stock > 0 {
		asked.ExpiresAt = now.Add(placeHeld)
	}
	if !p.ClosesAt.IsZero() && p.ClosesAt.Before(asked.ExpiresAt) {
		asked.ExpiresAt = p.ClosesAt
	}
	if p.Stock > 0 {
		held = asked.ExpiresAt
	}
	draft, err := e.draft(tx, Scope{p.MerchantID, p.Live}, asked)
	if err != nil {
		return nil, err
	}
	if err := e.insertFrom(tx, &draft, facts{"page": p.ID}, by); err != nil {
		return nil, err
	}
	first, err := tx.ClaimPress(p.ID, press, draft.ID, held)
	if err == nil && !first {
		err = errLinkTaken // PostgreSQL: the same press committed while we worked; all of ours is undone
	}
	if err != nil {
		return nil, err
	}
	if p.Stock > 0 {
		took, err := tx.TakePlace(p.ID)
		if err == nil && !took {
			err = errNoPlace // the last one went meanwhile
		}
		if err != nil {
			return nil, err
		}
	}
	return e.begin(tx, draft.ID, by)
}

// press is what makes two presses one: the form they came from and every word in it.
func (in *PagePress) press() (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(in.Nonce)
	if err != nil || len(raw) != 16 {
		return "", checkout.WrongField("once", "required") // no form of ours: there is nothing to know a second press by
	}
	words, err := json.Marshal([]any{in.Nonce, in.Toman, in.Answers})
	if err != nil {
		return "", fmt.Errorf("read press: %w", err)
	}
	sum := sha256.Sum256(words)
	return base64.RawURLEncoding.EncodeToString(sum[:16]), nil
}

// pageInvoice is what a press asks for, checked. Errors: Invalid with the fields of the form.
func pageInvoice(p *checkout.PayPage, in PagePress) (NewInvoice, error) {
	v := verdict{}
	out := NewInvoice{Amount: p.Amount, Description: p.Title, Locale: p.Locale, Metadata: map[string]string{}}
	if p.Amount == 0 {
		out.Amount = v.chosen(p, in.Toman)
	}
	for i, f := range p.Fields {
		name, answer := fmt.Sprintf("field_%d", i+1), ""
		if i < len(in.Answers) {
			answer = v.prose(name, in.Answers[i], maxShortText)
		}
		if answer == "" {
			if f.Required {
				v.wrong(name, "required")
			}
			continue
		}
		switch f.Kind {
		case checkout.FieldName:
			out.Customer.Name = answer
		case checkout.FieldMobile:
			folded, err := i18n.FoldMobile(answer)
			if err != nil {
				v.wrong(name, "bad_mobile")
			}
			out.Customer.Mobile = folded
		case checkout.FieldEmail:
			if !checkout.MailAddress(answer) {
				v.wrong(name, "bad_email")
			}
			out.Customer.Email = answer
		case checkout.FieldNumber:
			answer = i18n.FoldDigits(answer)
			if strings.Trim(answer, "0123456789") != "" {
				v.wrong(name, "bad_number")
			}
			out.Metadata[f.Label] = answer
		default:
			out.Metadata[f.Label] = answer
		}
	}
	return out, v.err()
}

// chosen is the amount that a customer typed, in toman.
func (v *verdict) chosen(p *checkout.PayPage, typed string) money.Rial {
	if strings.TrimSpace(typed) == "" {
		v.wrong("amount", "required")
		return 0
	}
	toman, err := i18n.FoldAmount(typed)
	if err != nil {
		v.wrong("amount", "bad_amount")
		return 0
	}
	amount, err := money.FromToman(toman)
	switch {
	case err != nil || amount > p.Max:
		v.wrong("amount", "above_page")
	case amount < p.Min:
		v.wrong("amount", "below_page")
	}
	return amount
}
