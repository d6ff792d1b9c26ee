package db

import (
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"dargah/internal/app/checkout"
)

const deedColumns = `id, merchant_id, live, actor, area, kind, object, name, details, address, agent, request_id, created_at_ms`

// Record writes down what somebody did, in the transaction in which they do it, and sends the notice
// that belongs to it. There is no other way to write a deed, and none to change one.
func (tx *Tx) Record(d *checkout.Deed) error {
	if d.ID == "" {
		d.ID = checkout.NewID(checkout.PrefixDeed, tx.now, rand.Reader)
	}
	d.CreatedAt = tx.now
	if len(d.Changes) > 0 {
		b, err := json.Marshal(d.Changes)
		if err != nil {
			return fmt.Errorf("record %s: %w", d.Kind, err)
		}
		d.Details = string(b)
	}
	_, err := tx.exec(`INSERT INTO deeds (`+deedColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		d.ID, d.MerchantID, bit(d.Live), d.By.String(), d.Area, d.Kind, d.Object, d.Name, d.Details, d.By.Address, d.By.Agent, d.By.RequestID, ms(d.CreatedAt))
	if err != nil {
		return fmt.Errorf("record %s: %w", d.Kind, err)
	}
	if d.Alarm == "" || d.By.Kind == "" { // what a command does, whoever holds the machine does
		return nil
	}
	return tx.alarm(d)
}

// RecordOf writes a deed about a person once for each of their shops, and for the installation when
// they rule it or have none. It is done to them, unless it names something of theirs.
func (tx *Tx) RecordOf(u *checkout.User, d checkout.Deed) error {
	roles, err := tx.Memberships(u.ID)
	if err != nil {
		return err
	}
	shops := make([]string, 0, len(roles)+1)
	for _, m := range roles {
		shops = append(shops, m.MerchantID)
	}
	if u.Operator || len(shops) == 0 {
		shops = append(shops, "")
	}
	d.Act, d.Live = checkout.NewID(checkout.PrefixDeed, tx.now, rand.Reader), true
	if d.Object == "" {
		d.Object = u.ID
		if d.By.ID != u.ID && d.Name == "" { // of oneself the line says it already
			d.Name = u.Email
		}
	}
	for _, shop := range shops {
		one := d
		one.MerchantID = shop
		if err := tx.Record(&one); err != nil {
			return err
		}
	}
	return nil
}

// alarm tells the owners of the shop and the person concerned, one letter each.
func (tx *Tx) alarm(d *checkout.Deed) error {
	act := d.Act
	if act == "" {
		act = d.ID
	}
	l := checkout.Letter{Live: true, MerchantID: d.MerchantID, Kind: checkout.LetterSecurity, Locale: "fa", Facts: checkout.LetterFacts{What: d.Alarm, Name: d.Name, At: tx.now}}
	to := map[string]bool{}
	var order []string
	add := func(email string) {
		if !to[email] {
			to[email] = true
			order = append(order, email)
		}
	}
	if d.Person != "" {
		u, err := tx.User(d.Person)
		if err != nil {
			return err
		}
		add(u.Email)
	}
	if d.MerchantID != "" {
		m, err := tx.Merchant(d.MerchantID)
		if err != nil {
			return err
		}
		l.Locale, l.Facts.Shop = m.Locale, checkout.ShopOf(m)
		people, err := tx.Members(m.ID)
		if err != nil {
			return err
		}
		for _, p := range people {
			if p.Role == "owner" && p.DisabledAt.IsZero() && !d.Quiet {
				add(p.Email)
			}
		}
	}
	l.Facts.By = d.By.ID
	if d.By.Kind == "user" {
		u, err := tx.User(d.By.ID)
		if err != nil && !errors.Is(err, checkout.NotFound) {
			return err
		}
		if err == nil { // of a login that is not here the letter tells the id
			l.Facts.By = u.Email
		}
	}
	for _, email := range order {
		one := l
		one.Recipient, one.Key = email, "security/"+act+"/"+hashedAddress(email)
		if _, err := tx.EnqueueLetter(&one); err != nil {
			return err
		}
	}
	return nil
}

// DeedQuery selects deeds of a merchant ("": the installation's own), newest first. Zero fields do not
// filter.
type DeedQuery struct {
	MerchantID, Actor, Area string
	// BeforeAt and BeforeID are the last row of the page before.
	BeforeAt time.Time
	BeforeID string
	Limit    int
}

// Deeds lists what was done, newest first, at most Limit.
func (tx *Tx) Deeds(q DeedQuery) ([]checkout.Deed, error) {
	w := where{}
	w.add("merchant_id = ?", q.MerchantID)
	if q.Actor != "" {
		w.add("actor = ?", q.Actor)
	}
	if q.Area != "" {
		w.add("area = ?", q.Area)
	}
	if q.BeforeID != "" {
		w.add("(created_at_ms, id) < (?, ?)", ms(q.BeforeAt), q.BeforeID)
	}
	rows, err := tx.query(`SELECT `+deedColumns+` FROM deeds`+w.sql()+` ORDER BY created_at_ms DESC, id DESC`+w.limit(q.Limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("list deeds: %w", err)
	}
	defer rows.Close()
	var list []checkout.Deed
	for rows.Next() {
		d, err := scanDeed(rows)
		if err != nil {
			return nil, fmt.Errorf("list deeds: %w", err)
		}
		list = append(list, d)
	}
	return list, rows.Err()
}

// Deed reads one. checkout.NotFound when there is none.
func (tx *Tx) Deed(id string) (*checkout.Deed, error) {
	d, err := scanDeed(tx.row(`SELECT `+deedColumns+` FROM deeds WHERE id = $1`, id))
	if err := none("read deed", err); err != nil {
		return nil, err
	}
	return &d, nil
}

// KnowsAddress reports whether a user came in from an address before, as far as logins are kept.
func (tx *Tx) KnowsAddress(userID, address, agent string) (known, any bool, err error) {
	var same, all sql.NullInt64
	err = tx.row(`SELECT CAST(SUM(CASE WHEN address = $2 OR agent = $3 THEN 1 ELSE 0 END) AS BIGINT), COUNT(*) FROM
  (SELECT address, agent FROM logins WHERE user_id = $1 ORDER BY created_at_ms DESC, id DESC LIMIT 200) AS l`, userID, address, agent).Scan(&same, &all)
	if err != nil {
		return false, false, fmt.Errorf("look for logins: %w", err)
	}
	return same.Int64 > 0, all.Int64 > 0, nil
}

// PruneDeeds forgets sign-ins of before a moment, and nothing else.
func (tx *Tx) PruneDeeds(before time.Time) error {
	if _, err := tx.exec(`DELETE FROM deeds WHERE area = 'signin' AND created_at_ms < $1`, ms(before)); err != nil {
		return fmt.Errorf("prune sign-ins: %w", err)
	}
	return nil
}

func scanDeed(row scanner) (checkout.Deed, error) {
	var d checkout.Deed
	var live, created int64
	var actor string
	err := row.Scan(&d.ID, &d.MerchantID, &live, &actor, &d.Area, &d.Kind, &d.Object, &d.Name, &d.Details, &d.By.Address, &d.By.Agent, &d.By.RequestID, &created)
	if err != nil {
		return d, err
	}
	d.Live, d.CreatedAt = live == 1, fromMS(created)
	d.By.Kind, d.By.ID = checkout.ParseActor(actor)
	if len(d.Details) > 0 && d.Details[0] == '[' {
		if err := json.Unmarshal([]byte(d.Details), &d.Changes); err != nil {
			return d, fmt.Errorf("details of %s: %w", d.ID, err)
		}
	}
	return d, nil
}
