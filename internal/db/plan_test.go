package db_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dargah/internal/db"
)

// growing are the tables that grow with every invoice. Nothing may read one of them whole, or a whole
// index of it: that is quick among the invoices of a test and not in a shop's fifth year.
var growing = []string{
	"invoices", "attempts", "attempt_references", "events", "feed", "search_terms", "refunds", "jobs", "idempotency_keys",
	"letters", "reminders", "run_rows", "notes", "deeds", "logins", "webhook_messages", "webhook_deliveries", "webhook_tries",
	"day_sums", "finds", "page_invoices", "invoice_looks", "settlement_lines", "settlement_files", "logos",
}

// patient are queries that may read a growing table, and why.
var patient = map[string]string{
	"ReleaseLeases": "at start, before the first request; jobs are only what is still to be done",
	"EachChain":     "for a backup, which reads everything",
	"Attempts":      "newest first from the end of the table until the page is full; only a merchant whose attempts are few among those of others waits",
}

var (
	scanned    = regexp.MustCompile(`^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?`)
	aliased    = regexp.MustCompile(`(?i)\b(?:FROM|JOIN|,)\s+(\w+)\s+(?:AS\s+)?(\w+)`)
	parameters = regexp.MustCompile(`\$(\d+)`)
)

// TestPlans_NothingReadsAWholeTable asks SQLite how it would run every statement of every query. An
// index that holds only the few rows of one condition may be read whole.
func TestPlans_NothingReadsAWholeTable(t *testing.T) {
	texts := map[string]string{} // statement to query
	var name string
	path := filepath.Join(t.TempDir(), "plans.db")
	d, err := db.Open(t.Context(), db.Options{URL: "sqlite:" + path, CreateIfEmpty: true, Watch: func(query string) error {
		if name != "" {
			texts[query] = name
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	s := newStock(t, d)
	for called, call := range queries(s) {
		// Rolled back: the next one finds the same stock.
		_ = d.Update(t.Context(), func(tx *db.Tx) error {
			name = called
			defer func() { name = "" }()
			_ = call(tx)
			return context.Canceled
		})
	}
	plain, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plain.Close() }()
	partial := partialIndexes(t, plain)
	asked := 0
	for query, called := range texts {
		first := strings.ToUpper(strings.Fields(query)[0])
		if !slices.Contains([]string{"SELECT", "UPDATE", "DELETE", "INSERT", "WITH"}, first) {
			continue
		}
		asked++
		if patient[called] != "" {
			continue
		}
		for _, table := range wholes(t, plain, query, partial) {
			t.Errorf("%s reads %s whole:\n%s", called, table, query)
		}
	}
	if asked < 80 {
		t.Fatalf("only %d statements were looked at", asked)
	}
}

func partialIndexes(t *testing.T, d *sql.DB) []string {
	t.Helper()
	var names []string
	rows, err := d.Query(`SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil || len(names) < 5 {
		t.Fatalf("%d partial indexes: %v", len(names), err)
	}
	return names
}

// wholes are the growing tables that a statement reads whole.
func wholes(t *testing.T, d *sql.DB, query string, partial []string) (found []string) {
	t.Helper()
	most := 0
	for _, p := range parameters.FindAllStringSubmatch(query, -1) {
		n, _ := strconv.Atoi(p[1])
		most = max(most, n)
	}
	plain := strings.NewReplacer(" FOR UPDATE SKIP LOCKED", "", " FOR UPDATE", "").Replace(query)
	rows, err := d.Query("EXPLAIN QUERY PLAN "+plain, make([]any, most)...)
	if err != nil {
		t.Errorf("%v:\n%s", err, query)
		return nil
	}
	defer func() { _ = rows.Close() }()
	tables := map[string]string{}
	for _, m := range aliased.FindAllStringSubmatch(plain, -1) {
		tables[m[2]] = m[1]
	}
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		m := scanned.FindStringSubmatch(detail)
		if m == nil || slices.Contains(partial, m[2]) {
			continue
		}
		table := m[1]
		if slices.Contains(growing, tables[table]) {
			table = tables[table]
		}
		if slices.Contains(growing, table) {
			found = append(found, table+" ("+detail+")")
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}
