package main_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dargah/internal/db/dbtest"
)

// shopWithInvoices makes one merchant, a sealed gateway token and some invoices.
func (h *house) shopWithInvoices(invoices int) {
	h.Helper()
	h.must(nil, "merchant", "create", "--name", "Pottery", "--slug", "pottery")
	h.must(nil, "gateway", "set", "--merchant", "pottery", "ghesta", "token=secret-canary")
	for range invoices {
		h.number()
	}
}

// number makes an invoice and returns its number.
func (h *house) number() string {
	h.Helper()
	var inv struct{ Number string }
	h.must(&inv, "--json", "invoice", "create", "--merchant", "pottery", "--amount", "1500000")
	return inv.Number
}

// TestBackup_ThereAndBack: what backup says, restore takes and says, and what each refuses.
func TestBackup_ThereAndBack(t *testing.T) {
	h := newHouse(t)
	h.shopWithInvoices(2)
	file := filepath.Join(h.dir, "a.backup")
	var made struct {
		File                         string
		Schema, Rows, Chains, Events int64
		Tables, Rial                 map[string]int64
		KeyChecked                   bool `json:"key_checked"`
	}
	h.must(&made, "--json", "backup", file)
	if made.File != file || made.Schema < 1 || made.Chains != 2 || made.Events != 2 || made.Tables["invoices"] != 2 || made.Rial["invoices.amount_rial"] != 3_000_000 || !made.KeyChecked || made.Rows < 7 {
		t.Errorf("backup says %+v", made)
	}
	raw, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(raw), "secret-canary") {
		t.Errorf("the gateway's token stands open in the backup (%v)", err)
	}
	h.refused(h.run("backup", file), 1, "exists", "--force")
	h.must(nil, "backup", "--force", file)

	given := h.number()
	h.refused(h.run("restore", file), 1, "holds data", "--force")
	var back struct {
		Database     string
		NumbersFrom  int64  `json:"numbers_from"`
		OldData      string `json:"old_data"`
		Tables, Rial map[string]int64
	}
	h.must(&back, "--json", "restore", "--force", file)
	if back.Database != "sqlite" || back.Tables["invoices"] != 2 || !strings.Contains(back.OldData, "before-restore") {
		t.Errorf("restore says %+v", back)
	}
	if next := h.number(); len(next) <= len(given) {
		t.Errorf("after the restore comes number %s, and %s was given", next, given)
	}

	h.env = append(h.env, "CHECKOUT_SECRET_KEY=YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=")
	h.refused(h.run("restore", "--force", file), 1, "CHECKOUT_SECRET_KEY")
	h.refused(h.run("backup", filepath.Join(h.dir, "b.backup")), 1, "CHECKOUT_SECRET_KEY")
	h.refused(h.run("restore", filepath.Join(h.dir, "none")), 1, "no such file")
	h.refused(h.run("backup", filepath.Join(h.dir, "no folder", "a")), 1, "no folder")
	h.refused(h.run("backup"), 2, "file")
}

// TestBackup_OfNothing: a backup of a database that is not there would be found out on the day it is
// needed.
func TestBackup_OfNothing(t *testing.T) {
	h := newHouse(t)
	h.refused(h.run("backup", filepath.Join(h.dir, "a.backup")), 1, "empty")
	if _, err := os.Stat(filepath.Join(h.dir, "a.backup")); !os.IsNotExist(err) {
		t.Error("an empty backup was made")
	}
}

// TestBackup_TamperedHistory: a row that was changed beside the program is found, and no file takes the
// name of a good backup.
func TestBackup_TamperedHistory(t *testing.T) {
	h := newHouse(t)
	h.shopWithInvoices(1)
	file := filepath.Join(h.dir, "a.backup")
	h.sql(`UPDATE events SET data = '{}'`)
	h.refused(h.run("backup", file), 1, "do not prove themselves", "a.backup.part")
	h.sql(`DELETE FROM events`)
	h.refused(h.run("backup", "--force", file), 1, "do not prove themselves")
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Error("it was given its name")
	}
}

// TestDBCopy: there and back again.
func TestDBCopy(t *testing.T) {
	h := newHouse(t)
	h.shopWithInvoices(3)
	lite := "sqlite:" + filepath.Join(h.dir, "checkout.db")
	other := "sqlite:" + filepath.Join(h.dir, "other.db")
	h.refused(h.run("db", "copy", "--from", other, "--to", lite), 1, "from: ")
	t.Run("postgres", func(t *testing.T) {
		there := dbtest.EmptyPostgresURL(t)
		h := *h
		h.T = t
		var done struct {
			Rows   int64
			Chains int64
			Served bool `json:"source_served"`
			Tables map[string]int64
		}
		named := filepath.Join(h.dir, "to-url")
		if err := os.WriteFile(named, []byte(there+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		h.must(&done, "--json", "db", "copy", "--from", lite, "--to", "@"+named) // its password is in no list of processes
		if done.Tables["invoices"] != 3 || done.Chains != 3 || done.Served {
			t.Errorf("%+v", done)
		}
		h.refused(h.run("db", "copy", "--from", lite, "--to", there), 1, "to: ", "holds data")
		h.must(&done, "--json", "db", "copy", "--from", there, "--to", other)
		h.env = append(h.env, "CHECKOUT_DATABASE_URL="+other)
		h.number()
	})
	h.refused(h.run("db", "copy", "--from", lite, "--to", lite), 1)
	h.refused(h.run("db", "copy", "--from", "@"+h.dir+"/none", "--to", other), 1, "--from", "no such file")
	h.refused(h.run("db", "copy", "--from", lite), 2, "--to")
}

// TestDBCopy_Killed: after a SIGKILL between two batches the target is nobody's database, and the same
// command goes on.
func TestDBCopy_Killed(t *testing.T) {
	h := newHouse(t)
	h.shopWithInvoices(1)
	h.sql(`INSERT INTO settings (name, value) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) SELECT 'many ' || i, 'x' FROM n`)
	file := filepath.Join(h.dir, "other.db")
	args := []string{"--json", "db", "copy", "--from", h.env[3][len("CHECKOUT_DATABASE_URL="):], "--to", "sqlite:" + file}
	p := h.start(args...)
	watch, err := sql.Open("sqlite", "file:"+file+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watch.Close() }()
	p.until("a batch is stored", func() bool {
		var copied int64
		return watch.QueryRowContext(t.Context(), `SELECT copied FROM checkout_copying WHERE name = 'settings'`).Scan(&copied) == nil && copied > 0
	})
	if err := errors.Join(p.cmd.Process.Kill(), watch.Close()); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err == nil {
		t.Fatal("it had ended before it was killed")
	}
	h.env = append(h.env, "CHECKOUT_DATABASE_URL=sqlite:"+file)
	for _, command := range [][]string{{"serve"}, {"migrate"}, {"merchant", "create", "--name", "a", "--slug", "ab"}} {
		h.refused(h.run(command...), 1, "has not ended")
	}
	var done struct {
		Rows, Chains int64
		Before       int64 `json:"rows_before"`
		Tables       map[string]int64
	}
	h.must(&done, args...)
	if done.Before < 5000 || done.Before >= done.Rows || done.Tables["settings"] < 60000 || done.Chains != 1 {
		t.Errorf("%+v", done)
	}
	if first, next := "1001", h.number(); next != "1002" {
		t.Errorf("after number %s comes %s", first, next)
	}
}

// sql changes the database behind the program's back.
func (h *house) sql(statement string) {
	h.Helper()
	d, err := sql.Open("sqlite", filepath.Join(h.dir, "checkout.db"))
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if _, err := d.ExecContext(h.Context(), statement); err != nil {
		h.Fatal(err)
	}
}
