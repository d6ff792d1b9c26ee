package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/app/wire"
)

func (a *API) refundRoutes() []route {
	id := pathID("invoice", exampleInvoiceID)
	return []route{
		{
			scope: scopeWrite, handle: a.createRefund, op: huma.Operation{
				OperationID: "createRefund", Method: http.MethodPost, Path: "/invoices/{id}/refunds", Tags: []string{tagInvoices},
				Summary:     "Record a refund",
				Description: "Writes down that you gave money back for a paid invoice; `amount_refunded` and the receipt show it. It moves no money: neither gateway has a call for that. More than is left is refused (422), and so is an invoice that is not paid (409).",
				Parameters:  []*huma.Param{id, onceHeader()},
			}, status: http.StatusCreated, says: "The refund.", gives: of[wire.Refund](exampleRefund()), takes: of[RefundCreate](exampleRefunding()),
			errors: []int{400, 404, 409, 413, 415, 422},
		},
		{
			scope: scopeRead, handle: a.invoiceRefunds, op: huma.Operation{
				OperationID: "listInvoiceRefunds", Method: http.MethodGet, Path: "/invoices/{id}/refunds", Tags: []string{tagInvoices},
				Summary:     "List an invoice's refunds",
				Description: "What was recorded as given back, newest first.",
				Parameters:  append([]*huma.Param{id}, paging()...),
			}, status: http.StatusOK, says: "One page.", gives: of[page[wire.Refund]](examplePage(exampleRefund())),
			errors: []int{404, 422},
		},
	}
}

func (a *API) createRefund(c *call) (answer, error) {
	in, err := readRefund(&c.body)
	if err != nil {
		return answer{}, err
	}
	return once(a, c, http.StatusCreated, func(o *payments.Once) (checkout.Refund, *payments.Replay, error) {
		return a.Engine.RefundInvoice(c.ctx, c.scope, c.param("id"), in, c.by, o)
	})
}

func (a *API) invoiceRefunds(c *call) (answer, error) {
	limit, err := c.limit()
	if err != nil {
		return answer{}, err
	}
	refunds, next, err := a.Engine.InvoiceRefunds(c.ctx, c.scope, c.param("id"), c.query.Get("cursor"), limit)
	if err != nil {
		return answer{}, err
	}
	return list(refunds, next, wire.NewRefund)
}
