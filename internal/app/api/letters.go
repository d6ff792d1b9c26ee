package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/app/wire"
)

func (a *API) letterRoutes() []route {
	return []route{
		{
			scope: scopeWrite, bare: true, handle: a.sendInvoice, op: huma.Operation{
				OperationID: "sendInvoice", Method: http.MethodPost, Path: "/invoices/{id}/send", Tags: []string{tagInvoices},
				Summary:     "Send an invoice by e-mail",
				Description: "Writes to the customer: please pay. The letter leaves as soon as a mail server takes it; one that waits already is not doubled. Only an open invoice (409) with `customer.email` (422); 429 when one mailbox, or the shop, has had its share of the day. In test mode it leaves only if the address is the shop's own. The event is `invoice.sent`; `data.withheld` says why a letter does not leave.",
				Parameters:  []*huma.Param{pathID("invoice", exampleInvoiceID), onceHeader()},
			}, status: http.StatusOK, says: "The invoice.", gives: of[wire.Invoice](exampleInvoice()), takes: of[Nothing](Nothing{}),
			errors: []int{400, 404, 409, 413, 415, 422},
		},
	}
}

func (a *API) sendInvoice(c *call) (answer, error) {
	if err := readNothing(&c.body); err != nil {
		return answer{}, err
	}
	return once(a, c, http.StatusOK, func(o *payments.Once) (checkout.Invoice, *payments.Replay, error) {
		return a.Engine.SendInvoice(c.ctx, c.scope, c.param("id"), c.by, o)
	})
}
