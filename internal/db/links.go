package db

import (
	"database/sql"
	"fmt"

	"dargah/internal/app/checkout"
)

const linkKeyColumns = `id, merchant_id, live, name, sealed, created_at_ms, revoked_at_ms`

// InsertLinkKey stores a key with its sealed secret.
func (tx *Tx) InsertLinkKey(k *checkout.LinkKey) error {
	n, err := tx.exec(`INSERT INTO link_keys (id, merchant_id, live, name, sealed, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		k.ID, k.MerchantID, bit(k.Live), k.Name, k.Sealed, ms(k.CreatedAt))
	return one("insert link key", n, err)
}

// LinkKey reads one key, also a revoked one. checkout.NotFound when there is none.
func (tx *Tx) LinkKey(id string) (*checkout.LinkKey, error) {
	k, err := scanLinkKey(tx.row(`SELECT `+linkKeyColumns+` FROM link_keys WHERE id = $1`, id))
	if err := none("read link key", err); err != nil {
		return nil, err
	}
	return k, nil
}

// LinkKeys lists a merchant's keys in one mode, newest first.
func (tx *Tx) LinkKeys(merchantID string, live bool) ([]checkout.LinkKey, error) {
	return tx.linkKeys(`SELECT `+linkKeyColumns+` FROM link_keys WHERE merchant_id = $1 AND live = $2 ORDER BY created_at_ms DESC, id DESC`, merchantID, bit(live))
}

// AllLinkKeys lists every key of the installation: a new secret key seals them again.
func (tx *Tx) AllLinkKeys() ([]checkout.LinkKey, error) {
	return tx.linkKeys(`SELECT ` + linkKeyColumns + ` FROM link_keys ORDER BY id`)
}

func (tx *Tx) linkKeys(query string, args ...any) ([]checkout.LinkKey, error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("list link keys: %w", err)
	}
	defer rows.Close()
	var list []checkout.LinkKey
	for rows.Next() {
		k, err := scanLinkKey(rows)
		if err != nil {
			return nil, fmt.Errorf("list link keys: %w", err)
		}
		list = append(list, *k)
	}
	return list, rows.Err()
}

// ResealLinkKey stores a key's secret as another secret key sealed it.
func (tx *Tx) ResealLinkKey(id, sealed string) error {
	_, err := tx.exec(`UPDATE link_keys SET sealed = $1 WHERE id = $2`, sealed, id)
	if err != nil {
		return fmt.Errorf("reseal link key: %w", err)
	}
	return nil
}

// RevokeLinkKey ends a key of a merchant and says its name. checkout.NotFound when it is not theirs or has ended.
func (tx *Tx) RevokeLinkKey(merchantID, id string) (name string, err error) {
	err = tx.row(`UPDATE link_keys SET revoked_at_ms = $1 WHERE id = $2 AND merchant_id = $3 AND revoked_at_ms IS NULL RETURNING name`, ms(tx.now), id, merchantID).Scan(&name)
	return name, none("revoke link key", err)
}

// LinkedInvoice reads which invoice a link's reference leads to. checkout.NotFound when none was made.
func (tx *Tx) LinkedInvoice(merchantID string, live bool, reference string) (id, token string, err error) {
	err = tx.row(`SELECT i.id, i.token FROM links l JOIN invoices i ON i.id = l.invoice_id
WHERE l.merchant_id = $1 AND l.live = $2 AND l.reference = $3`, merchantID, bit(live), reference).Scan(&id, &token)
	return id, token, none("read linked invoice", err)
}

// ClaimLink binds a link's reference to an invoice for ever. False: another transaction, which is
// committed now, was first.
func (tx *Tx) ClaimLink(merchantID string, live bool, reference, invoiceID string) (bool, error) {
	n, err := tx.exec(`INSERT INTO links (merchant_id, live, reference, invoice_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		merchantID, bit(live), reference, invoiceID)
	if err != nil {
		return false, fmt.Errorf("claim link: %w", err)
	}
	return n == 1, nil
}

func scanLinkKey(row scanner) (*checkout.LinkKey, error) {
	var k checkout.LinkKey
	var live, created int64
	var revoked sql.NullInt64
	if err := row.Scan(&k.ID, &k.MerchantID, &live, &k.Name, &k.Sealed, &created, &revoked); err != nil {
		return nil, err
	}
	k.Live, k.CreatedAt, k.RevokedAt = live == 1, fromMS(created), fromNullMS(revoked)
	return &k, nil
}
