package db

import (
	"fmt"
	"time"
)

// Certificate is one file of what certificates need, sealed.
type Certificate struct {
	Name, Sealed string
	Size         int64
	ChangedAt    time.Time
}

// Certificate reads one. checkout.NotFound when there is none.
func (tx *Tx) Certificate(name string) (*Certificate, error) {
	c := Certificate{Name: name}
	var changed int64
	err := tx.row(`SELECT sealed, size, changed_at_ms FROM certificates WHERE name = $1`, name).Scan(&c.Sealed, &c.Size, &changed)
	if err := none("read certificate", err); err != nil {
		return nil, err
	}
	c.ChangedAt = fromMS(changed)
	return &c, nil
}

// PutCertificate stores one, or replaces it.
func (tx *Tx) PutCertificate(c *Certificate) error {
	_, err := tx.exec(`INSERT INTO certificates (name, sealed, size, changed_at_ms) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, size = excluded.size, changed_at_ms = excluded.changed_at_ms`,
		c.Name, c.Sealed, c.Size, ms(tx.now))
	if err != nil {
		return fmt.Errorf("put certificate: %w", err)
	}
	return nil
}

// DeleteCertificate removes one; none is no error.
func (tx *Tx) DeleteCertificate(name string) error {
	if _, err := tx.exec(`DELETE FROM certificates WHERE name = $1`, name); err != nil {
		return fmt.Errorf("delete certificate: %w", err)
	}
	return nil
}

// CertificateNames lists the names of all: a few for each domain.
func (tx *Tx) CertificateNames() ([]string, error) {
	rows, err := tx.query(`SELECT name FROM certificates ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("list certificates: %w", err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("list certificates: %w", err)
		}
		list = append(list, name)
	}
	return list, rows.Err()
}

// SealedCertificates lists them behind a name, to seal them again.
func (tx *Tx) SealedCertificates(after *Sealed, limit int) ([]Sealed, error) {
	return tx.sealed(`SELECT name, '', sealed, '', 0, 0 FROM certificates WHERE name > $1 ORDER BY name LIMIT CAST($2 AS BIGINT)`, after.ID, int64(limit))
}

// ResealCertificate stores one as another key sealed it. False: it is another one by now.
func (tx *Tx) ResealCertificate(s *Sealed, value string) (bool, error) {
	return tx.reseal(`UPDATE certificates SET sealed = $1 WHERE name = $2 AND sealed = $3`, value, s.ID, s.Value)
}

// LockCertificate takes a lock, or keeps it for longer. False: another has it.
func (tx *Tx) LockCertificate(name, owner string, until time.Time) (bool, error) {
	n, err := tx.exec(`INSERT INTO certificate_locks (name, owner, until_ms) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until_ms = excluded.until_ms
WHERE certificate_locks.owner = excluded.owner OR certificate_locks.until_ms < $4`, name, owner, ms(until), ms(tx.now))
	if err != nil {
		return false, fmt.Errorf("lock certificate: %w", err)
	}
	return n == 1, nil
}

// UnlockCertificate gives a lock back.
func (tx *Tx) UnlockCertificate(name, owner string) error {
	if _, err := tx.exec(`DELETE FROM certificate_locks WHERE name = $1 AND owner = $2`, name, owner); err != nil {
		return fmt.Errorf("unlock certificate: %w", err)
	}
	return nil
}
