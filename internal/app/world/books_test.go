package world_test

import (
	"cmp"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// book is one invoice with all that belongs to it, as it was last seen.
type book struct {
	inv      *checkout.Invoice
	attempts []checkout.Attempt // oldest first
	refs     map[string][]checkout.Reference
	events   []checkout.Event // oldest first
	hash     string           // of the chain, by our own reckoning
	paid     int              // events that say invoice.paid
	jobs     map[string]*checkout.Job
}

func (b *book) attempt(id string) *checkout.Attempt {
	for i := range b.attempts {
		if b.attempts[i].ID == id {
			return &b.attempts[i]
		}
	}
	return nil
}

// look reads what was written since it looked last, one commit at most, and holds it against the laws.
func (w *world) look() {
	if w.broken != nil {
		return
	}
	err := w.view(func(tx *db.Tx) error {
		list, err := tx.Invoices(db.InvoiceQuery{MerchantID: merchantID, Live: true, Limit: 50})
		if err != nil {
			return err
		}
		slices.Reverse(list)
		for i := range list {
			old := w.books[list[i].ID]
			if old != nil && old.inv.EventSeq == list[i].EventSeq && old.inv.Status == list[i].Status {
				continue
			}
			now, err := readBook(tx, &list[i], old)
			if err != nil {
				return err
			}
			w.books[now.inv.ID] = now
			for i := range now.attempts {
				if id := now.attempts[i].ID; w.nth[id] == 0 {
					w.nth[id] = len(w.nth) + 1
				}
			}
			slices.SortStableFunc(now.attempts, func(a, b checkout.Attempt) int { return cmp.Compare(w.nth[a.ID], w.nth[b.ID]) })
			w.held(old, now)
		}
		if made := w.creates(); len(list) > made {
			w.breach("created once", "%d invoices of %d calls", len(list), made)
		}
		return nil
	})
	w.failed(err)
}

func readBook(tx *db.Tx, inv *checkout.Invoice, old *book) (*book, error) {
	b := &book{inv: inv, refs: map[string][]checkout.Reference{}, jobs: map[string]*checkout.Job{}}
	if old != nil {
		b.events, b.hash, b.paid = old.events, old.hash, old.paid
	}
	var err error
	if b.attempts, err = tx.AttemptsOfInvoice(inv.ID); err != nil {
		return nil, err
	}
	for _, a := range b.attempts {
		switch a.Status {
		case checkout.AttemptCreated, checkout.AttemptRedirected:
			continue
		}
		if b.refs[a.ID], err = tx.ReferencesOfAttempt(a.ID); err != nil {
			return nil, err
		}
		for _, r := range b.refs[a.ID] {
			if r.Status != checkout.ReferenceAsking && r.Status != checkout.ReferenceRefused && r.Status != checkout.ReferenceWaiting {
				continue
			}
			job, err := tx.Job(payments.JobVerify, r.AttemptID+"/"+r.Canonical)
			if err == nil {
				b.jobs[job.Key] = job
			}
		}
	}
	fresh, err := tx.EventsOfInvoice(inv.ID, 0, max(int(inv.EventSeq)-len(b.events), 0)+1)
	slices.Reverse(fresh)
	for _, e := range fresh {
		if e.Sequence > int64(len(b.events)) {
			b.events = append(b.events[:len(b.events):len(b.events)], e)
		}
	}
	return b, err
}

// chain is the SHA-256 of an event and the hash before it, reckoned here.
func chain(before string, e *checkout.Event) string {
	one := func(s string) string { return strings.ReplaceAll(s, "\n", " ") }
	text := before + "\n" + e.InvoiceID + "\n" + strconv.FormatInt(e.Sequence, 10) + "\n" + e.Type + "\n" + e.AttemptID + "\n" + e.Actor + "\n" +
		one(e.RequestID) + "\n" + one(e.GatewayID) + "\n" + strconv.FormatInt(e.CreatedAt.UnixMilli(), 10) + "\n" + e.Data
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// canonical writes digits without zeros before them.
func canonical(ref string) string {
	for i := range len(ref) {
		if ref[i] < '0' || ref[i] > '9' {
			return ref
		}
	}
	return strings.TrimLeft(ref, "0")
}

// name is an attempt in a story: by the order in which they were made.
func (w *world) name(attempt string) string {
	for _, b := range w.books {
		if a := b.attempt(attempt); a != nil {
			return fmt.Sprintf("attempt %d (%s, invoice %s)", w.nth[attempt], short(a.Gateway), b.inv.Number)
		}
	}
	return attempt
}

func (w *world) jobName(key string) string {
	id, ref, _ := strings.Cut(key, "/")
	return "ask about " + ref + " of " + w.name(id)
}

// String tells a book, for whoever reads a story.
func (b *book) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "invoice %s is %s over %d\n", b.inv.Number, b.inv.Status, b.inv.Amount)
	for _, a := range b.attempts {
		fmt.Fprintf(&s, "  %s %s %s over %d", a.ID[len(a.ID)-6:], a.Gateway, a.Status, a.Amount)
		if a.Failure != nil {
			fmt.Fprintf(&s, " (%s %s)", a.Failure.Stage, a.Failure.Code)
		}
		for _, r := range b.refs[a.ID] {
			fmt.Fprintf(&s, " [%s %s bound=%t named=%t asks=%d unheard=%d met=%t open=%t]", r.Raw, r.Status, r.Bound, r.Named, r.Asks, r.Unheard, r.Met, r.Open)
		}
		s.WriteByte('\n')
	}
	for _, e := range b.events {
		id := e.AttemptID
		if id != "" {
			id = id[len(id)-6:]
		}
		fmt.Fprintf(&s, "  %3d %s %s %s %s\n", e.Sequence, e.CreatedAt.Format("15:04:05.000"), e.Type, id, e.Data)
	}
	return s.String()
}

// restorer opens a second connection and prepares what puts every table back.
func restorer(path string) (*sql.DB, []string, error) {
	pool, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=foreign_keys(0)")
	if err != nil {
		return nil, nil, err
	}
	pool.SetMaxOpenConns(1)
	if _, err := pool.Exec(`ATTACH ? AS untouched`, "file:"+filepath.Join(folder, "empty.db")+"?mode=ro"); err != nil {
		return nil, nil, err
	}
	list, err := tables(pool)
	var back []string
	for _, table := range list {
		back = append(back, `DELETE FROM main."`+table+`"`, `INSERT INTO main."`+table+`" SELECT * FROM untouched."`+table+`"`)
	}
	return pool, back, err
}

// restore puts every table back as it was before the first history.
func (h *hall) restore() error {
	_, err := h.raw.Exec("BEGIN IMMEDIATE;" + strings.Join(h.back, ";") + ";COMMIT")
	return err
}

// spoil adds a trigger to the database.
func (h *hall) spoil(trigger string) error {
	_, err := h.raw.Exec(`CREATE TRIGGER IF NOT EXISTS main.spoilt ` + trigger)
	return err
}

// digestOf is the SHA-256 of every row of every table. A sealed secret has a nonce of its own, and a
// merchant's revision is drawn anew; the rest is decided by the seed.
func digestOf(t testing.TB, pool *sql.DB) string {
	t.Helper()
	list, err := tables(pool)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	for _, table := range list {
		if err := digestTable(pool, table, sum); err != nil {
			t.Fatal(err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func digestTable(pool *sql.DB, table string, sum io.Writer) error {
	rows, err := pool.Query(`SELECT * FROM main."` + table + `"`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	for rows.Next() {
		values, at := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			at[i] = &values[i]
		}
		if err := rows.Scan(at...); err != nil {
			return err
		}
		for i, v := range values {
			if columns[i] != "sealed" && columns[i] != "revision" {
				_, _ = fmt.Fprintf(sum, "%s.%s=%v\n", table, columns[i], v)
			}
		}
	}
	return rows.Err()
}

func tables(pool *sql.DB) ([]string, error) {
	rows, err := pool.Query(`SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var list []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		list = append(list, name)
	}
	return list, rows.Err()
}
