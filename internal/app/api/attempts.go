package api

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/app/wire"
)

// codeUnknownValue says that a filter or a choice is none of those there are.
const codeUnknownValue = "unknown_value"

func (a *API) attemptRoutes() []route {
	return []route{
		{
			scope: scopeRead, handle: a.listAttempts, op: huma.Operation{
				OperationID: "listAttempts", Method: http.MethodGet, Path: "/attempts", Tags: []string{tagAttempts},
				Summary:     "List attempts",
				Description: "Newest first. `status=needs_review` is what waits for a person.",
				Parameters:  append([]*huma.Param{query("status", "Only attempts in this state.", "needs_review", attemptStatuses()...)}, paging()...),
			}, status: http.StatusOK, says: "One page.", gives: of[page[wire.Attempt]](examplePage(exampleAttempt())),
			errors: []int{422},
		},
		{
			scope: scopeWrite, handle: a.resolveAttempt, op: huma.Operation{
				OperationID: "resolveAttempt", Method: http.MethodPost, Path: "/attempts/{id}/resolve", Tags: []string{tagAttempts},
				Summary:     "Resolve an attempt",
				Description: "Decides about an attempt in `needs_review`, after you asked the gateway. `paid` makes the invoice paid with `payment.manual: true`; `failed` lets it be paid again.",
				Parameters:  []*huma.Param{pathID("attempt", exampleAttemptID), onceHeader()},
			}, status: http.StatusOK, says: "The resolved attempt.", gives: of[wire.Attempt](exampleResolved()), takes: of[AttemptResolve](exampleResolve()),
			errors: []int{400, 404, 409, 413, 415, 422},
		},
	}
}

func (a *API) listAttempts(c *call) (answer, error) {
	f := payments.AttemptFilter{Status: c.query.Get("status"), Cursor: c.query.Get("cursor")}
	if f.Status != "" && !slices.Contains(checkout.AttemptStatuses(), checkout.AttemptStatus(f.Status)) {
		return answer{}, checkout.WrongField("status", codeUnknownValue)
	}
	var err error
	if f.Limit, err = c.limit(); err != nil {
		return answer{}, err
	}
	items, next, err := a.Engine.Attempts(c.ctx, c.scope, f)
	if err != nil {
		return answer{}, err
	}
	return list(items, next, wire.NewAttempt)
}

func (a *API) resolveAttempt(c *call) (answer, error) {
	r, err := readResolve(&c.body)
	if err != nil {
		return answer{}, err
	}
	return once(a, c, http.StatusOK, func(o *payments.Once) (checkout.Attempt, *payments.Replay, error) {
		return a.Engine.ResolveAttempt(c.ctx, c.scope, c.param("id"), r, c.by, o)
	})
}

// invoiceAttempts pages over the few attempts that one invoice may have: the engine returns them
// all, the cursor is the last one seen.
func (a *API) invoiceAttempts(c *call) (answer, error) {
	limit, err := c.limit()
	if err != nil {
		return answer{}, err
	}
	all, err := a.Engine.InvoiceAttempts(c.ctx, c.scope, c.param("id"))
	if err != nil {
		return answer{}, err
	}
	slices.SortFunc(all, func(x, y checkout.Attempt) int {
		if d := y.CreatedAt.Compare(x.CreatedAt); d != 0 {
			return d
		}
		return strings.Compare(y.ID, x.ID)
	})
	if cursor := c.query.Get("cursor"); cursor != "" {
		last, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
		at := slices.IndexFunc(all, func(x checkout.Attempt) bool { return x.ID == string(last) })
		if err != nil || at < 0 {
			return answer{}, checkout.WrongField("cursor", "broken_cursor")
		}
		all = all[at+1:]
	}
	next := ""
	if len(all) > limit {
		all = all[:limit]
		next = base64.RawURLEncoding.EncodeToString([]byte(all[limit-1].ID))
	}
	return list(all, next, wire.NewAttempt)
}
