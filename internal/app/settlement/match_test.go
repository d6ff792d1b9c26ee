package settlement_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/settlement"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// 50,000 lines against as many payments: counted to the last one, within a bounded memory, and no list
// is read whole.
func TestMatch_FiftyThousandLines(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 55,000 invoices")
	}
	const count, missing = 55_000, 300
	began := time.UnixMilli(1_795_000_000_000)
	d := dbtest.Open(t, db.Options{URL: dbtest.Grown(t, count, began, time.Second)})
	user := &checkout.User{ID: "usr_1", Email: "a@example.com", PasswordHash: "x"}
	if err := d.Update(t.Context(), func(tx *db.Tx) error { return tx.InsertUser(user) }); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	file.WriteString("tracking;amount\n")
	paid, lines, fees := 0, 0, 0
	for n := range count {
		if n%1000 == 7 || n%100 >= 88 {
			continue
		}
		if paid++; paid <= missing {
			continue // only here
		}
		amount := 1_500_000 + n
		if lines++; n%1000 == 50 {
			amount -= 5_000
			fees++
		}
		fmt.Fprintf(&file, "T%d;%d\n", n, amount)
	}
	for n := range 200 {
		fmt.Fprintf(&file, "X%d;10\n", n) // only there
	}
	room := settlement.New(d, rand.Reader)
	s, err := room.Take(t.Context(), settlement.Upload{
		MerchantID: dbtest.GrownMerchant, Live: true, Gateway: "gardeshpay", FileName: "may.csv", UserID: user.ID, Raw: file.Bytes(), From: began.Add(-time.Hour), To: began.Add(24 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if err := room.Match(context.Background(), s, settlement.Columns{Tracking: "tracking", Amount: "amount", Unit: "rial"}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grown := (after.Sys - before.Sys) >> 20; grown > 150 {
		t.Errorf("it took %d MB", grown)
	}
	var f settlement.Figures
	if err := json.Unmarshal([]byte(s.Figures), &f); err != nil {
		t.Fatal(err)
	}
	if f.Lines != lines+200 || f.Matched != lines-fees || f.Here != missing || f.There != 200 || f.Amount != fees || f.Elsewhere != 0 {
		t.Errorf("%+v, want %d lines, %d fees, %d missing", f, lines, fees, missing)
	}
	if err := room.Match(t.Context(), s, settlement.Columns{Tracking: "tracking", Amount: "amount", Unit: "rial"}); err == nil {
		t.Error("it was matched twice")
	}
}
