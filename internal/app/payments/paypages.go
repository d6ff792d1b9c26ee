package payments

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/db"
)

// Limits of a payment page.
const (
	maxPageFields = 3
	maxFieldLabel = 40 // of a key in an invoice's metadata
	maxStock      = 1_000_000
	maxThanks     = 1000
)

// PageWords are what a merchant says of a payment page.
type PageWords struct {
	Slug, Title, Text string
	Amount, Min, Max  money.Rial // Amount, or the two others
	Fields            []checkout.PageField
	Stock             int64
	OpensAt, ClosesAt time.Time
	Thanks, Locale    string
	Off               bool
}

// CreatePayPage stores a new page. Errors: Invalid with the wrong fields.
func (e *Engine) CreatePayPage(ctx context.Context, sc Scope, in PageWords) (checkout.PayPage, error) {
	var p checkout.PayPage
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		p = checkout.PayPage{
			ID: checkout.NewID(checkout.PrefixPayPage, tx.Now(), e.Random), MerchantID: sc.MerchantID, Live: sc.Live,
			Slug: strings.TrimSpace(in.Slug), CreatedAt: tx.Now(),
		}
		v := verdict{}
		if !pageSlug(p.Slug) {
			v.wrong("slug", "bad_slug")
		}
		if err := v.payPage(&p, in, tx.Now()); err != nil {
			return err
		}
		stored, err := tx.InsertPayPage(&p)
		if err == nil && !stored {
			err = checkout.WrongField("slug", "taken")
		}
		if err != nil {
			return err
		}
		return recordPage(ctx, tx, "page.made", &checkout.PayPage{}, &p)
	})
	return p, err
}

// UpdatePayPage changes a page; its address stays. What was paid on it stays as it was paid. Errors:
// NotFound, Invalid.
func (e *Engine) UpdatePayPage(ctx context.Context, sc Scope, id string, in PageWords) (checkout.PayPage, error) {
	return e.changePayPage(ctx, sc, id, func(p *checkout.PayPage, now time.Time) error {
		v := verdict{}
		return v.payPage(p, in, now)
	})
}

// SwitchPayPage switches a page off, or on again. Who is paying at that moment may end it.
func (e *Engine) SwitchPayPage(ctx context.Context, sc Scope, id string, on bool) (checkout.PayPage, error) {
	return e.changePayPage(ctx, sc, id, func(p *checkout.PayPage, now time.Time) error {
		if on {
			p.OffAt = time.Time{}
		} else if p.OffAt.IsZero() {
			p.OffAt = now
		}
		return nil
	})
}

func (e *Engine) changePayPage(ctx context.Context, sc Scope, id string, change func(*checkout.PayPage, time.Time) error) (checkout.PayPage, error) {
	var p checkout.PayPage
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		old, err := scopedPage(tx, sc, id)
		if err != nil {
			return err
		}
		p = *old
		if err := change(&p, tx.Now()); err != nil {
			return err
		}
		if err := tx.EditPayPage(&p); err != nil {
			return err
		}
		return recordPage(ctx, tx, "page.changed", old, &p)
	})
	return p, notFound(err)
}

func scopedPage(tx *db.Tx, sc Scope, id string) (*checkout.PayPage, error) {
	p, err := tx.PayPage(id)
	if err == nil && (p.MerchantID != sc.MerchantID || p.Live != sc.Live) {
		err = fmt.Errorf("page %s: %w", id, checkout.NotFound)
	}
	return p, err
}

// PayPages lists the scope's pages, newest first, with the cursor of the next page.
func (e *Engine) PayPages(ctx context.Context, sc Scope, cursor string, limit int) ([]checkout.PayPage, string, error) {
	var list []checkout.PayPage
	err := e.DB.View(ctx, func(tx *db.Tx) (err error) {
		list, err = tx.PayPages(sc.MerchantID, sc.Live, cursor, limit+1)
		return err
	})
	if err != nil || len(list) <= limit {
		return list, "", err
	}
	return list[:limit], list[limit-1].ID, nil
}

// PageReport is a page with what came of it.
type PageReport struct {
	Page     checkout.PayPage
	Invoices []checkout.Invoice // newest first
	Next     string             // cursor of the next ones, "" when there are none
	Paid     int                // among the newest, if More
	Sum      money.Rial
	More     bool
}

// PayPageReport reads a page of the scope and a part of what came of it. NotFound when it is not theirs.
func (e *Engine) PayPageReport(ctx context.Context, sc Scope, id, cursor string, limit int) (PageReport, error) {
	var r PageReport
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		p, err := scopedPage(tx, sc, id)
		if err != nil {
			return err
		}
		r = PageReport{Page: *p}
		ids, err := tx.PageInvoices(id, cursor, limit+1)
		if err != nil {
			return err
		}
		if len(ids) > limit {
			ids = ids[:limit]
			r.Next = ids[limit-1]
		}
		for _, one := range ids {
			inv, err := tx.Invoice(one)
			if err != nil {
				return err
			}
			r.Invoices = append(r.Invoices, *inv)
		}
		var sum int64
		r.Paid, sum, r.More, err = tx.PageTakings(id)
		r.Sum = money.Rial(sum)
		return err
	})
	return r, notFound(err)
}

// payPage checks what a merchant says of a page and writes it into p.
func (v *verdict) payPage(p *checkout.PayPage, in PageWords, now time.Time) error {
	p.Title = v.prose("title", in.Title, maxShortText)
	if p.Title == "" {
		v.wrong("title", "required")
	}
	p.Text = v.lines("text", in.Text, maxThanks)
	p.Thanks = v.lines("thanks", in.Thanks, maxThanks)
	p.Amount, p.Min, p.Max = in.Amount, in.Min, in.Max
	if p.Amount != 0 {
		p.Min, p.Max = 0, 0
		v.amount(p.Amount, nil)
	} else if p.Min < 1 || p.Max > money.MaxInvoice || p.Max < p.Min {
		v.wrong("max", "range_order")
	}
	p.Fields = v.pageFields(in.Fields)
	if p.Stock = in.Stock; p.Stock < 0 || p.Stock > maxStock {
		v.wrong("stock", "out_of_range")
	}
	p.OpensAt, p.ClosesAt = in.OpensAt.Truncate(time.Millisecond), in.ClosesAt.Truncate(time.Millisecond)
	if !p.ClosesAt.IsZero() && !p.OpensAt.IsZero() && !p.OpensAt.Before(p.ClosesAt) {
		v.wrong("closes", "range_order")
	}
	if p.Locale = in.Locale; p.Locale != "fa" && p.Locale != "en" {
		v.wrong("locale", "unknown_locale")
	}
	if !in.Off {
		p.OffAt = time.Time{}
	} else if p.OffAt.IsZero() {
		p.OffAt = now
	}
	return v.err()
}

// lines is prose of several lines.
func (v *verdict) lines(field, s string, limit int) string {
	s = i18n.CleanLines(s)
	if utf8.RuneCountInString(s) > limit {
		v.wrong(field, "too_long")
	}
	if i18n.LuhnCard(s) {
		v.wrong(field, "card_number")
	}
	return s
}

// pageFields cleans the fields; one without a label is none. Two of one label would be one answer, and
// of a name, a mobile or an email an invoice has one.
func (v *verdict) pageFields(list []checkout.PageField) []checkout.PageField {
	var out []checkout.PageField
	once := map[string]bool{}
	for i, f := range list {
		name := fmt.Sprintf("label_%d", i+1)
		f.Label = v.prose(name, f.Label, maxFieldLabel)
		if f.Label == "" {
			continue
		}
		known := false
		for _, k := range checkout.PageFieldKinds() {
			known = known || k == f.Kind
		}
		kind := "kind " + f.Kind
		switch {
		case !known:
			v.wrong(fmt.Sprintf("kind_%d", i+1), "unknown_value")
		case once[i18n.FoldText(f.Label)], f.Kind != checkout.FieldText && f.Kind != checkout.FieldNumber && once[kind]:
			v.wrong(name, "repeated")
		}
		once[i18n.FoldText(f.Label)], once[kind] = true, true
		out = append(out, f)
	}
	if len(out) > maxPageFields {
		v.wrong("label_1", "too_many")
	}
	return out
}

// pageSlug is what the last part of a page's address may be.
func pageSlug(s string) bool {
	if len(s) < 2 || len(s) > 40 || s[0] == '-' || s[len(s)-1] == '-' || strings.Contains(s, "--") {
		return false
	}
	letter := false
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z':
			letter = true
		case r >= '0' && r <= '9', r == '-':
		default:
			return false
		}
	}
	return letter
}

// PayPageURL is the address of a page.
func (e *Engine) PayPageURL(merchant, slug string) string {
	return e.BaseURL + "/p/" + merchant + "/" + slug
}
