package db_test

import (
	"context"
	"errors"
	"testing"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

func TestUpdate_RollsBackOnError(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, open func(testing.TB) *db.DB) {
		d, ctx := open(t), context.Background()
		boom := errors.New("boom")
		err := d.Update(ctx, func(tx *db.Tx) error {
			if err := put(tx, "a", "1"); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatalf("got %v", err)
		}
		if n := rows(t, d, "settings"); n != 0 {
			t.Fatalf("%d rows remain", n)
		}
	})
}

func put(tx *db.Tx, name, value string) error {
	return tx.Exec(`INSERT INTO settings (name, value) VALUES ($1, $2)`, name, value)
}

func rows(t *testing.T, d *db.DB, table string) (n int64) {
	t.Helper()
	err := d.View(context.Background(), func(tx *db.Tx) (err error) {
		n, err = tx.Int(`SELECT COUNT(*) FROM ` + table)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
