package checkout

import (
	"time"

	"dargah/internal/app/money"
)

// PrefixPayPage begins the id of a payment page.
const PrefixPayPage = "pag_"

// PayPage is a page of a merchant's on which anybody may pay, any number of times: each payment makes
// an invoice of its own.
type PayPage struct {
	ID         string
	MerchantID string
	Live       bool
	Slug       string // its last part in the address; one of a merchant's, in both modes together
	Title      string // what the payment is for; every invoice's description
	Text       string
	Amount     money.Rial // 0: the customer says how much, between Min and Max
	Min, Max   money.Rial
	Fields     []PageField
	// Stock is how many payments it takes in all, 0 for no end; Taken is how many of them are paid, or
	// held for somebody who is paying.
	Stock, Taken int64
	OpensAt      time.Time // zero: open since ever
	ClosesAt     time.Time // zero: open for ever
	OffAt        time.Time // zero unless switched off
	Thanks       string    // on the receipt
	Locale       string    // "fa" or "en"
	CreatedAt    time.Time
}

// PageField is something that a page asks its customers.
type PageField struct {
	Label    string
	Kind     string // of PageFieldKinds
	Required bool
}

// What a field may ask. A name, a mobile and an email become the invoice's customer, so that nothing is
// asked twice; the rest stands in its metadata, under the label.
const (
	FieldText   = "text"
	FieldNumber = "number"
	FieldName   = "name"
	FieldMobile = "mobile"
	FieldEmail  = "email"
)

// PageFieldKinds lists the kinds.
func PageFieldKinds() []string {
	return []string{FieldText, FieldNumber, FieldName, FieldMobile, FieldEmail}
}

// PageState says whether a page takes payments.
type PageState string

// The states of a page.
const (
	PageOpen    PageState = "open"
	PageOff     PageState = "off"
	PageEarly   PageState = "early"
	PageOver    PageState = "over"
	PageSoldOut PageState = "sold_out"
)

// At returns the state as of now.
func (p *PayPage) At(now time.Time) PageState {
	switch {
	case !p.OffAt.IsZero():
		return PageOff
	case now.Before(p.OpensAt):
		return PageEarly
	case !p.ClosesAt.IsZero() && !now.Before(p.ClosesAt):
		return PageOver
	case p.Stock > 0 && p.Taken >= p.Stock:
		return PageSoldOut
	}
	return PageOpen
}

// Asks reports whether the page has a field of a kind.
func (p *PayPage) Asks(kind string) bool {
	for _, f := range p.Fields {
		if f.Kind == kind {
			return true
		}
	}
	return false
}
