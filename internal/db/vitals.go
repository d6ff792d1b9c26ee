package db

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"dargah/internal/app/checkout"
)

// Vitals say how the installation as a whole is doing.
type Vitals struct {
	// Oldest is when the callback came that waits longest for the word of its gateway, zero when none
	// waits; Late says that for some attempt more than half of the time to ask is over.
	Oldest time.Time
	Late   bool
	// How many wait for a person, and how much stored work waits or was given up; exact to vitalsMost.
	Review, Strays, Dead, Webhooks, Letters int
}

const (
	vitalsMost = 10_000
	// vitalsAsked is how many of the oldest questions to gateways are looked at.
	vitalsAsked = 100
)

// Vitals reads them. Nothing of it reads more than what waits, and of that a bounded part.
func (tx *Tx) Vitals(verify string) (v Vitals, err error) {
	for query, to := range map[string]*int{
		`SELECT 1 FROM attempts a WHERE ` + waiting:                 &v.Review,
		`SELECT 1 FROM stray_callbacks WHERE closed_at_ms IS NULL`:  &v.Strays,
		`SELECT 1 FROM jobs WHERE dead_at_ms IS NOT NULL`:           &v.Dead,
		`SELECT 1 FROM webhook_deliveries WHERE status = 'pending'`: &v.Webhooks,
		`SELECT 1 FROM letters WHERE status = 'queued'`:             &v.Letters,
	} {
		var n int64
		if err := tx.row(`SELECT COUNT(*) FROM (`+query+` LIMIT CAST($1 AS BIGINT)) AS waiting`, int64(vitalsMost)).Scan(&n); err != nil {
			return v, fmt.Errorf("count what waits: %w", err)
		}
		*to = int(n)
	}
	jobs, err := tx.jobs(`SELECT `+jobColumns+` FROM jobs WHERE kind = $1 ORDER BY created_at_ms LIMIT CAST($2 AS BIGINT)`, verify, int64(vitalsAsked))
	if err != nil {
		return v, fmt.Errorf("list what is asked: %w", err)
	}
	for _, job := range jobs {
		id, _, _ := strings.Cut(job.Key, "/")
		a, err := tx.Attempt(id)
		if errors.Is(err, checkout.NotFound) {
			continue
		}
		if err != nil {
			return v, err
		}
		if a.Status != checkout.AttemptReturned && a.Status != checkout.AttemptVerifying || a.ReturnedAt.IsZero() {
			continue // a refusal that is asked about once more
		}
		if v.Oldest.IsZero() || a.ReturnedAt.Before(v.Oldest) {
			v.Oldest = a.ReturnedAt
		}
		v.Late = v.Late || tx.now.Sub(a.ReturnedAt) > a.Window/2
	}
	return v, nil
}

// Operators lists the logins that rule the installation and are not disabled.
func (tx *Tx) Operators() ([]checkout.User, error) {
	rows, err := tx.query(`SELECT ` + userColumns + ` FROM users WHERE operator_at_ms IS NOT NULL AND disabled_at_ms IS NULL ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list operators: %w", err)
	}
	defer rows.Close()
	var list []checkout.User
	for rows.Next() {
		u, err := scanUser(rows)
		if err != nil {
			return nil, fmt.Errorf("list operators: %w", err)
		}
		list = append(list, *u)
	}
	return list, rows.Err()
}

// alertsKept is the setting that holds what is on, for all processes of a database.
const alertsKept = "alerts"

// Alerts are what needs the operator, by name, and since when. Behind an @ stands the machine that one
// is about.
func (tx *Tx) Alerts() (map[string]time.Time, error) {
	on := map[string]time.Time{}
	raw, err := tx.SettingOr(alertsKept, "{}")
	if err == nil {
		err = json.Unmarshal([]byte(raw), &on)
	}
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	return on, nil
}

// SaveAlerts stores what is on now.
func (tx *Tx) SaveAlerts(on map[string]time.Time) error {
	raw, err := json.Marshal(on)
	if err != nil {
		return fmt.Errorf("save alerts: %w", err)
	}
	return tx.SetSetting(alertsKept, string(raw))
}
