package api

import (
	"strconv"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
)

// The members of the bodies we take. The OpenAPI document is held against them by a test.
var (
	createMembers = []string{
		"amount", "description", "reference", "customer", "items", "gateways",
		"expires_at", "return_url", "locale", "metadata", "send_email",
	}
	updateMembers = []string{
		"amount", "description", "reference", "customer", "items", "gateways",
		"expires_at", "return_url", "locale", "metadata",
	}
	customerMembers = []string{"name", "mobile", "email"}
	itemMembers     = []string{"title", "quantity", "unit_amount"}
	refundMembers   = []string{"amount", "reason"}
	resolveMembers  = []string{"outcome", "note", "ref_number"}

	// membersOf names them by their schema, for the document.
	membersOf = map[string][]string{
		"InvoiceCreate": createMembers, "InvoiceUpdate": updateMembers, "InvoiceCustomer": customerMembers,
		"InvoiceItem": itemMembers, "AttemptResolve": resolveMembers, "RefundCreate": refundMembers, "Nothing": nil,
		"EndpointCreate": endpointMembers, "SecretRotate": rotateMembers, "EndpointReplay": replayMembers,
	}
)

func readCreate(body *node) (payments.NewInvoice, error) {
	s := &shape{}
	o := s.object(body, "", createMembers)
	in := payments.NewInvoice{
		Amount:      o.rial("amount"),
		Description: o.text("description"),
		Reference:   o.text("reference"),
		Customer:    o.customer("customer"),
		Items:       o.items("items"),
		Gateways:    o.texts("gateways"),
		ExpiresAt:   o.moment("expires_at"),
		ReturnURL:   o.text("return_url"),
		Locale:      o.text("locale"),
		Metadata:    o.texted("metadata"),
		SendEmail:   o.boolean("send_email"),
	}
	return in, s.err()
}

// readUpdate tells absent (stays) from null (cleared). What an invoice cannot be without, its
// amount, time and language, cannot be cleared.
func readUpdate(body *node) (payments.InvoiceChange, error) {
	s := &shape{}
	o := s.object(body, "", updateMembers)
	for _, name := range []string{"expires_at", "locale"} { // the amount's reader says it itself
		if o.isNull(name) {
			o.fault(name, codeRequired)
		}
	}
	ch := payments.InvoiceChange{
		Amount:      change(o, "amount", object.rial),
		Description: change(o, "description", object.text),
		Reference:   change(o, "reference", object.text),
		Customer:    change(o, "customer", object.customer),
		Items:       change(o, "items", object.items),
		Gateways:    change(o, "gateways", object.texts),
		ExpiresAt:   change(o, "expires_at", object.moment),
		ReturnURL:   change(o, "return_url", object.text),
		Locale:      change(o, "locale", object.text),
		Metadata:    change(o, "metadata", object.texted),
	}
	if ch.Gateways != nil && len(*ch.Gateways) == 0 { // none means all, as when it is created
		names := payments.GatewayNames()
		ch.Gateways = &names
	}
	return ch, s.err()
}

// change is nil when the member is absent; null reads as the zero value.
func change[T string | money.Rial | time.Time | checkout.Customer | []checkout.Item | []string | map[string]string](
	o object, name string, read func(object, string) T,
) *T {
	if o.node.get(name) == nil {
		return nil
	}
	v := read(o, name)
	return &v
}

func readResolve(body *node) (payments.Resolution, error) {
	s := &shape{}
	o := s.object(body, "", resolveMembers)
	r := payments.Resolution{Outcome: o.text("outcome"), Note: o.text("note"), RefNumber: o.text("ref_number")}
	return r, s.err()
}

func readRefund(body *node) (payments.Refunding, error) {
	s := &shape{}
	o := s.object(body, "", refundMembers)
	r := payments.Refunding{Amount: o.rial("amount"), Reason: o.text("reason")}
	return r, s.err()
}

// readNothing takes an absent body or {}.
func readNothing(body *node) error {
	s := &shape{}
	s.object(body, "", nil)
	return s.err()
}

func (o object) customer(name string) checkout.Customer {
	n := o.present(name)
	if n == nil {
		return checkout.Customer{}
	}
	c := o.object(n, o.path+name, customerMembers)
	return checkout.Customer{Name: c.text("name"), Mobile: c.text("mobile"), Email: c.text("email")}
}

func (o object) items(name string) []checkout.Item {
	list := o.list(name)
	if list == nil {
		return nil
	}
	out := make([]checkout.Item, 0, len(list))
	for i := range list {
		item := o.object(&list[i], o.path+name+"["+strconv.Itoa(i)+"]", itemMembers)
		out = append(out, checkout.Item{
			Title:      item.text("title"),
			Quantity:   item.integer("quantity"),
			UnitAmount: item.rial("unit_amount"),
		})
	}
	return out
}
