package db

import (
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"dargah/internal/app/checkout"
)

const letterColumns = `id, merchant_id, live, kind, key, invoice_id, recipient, locale, facts, sealed, status, reason, answer, tries,
  created_at_ms, until_ms, next_at_ms, ended_at_ms`

// EnqueueLetter puts a letter into the outbox, in the transaction of what it tells. It sets the
// letter's id, state and times. What may not leave (test mode, too many in a day, no address) is kept
// for the log and not sent: no fault of a letter is an error of the act that it tells. False: there is
// one of that key already, and nothing was done.
func (tx *Tx) EnqueueLetter(l *checkout.Letter) (bool, error) {
	if l.ID == "" {
		l.ID = checkout.NewID(checkout.PrefixLetter, tx.now, rand.Reader)
	}
	if l.Until.IsZero() {
		l.Until = tx.now.Add(checkout.LetterLife)
	}
	l.CreatedAt, l.Status, l.NextAt = tx.now, checkout.LetterQueued, tx.now
	if l.Kind.Asks() { // a second of the same must not be counted; of the others the key takes care
		if taken, err := tx.letterTaken(l.Key); err != nil || taken {
			return false, err
		}
	}
	reason, err := tx.withhold(l)
	if err != nil {
		return false, err
	}
	if reason != "" {
		l.Status, l.Reason, l.Sealed, l.NextAt, l.EndedAt = checkout.LetterWithheld, reason, "", time.Time{}, tx.now
		if reason == checkout.ReasonBadAddress {
			l.Status = checkout.LetterRefused
		}
	}
	fresh, err := tx.insertLetter(l)
	if err != nil || !fresh || l.Status != checkout.LetterQueued {
		return fresh, err
	}
	return true, tx.EnqueueJob(checkout.Job{Kind: checkout.JobLetter, Key: l.ID, RunAt: tx.now})
}

func (tx *Tx) letterTaken(key string) (bool, error) {
	var id string
	err := tx.row(`SELECT id FROM letters WHERE key = $1`, key).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for letter %s: %w", key, err)
	}
	return true, nil
}

func (tx *Tx) insertLetter(l *checkout.Letter) (bool, error) {
	facts, err := factsJSON(l)
	if err != nil {
		return false, err
	}
	n, err := tx.exec(`INSERT INTO letters (`+letterColumns+`)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT (key) DO NOTHING`,
		l.ID, l.MerchantID, bit(l.Live), string(l.Kind), l.Key, l.InvoiceID, l.Recipient, l.Locale, facts, l.Sealed,
		string(l.Status), l.Reason, l.Answer, int64(l.Tries), ms(l.CreatedAt), ms(l.Until), nullMS(l.NextAt), nullMS(l.EndedAt))
	if err != nil {
		return false, fmt.Errorf("insert letter: %w", err)
	}
	return n == 1, nil
}

func factsJSON(l *checkout.Letter) (string, error) {
	b, err := json.Marshal(l.Facts)
	if err != nil {
		return "", fmt.Errorf("facts of letter %s: %w", l.ID, err)
	}
	return string(b), nil
}

// withhold says why a letter may not leave at all, "" when it may.
func (tx *Tx) withhold(l *checkout.Letter) (string, error) {
	if !checkout.MailAddress(l.Recipient) {
		return checkout.ReasonBadAddress, nil
	}
	if !l.Live && l.MerchantID != "" {
		own, err := tx.ownPeople(l.MerchantID, l.Recipient)
		if err != nil {
			return "", err
		}
		if !own {
			return checkout.ReasonTestMode, nil
		}
	}
	if !l.Kind.Asks() && !checkout.IsSample(l) {
		return "", nil
	}
	over, err := tx.countLetter("to:"+hashedAddress(l.Recipient), checkout.AskingToOne)
	if err == nil && !over && l.MerchantID != "" && !checkout.IsSample(l) {
		if l.Many {
			over, err = tx.countLetter("many:"+l.MerchantID, checkout.AskingOfMany)
		} else {
			over, err = tx.countLetter("of:"+l.MerchantID, checkout.AskingOfOne)
		}
	}
	if err != nil || !over {
		return "", err
	}
	return checkout.ReasonLimit, nil
}

// ownPeople reports whether an address is the merchant's own, or of somebody who logs in for it.
func (tx *Tx) ownPeople(merchantID, address string) (bool, error) {
	var n int64
	err := tx.row(`SELECT (SELECT COUNT(*) FROM merchants WHERE id = $1 AND LOWER(email) = $2) +
  (SELECT COUNT(*) FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.merchant_id = $1 AND u.email = $2)`,
		merchantID, strings.ToLower(address)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for own people: %w", err)
	}
	return n > 0, nil
}

// countLetter counts one more today, and reports whether that is too many. The row is the lock: no two
// transactions count the same letter.
func (tx *Tx) countLetter(name string, most int64) (over bool, err error) {
	var n int64
	err = tx.row(`INSERT INTO letter_counts (name, day, count) VALUES ($1, $2, 1)
ON CONFLICT (name, day) DO UPDATE SET count = letter_counts.count + 1 RETURNING count`, name, letterDay(tx.now)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("count letters: %w", err)
	}
	return n > most, nil
}

func letterDay(at time.Time) int64 { return at.Unix() / 86400 }

// hashedAddress names a mailbox without telling it. What stands behind a plus in it is the same box.
func hashedAddress(address string) string {
	local, domain, _ := strings.Cut(strings.ToLower(address), "@")
	local, _, _ = strings.Cut(local, "+")
	sum := sha256.Sum256([]byte(local + "@" + domain))
	return hex.EncodeToString(sum[:16])
}

// PruneLetterCounts forgets the counts of days that are over.
func (tx *Tx) PruneLetterCounts() error {
	if _, err := tx.exec(`DELETE FROM letter_counts WHERE day < $1`, letterDay(tx.now)-1); err != nil {
		return fmt.Errorf("prune letter counts: %w", err)
	}
	return nil
}

// Letter reads one letter. checkout.NotFound when there is none.
func (tx *Tx) Letter(id string) (*checkout.Letter, error) {
	l, err := scanLetter(tx.row(`SELECT `+letterColumns+` FROM letters WHERE id = $1`, id))
	if err := none("read letter", err); err != nil {
		return nil, err
	}
	return l, nil
}

// LetterQuery selects letters of one merchant in one mode ("": the installation's own), newest first.
// Zero fields do not filter.
type LetterQuery struct {
	MerchantID string
	Live       bool
	InvoiceID  string
	Status     string
	// BeforeAt and BeforeID are the last row of the page before.
	BeforeAt time.Time
	BeforeID string
	Limit    int
}

// Letters lists letters, newest first, at most Limit.
func (tx *Tx) Letters(q LetterQuery) ([]checkout.Letter, error) {
	w := where{}
	w.add("merchant_id = ?", q.MerchantID)
	w.add("live = ?", bit(q.Live))
	if q.InvoiceID != "" {
		w.add("invoice_id = ? AND invoice_id <> ''", q.InvoiceID)
	}
	if q.Status != "" {
		w.add("status = ?", q.Status)
	}
	if q.BeforeID != "" {
		w.add("(created_at_ms, id) < (?, ?)", ms(q.BeforeAt), q.BeforeID)
	}
	rows, err := tx.query(`SELECT `+letterColumns+` FROM letters`+w.sql()+` ORDER BY created_at_ms DESC, id DESC`+w.limit(q.Limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("list letters: %w", err)
	}
	defer rows.Close()
	var list []checkout.Letter
	for rows.Next() {
		l, err := scanLetter(rows)
		if err != nil {
			return nil, fmt.Errorf("list letters: %w", err)
		}
		list = append(list, *l)
	}
	return list, rows.Err()
}

func scanLetter(row scanner) (*checkout.Letter, error) {
	var l checkout.Letter
	var live, tries, created, until int64
	var kind, facts, status string
	var next, ended sql.NullInt64
	err := row.Scan(&l.ID, &l.MerchantID, &live, &kind, &l.Key, &l.InvoiceID, &l.Recipient, &l.Locale, &facts, &l.Sealed,
		&status, &l.Reason, &l.Answer, &tries, &created, &until, &next, &ended)
	if err != nil {
		return nil, err
	}
	l.Live, l.Kind, l.Status, l.Tries = live == 1, checkout.LetterKind(kind), checkout.LetterStatus(status), int(tries)
	l.CreatedAt, l.Until, l.NextAt, l.EndedAt = fromMS(created), fromMS(until), fromNullMS(next), fromNullMS(ended)
	if facts != "" { // forgotten otherwise
		if err := json.Unmarshal([]byte(facts), &l.Facts); err != nil {
			return nil, fmt.Errorf("facts of %s: %w", l.ID, err)
		}
	}
	return &l, nil
}
