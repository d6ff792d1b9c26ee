package db

import (
	"database/sql"
	"fmt"
	"time"

	"dargah/internal/app/checkout"
)

const loginColumns = `id, user_id, merchant_id, live, address, agent, created_at_ms, seen_at_ms, fresh_at_ms, ended_at_ms`

// InsertLogin stores a login that begins.
func (tx *Tx) InsertLogin(l *checkout.Login) error {
	_, err := tx.exec(`INSERT INTO logins (`+loginColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL)`,
		l.ID, l.UserID, l.MerchantID, bit(l.Live), l.Address, l.Agent, ms(l.CreatedAt), ms(l.SeenAt), ms(l.FreshAt))
	if err != nil {
		return fmt.Errorf("insert login: %w", err)
	}
	return nil
}

// Login reads one login, also an ended one. checkout.NotFound when there is none.
func (tx *Tx) Login(id string) (*checkout.Login, error) {
	l, err := scanLogin(tx.row(`SELECT `+loginColumns+` FROM logins WHERE id = $1`, id))
	if err := none("read login", err); err != nil {
		return nil, err
	}
	return l, nil
}

// LastLogin reads the login that a user began last, also an ended one. checkout.NotFound when there is none.
func (tx *Tx) LastLogin(userID string) (*checkout.Login, error) {
	l, err := scanLogin(tx.row(`SELECT `+loginColumns+` FROM logins WHERE user_id = $1 ORDER BY created_at_ms DESC, id DESC LIMIT 1`, userID))
	if err := none("read last login", err); err != nil {
		return nil, err
	}
	return l, nil
}

// LoginsOf lists a user's logins that have not ended and began after since, newest first.
func (tx *Tx) LoginsOf(userID string, since time.Time) ([]checkout.Login, error) {
	rows, err := tx.query(`SELECT `+loginColumns+` FROM logins WHERE user_id = $1 AND ended_at_ms IS NULL AND created_at_ms > $2 ORDER BY seen_at_ms DESC, id DESC`, userID, ms(since))
	if err != nil {
		return nil, fmt.Errorf("list logins: %w", err)
	}
	defer rows.Close()
	var list []checkout.Login
	for rows.Next() {
		l, err := scanLogin(rows)
		if err != nil {
			return nil, fmt.Errorf("list logins: %w", err)
		}
		list = append(list, *l)
	}
	return list, rows.Err()
}

// TouchLogin notes that a login was used, if it still counts.
func (tx *Tx) TouchLogin(id string) error {
	_, err := tx.exec(`UPDATE logins SET seen_at_ms = $1 WHERE id = $2 AND ended_at_ms IS NULL`, ms(tx.now), id)
	if err != nil {
		return fmt.Errorf("touch login: %w", err)
	}
	return nil
}

// FreshenLogin notes that its person proved who they are just now. checkout.NotFound when it has ended.
func (tx *Tx) FreshenLogin(id string) error {
	n, err := tx.exec(`UPDATE logins SET fresh_at_ms = $1 WHERE id = $2 AND ended_at_ms IS NULL`, ms(tx.now), id)
	if err == nil && n != 1 {
		err = checkout.NotFound
	}
	if err != nil {
		return fmt.Errorf("freshen login: %w", err)
	}
	return nil
}

// ScopeLogin sets which merchant and mode a login looks at.
func (tx *Tx) ScopeLogin(id, merchantID string, live bool) error {
	_, err := tx.exec(`UPDATE logins SET merchant_id = $1, live = $2 WHERE id = $3 AND ended_at_ms IS NULL`, merchantID, bit(live), id)
	if err != nil {
		return fmt.Errorf("scope login: %w", err)
	}
	return nil
}

// EndLogin ends one of a user's logins. checkout.NotFound when it is not theirs or has ended.
func (tx *Tx) EndLogin(userID, id string) error {
	n, err := tx.exec(`UPDATE logins SET ended_at_ms = $1 WHERE id = $2 AND user_id = $3 AND ended_at_ms IS NULL`, ms(tx.now), id, userID)
	if err == nil && n != 1 {
		err = checkout.NotFound
	}
	if err != nil {
		return fmt.Errorf("end login: %w", err)
	}
	return nil
}

// EndLogins ends all of a user's logins but one ("" for all).
func (tx *Tx) EndLogins(userID, except string) error {
	_, err := tx.exec(`UPDATE logins SET ended_at_ms = $1 WHERE user_id = $2 AND id <> $3 AND ended_at_ms IS NULL`, ms(tx.now), userID, except)
	if err != nil {
		return fmt.Errorf("end logins: %w", err)
	}
	return nil
}

// PruneLogins forgets logins that began before a moment, for the schedule.
func (tx *Tx) PruneLogins(before time.Time) error {
	_, err := tx.exec(`DELETE FROM logins WHERE created_at_ms < $1`, ms(before))
	if err != nil {
		return fmt.Errorf("prune logins: %w", err)
	}
	return nil
}

func scanLogin(row scanner) (*checkout.Login, error) {
	var l checkout.Login
	var live, created, seen, fresh int64
	var ended sql.NullInt64
	if err := row.Scan(&l.ID, &l.UserID, &l.MerchantID, &live, &l.Address, &l.Agent, &created, &seen, &fresh, &ended); err != nil {
		return nil, err
	}
	l.Live = live == 1
	l.CreatedAt, l.SeenAt, l.FreshAt, l.EndedAt = fromMS(created), fromMS(seen), fromMS(fresh), fromNullMS(ended)
	return &l, nil
}

// CountTry counts one try under a name, in a window that begins with the first, and returns how many
// there are now and when the window ends.
func (tx *Tx) CountTry(name string, window time.Duration) (int, time.Time, error) {
	t := checkout.Tally{Name: name, N: 1, Window: window}
	err := tx.CountTries(&t)
	return t.Total, t.Until, err
}

// CountTries counts several tries under a tally's name, and fills in how many there are now and when the
// window ends.
func (tx *Tx) CountTries(t *checkout.Tally) error {
	var tries, until int64
	err := tx.row(`INSERT INTO throttles (name, tries, until_ms) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET
  tries = CASE WHEN throttles.until_ms <= $4 THEN excluded.tries ELSE throttles.tries + excluded.tries END,
  until_ms = CASE WHEN throttles.until_ms <= $4 THEN excluded.until_ms ELSE throttles.until_ms END
RETURNING tries, until_ms`, t.Name, int64(t.N), ms(tx.now.Add(t.Window)), ms(tx.now)).Scan(&tries, &until)
	if err != nil {
		return fmt.Errorf("count tries: %w", err)
	}
	t.Total, t.Until = int(tries), fromMS(until)
	return nil
}

// ForgetTries begins the count of a name anew.
func (tx *Tx) ForgetTries(name string) error {
	_, err := tx.exec(`DELETE FROM throttles WHERE name = $1`, name)
	if err != nil {
		return fmt.Errorf("forget tries: %w", err)
	}
	return nil
}

// PruneTries forgets the windows that are over, for the schedule.
func (tx *Tx) PruneTries() error {
	_, err := tx.exec(`DELETE FROM throttles WHERE until_ms <= $1`, ms(tx.now))
	if err != nil {
		return fmt.Errorf("prune tries: %w", err)
	}
	return nil
}
