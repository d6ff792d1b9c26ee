package db

import (
	"fmt"
	"math/rand/v2"

	"dargah/internal/app/checkout"
)

const merchantColumns = `id, slug, name, website, phone, address, email, accent, locale, revision, created_at_ms, logo`

// newRevision is different from every other, without a counter: a number that a transaction took and
// rolled back must not come again for other content.
func newRevision() int64 { return rand.Int64() }

// InsertMerchant stores a merchant and sets its Revision. checkout.Conflict when its slug is taken.
func (tx *Tx) InsertMerchant(m *checkout.Merchant) error {
	m.Revision = newRevision()
	n, err := tx.exec(`INSERT INTO merchants (`+merchantColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '') ON CONFLICT DO NOTHING`,
		m.ID, m.Slug, m.Name, m.Website, m.Phone, m.Address, m.Email, m.Accent, m.Locale, m.Revision, ms(m.CreatedAt))
	if err := one("insert merchant", n, err); err != nil {
		return err
	}
	return tx.insertFeeds(m.ID)
}

// UpdateMerchant writes a merchant's own words, not the logo, and sets its Revision anew. checkout.NotFound when
// there is none.
func (tx *Tx) UpdateMerchant(m *checkout.Merchant) error {
	m.Revision = newRevision()
	n, err := tx.exec(`UPDATE merchants SET name = $1, website = $2, phone = $3, address = $4, email = $5, accent = $6, locale = $7, revision = $8 WHERE id = $9`,
		m.Name, m.Website, m.Phone, m.Address, m.Email, m.Accent, m.Locale, m.Revision, m.ID)
	if err == nil && n == 0 {
		return fmt.Errorf("update merchant: %w", checkout.NotFound)
	}
	return one("update merchant", n, err)
}

// Merchant reads one merchant by id. checkout.NotFound when there is none.
func (tx *Tx) Merchant(id string) (*checkout.Merchant, error) {
	return tx.merchant(`SELECT `+merchantColumns+` FROM merchants WHERE id = $1`, id)
}

// MerchantBySlug reads one merchant by slug. checkout.NotFound when there is none.
func (tx *Tx) MerchantBySlug(slug string) (*checkout.Merchant, error) {
	return tx.merchant(`SELECT `+merchantColumns+` FROM merchants WHERE slug = $1`, slug)
}

// Merchants lists all merchants by slug.
func (tx *Tx) Merchants() ([]checkout.Merchant, error) {
	rows, err := tx.query(`SELECT ` + merchantColumns + ` FROM merchants ORDER BY slug`)
	if err != nil {
		return nil, fmt.Errorf("list merchants: %w", err)
	}
	defer rows.Close()
	var list []checkout.Merchant
	for rows.Next() {
		m, err := scanMerchant(rows)
		if err != nil {
			return nil, fmt.Errorf("list merchants: %w", err)
		}
		list = append(list, *m)
	}
	return list, rows.Err()
}

// LockMerchant holds a merchant's row until the transaction ends. checkout.NotFound when there is none.
func (tx *Tx) LockMerchant(id string) error {
	_, err := tx.merchant(`SELECT `+merchantColumns+` FROM merchants WHERE id = $1 FOR UPDATE`, id)
	return err
}

func (tx *Tx) merchant(query string, arg string) (*checkout.Merchant, error) {
	m, err := scanMerchant(tx.row(query, arg))
	if err := none("read merchant", err); err != nil {
		return nil, err
	}
	return m, nil
}

func scanMerchant(row scanner) (*checkout.Merchant, error) {
	var m checkout.Merchant
	var created int64
	if err := row.Scan(&m.ID, &m.Slug, &m.Name, &m.Website, &m.Phone, &m.Address, &m.Email, &m.Accent, &m.Locale, &m.Revision, &created, (*string)(&m.Logo)); err != nil {
		return nil, err
	}
	m.CreatedAt = fromMS(created)
	return &m, nil
}

// NextInvoiceNumber takes the next number of a merchant's series in one mode; the first is 1001.
func (tx *Tx) NextInvoiceNumber(merchantID string, live bool) (int64, error) {
	return tx.NextInvoiceNumbers(merchantID, live, 1)
}

// NextInvoiceNumbers takes the next n numbers of a merchant's series in one mode, and tells the first.
func (tx *Tx) NextInvoiceNumbers(merchantID string, live bool, n int) (first int64, err error) {
	var last int64
	err = tx.row(`INSERT INTO invoice_numbers (merchant_id, live, last_number) VALUES ($1, $2, 1000 + CAST($3 AS BIGINT))
ON CONFLICT (merchant_id, live) DO UPDATE SET last_number = invoice_numbers.last_number + CAST($3 AS BIGINT) RETURNING last_number`, merchantID, bit(live), int64(n)).Scan(&last)
	if err != nil {
		return 0, fmt.Errorf("next invoice number: %w", err)
	}
	return last - int64(n) + 1, nil
}

// one turns a row count into the verdict of an INSERT … ON CONFLICT DO NOTHING.
func one(what string, n int64, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if n != 1 {
		return fmt.Errorf("%s: %w: %w", what, checkout.Conflict, errTaken)
	}
	return nil
}
