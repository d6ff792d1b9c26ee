package payments

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
)

// Page reads everything that a payment link shows, in one snapshot. NotFound for an unknown token.
func (e *Engine) Page(ctx context.Context, token string) (Page, error) {
	var p Page
	err := e.DB.View(ctx, func(tx *db.Tx) (err error) {
		p, err = e.page(tx, token)
		return err
	})
	return p, notFound(err)
}

func (e *Engine) page(tx *db.Tx, token string) (Page, error) {
	inv, attempts, err := tx.PageInvoice(token)
	if err != nil {
		return Page{}, err
	}
	o, err := e.office(tx, inv)
	if err != nil {
		return Page{}, err
	}
	p := Page{Invoice: *inv, Merchant: o.merchant, Attempts: attempts, Now: tx.Now()}
	if status := inv.At(p.Now); status == checkout.InvoiceProcessing {
		p.Asks, err = asks(tx, inv.ID)
	} else if status == checkout.InvoiceOpen {
		p.Methods, err = e.methods(tx, inv)
	} else if o.pages && status != checkout.InvoiceReview {
		p.Origin, err = tx.PayPageOf(inv.ID)
		if errors.Is(err, checkout.NotFound) {
			err = nil
		}
	}
	return p, err
}

// asks is how often the gateway was asked about the reference in question.
func asks(tx *db.Tx, invoiceID string) (int, error) {
	refs, err := tx.OpenReferences(invoiceID)
	if err != nil {
		return 0, err
	}
	for i := range refs {
		if refs[i].Status == checkout.ReferenceAsking {
			return refs[i].Asks, nil
		}
	}
	return 0, nil
}

// Invoice reads one invoice of the scope. NotFound when it is not theirs.
func (e *Engine) Invoice(ctx context.Context, sc Scope, id string) (checkout.Invoice, error) {
	var inv checkout.Invoice
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		got, err := tx.ScopedInvoice(sc.MerchantID, sc.Live, id)
		if err == nil {
			inv = *got
		}
		return err
	})
	return inv, notFound(err)
}

// query is a filter as the store takes it; nil when nothing can be found by it. Errors: Invalid.
func (f *InvoiceFilter) query(sc Scope) (*db.InvoiceQuery, error) {
	v := verdict{}
	if f.Status != "" && !slices.Contains(checkout.InvoiceStatuses(), checkout.InvoiceStatus(f.Status)) {
		v.wrong("status", "unknown_value")
	}
	if f.Gateway != "" && !slices.Contains(GatewayNames(), f.Gateway) {
		v.wrong("gateway", "unknown_value")
	}
	at, id := v.page(f.Limit, f.Cursor)
	if err := v.err(); err != nil {
		return nil, err
	}
	var by *db.Named
	if f.Query != "" {
		if by = named(f.Query); by == nil {
			return nil, nil
		}
	} else if whole := cut(i18n.FoldText(f.Reference)); whole != "" {
		by = &db.Named{Words: []string{whole}} // the candidates; the reference itself is compared as it is
	}
	return &db.InvoiceQuery{
		MerchantID: sc.MerchantID, Live: sc.Live, Status: f.Status, Gateway: f.Gateway, Reference: f.Reference,
		Named: by, From: f.From, To: f.To, BeforeAt: at, BeforeID: id, Limit: f.Limit + 1,
	}, nil
}

// Invoices lists the scope's invoices, newest first, with the cursor of the next page ("" on the
// last). Errors: Invalid for an unknown filter value, a broken cursor or a limit outside 1 to 100.
func (e *Engine) Invoices(ctx context.Context, sc Scope, f InvoiceFilter) ([]checkout.Invoice, string, error) {
	q, err := f.query(sc)
	if err != nil || q == nil {
		return nil, "", err
	}
	var list []checkout.Invoice
	err = e.DB.View(ctx, func(tx *db.Tx) error {
		var err error
		list, err = tx.Invoices(*q)
		return err
	})
	if err != nil || len(list) <= f.Limit {
		return list, "", err
	}
	list = list[:f.Limit]
	last := &list[f.Limit-1]
	return list, cursor(last.CreatedAt, last.ID), nil
}

// InvoiceTotals counts what Invoices lists on all its pages, and adds up what is paid. Errors as there.
func (e *Engine) InvoiceTotals(ctx context.Context, sc Scope, f InvoiceFilter) (db.Totals, error) {
	f.Cursor, f.Limit = "", 1
	q, err := f.query(sc)
	if err != nil || q == nil {
		return db.Totals{}, err
	}
	var t db.Totals
	err = e.DB.View(ctx, func(tx *db.Tx) error {
		var err error
		t, err = tx.InvoiceTotals(*q)
		return err
	})
	return t, err
}

// Attempts lists the scope's attempts, newest first. Errors as for Invoices.
func (e *Engine) Attempts(ctx context.Context, sc Scope, f AttemptFilter) ([]checkout.Attempt, string, error) {
	v := verdict{}
	if f.Status != "" && !slices.Contains(checkout.AttemptStatuses(), checkout.AttemptStatus(f.Status)) {
		v.wrong("status", "unknown_value")
	}
	_, id := v.page(f.Limit, f.Cursor)
	if err := v.err(); err != nil {
		return nil, "", err
	}
	var list []checkout.Attempt
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		var err error
		list, err = tx.Attempts(db.AttemptQuery{MerchantID: sc.MerchantID, Live: sc.Live, Status: f.Status, BeforeID: id, Limit: f.Limit + 1})
		return err
	})
	if err != nil || len(list) <= f.Limit {
		return list, "", err
	}
	list = list[:f.Limit]
	last := &list[f.Limit-1]
	return list, cursor(last.CreatedAt, last.ID), nil
}

// InvoiceAttempts lists an invoice's attempts, newest first. NotFound when it is not theirs.
func (e *Engine) InvoiceAttempts(ctx context.Context, sc Scope, id string) ([]checkout.Attempt, error) {
	var list []checkout.Attempt
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		if _, err := tx.ScopedInvoice(sc.MerchantID, sc.Live, id); err != nil {
			return err
		}
		var err error
		list, err = tx.AttemptsOfInvoice(id)
		return err
	})
	slices.Reverse(list)
	return list, notFound(err)
}

// InvoiceEvents lists an invoice's events, newest first. Errors: NotFound, Invalid.
func (e *Engine) InvoiceEvents(ctx context.Context, sc Scope, id, cur string, limit int) ([]checkout.Event, string, error) {
	v := verdict{}
	var before int64
	if cur != "" {
		n, err := strconv.ParseInt(cur, 10, 64)
		if err != nil || n < 1 {
			v.wrong("cursor", "broken_cursor")
		}
		before = n
	}
	v.limit(limit)
	if err := v.err(); err != nil {
		return nil, "", err
	}
	var list []checkout.Event
	err := e.DB.View(ctx, func(tx *db.Tx) error {
		if _, err := tx.ScopedInvoice(sc.MerchantID, sc.Live, id); err != nil {
			return err
		}
		var err error
		list, err = tx.EventsOfInvoice(id, before, limit+1)
		return err
	})
	if err != nil || len(list) <= limit {
		return list, "", notFound(err)
	}
	return list[:limit], strconv.FormatInt(list[limit-1].Sequence, 10), nil
}

func (v *verdict) limit(n int) {
	if n < 1 || n > 100 {
		v.wrong("limit", "out_of_range")
	}
}

// page checks a list's limit and reads its cursor: the last row of the page before.
func (v *verdict) page(limit int, cur string) (time.Time, string) {
	v.limit(limit)
	if cur == "" {
		return time.Time{}, ""
	}
	at, id, err := readCursor(cur)
	if err != nil {
		v.wrong("cursor", "broken_cursor")
	}
	return at, id
}

func cursor(at time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(at.UnixMilli(), 36) + "." + id))
}

var errCursor = errors.New("no such cursor")

func readCursor(s string) (time.Time, string, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) > 100 {
		return time.Time{}, "", errCursor
	}
	at, id, ok := strings.Cut(string(b), ".")
	ms, err := strconv.ParseInt(at, 36, 64)
	if err != nil || !ok || id == "" || ms < 0 || ms > 1<<53 {
		return time.Time{}, "", errCursor
	}
	return time.UnixMilli(ms).UTC(), id, nil
}
