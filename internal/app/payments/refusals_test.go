package payments_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/gateways"
)

// TestRefusals_SayWhy: people read the sentence of a key, programs the kind and the fields. Each
// refusal has its own, and leaves the books as they were.
func TestRefusals_SayWhy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, ghost := t.Context(), payments.Scope{MerchantID: "mer_other", Live: true}
		open := w.invoice(1_500_000)
		out := w.invoice(1_500_000)
		w.start(out, "gardeshpay")
		canceled := w.canceled("ghesta", 1)[0]
		review, a := w.inReview()
		sold := w.invoice(1_500_000)
		paidBy := w.start(sold, "gardeshpay")
		w.mustBack(paidBy, "8800")
		busy := w.invoice(1_500_000)
		w.ins.say("8801", silence())
		w.mustBack(w.start(busy, "ghesta"), "8801")
		w.spawned.Wait()
		token := func(id string) string {
			p, err := w.Invoice(ctx, w.scope, id)
			if err != nil {
				t.Fatal(err)
			}
			return p.Token
		}
		start := func(token, gateway string) error {
			_, err := w.Start(ctx, payments.StartInput{Token: token, Gateway: gateway})
			return err
		}
		cancel := func(sc payments.Scope, id string) error {
			_, _, err := w.CancelInvoice(ctx, sc, id, clerk, nil)
			return err
		}
		edit := func(id string) error {
			_, err := w.UpdateInvoice(ctx, w.scope, id, payments.InvoiceChange{Description: pointer("d")}, clerk)
			return err
		}
		send := func(id string) error { _, _, err := w.SendInvoice(ctx, w.scope, id, clerk, nil); return err }
		refund := func(id string, amount money.Rial) error {
			_, _, err := w.RefundInvoice(ctx, w.scope, id, payments.Refunding{Amount: amount}, clerk, nil)
			return err
		}
		resolve := func(id string) error {
			_, _, err := w.ResolveAttempt(ctx, w.scope, id, payments.Resolution{Outcome: "paid", Note: "n"}, clerk, nil)
			return err
		}
		callback := func(gateway, token string) error {
			_, err := w.Callback(ctx, payments.CallbackInput{Gateway: gateway, Token: token, Values: url.Values{"refid": {"8001"}, "trackingNumber": {"8001"}}})
			return err
		}
		foreign := testBox().Token("callback/ghesta", [16]byte{3})
		before := w.story()
		for name, c := range map[string]struct {
			err  error
			want string
		}{
			"start by no link":                   {start("none", "ghesta"), "not_found: error.not_found"},
			"start of what is canceled":          {start(token(canceled.InvoiceID), "ghesta"), "conflict: error.not_payable"},
			"start of what is in review":         {start(token(review.ID), "ghesta"), "conflict: error.not_payable"},
			"start of what is being verified":    {start(token(busy.ID), "ghesta"), "conflict: error.not_payable"},
			"start of what is paid":              {start(token(sold.ID), "ghesta"), "conflict: error.not_payable"},
			"cancel another's":                   {cancel(ghost, open.ID), "not_found: error.not_found"},
			"cancel nothing":                     {cancel(w.scope, "inv_none"), "not_found: error.not_found"},
			"cancel in the other mode":           {cancel(payments.Scope{MerchantID: w.scope.MerchantID}, open.ID), "not_found: error.not_found"},
			"cancel what is paid":                {cancel(w.scope, sold.ID), "conflict: error.not_cancelable"},
			"cancel what is in review":           {cancel(w.scope, review.ID), "conflict: error.not_cancelable"},
			"cancel what is being verified":      {cancel(w.scope, busy.ID), "conflict: error.not_cancelable"},
			"edit what is paid":                  {edit(sold.ID), "conflict: error.not_open"},
			"edit under a customer":              {edit(out.ID), "conflict: error.attempt_out"},
			"send what is paid":                  {send(sold.ID), "conflict: error.not_sendable"},
			"send to nobody":                     {send(open.ID), "invalid: error.invalid customer.email=required"},
			"refund what is open":                {refund(open.ID, 1), "conflict: error.not_paid"},
			"refund more than there was":         {refund(sold.ID, 1_500_001), "invalid: error.invalid amount=more_than_left"},
			"refund nothing":                     {refund(sold.ID, 0), "invalid: error.invalid amount=out_of_range"},
			"refund more than anything":          {refund(sold.ID, money.MaxInvoice+1), "invalid: error.invalid amount=out_of_range"},
			"refund nobody's":                    {refund("inv_none", 1), "not_found: error.not_found"},
			"resolve what is paid":               {resolve(paidBy.ID), "conflict: error.not_in_review"},
			"resolve what is canceled":           {resolve(canceled.ID), "conflict: error.not_in_review"},
			"resolve nothing":                    {resolve("att_none"), "not_found: error.not_found"},
			"return to an address that is none":  {callback("ghesta", "x"), "not_found: error.not_found"},
			"return to another's gateway":        {callback("ghesta", paidBy.CallbackToken), "not_found: error.not_found"},
			"return through no gateway":          {callback("bitpay", a.CallbackToken), "not_found: error.not_found"},
			"return to what is not here":         {callback("ghesta", foreign), "not_found: error.not_found"},
			"an account of no gateway":           {w.SetAccount(ctx, w.scope, "bitpay", nil, clerk), "invalid: error.invalid gateway=unknown_gateway"},
			"an account with an unknown setting": {w.SetAccount(ctx, w.scope, "ghesta", map[string]string{"x": "y"}, clerk), "invalid: error.invalid x=wrong_setting"},
			"an account with a wrong setting":    {w.SetAccount(ctx, w.scope, "ghesta", map[string]string{"enabled": "y"}, clerk), "invalid: error.invalid enabled=wrong_setting"},
		} {
			var wrong *checkout.Error
			if !errors.As(c.err, &wrong) {
				t.Errorf("%s: %v, want %s", name, c.err, c.want)
				continue
			}
			said := *wrong
			said.Err = nil // a cause is for the log
			if said.Error() != c.want {
				t.Errorf("%s: %v, want %s", name, c.err, c.want)
			}
		}
		if after := w.story(); after != before {
			t.Errorf("a refusal left something:\n%s\nwant\n%s", after, before)
		}
	})
}

// TestStart_TheThirtyFirst: is told why, and nobody is asked for him.
func TestStart_TheThirtyFirst(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		for range payments.MaxAttempts {
			w.start(inv, "gardeshpay")
		}
		err := w.choose(inv, "ghesta")
		if e, ok := errors.AsType[*checkout.Error](err); !ok || e.Kind != checkout.TooMany || e.Key != "error.too_many_attempts" {
			t.Errorf("the thirty-first: %v", err)
		}
		if n := len(w.attempts(inv)); n != 30 || len(w.card.starts) != 30 || len(w.ins.starts) != 0 {
			t.Errorf("%d attempts, asked %d and %d times", n, len(w.card.starts), len(w.ins.starts))
		}
	})
}

// TestCallback_LateOnesAreBounded: on an attempt that is settled thirty different references are kept,
// each with its event, and what comes then leaves nothing.
func TestCallback_LateOnesAreBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		inv := w.invoice(1_500_000)
		a := w.start(inv, "gardeshpay")
		for i := range 33 {
			w.mustBack(a, fmt.Sprint(8001+i))
		}
		w.want(inv, checkout.InvoicePaid, a, checkout.AttemptPaid)
		refs := w.references(a)
		if n := count(w.types(inv), checkout.EventCallbackReceived); n != 30 || len(refs) != 30 || w.card.asked() != 1 {
			t.Errorf("%d returns on record, %d references, asked %d times", n, len(refs), w.card.asked())
		}
		for _, r := range refs[1:] {
			if r.Bound || r.Status != checkout.ReferenceDropped || r.Asks != 0 || r.Gateway != a.Gateway || !r.Live || r.VerifyHost != a.VerifyHost || !r.Deadline.Equal(r.ArrivedAt.Add(15*time.Minute)) {
				t.Fatalf("kept as %+v", r)
			}
		}
	})
}

// TestSetAccount_NamesTheRow: by its kind.
func TestSetAccount_NamesTheRow(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, gateway := range payments.GatewayNames() {
			if id := w.account(w.scope, gateway).ID; !strings.HasPrefix(id, "gwa_") || len(id) != len("gwa_")+checkout.IDDigits {
				t.Errorf("the account of %s is called %s", gateway, id)
			}
		}
	})
}

// forgetful is a vendor whose adapter panics, or whose answer is none of ours, at Start.
type forgetful struct {
	*vendor
	err error
}

func (f forgetful) Start(context.Context, gateways.Settings, gateways.StartRequest) (gateways.Started, error) {
	return gateways.Started{}, f.err
}

// TestStart_TroubleAndRefusal: what the gateway said is kept with the attempt; trouble counts for the
// breaker, a refusal does not.
func TestStart_TroubleAndRefusal(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		code    string
		message string
		rests   bool
	}{
		"no answer":             {errors.New("reset"), "no_answer", "no answer", true},
		"trouble":               {&gateways.StartError{Trouble: true, Message: "time-out"}, "no_answer", "time-out", true},
		"trouble with a code":   {&gateways.StartError{Trouble: true, Code: "http_500", Message: "m"}, "http_500", "m", true},
		"refusal":               {&gateways.StartError{Code: "7", Message: "no"}, "7", "no", false},
		"refusal without words": {&gateways.StartError{}, "no_answer", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.Engine = w.rewired(func(o *payments.Options) {
					o.Live = map[string]gateways.Gateway{"gardeshpay": forgetful{w.card, c.err}, "ghesta": w.ins}
				})
				inv := w.invoice(1_500_000)
				for i := range 5 {
					err := w.choose(inv, "gardeshpay")
					if e, ok := errors.AsType[*checkout.Error](err); !ok || e.Kind != checkout.GatewayDown || e.Key != "error.gateway_down" || !errors.Is(err, c.err) {
						t.Errorf("start %d: %v", i, err)
					}
				}
				for _, a := range w.attempts(inv) {
					if a.Status != checkout.AttemptFailed || a.Failure == nil || *a.Failure != (checkout.Failure{Stage: checkout.StageCreate, Code: c.code, Message: c.message}) {
						t.Errorf("%s, %+v", a.Status, a.Failure)
					}
				}
				if m := w.method(inv, "gardeshpay"); m.Available == c.rests {
					t.Errorf("after five of them: %+v", m)
				}
				if !slices.Equal(w.types(inv)[1:3], []string{checkout.EventAttemptCreated, checkout.EventAttemptFailed}) {
					t.Errorf("events %v", w.types(inv))
				}
			})
		})
	}
}
