package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
)

const bearer = "bearer"

// describe is the document before its operations.
func describe(baseURL string) *huma.OpenAPI {
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title:   "Checkout API",
			Version: "1",
			Description: "Make an invoice, send your customer to its `payment_url`, and ask here whether it is paid. " +
				"Amounts are whole rial, times are RFC 3339 in UTC, and what is absent is null.",
		},
		Servers: []*huma.Server{{URL: baseURL + Prefix}},
		Tags: []*huma.Tag{
			{Name: tagInvoices, Description: "An invoice asks one customer for one amount."},
			{Name: tagAttempts, Description: "An attempt is one try to pay an invoice through one gateway."},
			{Name: tagEvents, Description: "An event is what happened to an invoice. Events are never changed or deleted."},
			{Name: tagWebhooks, Description: "Your program hears of what happens, signed and at least once. How to verify it: docs/webhooks.md."},
		},
		Security: []map[string][]string{{bearer: {}}},
		Components: &huma.Components{
			Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
			SecuritySchemes: map[string]*huma.SecurityScheme{bearer: {
				Type: "http", Scheme: "bearer", Description: "An API key: sk_live_… or sk_test_…. Only in this header, never in an address.",
			}},
		},
	}
}

// schemaName calls page[wire.Invoice] InvoicePage, and everything else as huma does.
func schemaName(t reflect.Type, hint string) string {
	for _, name := range []string{"Invoice", "Attempt", "Event", "Refund", "Endpoint", "Delivery"} {
		if t.Kind() == reflect.Struct && t.Name() == "page[dargah/internal/app/wire."+name+"]" {
			return name + "Page"
		}
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// A content is the Go type of a body with an example of it.
type content struct {
	typ     reflect.Type
	example any
}

func of[T any](example any) content { return content{reflect.TypeFor[T](), example} }

func (c content) media(reg huma.Registry) *huma.MediaType {
	m := &huma.MediaType{Schema: reg.Schema(c.typ, true, ""), Example: c.example}
	correct(reg)
	return m
}

// nullable are the members that hold an object or null; huma can say that of scalars only.
var nullable = map[string][]string{"Invoice": {"customer", "payment"}, "Attempt": {"failure"}, "InvoiceCreate": {"customer"}, "InvoiceUpdate": {"customer"}}

// correct says in the schemas what huma cannot: objects that may be null, and that our answers may
// grow members, while the bodies that we take may have no others.
func correct(reg huma.Registry) {
	for name, schema := range reg.Map() {
		if data := schema.Properties["data"]; name == "Event" && data != nil {
			data.Type = "object"
		}
		if _, taken := membersOf[name]; !taken {
			schema.AdditionalProperties = nil
		}
		for _, m := range nullable[name] {
			if p := schema.Properties[m]; p != nil && p.Ref != "" {
				schema.Properties[m] = &huma.Schema{Description: p.Description, OneOf: []*huma.Schema{{Ref: p.Ref}, {Type: "null"}}}
			}
		}
	}
}

// document writes a route into the OpenAPI document.
func (r *route) document(doc *huma.OpenAPI) {
	reg := doc.Components.Schemas
	op := &r.op
	if r.takes.typ != nil {
		required := r.takes.typ != reflect.TypeFor[Nothing]()
		op.RequestBody = &huma.RequestBody{Required: required, Content: map[string]*huma.MediaType{"application/json": r.takes.media(reg)}}
	}
	op.Responses = map[string]*huma.Response{
		strconv.Itoa(r.status): {
			Description: r.says,
			Headers:     map[string]*huma.Param{"X-Request-ID": requestIDHeader()},
			Content:     map[string]*huma.MediaType{"application/json": r.gives.media(reg)},
		},
	}
	if r.takes.typ != nil && op.Method == http.MethodPost {
		op.Responses[strconv.Itoa(r.status)].Headers["Idempotency-Replayed"] = &huma.Param{
			Description: "`true` when this is the stored answer of an earlier call with the same Idempotency-Key.",
			Schema:      &huma.Schema{Type: "string", Enum: []any{"true"}},
		}
	}
	for _, status := range append([]int{401, 403, 429, 503}, r.errors...) {
		op.Responses[strconv.Itoa(status)] = refusal(reg, status)
	}
	op.Description += "\n\nThe key needs the scope `" + r.scope + "`."
	doc.AddOperation(op)
}

// refusal documents one status of a problem.
func refusal(reg huma.Registry, status int) *huma.Response {
	kind := kindOf(status)
	p := Problem{
		Type: "https://pay.example.ir" + docsPath + "#problem-" + kind, Title: i18n.EN.T("api.problem." + kind),
		Status: status, Detail: i18n.EN.T(keyPrefix + kind), Code: kind,
	}
	if status == http.StatusUnprocessableEntity {
		p.Errors = []ProblemField{{"amount", codeNotInteger, i18n.EN.T(keyPrefix + codeNotInteger)}}
	}
	r := &huma.Response{
		Description: i18n.EN.T("api.problem." + kind),
		Headers:     map[string]*huma.Param{"X-Request-ID": requestIDHeader()},
		Content:     map[string]*huma.MediaType{"application/problem+json": of[Problem](p).media(reg)},
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		r.Headers["Retry-After"] = &huma.Param{Description: "Seconds.", Schema: &huma.Schema{Type: "integer"}}
	}
	return r
}

func requestIDHeader() *huma.Param {
	return &huma.Param{Description: "Name it when you ask for help.", Schema: &huma.Schema{Type: "string"}}
}

func pathID(noun, example string) *huma.Param {
	return &huma.Param{Name: "id", In: "path", Required: true, Description: "Id of the " + noun + ".", Example: example, Schema: &huma.Schema{Type: "string"}}
}

func onceHeader() *huma.Param {
	least, most := 1, maxOnceKey
	return &huma.Param{
		Name: "Idempotency-Key", In: "header", Example: "order-1024",
		Description: "Same key and body within 24 hours: the same answer, and nothing happens twice. Another body: 422.",
		Schema:      &huma.Schema{Type: "string", MinLength: &least, MaxLength: &most, Pattern: "^[ -~]+$"},
	}
}

func query(name, doc, example string, values ...string) *huma.Param {
	s := &huma.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, v)
	}
	return &huma.Param{Name: name, In: "query", Description: doc, Example: example, Schema: s}
}

func moment(name, doc, example string) *huma.Param {
	p := query(name, doc, example)
	p.Schema.Format = "date-time"
	return p
}

func paging() []*huma.Param {
	least, most := 1.0, float64(maxLimit)
	return []*huma.Param{
		{
			Name: "limit", In: "query", Description: "How many on a page.", Example: defaultLimit,
			Schema: &huma.Schema{Type: "integer", Minimum: &least, Maximum: &most, Default: defaultLimit},
		},
		query("cursor", "`next_cursor` of the page before.", "bTFxM3E0ZDguaW52XzA2ZXB6NnI1YzhnNGhucWsydnQwczl3eHk"),
	}
}

func invoiceFilters() []*huma.Param {
	return []*huma.Param{
		query("status", "Only invoices in this state.", "paid", invoiceStatuses()...),
		query("gateway", "Only invoices that this gateway may take.", "ghesta", "gardeshpay", "ghesta"),
		query("reference", "Only invoices with exactly this reference of yours.", "1024"),
		query("q", "What the customer tells you: an invoice's number or id, your reference, words of the name, the mobile, the email, a tracking number or the bank's reference, the amount in rial or toman, the last four digits of the card. Whole, or from three letters on the beginning of a word; Persian and Arabic letters and digits are the same.", "1001"),
		moment("created_from", "Created at this time or later.", "2026-11-01T00:00:00Z"),
		moment("created_to", "Created at this time or earlier.", "2026-12-01T00:00:00Z"),
	}
}

func invoiceStatuses() []string {
	var out []string
	for _, s := range checkout.InvoiceStatuses() {
		out = append(out, string(s))
	}
	return out
}

func attemptStatuses() []string {
	var out []string
	for _, s := range checkout.AttemptStatuses() {
		out = append(out, string(s))
	}
	return out
}

// marshalSpec renders the document once: it never changes while the program runs.
func marshalSpec(doc *huma.OpenAPI) ([]byte, error) {
	raw, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("render OpenAPI document: %w", err)
	}
	return slices.Concat(raw, []byte("\n")), nil
}
