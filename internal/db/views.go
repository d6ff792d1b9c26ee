package db

import (
	"fmt"

	"dargah/internal/app/checkout"
)

// LockUser holds a user until the transaction ends, so that what they have can be counted and added to.
// checkout.NotFound when there is none.
func (tx *Tx) LockUser(id string) error {
	var got string
	return none("lock user", tx.row(`SELECT id FROM users WHERE id = $1 FOR UPDATE`, id).Scan(&got))
}

// InsertView stores a saved view. checkout.Conflict when the person has one of that name at the shop.
func (tx *Tx) InsertView(v *checkout.SavedView) error {
	n, err := tx.exec(`INSERT INTO saved_views (id, user_id, merchant_id, name, query, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		v.ID, v.UserID, v.MerchantID, v.Name, v.Query, ms(v.CreatedAt))
	return one("insert view", n, err)
}

// Views lists a person's views of a shop, oldest first.
func (tx *Tx) Views(userID, merchantID string) ([]checkout.SavedView, error) {
	rows, err := tx.query(`SELECT id, user_id, merchant_id, name, query, created_at_ms FROM saved_views WHERE user_id = $1 AND merchant_id = $2
ORDER BY created_at_ms, id`, userID, merchantID)
	if err != nil {
		return nil, fmt.Errorf("list views: %w", err)
	}
	defer rows.Close()
	var list []checkout.SavedView
	for rows.Next() {
		var v checkout.SavedView
		var created int64
		if err := rows.Scan(&v.ID, &v.UserID, &v.MerchantID, &v.Name, &v.Query, &created); err != nil {
			return nil, fmt.Errorf("list views: %w", err)
		}
		v.CreatedAt = fromMS(created)
		list = append(list, v)
	}
	return list, rows.Err()
}

// RenameView gives a person's view another name. checkout.NotFound when it is not theirs.
func (tx *Tx) RenameView(userID, merchantID, id, name string) error {
	n, err := tx.exec(`UPDATE saved_views SET name = $1 WHERE id = $2 AND user_id = $3 AND merchant_id = $4`, name, id, userID, merchantID)
	return changed("rename view", n, err)
}

// DeleteView takes a person's view away. checkout.NotFound when it is not theirs.
func (tx *Tx) DeleteView(userID, merchantID, id string) error {
	n, err := tx.exec(`DELETE FROM saved_views WHERE id = $1 AND user_id = $2 AND merchant_id = $3`, id, userID, merchantID)
	return changed("delete view", n, err)
}
