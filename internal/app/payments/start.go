package payments

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"unicode/utf8"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// errNotPayable: the page says what is true instead.
var errNotPayable = checkout.Fail(checkout.Conflict, "error.not_payable")

// callbackDomain separates the MAC of attempt tokens by gateway: one gateway's token opens no
// other's address.
func callbackDomain(gateway string) string { return "callback/" + gateway }

// Start makes an attempt and asks the gateway for a token; it returns where to send the customer.
//
// Phase A stores the attempt, then the gateway is asked, then phase B stores the token. If we die
// after A, a row in created says that somebody may hold a token for a number we know; the customer
// never left, and the sweep makes it abandoned. The number and the token are never used again.
//
// Errors: NotFound, Conflict (not payable any more), Invalid (gateway, payer_name, payer_mobile),
// TooMany, GatewayDown (the attempt is kept as failed).
func (e *Engine) Start(ctx context.Context, in StartInput) (string, error) {
	var n begun
	crash.At("start.before")
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		locked, err := tx.LockInvoiceByToken(in.Token)
		if err != nil {
			return err
		}
		n, err = e.beginAttempt(e.on(tx, locked, customer(in)), in)
		return err
	})
	if err != nil {
		return "", notFound(err)
	}
	return e.askForToken(ctx, n, customer(in))
}

// askForToken asks the gateway and is phase B.
func (e *Engine) askForToken(ctx context.Context, n begun, by checkout.Actor) (string, error) {
	inv, a, acc := n.inv, n.attempt, n.account
	crash.At("start.attempt-stored")
	if !e.Breaker.Allow(acc.key) {
		return "", e.notStarted(ctx, &a, by, &gateways.StartError{Code: "trouble", Message: "circuit open"})
	}
	started, err := acc.gateway.Start(ctx, acc.settings, gateways.StartRequest{
		WireAmount: a.WireAmount, OurNumber: a.OurNumber, Callback: e.callbackURL(&a), At: a.CreatedAt,
		PayerName: a.PayerName, Mobile: a.PayerMobile, Email: inv.Customer.Email, Description: describe(&inv),
	})
	crash.At("start.answered")
	// The customer may have closed the tab; what the gateway said is written down all the same.
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		e.Breaker.Report(acc.key, isTrouble(err))
		return "", e.notStarted(ctx, &a, by, err)
	}
	e.Breaker.Report(acc.key, false)
	return started.Redirect, e.sendOn(ctx, &a, by, started)
}

// newAttempt is phase A: every check, and the attempt's row with all that is frozen.
func (e *Engine) newAttempt(s *step, in StartInput) (*account, checkout.Attempt, error) {
	var none checkout.Attempt
	now := s.tx.Now()
	if s.inv.At(now) != checkout.InvoiceOpen {
		return nil, none, errNotPayable
	}
	if _, known := e.adapter(s.inv.Live, in.Gateway); !known || !allows(s.inv, in.Gateway) {
		return nil, none, checkout.WrongField("gateway", "unknown_gateway")
	}
	acc, err := e.accountOf(s.tx, s.inv, in.Gateway)
	if errors.Is(err, errSealed) {
		return nil, none, errors.Join(checkout.WrongField("gateway", "gateway_off"), err)
	}
	if err != nil {
		return nil, none, err
	}
	method := e.method(s.inv, in.Gateway, acc)
	if !method.Available {
		return nil, none, checkout.WrongField("gateway", "gateway_"+method.Why)
	}
	name, mobile, err := payer(s.inv, method, in)
	if err != nil {
		return nil, none, err
	}
	if s.inv.AttemptCount >= MaxAttempts {
		return nil, none, checkout.Fail(checkout.TooMany, "error.too_many_attempts")
	}
	wire, err := gateways.Wire(s.inv.Amount, acc.unit())
	if err != nil {
		return nil, none, checkout.WrongField("gateway", "gateway_unit")
	}
	verify := acc.settings["verify_url"]
	a := checkout.Attempt{
		ID: checkout.NewID(checkout.PrefixAttempt, now, e.Random), InvoiceID: s.inv.ID, MerchantID: s.inv.MerchantID, Live: s.inv.Live,
		Gateway: in.Gateway, Status: checkout.AttemptCreated, Amount: s.inv.Amount, WireAmount: wire, Unit: acc.unit(),
		VerifyURL: verify, VerifyHost: hostOf(verify), Window: acc.window(),
		OurNumber: checkout.NewNumber(e.Random), CallbackToken: e.newCallbackToken(in.Gateway),
		PayerName: name, PayerMobile: mobile, Locale: in.Locale, CreatedAt: now, AbandonAt: now.Add(e.AttemptTTL),
	}
	if err := s.tx.InsertAttempt(&a); err != nil {
		return nil, none, err
	}
	crash.At("start.attempt-in")
	s.inv.AttemptCount++
	err = s.event(checkout.EventAttemptCreated, a.ID, "", facts{"gateway": a.Gateway, "amount": int64(a.Amount), "our_number": a.OurNumber})
	return acc, a, err
}

// payer takes the payer's name and mobile from the invoice, or from the form where it lacks them.
func payer(inv *checkout.Invoice, m Method, in StartInput) (name, mobile string, err error) {
	name, mobile = inv.Customer.Name, inv.Customer.Mobile
	var wrong []checkout.FieldError
	if m.NeedsName {
		name = strings.TrimSpace(i18n.CleanText(in.PayerName))
		switch {
		case name == "":
			wrong = append(wrong, checkout.FieldError{Field: "payer_name", Code: "required"})
		case utf8.RuneCountInString(name) > 100:
			wrong = append(wrong, checkout.FieldError{Field: "payer_name", Code: "too_long"})
		}
	}
	if m.NeedsMobile {
		folded, err := i18n.FoldMobile(in.PayerMobile)
		switch {
		case strings.TrimSpace(in.PayerMobile) == "":
			wrong = append(wrong, checkout.FieldError{Field: "payer_mobile", Code: "required"})
		case err != nil:
			wrong = append(wrong, checkout.FieldError{Field: "payer_mobile", Code: "bad_mobile"})
		}
		mobile = folded
	}
	if len(wrong) > 0 {
		return "", "", &checkout.Error{Kind: checkout.Invalid, Key: "error.invalid", Fields: wrong}
	}
	return name, mobile, nil
}

// moveCreated moves an attempt on that nobody has touched since phase A wrote it; false when somebody
// has. While it is created its row is what phase A wrote, so that it need not be read again.
func (s *step) moveCreated(a *checkout.Attempt, to checkout.AttemptStatus) (bool, error) {
	a.Status = checkout.AttemptCreated // fn may run again
	err := s.moveAttempt(a, to)
	if errors.Is(err, checkout.Conflict) {
		return false, nil
	}
	return err == nil, err
}

// sendOn is phase B after a token: only a stored token sends a customer on.
func (e *Engine) sendOn(ctx context.Context, a *checkout.Attempt, by checkout.Actor, started gateways.Started) error {
	refused := false
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		s, err := e.begin(tx, a.InvoiceID, by)
		if err != nil {
			return err
		}
		if refused = s.inv.At(tx.Now()) != checkout.InvoiceOpen; refused {
			// Paid, canceled or expired while the gateway was asked: nobody is sent to pay.
			if moved, err := s.moveCreated(a, checkout.AttemptAbandoned); err != nil || !moved {
				return err
			}
			crash.At("start.withdrawn-in")
			err = s.event(checkout.EventAttemptAbandoned, a.ID, started.RequestID, facts{"why": "invoice_" + string(s.inv.At(tx.Now()))})
		} else {
			a.GatewayToken, a.RedirectedAt = started.Token, tx.Now()
			var moved bool
			moved, err = s.moveCreated(a, checkout.AttemptRedirected)
			if refused = !moved; err != nil || refused {
				return err // swept, or its callback came before we could write: the page says what is true
			}
			crash.At("start.token-in")
			err = s.event(checkout.EventAttemptRedirected, a.ID, started.RequestID, facts{"host": hostOf(started.Redirect)})
		}
		if err != nil {
			return err
		}
		return s.save()
	})
	crash.At("start.token-stored")
	if err == nil && refused {
		return errNotPayable
	}
	return err
}

// notStarted is phase B after a refusal or trouble: the attempt is kept as failed.
func (e *Engine) notStarted(ctx context.Context, a *checkout.Attempt, by checkout.Actor, cause error) error {
	var why gateways.StartError
	if start, ok := errors.AsType[*gateways.StartError](cause); ok {
		why = *start
	} else {
		why.Message = "no answer"
	}
	code := why.Code
	if code == "" {
		code = "no_answer"
	}
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		s, err := e.begin(tx, a.InvoiceID, by)
		if err != nil {
			return err
		}
		a.Failure = &checkout.Failure{Stage: checkout.StageCreate, Code: code, Message: why.Message}
		if moved, err := s.moveCreated(a, checkout.AttemptFailed); err != nil || !moved {
			return err
		}
		crash.At("start.failure-in")
		err = s.event(checkout.EventAttemptFailed, a.ID, why.RequestID, facts{"stage": checkout.StageCreate, "code": code, "message": why.Message, "body": body(why.Body)})
		if err != nil {
			return err
		}
		return s.save()
	})
	crash.At("start.failure-stored")
	if err != nil {
		return err
	}
	return &checkout.Error{Kind: checkout.GatewayDown, Key: "error.gateway_down", Err: cause}
}

func isTrouble(err error) bool {
	start, ok := errors.AsType[*gateways.StartError](err)
	return !ok || start.Trouble
}

// newCallbackToken makes the token of an attempt's callback address: 128 random bits and a MAC, so
// that a token that is not in the database can still be known as ours (a restore into the past).
func (e *Engine) newCallbackToken(gateway string) string {
	var b [16]byte
	if _, err := io.ReadFull(e.Random, b[:]); err != nil {
		panic("payments: no randomness: " + err.Error())
	}
	return e.Box.Token(callbackDomain(gateway), b)
}

func (e *Engine) callbackURL(a *checkout.Attempt) string {
	return e.BaseURL + CallbackPath(a.Gateway, a.CallbackToken)
}

// CallbackPath is where a gateway sends customers back to.
func CallbackPath(gateway, token string) string { return "/cb/" + gateway + "/" + token }

// PaymentURL is the invoice's payment link.
func (e *Engine) PaymentURL(inv *checkout.Invoice) string { return e.BaseURL + "/i/" + inv.Token }

// describe is what a gateway may show the payer: what it is for, else the invoice's number.
func describe(inv *checkout.Invoice) string {
	if inv.Description != "" {
		return inv.Description
	}
	return inv.Number
}

// hostOf names a host in one way only, without the scheme's own port: references are unique by it.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	host, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	if port == "" || (u.Scheme == "https" && port == "443") || (u.Scheme == "http" && port == "80") {
		return host
	}
	return net.JoinHostPort(host, port)
}

// notFound turns the store's plain not-found into what people are told.
func notFound(err error) error {
	var already *checkout.Error
	if err == nil || errors.As(err, &already) || !errors.Is(err, checkout.NotFound) {
		return err
	}
	return &checkout.Error{Kind: checkout.NotFound, Key: "error.not_found", Err: err}
}
