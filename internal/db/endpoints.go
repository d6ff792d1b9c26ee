package db

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"dargah/internal/app/checkout"
)

const endpointColumns = `id, merchant_id, live, url, types, secrets, failing_since_ms, disabled_at_ms, disabled_why, created_at_ms`

// sealedSecret is how an endpoint's secret stands in the database.
type sealedSecret struct {
	Sealed  string `json:"sealed"`
	UntilMS int64  `json:"until_ms,omitempty"`
}

// InsertEndpoint stores a new endpoint. From the commit on whatever happens is written down for it:
// the merchant's revision says so to every process.
func (tx *Tx) InsertEndpoint(e *checkout.Endpoint) error {
	secrets, err := endpointSecrets(e.Secrets)
	if err == nil {
		_, err = tx.exec(`INSERT INTO webhook_endpoints (id, merchant_id, live, url, types, secrets, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			e.ID, e.MerchantID, bit(e.Live), e.URL, strings.Join(e.Types, ","), secrets, ms(e.CreatedAt))
	}
	if err == nil {
		err = tx.revise(e.MerchantID)
	}
	if err != nil {
		return fmt.Errorf("insert endpoint: %w", err)
	}
	return nil
}

// revise tells every process that what it remembers of a merchant is no longer true.
func (tx *Tx) revise(merchantID string) error {
	_, err := tx.exec(`UPDATE merchants SET revision = $1 WHERE id = $2`, newRevision(), merchantID)
	return err
}

// Endpoints lists a merchant's endpoints in one mode, newest first.
func (tx *Tx) Endpoints(merchantID string, live bool) ([]checkout.Endpoint, error) {
	return tx.endpoints(`SELECT `+endpointColumns+` FROM webhook_endpoints WHERE merchant_id = $1 AND live = $2 AND deleted_at_ms IS NULL ORDER BY id DESC`,
		merchantID, bit(live))
}

// DisabledEndpoints lists a merchant's endpoints, of both modes, that nothing is sent to: each waits
// for a person.
func (tx *Tx) DisabledEndpoints(merchantID string) ([]checkout.Endpoint, error) {
	return tx.endpoints(`SELECT `+endpointColumns+` FROM webhook_endpoints
WHERE merchant_id = $1 AND deleted_at_ms IS NULL AND disabled_at_ms IS NOT NULL ORDER BY disabled_at_ms DESC, id`, merchantID)
}

// AllEndpoints lists every endpoint, for sealing their secrets under a new key.
func (tx *Tx) AllEndpoints() ([]checkout.Endpoint, error) {
	return tx.endpoints(`SELECT ` + endpointColumns + ` FROM webhook_endpoints WHERE deleted_at_ms IS NULL ORDER BY id`)
}

func (tx *Tx) endpoints(query string, args ...any) ([]checkout.Endpoint, error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	defer rows.Close()
	var list []checkout.Endpoint
	for rows.Next() {
		e, err := scanEndpoint(rows)
		if err != nil {
			return nil, fmt.Errorf("list endpoints: %w", err)
		}
		list = append(list, *e)
	}
	return list, rows.Err()
}

const scopedEndpoint = `SELECT ` + endpointColumns + ` FROM webhook_endpoints WHERE id = $1 AND merchant_id = $2 AND live = $3 AND deleted_at_ms IS NULL`

// ScopedEndpoint reads one endpoint of one merchant in one mode. checkout.NotFound when it is not
// theirs, or was removed.
func (tx *Tx) ScopedEndpoint(merchantID string, live bool, id string) (*checkout.Endpoint, error) {
	return tx.endpoint(scopedEndpoint, id, merchantID, bit(live))
}

// LockEndpoint is ScopedEndpoint that holds the row until the transaction ends.
func (tx *Tx) LockEndpoint(merchantID string, live bool, id string) (*checkout.Endpoint, error) {
	return tx.endpoint(scopedEndpoint+` FOR UPDATE`, id, merchantID, bit(live))
}

// Endpoint reads one endpoint. checkout.NotFound when there is none, or it was removed.
func (tx *Tx) Endpoint(id string) (*checkout.Endpoint, error) {
	return tx.endpoint(`SELECT `+endpointColumns+` FROM webhook_endpoints WHERE id = $1 AND deleted_at_ms IS NULL`, id)
}

func (tx *Tx) endpoint(query string, args ...any) (*checkout.Endpoint, error) {
	e, err := scanEndpoint(tx.row(query, args...))
	if err := none("read endpoint", err); err != nil {
		return nil, err
	}
	return e, nil
}

func scanEndpoint(row scanner) (*checkout.Endpoint, error) {
	var e checkout.Endpoint
	var live, created int64
	var types, secrets string
	var failing, disabled sql.NullInt64
	if err := row.Scan(&e.ID, &e.MerchantID, &live, &e.URL, &types, &secrets, &failing, &disabled, &e.DisabledWhy, &created); err != nil {
		return nil, err
	}
	e.Live, e.CreatedAt = live == 1, fromMS(created)
	e.FailingSince, e.DisabledAt = fromNullMS(failing), fromNullMS(disabled)
	if types != "" {
		e.Types = strings.Split(types, ",")
	}
	var list []sealedSecret
	if err := json.Unmarshal([]byte(secrets), &list); err != nil {
		return nil, fmt.Errorf("secrets of %s: %w", e.ID, err)
	}
	for _, s := range list {
		until := time.Time{}
		if s.UntilMS > 0 {
			until = fromMS(s.UntilMS)
		}
		e.Secrets = append(e.Secrets, checkout.EndpointSecret{Sealed: s.Sealed, Until: until})
	}
	return &e, nil
}

func endpointSecrets(secrets []checkout.EndpointSecret) (string, error) {
	list := make([]sealedSecret, 0, len(secrets))
	for _, s := range secrets {
		one := sealedSecret{Sealed: s.Sealed}
		if !s.Until.IsZero() {
			one.UntilMS = ms(s.Until)
		}
		list = append(list, one)
	}
	b, err := json.Marshal(list)
	return string(b), err
}

// SaveEndpointSecrets replaces an endpoint's secrets.
func (tx *Tx) SaveEndpointSecrets(id string, secrets []checkout.EndpointSecret) error {
	text, err := endpointSecrets(secrets)
	if err == nil {
		_, err = tx.exec(`UPDATE webhook_endpoints SET secrets = $1 WHERE id = $2`, text, id)
	}
	if err != nil {
		return fmt.Errorf("save secrets of %s: %w", id, err)
	}
	return nil
}

// DeleteEndpoint removes an endpoint: its secrets are gone, and nothing is sent any more. What was
// sent stays on record.
func (tx *Tx) DeleteEndpoint(e *checkout.Endpoint) error {
	_, err := tx.exec(`UPDATE webhook_endpoints SET deleted_at_ms = $1, secrets = '[]' WHERE id = $2 AND deleted_at_ms IS NULL`, ms(tx.now), e.ID)
	if err == nil {
		err = tx.endDeliveries(e.ID, `status = 'pending' OR status = 'held'`, checkout.DeliveryFailed)
	}
	if err == nil {
		err = tx.revise(e.MerchantID)
	}
	if err != nil {
		return fmt.Errorf("delete endpoint: %w", err)
	}
	return nil
}

// DisableEndpoint stops sending to an endpoint; what it has not heard of yet is held for it. False:
// it is disabled already, or was removed.
func (tx *Tx) DisableEndpoint(e *checkout.Endpoint, why string) (bool, error) {
	n, err := tx.exec(`UPDATE webhook_endpoints SET disabled_at_ms = $1, disabled_why = $2 WHERE id = $3 AND disabled_at_ms IS NULL AND deleted_at_ms IS NULL`,
		ms(tx.now), why, e.ID)
	if err == nil && n == 1 {
		err = tx.HoldDeliveries(e.ID)
	}
	if err == nil && n == 1 {
		err = tx.revise(e.MerchantID)
	}
	if err != nil {
		return false, fmt.Errorf("disable endpoint: %w", err)
	}
	return n == 1, nil
}

// EnableEndpoint sends to an endpoint again, and first of all what was held for it.
func (tx *Tx) EnableEndpoint(e *checkout.Endpoint) error {
	_, err := tx.exec(`UPDATE webhook_endpoints SET disabled_at_ms = NULL, disabled_why = '', failing_since_ms = NULL WHERE id = $1`, e.ID)
	if err == nil {
		_, err = tx.exec(`UPDATE webhook_deliveries SET status = 'pending', next_attempt_at_ms = $1, round = 0 WHERE endpoint_id = $2 AND status = 'held'`, ms(tx.now), e.ID)
	}
	if err == nil {
		err = tx.revise(e.MerchantID)
	}
	if err != nil {
		return fmt.Errorf("enable endpoint: %w", err)
	}
	tx.wake(WakeWebhooks)
	return nil
}

// EndpointFailed notes since when nothing arrives at an endpoint, EndpointHeard that something did.
func (tx *Tx) EndpointFailed(id string, since time.Time) error {
	_, err := tx.exec(`UPDATE webhook_endpoints SET failing_since_ms = $1 WHERE id = $2 AND failing_since_ms IS NULL`, ms(since), id)
	if err != nil {
		return fmt.Errorf("note failing endpoint: %w", err)
	}
	return nil
}

// EndpointHeard ends what EndpointFailed began.
func (tx *Tx) EndpointHeard(id string) error {
	_, err := tx.exec(`UPDATE webhook_endpoints SET failing_since_ms = NULL WHERE id = $1 AND failing_since_ms IS NOT NULL`, id)
	if err != nil {
		return fmt.Errorf("note hearing endpoint: %w", err)
	}
	return nil
}

// OwnerAddresses lists where a merchant is told what must not go unread: its own address and that of
// each owner, each once.
func (tx *Tx) OwnerAddresses(merchantID string) ([]string, error) {
	rows, err := tx.query(`SELECT LOWER(email) FROM merchants WHERE id = $1 AND email <> ''
UNION SELECT u.email FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.merchant_id = $1 AND m.role = 'owner' ORDER BY 1`, merchantID)
	if err != nil {
		return nil, fmt.Errorf("list owners: %w", err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var address string
		if err := rows.Scan(&address); err != nil {
			return nil, fmt.Errorf("list owners: %w", err)
		}
		list = append(list, address)
	}
	return list, rows.Err()
}
