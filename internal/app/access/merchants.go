package access

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode/utf8"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
)

// NewMerchant is what a merchant is made of. Name and Slug are required.
type NewMerchant struct {
	Name, Slug, Website, Phone, Address, Email string
	Locale                                     string // fa when empty
}

// The limits of a merchant's texts, in characters. A slug is a part of addresses and a label.
const (
	minSlug    = 2
	maxSlug    = 40
	maxAddress = 300
)

// CreateMerchant adds a merchant. Invalid with the wrong fields; a slug that is taken is one.
func (a *Access) CreateMerchant(ctx context.Context, in NewMerchant) (checkout.Merchant, error) {
	m, err := in.merchant()
	if err != nil {
		return checkout.Merchant{}, err
	}
	err = a.DB.Update(ctx, func(tx *db.Tx) error {
		m.ID, m.CreatedAt = checkout.NewID(checkout.PrefixMerchant, tx.Now(), a.Random), tx.Now()
		if err := tx.InsertMerchant(&m); err != nil {
			return err
		}
		return recordShop(tx, &m, checkout.ActorOf(ctx))
	})
	if errors.Is(err, checkout.Conflict) {
		err = checkout.WrongField("slug", "taken")
	}
	if err != nil {
		return checkout.Merchant{}, fmt.Errorf("create merchant: %w", err)
	}
	return m, nil
}

func recordShop(tx *db.Tx, m *checkout.Merchant, by checkout.Actor) error {
	return tx.Record(&checkout.Deed{MerchantID: m.ID, Live: true, By: by, Area: checkout.AreaShop, Kind: "shop.made", Object: m.ID, Name: m.Name})
}

func (in NewMerchant) merchant() (checkout.Merchant, error) {
	m := checkout.Merchant{
		Name: i18n.CleanText(in.Name), Slug: strings.TrimSpace(in.Slug), Website: strings.TrimSpace(in.Website),
		Phone: i18n.CleanText(in.Phone), Address: i18n.CleanText(in.Address),
		Email: strings.TrimSpace(in.Email), Locale: in.Locale,
	}
	if m.Locale == "" {
		m.Locale = string(i18n.FA)
	}
	v := invalid{}
	checkName(&v, m.Name)
	if !IsSlug(m.Slug) {
		v.wrong("slug", "bad_slug")
	}
	if m.Website != "" && !isWebsite(m.Website) {
		v.wrong("website", "not_url")
	}
	if utf8.RuneCountInString(m.Phone) > maxName {
		v.wrong("phone", "too_long")
	}
	if utf8.RuneCountInString(m.Address) > maxAddress {
		v.wrong("address", "too_long")
	}
	if m.Email != "" && !isEmail(m.Email) {
		v.wrong("email", "bad_email")
	}
	if _, ok := i18n.ParseLocale(m.Locale); !ok {
		v.wrong("locale", "unknown_locale")
	}
	return m, v.err()
}

// IsSlug reports whether s may name a merchant in commands and addresses: a-z, 0-9 and single
// hyphens between them, 2 to 40 characters, not digits alone (which would read as a number).
func IsSlug(s string) bool {
	if len(s) < minSlug || len(s) > maxSlug || s[0] == '-' || s[len(s)-1] == '-' || strings.Contains(s, "--") {
		return false
	}
	letters := false
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
		letters = letters || (c >= 'a' && c <= 'z')
	}
	return letters
}

// isEmail reports whether s is one bare address that a mail header can carry.
func isEmail(s string) bool {
	if len(s) > 254 || strings.ContainsAny(s, "\r\n\x00<> ") {
		return false
	}
	parsed, err := mail.ParseAddress(s)
	return err == nil && parsed.Address == s
}

// HandedOut writes into the log that somebody takes out what is kept of one customer. Of whom, it does
// not say: the log holds no personal data, and one of their invoices leads there.
func (a *Access) HandedOut(ctx context.Context, merchantID string, live bool, invoiceID, number string) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		d := shopDeed(ctx, merchantID, checkout.AreaInvoice, "invoice.customer_file")
		d.Live, d.Object, d.Name, d.Alarm = live, invoiceID, number, "customer_file"
		return tx.Record(&d)
	})
}
