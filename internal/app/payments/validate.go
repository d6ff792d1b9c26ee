package payments

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
)

// Limits of what a merchant may store in an invoice, in characters and counts.
const (
	maxItems     = 100
	maxQuantity  = 1_000_000
	maxMetadata  = 20
	maxURL       = 2000
	maxText      = 500
	maxShortText = 100
)

// validate cleans an invoice's text in place and returns all wrong fields at once.
func validate(inv *checkout.Invoice, now time.Time) error {
	v := verdict{}
	v.amount(inv.Amount, inv.Items)
	inv.Description = v.prose("description", inv.Description, maxText)
	inv.Reference = v.text("reference", inv.Reference, maxShortText)
	v.customer(&inv.Customer)
	inv.Items = v.items(inv.Items)
	v.gateways(inv.Gateways)
	switch {
	case !inv.ExpiresAt.After(now):
		v.wrong("expires_at", "in_past")
	case inv.ExpiresAt.After(now.Add(maxLife)):
		v.wrong("expires_at", "too_far")
	}
	if inv.ReturnURL != "" && !webAddress(inv.ReturnURL) {
		v.wrong("return_url", "not_url")
	}
	if inv.Locale != "fa" && inv.Locale != "en" {
		v.wrong("locale", "unknown_locale")
	}
	v.metadata(inv.Metadata)
	return v.err()
}

// verdict collects wrong fields.
type verdict struct{ fields []checkout.FieldError }

func (v *verdict) wrong(field, code string) {
	v.fields = append(v.fields, checkout.FieldError{Field: field, Code: code})
}

func (v *verdict) err() error {
	if len(v.fields) == 0 {
		return nil
	}
	return &checkout.Error{Kind: checkout.Invalid, Key: "error.invalid", Fields: v.fields}
}

func (v *verdict) amount(amount money.Rial, items []checkout.Item) {
	if amount < 1 || amount > money.MaxInvoice {
		v.wrong("amount", "out_of_range")
		return
	}
	if len(items) == 0 {
		return
	}
	var sum money.Rial
	for _, it := range items {
		line, err := it.UnitAmount.Times(it.Quantity)
		if err == nil {
			sum, err = sum.Add(line)
		}
		if err != nil {
			v.wrong("items", "out_of_range")
			return
		}
	}
	if sum != amount {
		v.wrong("items", "sum_mismatch")
	}
}

func (v *verdict) text(field, s string, limit int) string {
	s = strings.TrimSpace(i18n.CleanText(s))
	if utf8.RuneCountInString(s) > limit {
		v.wrong(field, "too_long")
	}
	return s
}

// prose is text that people write freely: a card number in it would be stored and shown.
func (v *verdict) prose(field, s string, limit int) string {
	s = v.text(field, s, limit)
	if i18n.LuhnCard(s) {
		v.wrong(field, "card_number")
	}
	return s
}

func (v *verdict) customer(c *checkout.Customer) {
	c.Name = v.prose("customer.name", c.Name, maxShortText)
	if c.Mobile = strings.TrimSpace(c.Mobile); c.Mobile != "" {
		folded, err := i18n.FoldMobile(c.Mobile)
		if err != nil {
			v.wrong("customer.mobile", "bad_mobile")
		}
		c.Mobile = folded
	}
	if c.Email = strings.TrimSpace(c.Email); c.Email != "" && !checkout.MailAddress(c.Email) {
		v.wrong("customer.email", "bad_email")
	}
}

func (v *verdict) items(items []checkout.Item) []checkout.Item {
	if len(items) > maxItems {
		v.wrong("items", "too_many")
		return items
	}
	clean := slices.Clone(items)
	for i := range clean {
		it := &clean[i]
		it.Title = v.prose("items", it.Title, maxText)
		switch {
		case it.Title == "":
			v.wrong("items", "required")
		case it.Quantity < 1 || it.Quantity > maxQuantity || it.UnitAmount < 0 || it.UnitAmount > money.MaxInvoice:
			v.wrong("items", "out_of_range")
		default:
			continue
		}
		break // one word about the items is enough
	}
	return clean
}

func (v *verdict) gateways(list []string) {
	for i, g := range list {
		if !slices.Contains(GatewayNames(), g) || slices.Contains(list[:i], g) {
			v.wrong("gateways", "unknown_gateway")
			return
		}
	}
	if len(list) == 0 {
		v.wrong("gateways", "required")
	}
}

func (v *verdict) metadata(m map[string]string) {
	if len(m) > maxMetadata {
		v.wrong("metadata", "too_many")
		return
	}
	for k, s := range m {
		clean := i18n.CleanText(s)
		if k == "" || utf8.RuneCountInString(k) > 40 || k != i18n.CleanText(k) || utf8.RuneCountInString(clean) > maxText {
			v.wrong("metadata", "too_long")
			return
		}
		m[k] = clean
	}
}

// webAddress reports whether s may be given to a browser: https anywhere, http on loopback only.
func webAddress(s string) bool {
	if len(s) > maxURL || strings.ContainsAny(s, "\\\r\n\t ") || !utf8.ValidString(s) {
		return false
	}
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Hostname() == "" || u.Opaque != "" {
		return false
	}
	switch u.Scheme {
	case "https":
		return true
	case "http":
		return loopback(u.Hostname())
	}
	return false
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
