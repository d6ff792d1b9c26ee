package db

import (
	"fmt"
	"time"
)

// TakePlace takes one of a page's places. False: none is left, by what is committed now and not by what
// was read before; on PostgreSQL who comes second waits here for the first.
func (tx *Tx) TakePlace(pageID string) (bool, error) {
	n, err := tx.exec(`UPDATE pay_pages SET taken = taken + 1 WHERE id = $1 AND taken < stock`, pageID)
	if err != nil {
		return false, fmt.Errorf("take place: %w", err)
	}
	return n == 1, nil
}

// PressedInvoice reads which invoice a press on a page made. checkout.NotFound when it made none.
func (tx *Tx) PressedInvoice(pageID, press string) (string, error) {
	var id string
	err := tx.row(`SELECT invoice_id FROM page_invoices WHERE page_id = $1 AND press = $2`, pageID, press).Scan(&id)
	return id, none("read pressed invoice", err)
}

// ClaimPress binds a press to the invoice that it made; heldUntil is zero when that holds no place.
// False: another transaction, which is committed now, was first with the same press.
func (tx *Tx) ClaimPress(pageID, press, invoiceID string, heldUntil time.Time) (bool, error) {
	n, err := tx.exec(`INSERT INTO page_invoices (invoice_id, page_id, press, held_until_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		invoiceID, pageID, press, nullMS(heldUntil))
	if err != nil {
		return false, fmt.Errorf("claim press: %w", err)
	}
	return n == 1, nil
}

// DuePlaces lists the invoices whose places are to be looked at, oldest first.
func (tx *Tx) DuePlaces(limit int) ([]string, error) {
	return tx.ids(`SELECT invoice_id FROM page_invoices WHERE held_until_ms IS NOT NULL AND held_until_ms <= $1 ORDER BY held_until_ms LIMIT CAST($2 AS BIGINT)`,
		ms(tx.now), int64(limit))
}

// HoldPlace says when an invoice's place is looked at again. Nothing happens when it holds none.
func (tx *Tx) HoldPlace(invoiceID string, until time.Time) error {
	_, err := tx.exec(`UPDATE page_invoices SET held_until_ms = $1 WHERE invoice_id = $2 AND held_until_ms IS NOT NULL`, ms(until), invoiceID)
	if err != nil {
		return fmt.Errorf("hold place: %w", err)
	}
	return nil
}

// KeepPlace says that an invoice's place is paid for.
func (tx *Tx) KeepPlace(invoiceID string) error {
	_, err := tx.exec(`UPDATE page_invoices SET held_until_ms = NULL WHERE invoice_id = $1`, invoiceID)
	if err != nil {
		return fmt.Errorf("keep place: %w", err)
	}
	return nil
}

// GivePlaceBack frees an invoice's place, once.
func (tx *Tx) GivePlaceBack(invoiceID string) error {
	n, err := tx.exec(`UPDATE page_invoices SET held_until_ms = NULL WHERE invoice_id = $1 AND held_until_ms IS NOT NULL`, invoiceID)
	if err == nil && n == 1 {
		_, err = tx.exec(`UPDATE pay_pages SET taken = taken - 1 WHERE id = (SELECT i.page_id FROM page_invoices i WHERE i.invoice_id = $1) AND taken > 0`, invoiceID)
	}
	if err != nil {
		return fmt.Errorf("give place back: %w", err)
	}
	return nil
}

// PageInvoices lists the ids of a page's invoices, newest first, from before an id on ("" for the newest).
func (tx *Tx) PageInvoices(pageID, before string, limit int) ([]string, error) {
	w := where{}
	w.add("page_id = ?", pageID)
	if before != "" {
		w.add("invoice_id < ?", before)
	}
	return tx.ids(`SELECT invoice_id FROM page_invoices`+w.sql()+` ORDER BY invoice_id DESC`+w.limit(limit), w.args...)
}

// PageTakings counts what was paid on a page, and adds it up, among its newest payments: at most
// MostTakings invoices are read. More says that there are others.
func (tx *Tx) PageTakings(pageID string) (paid int, sum int64, more bool, err error) {
	var read int64
	err = tx.row(`SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN i.status = 'paid' THEN 1 ELSE 0 END), 0) AS BIGINT),
  CAST(COALESCE(SUM(CASE WHEN i.status = 'paid' THEN i.amount_rial ELSE 0 END), 0) AS BIGINT)
FROM (SELECT invoice_id FROM page_invoices WHERE page_id = $1 ORDER BY invoice_id DESC LIMIT CAST($2 AS BIGINT)) AS newest CROSS JOIN invoices i
WHERE i.id = newest.invoice_id`, pageID, int64(MostTakings+1)).Scan(&read, &paid, &sum)
	if err != nil {
		return 0, 0, false, fmt.Errorf("add up page: %w", err)
	}
	return paid, sum, read > MostTakings, nil
}

// MostTakings bounds what is read for a page's sum.
const MostTakings = 10_000
