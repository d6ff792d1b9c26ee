package api

import (
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/app/wire"
)

const (
	tagInvoices = "Invoices"
	tagAttempts = "Attempts"
)

func (a *API) invoiceRoutes() []route {
	id := pathID("invoice", exampleInvoiceID)
	return []route{
		{
			scope: scopeWrite, handle: a.createInvoice, op: huma.Operation{
				OperationID: "createInvoice", Method: http.MethodPost, Path: "/invoices", Tags: []string{tagInvoices},
				Summary:     "Create an invoice",
				Description: "Makes an invoice and its payment link. Send an `Idempotency-Key`, so that a repeated call cannot make a second one.",
				Parameters:  []*huma.Param{onceHeader()},
			}, status: http.StatusCreated, says: "The invoice.", gives: of[wire.Invoice](exampleInvoice()), takes: of[InvoiceCreate](exampleCreate()),
			errors: []int{400, 413, 415, 422},
		},
		{
			scope: scopeRead, handle: a.listInvoices, op: huma.Operation{
				OperationID: "listInvoices", Method: http.MethodGet, Path: "/invoices", Tags: []string{tagInvoices},
				Summary:     "List invoices",
				Description: "Newest first. Filters narrow the list together.",
				Parameters:  append(invoiceFilters(), paging()...),
			}, status: http.StatusOK, says: "One page.", gives: of[page[wire.Invoice]](examplePage(exampleInvoice())),
			errors: []int{422},
		},
		{
			scope: scopeRead, handle: a.getInvoice, op: huma.Operation{
				OperationID: "getInvoice", Method: http.MethodGet, Path: "/invoices/{id}", Tags: []string{tagInvoices},
				Summary:     "Get an invoice",
				Description: "What is true now. Ask here, not the customer's browser, whether an invoice is paid.",
				Parameters:  []*huma.Param{id},
			}, status: http.StatusOK, says: "The invoice.", gives: of[wire.Invoice](examplePaid()),
			errors: []int{404},
		},
		{
			scope: scopeWrite, handle: a.updateInvoice, op: huma.Operation{
				OperationID: "updateInvoice", Method: http.MethodPatch, Path: "/invoices/{id}", Tags: []string{tagInvoices},
				Summary:     "Change an invoice",
				Description: "Only an open one while no attempt is out. Members that are absent stay as they are; null clears an optional one. `customer`, `items`, `gateways` and `metadata` are replaced as a whole.",
				Parameters:  []*huma.Param{id},
			}, status: http.StatusOK, says: "The invoice as it is now.", gives: of[wire.Invoice](exampleInvoice()), takes: of[InvoiceUpdate](exampleUpdate()),
			errors: []int{400, 404, 409, 413, 415, 422},
		},
		{
			scope: scopeWrite, bare: true, handle: a.cancelInvoice, op: huma.Operation{
				OperationID: "cancelInvoice", Method: http.MethodPost, Path: "/invoices/{id}/cancel", Tags: []string{tagInvoices},
				Summary:     "Cancel an invoice",
				Description: "Withdraws an open or expired invoice. Refused (409) while a payment is being verified. A customer who is out at the gateway is not charged: what comes back later is not captured.",
				Parameters:  []*huma.Param{id, onceHeader()},
			}, status: http.StatusOK, says: "The canceled invoice.", gives: of[wire.Invoice](exampleCanceled()), takes: of[Nothing](Nothing{}),
			errors: []int{400, 404, 409, 413, 415, 422},
		},
		{
			scope: scopeRead, handle: a.invoiceAttempts, op: huma.Operation{
				OperationID: "listInvoiceAttempts", Method: http.MethodGet, Path: "/invoices/{id}/attempts", Tags: []string{tagInvoices},
				Summary:     "List an invoice's attempts",
				Description: "Every try to pay it, newest first.",
				Parameters:  append([]*huma.Param{id}, paging()...),
			}, status: http.StatusOK, says: "One page.", gives: of[page[wire.Attempt]](examplePage(exampleAttempt())),
			errors: []int{404, 422},
		},
		{
			scope: scopeRead, handle: a.invoiceEvents, op: huma.Operation{
				OperationID: "listInvoiceEvents", Method: http.MethodGet, Path: "/invoices/{id}/events", Tags: []string{tagInvoices},
				Summary:     "List an invoice's events",
				Description: "What happened to it, newest first. Events are never changed or deleted.",
				Parameters:  append([]*huma.Param{id}, paging()...),
			}, status: http.StatusOK, says: "One page.", gives: of[page[wire.Event]](examplePage(exampleEvent())),
			errors: []int{404, 422},
		},
	}
}

func (a *API) createInvoice(c *call) (answer, error) {
	in, err := readCreate(&c.body)
	if err != nil {
		return answer{}, err
	}
	return once(a, c, http.StatusCreated, func(o *payments.Once) (checkout.Invoice, *payments.Replay, error) {
		return a.Engine.CreateInvoice(c.ctx, c.scope, in, c.by, o)
	})
}

func (a *API) getInvoice(c *call) (answer, error) {
	inv, err := a.Engine.Invoice(c.ctx, c.scope, c.param("id"))
	if err != nil {
		return answer{}, err
	}
	return a.one(http.StatusOK, inv)
}

func (a *API) listInvoices(c *call) (answer, error) {
	f, err := c.invoiceFilter()
	if err != nil {
		return answer{}, err
	}
	items, next, err := a.Engine.Invoices(c.ctx, c.scope, f)
	if err != nil {
		return answer{}, err
	}
	return list(items, next, a.invoice)
}

func (c *call) invoiceFilter() (payments.InvoiceFilter, error) {
	f := payments.InvoiceFilter{
		Status:    c.query.Get("status"),
		Gateway:   c.query.Get("gateway"),
		Reference: c.query.Get("reference"),
		Query:     c.query.Get("q"),
		Cursor:    c.query.Get("cursor"),
	}
	if f.Status != "" && !slices.Contains(checkout.InvoiceStatuses(), checkout.InvoiceStatus(f.Status)) {
		return f, checkout.WrongField("status", codeUnknownValue)
	}
	var err error
	if f.From, err = c.time("created_from"); err != nil {
		return f, err
	}
	if f.To, err = c.time("created_to"); err != nil {
		return f, err
	}
	f.Limit, err = c.limit()
	return f, err
}

func (a *API) updateInvoice(c *call) (answer, error) {
	ch, err := readUpdate(&c.body)
	if err != nil {
		return answer{}, err
	}
	inv, err := a.Engine.UpdateInvoice(c.ctx, c.scope, c.param("id"), ch, c.by)
	if err != nil {
		return answer{}, err
	}
	return a.one(http.StatusOK, inv)
}

func (a *API) cancelInvoice(c *call) (answer, error) {
	if err := readNothing(&c.body); err != nil {
		return answer{}, err
	}
	return once(a, c, http.StatusOK, func(o *payments.Once) (checkout.Invoice, *payments.Replay, error) {
		return a.Engine.CancelInvoice(c.ctx, c.scope, c.param("id"), c.by, o)
	})
}

func (a *API) invoiceEvents(c *call) (answer, error) {
	limit, err := c.limit()
	if err != nil {
		return answer{}, err
	}
	events, next, err := a.Engine.InvoiceEvents(c.ctx, c.scope, c.param("id"), c.query.Get("cursor"), limit)
	if err != nil {
		return answer{}, err
	}
	return list(events, next, wire.NewEvent)
}
