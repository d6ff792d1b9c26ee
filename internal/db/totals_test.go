package db_test

import (
	"testing"
	"time"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// A list is counted to ten thousand and added up when it is no longer; AllTotals goes to its end. Both read
// the same of what is short.
func TestInvoiceTotals_UpToTenThousand(t *testing.T) {
	began := time.UnixMilli(1_600_000_000_000)
	d := dbtest.Open(t, db.Options{URL: dbtest.Grown(t, 10_400, began, time.Second)})
	for name, q := range map[string]db.InvoiceQuery{
		"all": {}, "paid": {Status: "paid"}, "open": {Status: "open"}, "review": {Status: "review"},
		"an hour":              {From: began.Add(1000 * time.Second), To: began.Add(4599 * time.Second)},
		"paid of an hour":      {Status: "paid", From: began.Add(1000 * time.Second), To: began.Add(4599 * time.Second)},
		"ten thousand exactly": {From: began.Add(400 * time.Second), To: began.Add(10_399 * time.Second)},
		"one more":             {From: began.Add(399 * time.Second), To: began.Add(10_399 * time.Second)},
		"by a word":            {Named: &db.Named{Words: []string{"r77"}}},
		"none":                 {From: began.Add(-time.Hour), To: began.Add(-time.Minute)},
	} {
		q.MerchantID, q.Live, q.Limit = dbtest.GrownMerchant, true, 1
		var got, all db.Totals
		err := d.View(t.Context(), func(tx *db.Tx) (err error) {
			if got, err = tx.InvoiceTotals(q); err != nil {
				return err
			}
			all, err = tx.AllTotals(t.Context(), q)
			return err
		})
		want := all
		if all.Count > 10_000 {
			want = db.Totals{Count: 10_000, More: true}
		}
		if err != nil || got != want {
			t.Errorf("%s: %+v, want %+v; %v", name, got, want, err)
		}
		if long := name == "all" || name == "one more"; got.More != long {
			t.Errorf("%s: more than ten thousand is %t", name, got.More)
		}
	}
}
