package db

import (
	"fmt"
	"time"
)

// Stray is a callback whose token is truly ours and whose attempt is not here.
type Stray struct {
	ID, Gateway, Fields string
	CreatedAt           time.Time
}

// mostStrays bounds what one token can leave for a person to read.
const mostStrays = 10

// InsertStray keeps a stray callback for a person; the same one twice is one, and of one token only
// the first few.
func (tx *Tx) InsertStray(id, gateway, tokenHash, fields string) error {
	_, err := tx.exec(`INSERT INTO stray_callbacks (id, gateway, token_hash, fields, created_at_ms) 
SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT) WHERE (SELECT COUNT(*) FROM stray_callbacks WHERE token_hash = $3) < $6 ON CONFLICT DO NOTHING`,
		id, gateway, tokenHash, fields, ms(tx.now), int64(mostStrays))
	if err != nil {
		return fmt.Errorf("insert stray callback: %w", err)
	}
	return nil
}

// Strays lists the stray callbacks that nobody has closed, newest first.
func (tx *Tx) Strays(limit int) ([]Stray, error) {
	rows, err := tx.query(`SELECT id, gateway, fields, created_at_ms FROM stray_callbacks WHERE closed_at_ms IS NULL ORDER BY created_at_ms DESC, id DESC LIMIT $1`, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("list stray callbacks: %w", err)
	}
	defer rows.Close()
	var list []Stray
	for rows.Next() {
		var s Stray
		var created int64
		if err := rows.Scan(&s.ID, &s.Gateway, &s.Fields, &created); err != nil {
			return nil, fmt.Errorf("list stray callbacks: %w", err)
		}
		s.CreatedAt = fromMS(created)
		list = append(list, s)
	}
	return list, rows.Err()
}
