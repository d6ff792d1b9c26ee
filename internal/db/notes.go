package db

import (
	"fmt"
	"time"
)

// Note is what a person wrote about an invoice. Author is their address, where it was read.
type Note struct {
	ID, InvoiceID, UserID, Body string
	CreatedAt                   time.Time
	Author                      string
}

// InsertNote stores a note.
func (tx *Tx) InsertNote(n Note) error {
	_, err := tx.exec(`INSERT INTO notes (id, invoice_id, user_id, body, created_at_ms) VALUES ($1, $2, $3, $4, $5)`, n.ID, n.InvoiceID, n.UserID, n.Body, ms(n.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert note: %w", err)
	}
	return nil
}

// maxNotes is how many of an invoice's notes are shown.
const maxNotes = 200

// NotesOfInvoice lists the newest notes of an invoice, newest first.
func (tx *Tx) NotesOfInvoice(invoiceID string) ([]Note, error) {
	rows, err := tx.query(`SELECT n.id, n.invoice_id, n.user_id, n.body, n.created_at_ms, u.email FROM notes n JOIN users u ON u.id = n.user_id
WHERE n.invoice_id = $1 ORDER BY n.created_at_ms DESC, n.id DESC LIMIT CAST($2 AS BIGINT)`, invoiceID, int64(maxNotes))
	if err != nil {
		return nil, fmt.Errorf("list notes: %w", err)
	}
	defer rows.Close()
	var list []Note
	for rows.Next() {
		var n Note
		var created int64
		if err := rows.Scan(&n.ID, &n.InvoiceID, &n.UserID, &n.Body, &created, &n.Author); err != nil {
			return nil, fmt.Errorf("list notes: %w", err)
		}
		n.CreatedAt = fromMS(created)
		list = append(list, n)
	}
	return list, rows.Err()
}
