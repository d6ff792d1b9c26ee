package db_test

import (
	"errors"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

func stockRun(s *stock, id string) *checkout.Run {
	return &checkout.Run{ID: id, MerchantID: pottery, Live: true, Actor: "user:usr_1", Name: "customers.csv", Unit: "rial", Status: checkout.RunRunning, Total: 3, CreatedAt: moneyTime}
}

func stockLine(run string, line int, status checkout.RowStatus) checkout.RunRow {
	r := checkout.RunRow{RunID: run, Line: line, Status: status, Ask: checkout.RunAsk{Name: "Sara", Amount: 1}, Same: "same"}
	switch status {
	case checkout.RowMade:
		r.InvoiceID, r.MadeAt = "inv_1", moneyTime
	case checkout.RowWrong:
		r.Problems = []checkout.FieldError{{Field: "amount", Code: "required"}}
	}
	return r
}

// runQueries are the methods about runs, for TestWatch.
func runQueries(s *stock) map[string]func(tx *db.Tx) error {
	one := func(_ any, err error) error { return err }
	ready := stockLine("run_1", 2, checkout.RowReady)
	return map[string]func(tx *db.Tx) error{
		"InsertRun": func(tx *db.Tx) error { return tx.InsertRun(stockRun(s, "run_2")) },
		"SaveRun":   func(tx *db.Tx) error { return tx.SaveRun(stockRun(s, "run_1")) },
		"Run":       func(tx *db.Tx) error { return one(tx.Run("run_1")) },
		"LockRun":   func(tx *db.Tx) error { return one(tx.LockRun("run_1")) },
		"Runs":      func(tx *db.Tx) error { return one(tx.Runs(pottery, true, time.Time{}, "", 9)) },
		"InsertRunRows": func(tx *db.Tx) error {
			return tx.InsertRunRows([]checkout.RunRow{stockLine("run_1", 9, checkout.RowReady)})
		},
		"SaveRunRow":  func(tx *db.Tx) error { return one(tx.SaveRunRow(&ready)) },
		"RunRows":     func(tx *db.Tx) error { return one(tx.RunRows("run_1", "", 0, 9)) },
		"MadeBefore":  func(tx *db.Tx) error { return one(tx.MadeBefore([]string{"same", "other"}, moneyTime.Add(-time.Hour))) },
		"TakeDoubles": func(tx *db.Tx) error { return one(tx.TakeDoubles("run_1")) },
		"OldRun":      func(tx *db.Tx) error { return one(tx.OldRun(tx.Now().Add(time.Hour))) },
		"ForgetRun":   func(tx *db.Tx) error { return one(tx.ForgetRun("run_1", 9)) },
	}
}

// runStock puts a run with a line of each kind there.
func runStock(tx *db.Tx, s *stock) error {
	return errors.Join(tx.InsertRun(stockRun(s, "run_1")), tx.InsertRunRows([]checkout.RunRow{
		stockLine("run_1", 2, checkout.RowReady), stockLine("run_1", 3, checkout.RowDouble), stockLine("run_1", 4, checkout.RowWrong), stockLine("run_1", 5, checkout.RowMade),
	}))
}
