package db

import (
	"fmt"
	"time"

	"dargah/internal/app/checkout"
)

// SaveLetter writes what became of a letter that waited: its state, the reason, the server's answer,
// the next try, and the facts as they left. A link that opens something is wiped with it unless the
// letter waits on. False: it did not wait any more.
func (tx *Tx) SaveLetter(l *checkout.Letter) (bool, error) {
	facts, err := factsJSON(l)
	if err != nil {
		return false, err
	}
	if l.Status != checkout.LetterQueued {
		l.Sealed = ""
	}
	n, err := tx.exec(`UPDATE letters SET status = $1, reason = $2, answer = $3, tries = $4, next_at_ms = $5, ended_at_ms = $6, facts = $7, sealed = $8
WHERE id = $9 AND status = 'queued'`,
		string(l.Status), l.Reason, l.Answer, int64(l.Tries), nullMS(l.NextAt), nullMS(l.EndedAt), facts, l.Sealed, l.ID)
	if err != nil {
		return false, fmt.Errorf("save letter %s: %w", l.ID, err)
	}
	return n == 1, nil
}

// RequeueLetter sends a refused letter again, as a new try for as long as a new letter is tried.
// False: it is none that was refused, it was forgotten, or it held a link that is wiped.
func (tx *Tx) RequeueLetter(id string) (bool, error) {
	n, err := tx.exec(`UPDATE letters SET status = 'queued', reason = '', tries = 0, next_at_ms = $1, ended_at_ms = NULL, until_ms = $2
WHERE id = $3 AND status = 'refused' AND recipient <> '' AND kind <> 'invitation' AND kind <> 'password_reset'`,
		ms(tx.now), ms(tx.now.Add(checkout.LetterLife)), id)
	if err != nil {
		return false, fmt.Errorf("requeue letter %s: %w", id, err)
	}
	if n == 0 {
		return false, nil
	}
	return true, tx.EnqueueJob(checkout.Job{Kind: checkout.JobLetter, Key: id, RunAt: tx.now})
}

// LetterWaits reports whether a letter of that kind about an invoice has not left yet.
func (tx *Tx) LetterWaits(invoiceID string, kind checkout.LetterKind) (bool, error) {
	var n int64
	err := tx.row(`SELECT COUNT(*) FROM letters WHERE invoice_id = $1 AND invoice_id <> '' AND kind = $2 AND status = 'queued'`, invoiceID, string(kind)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for waiting letters: %w", err)
	}
	return n > 0, nil
}

// OutboxState is how the outbox of a merchant in one mode stands, or with "" that of everybody.
type OutboxState struct {
	Waiting int
	Oldest  time.Time // of those that wait, zero when none does
	Refused int
}

// Outbox counts what waits and what was refused.
func (tx *Tx) Outbox(merchantID string, live bool) (OutboxState, error) {
	w := where{}
	w.add("(status = 'queued' OR status = 'refused')")
	if merchantID != "" {
		w.add("merchant_id = ?", merchantID)
		w.add("live = ?", bit(live))
	}
	var o OutboxState
	var waiting, oldest, refused int64
	err := tx.row(`SELECT CAST(COALESCE(SUM(CASE WHEN status = 'queued' THEN 1 ELSE 0 END), 0) AS BIGINT),
  COALESCE(MIN(CASE WHEN status = 'queued' THEN created_at_ms END), 0),
  CAST(COALESCE(SUM(CASE WHEN status = 'refused' THEN 1 ELSE 0 END), 0) AS BIGINT) FROM letters`+w.sql(), w.args...).Scan(&waiting, &oldest, &refused)
	if err != nil {
		return o, fmt.Errorf("count the outbox: %w", err)
	}
	o.Waiting, o.Refused = int(waiting), int(refused)
	if oldest != 0 {
		o.Oldest = fromMS(oldest)
	}
	return o, nil
}

// ForgetLetters removes the personal data of letters that were written before then and do not wait,
// at most limit of them: the address, the words and the server's answer. What kind of letter it was and what became
// of it stays. It returns how many there were.
func (tx *Tx) ForgetLetters(before time.Time, limit int) (int64, error) {
	n, err := tx.exec(`UPDATE letters SET recipient = '', facts = '', answer = '' WHERE id IN
(SELECT id FROM letters WHERE recipient <> '' AND created_at_ms < $1 AND status <> 'queued' ORDER BY created_at_ms LIMIT CAST($2 AS BIGINT))`, ms(before), int64(limit))
	if err != nil {
		return 0, fmt.Errorf("forget letters: %w", err)
	}
	return n, nil
}

// ForgetLettersOf removes the personal data of an invoice's letters, and withholds those that wait.
func (tx *Tx) ForgetLettersOf(invoiceID string) (int64, error) {
	n, err := tx.exec(`UPDATE letters SET recipient = '', facts = '', answer = '', sealed = '',
  reason = CASE WHEN status = 'queued' THEN 'too_late' ELSE reason END, ended_at_ms = COALESCE(ended_at_ms, $2), next_at_ms = NULL,
  status = CASE WHEN status = 'queued' THEN 'withheld' ELSE status END
WHERE invoice_id = $1 AND invoice_id <> '' AND recipient <> ''`, invoiceID, ms(tx.now))
	if err != nil {
		return 0, fmt.Errorf("forget letters of %s: %w", invoiceID, err)
	}
	return n, nil
}

// HastenLetters makes the letters due that wait for a mail server's sake and not by its word.
func (tx *Tx) HastenLetters() error {
	n, err := tx.exec(`UPDATE jobs SET run_at_ms = $1 WHERE kind = 'letter' AND run_at_ms > $1 AND lease_until_ms IS NULL AND dead_at_ms IS NULL
AND key IN (SELECT id FROM letters WHERE status = 'queued' AND reason <> 'server')`, ms(tx.now))
	if err != nil {
		return fmt.Errorf("hasten letters: %w", err)
	}
	if n > 0 {
		tx.wake(checkout.JobLetter)
	}
	return nil
}
