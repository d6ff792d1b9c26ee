package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// Both engines give back what was stored, whatever the order in which a statement names its arguments.
func TestTx_Values(t *testing.T) {
	texts := []string{"", "a", "گل سرخ", "nul \x01 and 'quotes'", strings.Repeat("دراز", 5000)}
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		d := dbtest.Open(t, db.Options{URL: fresh(t)})
		err := d.Update(context.Background(), func(tx *db.Tx) error {
			if err := tx.Exec(`CREATE TABLE v (k BIGINT NOT NULL PRIMARY KEY, s TEXT NOT NULL, t TEXT, n BIGINT)`); err != nil {
				return err
			}
			for i, text := range texts {
				// Named out of order, and one of them twice.
				if err := tx.Exec(`INSERT INTO v (s, t, k, n) VALUES ($2, $2, $1, $3)`, int64(i), text, int64(-i)); err != nil {
					return err
				}
			}
			return tx.Exec(`INSERT INTO v (k, s, t, n) VALUES ($1, $2, $3, $4)`, 100, "x", nil, nil)
		})
		if err != nil {
			t.Fatal(err)
		}
		look := func(tx *db.Tx) error {
			for i, text := range texts {
				var s string
				var maybe sql.NullString
				var n sql.NullInt64
				if err := tx.Row(`SELECT s, t, n FROM v WHERE k = $1`, int64(i)).Scan(&s, &maybe, &n); err != nil {
					return err
				}
				if s != text || maybe != (sql.NullString{String: text, Valid: true}) || n != (sql.NullInt64{Int64: int64(-i), Valid: true}) {
					return fmt.Errorf("row %d: %.20q %v %v", i, s, maybe, n)
				}
			}
			maybe, n := sql.NullString{String: "stale", Valid: true}, sql.NullInt64{Int64: 1, Valid: true}
			if err := tx.Row(`SELECT t, n FROM v WHERE k = 100`).Scan(&maybe, &n); err != nil || maybe.Valid || n.Valid {
				return fmt.Errorf("NULL is read as %v %v: %w", maybe, n, err)
			}
			var s string
			if err := tx.Row(`SELECT s FROM v WHERE k = 7`).Scan(&s); !errors.Is(err, sql.ErrNoRows) {
				return fmt.Errorf("no row: %w", err)
			}
			return nil
		}
		if err := errors.Join(d.View(t.Context(), look), d.Update(t.Context(), look)); err != nil {
			t.Error(err)
		}
		for name, query := range map[string]string{
			"NULL in a text":   `SELECT t FROM v WHERE k = 100`,
			"too many columns": `SELECT s, s FROM v WHERE k = 1`,
			"not SQL":          `SELEKT`,
			"not there":        `SELECT nothing FROM v`,
		} {
			var s string
			if err := d.View(t.Context(), func(tx *db.Tx) error { return tx.Row(query).Scan(&s) }); err == nil || errors.Is(err, sql.ErrNoRows) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A query may run again while its own rows are read, and neither sees the other's.
func TestSQLite_SameQueryInside(t *testing.T) {
	d := dbtest.Open(t, db.Options{URL: dbtest.SQLiteURL(t)})
	const query = `WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5) SELECT n FROM n`
	var got []int
	err := d.View(t.Context(), func(tx *db.Tx) error {
		outer, err := tx.OpenRows(query)
		if err != nil {
			return err
		}
		for outer() {
			inner, err := tx.OpenRows(query)
			if err != nil {
				return err
			}
			n := 0
			for inner() {
				n++
			}
			got = append(got, n)
		}
		return nil
	})
	if want := "[5 5 5 5 5]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, want %s (%v)", got, want, err)
	}
}

// What goes wrong after the first row of a statement that writes is not lost with the rows that nobody
// reads, and neither is an argument that is missing.
func TestSQLite_Whole(t *testing.T) {
	d := dbtest.Open(t, db.Options{URL: dbtest.SQLiteURL(t)})
	err := d.Update(t.Context(), func(tx *db.Tx) error {
		if err := tx.Exec(`CREATE TABLE w (k BIGINT NOT NULL PRIMARY KEY)`); err != nil {
			return err
		}
		var first int64
		if err := tx.Row(`INSERT INTO w VALUES (1), (2), (3) RETURNING k`).Scan(&first); err != nil {
			return err
		}
		if n, err := tx.Int(`SELECT COUNT(*) FROM w`); n != 3 || first != 1 || err != nil {
			return fmt.Errorf("%d rows, the first is %d: %w", n, first, err)
		}
		if err := tx.Row(`INSERT INTO w VALUES (4), (1) RETURNING k`).Scan(&first); !db.IsUnique(err) {
			return fmt.Errorf("the second of two rows is there already: %w", err)
		}
		if err := tx.Exec(`INSERT INTO w VALUES ($1)`); err == nil {
			return errors.New("an argument was missing")
		}
		if err := tx.Exec(`INSERT INTO w VALUES (8); INSERT INTO w VALUES (9)`); err == nil {
			return errors.New("two statements ran as one")
		}
		if n, err := tx.Int(`SELECT COUNT(*) FROM w`); n != 3 || err != nil {
			return fmt.Errorf("%d rows: %w", n, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
