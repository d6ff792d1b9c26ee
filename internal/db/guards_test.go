package db_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// TestGuards_Missing: a server starts on a database without advisory locks and timelines, knows what is missing
// (also where the functions are there and do nothing), and what only they make safe is refused or said: a
// pooler, a restore, whether somebody serves.
func TestGuards_Missing(t *testing.T) {
	ctx := context.Background()
	for how, fresh := range map[string]func(testing.TB) string{
		"0A000": dbtest.EmptyPostgresURL, // migrated without a lock
		"42883": dbtest.PostgresURL, "pretend": dbtest.PostgresURL,
	} {
		t.Run(how, func(t *testing.T) {
			at := dbtest.Lacking(t, fresh(t), how)
			opts := db.Options{URL: at, CreateIfEmpty: true, Serve: true}
			one := dbtest.Open(t, opts)
			if got := one.Missing(); !slices.Equal(got, []db.Guard{db.Locks, db.History}) {
				t.Errorf("missing: %v", got)
			}
			other := dbtest.Open(t, opts)
			update(t, other, func(tx *db.Tx) error { return put(tx, "a", "1") })
			if n := count(t, one, `SELECT COUNT(*) FROM settings`); n != 1 {
				t.Errorf("%d rows", n)
			}
			if served, known, err := one.Served(ctx); served || known || err != nil {
				t.Errorf("served: %v, known: %v, %v", served, known, err)
			}
			opts.PoolURL = at
			if err := tryOpen(opts); err == nil || !strings.Contains(err.Error(), "pooler") {
				t.Errorf("through a pooler: %v", err)
			}
			if how != "pretend" {
				return
			}
			file := filepath.Join(t.TempDir(), "backup")
			if _, err := one.Backup(ctx, file, false, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Restore(ctx, db.RestoreOptions{From: file, URL: at, Replace: true}); !errors.Is(err, db.ErrNoRestore) {
				t.Errorf("restore: %v", err)
			}
			// A copy into it is the way that is left.
			empty := dbtest.Lacking(t, dbtest.PostgresURL(t), how)
			c, err := db.Copy(ctx, "sqlite:"+file, empty, nil)
			if err != nil || !c.Unguarded || c.Served || c.Rows["settings"] != 1 {
				t.Errorf("copy: %v, unguarded: %v, served: %v, %v", err, c.Unguarded, c.Served, c.Rows)
			}
		})
	}
}

// TestGuards_AllThere: on PostgreSQL none is missing; for who may not write the timeline down that one is.
func TestGuards_AllThere(t *testing.T) {
	direct := dbtest.PostgresURL(t)
	one := dbtest.Open(t, db.Options{URL: direct, Serve: true})
	if got := one.Missing(); len(got) != 0 {
		t.Errorf("missing: %v", got)
	}
	if served, known, err := one.Served(context.Background()); !served || !known || err != nil {
		t.Errorf("served: %v, known: %v, %v", served, known, err)
	}
	update(t, one, func(tx *db.Tx) error {
		for _, text := range []string{
			`COMMENT ON TABLE settings IS NULL`,
			`CREATE ROLE ` + poor + ` LOGIN PASSWORD '` + poor + `'`, `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ` + poor,
		} {
			if err := tx.Exec(text); err != nil {
				return err
			}
		}
		return nil
	})
	t.Cleanup(func() {
		update(t, one, func(tx *db.Tx) error {
			if err := tx.Exec(`DROP OWNED BY ` + poor); err != nil {
				return err
			}
			return tx.Exec(`DROP ROLE ` + poor)
		})
	})
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(poor, poor)
	clerk := dbtest.Open(t, db.Options{URL: u.String(), Serve: true})
	if got := clerk.Missing(); !slices.Equal(got, []db.Guard{db.History}) {
		t.Errorf("missing for who may not write it down: %v", got)
	}
}

// TestGuards_Durability: a server that does not say whether a commit is on disk when it is answered is not
// served: that is the one guard without which a payment can be lost.
func TestGuards_Durability(t *testing.T) {
	direct := dbtest.PostgresURL(t)
	d := dbtest.Open(t, db.Options{URL: direct})
	update(t, d, func(tx *db.Tx) error {
		return tx.Exec(`CREATE FUNCTION public.current_setting(TEXT) RETURNS TEXT LANGUAGE plpgsql AS 'BEGIN IF $1 = ''synchronous_commit'' THEN RAISE EXCEPTION USING ERRCODE = ''42704'', MESSAGE = ''not here''; END IF; RETURN pg_catalog.current_setting($1); END'`)
	})
	err := tryOpen(db.Options{URL: direct + "&search_path=public,pg_catalog", Serve: true})
	if err == nil || !strings.Contains(err.Error(), "(synchronous_commit)") {
		t.Errorf("got %v", err)
	}
}

// TestGuards_SeriesByHand runs the statements of docs/scaling.md by which an operator begins the new series
// where no timeline does: numbers and places go on where a restore would let them, and everybody is logged out.
func TestGuards_SeriesByHand(t *testing.T) {
	raw, err := os.ReadFile("../../docs/scaling.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(raw), "internal/db/guards_test.go runs it -->\n```sql\n")
	text, _, closed := strings.Cut(text, "```")
	if !found || !closed {
		t.Fatal("docs/scaling.md has no statements")
	}
	d := dbtest.Open(t, db.Options{URL: dbtest.PostgresURL(t)})
	update(t, d, func(tx *db.Tx) error {
		for _, id := range []string{"mer_1", "mer_2"} {
			if err := tx.InsertMerchant(&checkout.Merchant{ID: id, Slug: id, Name: id, Locale: "fa"}); err != nil {
				return err
			}
		}
		if _, err := tx.NextInvoiceNumber("mer_1", true); err != nil {
			return err
		}
		return tx.Exec(`INSERT INTO invoice_numbers (merchant_id, live, last_number) VALUES ('mer_2', 1, 1000000000000)`) // a later series
	})
	began := time.Now()
	update(t, d, func(tx *db.Tx) error { return tx.Exec(text) })
	first := func(at time.Time) int64 {
		return int64(at.Sub(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)) / time.Second)
	}
	update(t, d, func(tx *db.Tx) error {
		for _, of := range []struct {
			merchant string
			live     bool
			most     int64
		}{{"mer_1", true, 0}, {"mer_1", false, 0}, {"mer_2", true, 1000000000001}} {
			n, err := tx.NextInvoiceNumber(of.merchant, of.live)
			if err != nil {
				return err
			}
			if n <= first(began)*100 || of.most == 0 && n > (first(time.Now())+2)*100 || of.most > 0 && n != of.most {
				t.Errorf("%v goes on at %d", of, n)
			}
		}
		return nil
	})
	if n := count(t, d, `SELECT MIN(last_position) FROM feeds`); n < first(began)*1000 {
		t.Errorf("the feed goes on at %d", n)
	}
}

const poor = "checkout_guards_test"
