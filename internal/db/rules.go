package db

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"dargah/internal/app/checkout"
)

// Rules reads what a merchant decided for all customers, the defaults when nothing.
func (tx *Tx) Rules(merchantID string) (checkout.Rules, error) {
	r := checkout.DefaultRules(merchantID)
	var after, before, most, from, until, forget int64
	err := tx.row(`SELECT remind_after_days, remind_before_hours, remind_most, quiet_from, quiet_until, forget_days FROM merchant_rules WHERE merchant_id = $1`,
		merchantID).Scan(&after, &before, &most, &from, &until, &forget)
	if errors.Is(err, sql.ErrNoRows) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read rules: %w", err)
	}
	r.RemindAfter, r.RemindBefore, r.RemindMost = int(after), int(before), int(most)
	r.QuietFrom, r.QuietUntil, r.ForgetDays = int(from), int(until), int(forget)
	return r, nil
}

// SaveRules stores them.
func (tx *Tx) SaveRules(r *checkout.Rules) error {
	_, err := tx.exec(`INSERT INTO merchant_rules (merchant_id, remind_after_days, remind_before_hours, remind_most, quiet_from, quiet_until, forget_days)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (merchant_id) DO UPDATE SET remind_after_days = excluded.remind_after_days, remind_before_hours = excluded.remind_before_hours,
  remind_most = excluded.remind_most, quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until, forget_days = excluded.forget_days`,
		r.MerchantID, int64(r.RemindAfter), int64(r.RemindBefore), int64(r.RemindMost), int64(r.QuietFrom), int64(r.QuietUntil), int64(r.ForgetDays))
	if err != nil {
		return fmt.Errorf("save rules: %w", err)
	}
	return nil
}

const reminderColumns = `invoice_id, merchant_id, sent_at_ms, last_at_ms, count, next_at_ms`

// Asked notes that an invoice was sent now: it may be reminded of from here on. How often it was, stays.
func (tx *Tx) Asked(invoiceID, merchantID string, next time.Time) error {
	_, err := tx.exec(`INSERT INTO reminders (`+reminderColumns+`) VALUES ($1, $2, $3, $3, 0, $4)
ON CONFLICT (invoice_id) DO UPDATE SET sent_at_ms = excluded.sent_at_ms, last_at_ms = excluded.last_at_ms, next_at_ms = excluded.next_at_ms`,
		invoiceID, merchantID, ms(tx.now), ms(next))
	if err != nil {
		return fmt.Errorf("note a request: %w", err)
	}
	return nil
}

// Reminder reads what is known about reminding of an invoice. checkout.NotFound when it was never sent,
// or is over.
func (tx *Tx) Reminder(invoiceID string) (*checkout.Reminder, error) {
	var m checkout.Reminder
	var sent, last, count, next int64
	err := tx.row(`SELECT `+reminderColumns+` FROM reminders WHERE invoice_id = $1`, invoiceID).
		Scan(&m.InvoiceID, &m.MerchantID, &sent, &last, &count, &next)
	if err := none("read reminder", err); err != nil {
		return nil, err
	}
	m.SentAt, m.LastAt, m.Count, m.NextAt = fromMS(sent), fromMS(last), int(count), fromMS(next)
	return &m, nil
}

// SaveReminder writes what came of a look. The invoice's lock keeps two of them apart.
func (tx *Tx) SaveReminder(m *checkout.Reminder) error {
	n, err := tx.exec(`UPDATE reminders SET last_at_ms = $1, count = $2, next_at_ms = $3 WHERE invoice_id = $4`,
		ms(m.LastAt), int64(m.Count), ms(m.NextAt), m.InvoiceID)
	return one("save reminder", n, err)
}

// DropReminder ends reminding of an invoice.
func (tx *Tx) DropReminder(invoiceID string) error {
	if _, err := tx.exec(`DELETE FROM reminders WHERE invoice_id = $1`, invoiceID); err != nil {
		return fmt.Errorf("end reminding: %w", err)
	}
	return nil
}

// DueReminders lists the invoices that it is time to look at, those that wait longest first.
func (tx *Tx) DueReminders(limit int) ([]string, error) {
	return tx.ids(`SELECT invoice_id FROM reminders WHERE next_at_ms <= $1 ORDER BY next_at_ms LIMIT CAST($2 AS BIGINT)`, ms(tx.now), int64(limit))
}

// LookAtReminder makes an invoice be looked at soon, since its expiry was moved.
func (tx *Tx) LookAtReminder(invoiceID string) error {
	if _, err := tx.exec(`UPDATE reminders SET next_at_ms = $1 WHERE invoice_id = $2`, ms(tx.now), invoiceID); err != nil {
		return fmt.Errorf("look at reminder: %w", err)
	}
	return nil
}

// LookAtReminders makes up to limit of a merchant's invoices behind one be looked at soon, since the rule
// was changed. It returns the last of them, "" when there are no more.
func (tx *Tx) LookAtReminders(merchantID, after string, limit int) (string, error) {
	ids, err := tx.ids(`SELECT invoice_id FROM reminders WHERE merchant_id = $1 AND invoice_id > $2 ORDER BY invoice_id LIMIT CAST($3 AS BIGINT)`, merchantID, after, int64(limit))
	if err != nil || len(ids) == 0 {
		return "", err
	}
	last := ids[len(ids)-1]
	if _, err := tx.exec(`UPDATE reminders SET next_at_ms = $1 WHERE merchant_id = $2 AND invoice_id > $3 AND invoice_id <= $4`, ms(tx.now), merchantID, after, last); err != nil {
		return "", fmt.Errorf("look at reminders: %w", err)
	}
	return last, nil
}

// Reader is one address that a merchant reminds.
type Reader struct {
	Token, MerchantID string
	StoppedAt         time.Time
}

// ReaderOf finds the reader of an address, and makes one under the token when there is none.
func (tx *Tx) ReaderOf(merchantID, address, token string) (Reader, error) {
	reader := hashedAddress(address)
	_, err := tx.exec(`INSERT INTO reminder_readers (token, merchant_id, reader) VALUES ($1, $2, $3) ON CONFLICT (merchant_id, reader) DO NOTHING`, token, merchantID, reader)
	if err != nil {
		return Reader{}, fmt.Errorf("insert reader: %w", err)
	}
	return tx.reader(`merchant_id = $1 AND reader = $2`, merchantID, reader)
}

// KnownReader is ReaderOf for one who is there already. checkout.NotFound otherwise.
func (tx *Tx) KnownReader(merchantID, address string) (Reader, error) {
	return tx.reader(`merchant_id = $1 AND reader = $2`, merchantID, hashedAddress(address))
}

// ReaderByToken finds a reader by the way out of a reminder. checkout.NotFound when there is none.
func (tx *Tx) ReaderByToken(token string) (Reader, error) {
	return tx.reader(`token = $1`, token)
}

func (tx *Tx) reader(where string, args ...any) (Reader, error) {
	var r Reader
	var stopped sql.NullInt64
	err := tx.row(`SELECT token, merchant_id, stopped_at_ms FROM reminder_readers WHERE `+where, args...).Scan(&r.Token, &r.MerchantID, &stopped)
	if err := none("read reader", err); err != nil {
		return r, err
	}
	r.StoppedAt = fromNullMS(stopped)
	return r, nil
}

// StopReader notes that a reader wants no reminders, or wants them again. Twice is once.
func (tx *Tx) StopReader(token string, stop bool) error {
	text, args := `UPDATE reminder_readers SET stopped_at_ms = NULL WHERE token = $1`, []any{token}
	if stop {
		text, args = `UPDATE reminder_readers SET stopped_at_ms = COALESCE(stopped_at_ms, $2) WHERE token = $1`, []any{token, ms(tx.now)}
	}
	n, err := tx.exec(text, args...)
	if err == nil && n == 0 {
		return fmt.Errorf("stop reminders: %w", checkout.NotFound)
	}
	return one("stop reminders", n, err)
}
