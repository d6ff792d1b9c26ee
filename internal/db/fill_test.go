package db_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// column is one as SQLite's schema tells.
type column struct {
	name, kind string
	null       bool
	words      []string // that its CHECKs speak of
	from       []any    // keys of the parent, when it points to one
}

// fill puts some rows into every table of an SQLite database, whatever tables there are: values are
// guessed until every CHECK, index and reference is content. So a table that somebody adds is filled
// too, and has to arrive wherever the whole database goes.
func fill(t *testing.T, path string) (tables []string) {
	t.Helper()
	d, err := sql.Open("sqlite", "file:"+path+"?_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	left := texts(t, d, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'goose_db_version' ORDER BY name`)
	rng := rand.New(rand.NewPCG(1, 2))
	for len(left) > 0 {
		before := len(left)
		left = slices.DeleteFunc(left, func(name string) bool {
			for _, parent := range texts(t, d, `SELECT DISTINCT "table" FROM pragma_foreign_key_list($1)`, name) {
				if parent != name && !slices.Contains(tables, parent) {
					return false
				}
			}
			fillTable(t, d, rng, name)
			tables = append(tables, name)
			return true
		})
		if len(left) == before {
			t.Fatalf("%v point to each other", left)
		}
	}
	return tables
}

func fillTable(t *testing.T, d *sql.DB, rng *rand.Rand, name string) {
	t.Helper()
	columns := columnsOf(t, d, name)
	var last error
	rows := 0
	for range 20_000 {
		var names, marks []string
		var values []any
		for i, c := range columns {
			names, marks, values = append(names, `"`+c.name+`"`), append(marks, fmt.Sprintf("$%d", i+1)), append(values, c.guess(rng))
		}
		if _, last = d.Exec(`INSERT INTO "`+name+`" (`+strings.Join(names, ", ")+`) VALUES (`+strings.Join(marks, ", ")+`)`, values...); last == nil {
			if rows++; rows == 3 {
				return
			}
		}
	}
	t.Fatalf("no three rows could be guessed for table %s (%d were): %v: teach guess what its CHECKs want", name, rows, last)
}

func columnsOf(t *testing.T, d *sql.DB, name string) (list []column) {
	t.Helper()
	text := texts(t, d, `SELECT sql FROM sqlite_schema WHERE name = $1`, name)[0]
	rows, err := d.Query(`SELECT name, type, "notnull" FROM pragma_table_info($1) ORDER BY cid`, name)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var c column
		var not int
		if err := rows.Scan(&c.name, &c.kind, &not); err != nil {
			t.Fatal(err)
		}
		c.null = not == 0
		list = append(list, c)
	}
	for i := range list {
		c := &list[i]
		for _, m := range regexp.MustCompile(`\b`+c.name+`\s*(?:=|<>|NOT IN \(|IN \()\s*((?:'[^']*'(?:,\s*)?)+)`).FindAllStringSubmatch(text, -1) {
			for _, word := range regexp.MustCompile(`'([^']*)'`).FindAllStringSubmatch(m[1], -1) {
				c.words = append(c.words, word[1])
			}
		}
		for _, link := range texts(t, d, `SELECT "table" || '.' || COALESCE("to", (SELECT name FROM pragma_table_info("table") WHERE pk = 1)) FROM pragma_foreign_key_list($1) WHERE "from" = $2`, name, c.name) {
			parent, to, _ := strings.Cut(link, ".")
			for _, key := range texts(t, d, `SELECT "`+to+`" FROM "`+parent+`"`) {
				c.from = append(c.from, key)
			}
		}
	}
	return list
}

func (c column) guess(rng *rand.Rand) any {
	if c.null && rng.IntN(2) == 0 {
		return nil
	}
	if len(c.from) > 0 {
		return c.from[rng.IntN(len(c.from))]
	}
	if strings.EqualFold(c.kind, "TEXT") {
		if len(c.words) > 0 && rng.IntN(10) > 0 {
			return c.words[rng.IntN(len(c.words))]
		}
		odd := []string{"", "سفال می‌بد", "a\nb'\"\\", "🪣", strings.Repeat("x", 5000), "007", "1e3"}
		return fmt.Sprintf("%s %d", odd[rng.IntN(len(odd))], rng.Int64N(1<<40))
	}
	whole := []int64{0, 1, 2, 1000, 1_500_000, 1_795_000_000_000, 9_007_199_254_740_993, -1}
	return whole[rng.IntN(len(whole))]
}

func texts(t *testing.T, d *sql.DB, query string, args ...any) (list []string) {
	t.Helper()
	rows, err := d.Query(query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}
