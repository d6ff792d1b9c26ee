package db

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// Sessions keeps the logins' sessions for scs (it is its Store and CtxStore). The token that comes
// here is scs's hash of the cookie, so a copied database opens no session.
type Sessions struct{ db *DB }

// Sessions returns the session store.
func (db *DB) Sessions() *Sessions { return &Sessions{db} }

// FindCtx reads the data of a session that has not expired.
func (s *Sessions) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	var text string
	err = s.db.View(ctx, func(tx *Tx) error {
		return tx.row(`SELECT data FROM sessions WHERE token = $1 AND expires_at_ms > $2`, token, ms(tx.now)).Scan(&text)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("find session: %w", err)
	}
	if data, err = base64.StdEncoding.DecodeString(text); err != nil {
		return nil, false, fmt.Errorf("find session: %w", err)
	}
	return data, true, nil
}

// CommitCtx stores a session. The data is scs's own bytes; PostgreSQL's TEXT takes no zero byte,
// hence base64.
func (s *Sessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	err := s.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.exec(`INSERT INTO sessions (token, data, expires_at_ms) VALUES ($1, $2, $3)
ON CONFLICT (token) DO UPDATE SET data = excluded.data, expires_at_ms = excluded.expires_at_ms`,
			token, base64.StdEncoding.EncodeToString(data), ms(expiry))
		return err
	})
	if err != nil {
		return fmt.Errorf("store session: %w", err)
	}
	return nil
}

// DeleteCtx ends a session. One that is not there is ended already.
func (s *Sessions) DeleteCtx(ctx context.Context, token string) error {
	err := s.db.Update(ctx, func(tx *Tx) error {
		_, err := tx.exec(`DELETE FROM sessions WHERE token = $1`, token)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete session: %w", err)
	}
	return nil
}

// AllCtx reads all sessions that have not expired, for ending those of one user.
func (s *Sessions) AllCtx(ctx context.Context) (map[string][]byte, error) {
	var all map[string][]byte
	err := s.db.View(ctx, func(tx *Tx) error {
		all = map[string][]byte{}
		rows, err := tx.query(`SELECT token, data FROM sessions WHERE expires_at_ms > $1`, ms(tx.now))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var token, text string
			if err := rows.Scan(&token, &text); err != nil {
				return err
			}
			if all[token], err = base64.StdEncoding.DecodeString(text); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	return all, nil
}

// Find, Commit, Delete and All are the same without a context, as scs's first interface wants them.
func (s *Sessions) Find(token string) (data []byte, found bool, err error) {
	return s.FindCtx(context.Background(), token)
}

// Commit stores a session.
func (s *Sessions) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Delete ends a session.
func (s *Sessions) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// All reads all sessions that have not expired.
func (s *Sessions) All() (map[string][]byte, error) { return s.AllCtx(context.Background()) }

// PruneSessions forgets expired sessions, for the schedule.
func (tx *Tx) PruneSessions() (int64, error) {
	n, err := tx.exec(`DELETE FROM sessions WHERE expires_at_ms <= $1`, ms(tx.now))
	if err != nil {
		return 0, fmt.Errorf("prune sessions: %w", err)
	}
	return n, nil
}
