package db

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
)

const pageColumns = `id, merchant_id, live, slug, title, text, amount_rial, min_rial, max_rial, fields, stock, taken,
  opens_at_ms, closes_at_ms, off_at_ms, thanks, locale, created_at_ms`

// InsertPayPage stores a new page. False: the merchant has one of that slug.
func (tx *Tx) InsertPayPage(p *checkout.PayPage) (bool, error) {
	fields, err := pageFields(p)
	if err != nil {
		return false, fmt.Errorf("insert page: %w", err)
	}
	n, err := tx.exec(`INSERT INTO pay_pages (`+pageColumns+`)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT DO NOTHING`,
		p.ID, p.MerchantID, bit(p.Live), p.Slug, p.Title, p.Text, int64(p.Amount), int64(p.Min), int64(p.Max), fields, p.Stock, p.Taken,
		nullMS(p.OpensAt), nullMS(p.ClosesAt), nullMS(p.OffAt), p.Thanks, p.Locale, ms(p.CreatedAt))
	if err == nil && n == 1 {
		err = tx.revise(p.MerchantID) // receipts of a merchant with pages may hold their thanks
	}
	if err != nil {
		return false, fmt.Errorf("insert page: %w", err)
	}
	return n == 1, nil
}

// EditPayPage writes what a merchant may change; how many places are taken is nobody's to write.
func (tx *Tx) EditPayPage(p *checkout.PayPage) error {
	fields, err := pageFields(p)
	if err != nil {
		return fmt.Errorf("edit page: %w", err)
	}
	n, err := tx.exec(`UPDATE pay_pages SET title = $1, text = $2, amount_rial = $3, min_rial = $4, max_rial = $5, fields = $6, stock = $7,
  opens_at_ms = $8, closes_at_ms = $9, off_at_ms = $10, thanks = $11, locale = $12 WHERE id = $13`,
		p.Title, p.Text, int64(p.Amount), int64(p.Min), int64(p.Max), fields, p.Stock,
		nullMS(p.OpensAt), nullMS(p.ClosesAt), nullMS(p.OffAt), p.Thanks, p.Locale, p.ID)
	return one("edit page "+p.ID, n, err)
}

func pageFields(p *checkout.PayPage) (string, error) {
	if len(p.Fields) == 0 {
		return "", nil
	}
	b, err := json.Marshal(p.Fields)
	return string(b), err
}

// PayPage reads one page. checkout.NotFound when there is none.
func (tx *Tx) PayPage(id string) (*checkout.PayPage, error) {
	return tx.payPage(`SELECT `+pageColumns+` FROM pay_pages WHERE id = $1`, id)
}

// PayPageBySlug reads a page by its address, with its merchant's slug. checkout.NotFound when there is none.
func (tx *Tx) PayPageBySlug(merchant, slug string) (*checkout.PayPage, error) {
	return tx.payPage(`SELECT `+pageColumns+` FROM pay_pages WHERE merchant_id = (SELECT m.id FROM merchants m WHERE m.slug = $1) AND slug = $2`, merchant, slug)
}

// PayPageOf reads the page that an invoice came of. checkout.NotFound when it came of none.
func (tx *Tx) PayPageOf(invoiceID string) (*checkout.PayPage, error) {
	return tx.payPage(`SELECT `+pageColumns+` FROM pay_pages WHERE id = (SELECT i.page_id FROM page_invoices i WHERE i.invoice_id = $1)`, invoiceID)
}

func (tx *Tx) payPage(query string, args ...any) (*checkout.PayPage, error) {
	p, err := scanPayPage(tx.row(query, args...))
	if err := none("read page", err); err != nil {
		return nil, err
	}
	return p, nil
}

// HasPayPages reports whether a merchant has any page in one mode.
func (tx *Tx) HasPayPages(merchantID string, live bool) (bool, error) {
	var has int64
	err := tx.row(`SELECT COUNT(*) FROM (SELECT 1 FROM pay_pages WHERE merchant_id = $1 AND live = $2 LIMIT 1) AS any_page`, merchantID, bit(live)).Scan(&has)
	if err != nil {
		return false, fmt.Errorf("look for pages: %w", err)
	}
	return has > 0, nil
}

// PayPages lists a merchant's pages in one mode, newest first, from before an id on ("" for the newest).
func (tx *Tx) PayPages(merchantID string, live bool, before string, limit int) ([]checkout.PayPage, error) {
	w := where{}
	w.add("merchant_id = ?", merchantID)
	w.add("live = ?", bit(live))
	if before != "" {
		w.add("id < ?", before)
	}
	rows, err := tx.query(`SELECT `+pageColumns+` FROM pay_pages`+w.sql()+` ORDER BY id DESC`+w.limit(limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("list pages: %w", err)
	}
	defer rows.Close()
	var list []checkout.PayPage
	for rows.Next() {
		p, err := scanPayPage(rows)
		if err != nil {
			return nil, fmt.Errorf("list pages: %w", err)
		}
		list = append(list, *p)
	}
	return list, rows.Err()
}

func scanPayPage(row scanner) (*checkout.PayPage, error) {
	var p checkout.PayPage
	var live, amount, least, most, created int64
	var fields string
	var opens, closes, off sql.NullInt64
	err := row.Scan(&p.ID, &p.MerchantID, &live, &p.Slug, &p.Title, &p.Text, &amount, &least, &most, &fields, &p.Stock, &p.Taken,
		&opens, &closes, &off, &p.Thanks, &p.Locale, &created)
	if err != nil {
		return nil, err
	}
	p.Live, p.Amount, p.Min, p.Max = live == 1, money.Rial(amount), money.Rial(least), money.Rial(most)
	p.OpensAt, p.ClosesAt, p.OffAt, p.CreatedAt = fromNullMS(opens), fromNullMS(closes), fromNullMS(off), fromMS(created)
	if fields != "" {
		if err := json.Unmarshal([]byte(fields), &p.Fields); err != nil {
			return nil, fmt.Errorf("fields of %s: %w", p.ID, err)
		}
	}
	return &p, nil
}
