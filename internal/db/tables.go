package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
)

// Backup, restore and copy move whole tables. Which tables there are is read from the schema: no
// list of them is kept by hand, so that none can be forgotten.

// gooseTable holds the schema's own history; every database writes its own.
const gooseTable = goose.DefaultTablename

// end is one end of a copy: one connection, on which one transaction runs.
type end struct {
	target
	pool *sql.DB
	conn *sql.Conn
}

func openEnd(ctx context.Context, t target) (*end, error) {
	pool, err := openForSchema(t)
	if err != nil {
		return nil, err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", t, err), pool.Close())
	}
	return &end{target: t, pool: pool, conn: conn}, nil
}

func (e *end) close() error { return errors.Join(e.conn.Close(), e.pool.Close()) }

func (e *end) exec(ctx context.Context, query string, args ...any) error {
	if _, err := e.conn.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("%s: %w", e, err)
	}
	return nil
}

// snapshot begins a transaction that sees one moment of the whole database.
func (e *end) snapshot(ctx context.Context) error {
	begin := "BEGIN"
	if e.engine == PostgreSQL {
		begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	}
	if err := e.exec(ctx, begin); err != nil {
		return err
	}
	// SQLite's snapshot is that of the first read.
	var version int64
	if err := e.conn.QueryRowContext(ctx, versionQuery).Scan(&version); err != nil {
		return fmt.Errorf("read the schema's version of %s: %w", e, err)
	}
	return nil
}

// table is one table as the schema says.
type table struct {
	name    string
	columns []string
	parents []string // the tables that its rows point to
	key     []string // the columns of its primary key
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (t table) list() string { return quotedList(t.columns) }

func quotedList(columns []string) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quoted(c)
	}
	return strings.Join(names, ", ")
}

// What the two engines call the same thing. $1 is the table's name.
var (
	liteSchema = [4]string{
		`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE '\_litestream\_%' ESCAPE '\' ORDER BY name`,
		`SELECT name FROM pragma_table_info($1) ORDER BY cid`,
		`SELECT DISTINCT "table" FROM pragma_foreign_key_list($1)`,
		`SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk`,
	}
	pgSchema = [4]string{
		`SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = ` + pgHere + ` ORDER BY relname`,
		`SELECT attname FROM pg_attribute WHERE attrelid = ` + pgTable + ` AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`,
		`SELECT DISTINCT p.relname FROM pg_constraint k JOIN pg_class p ON p.oid = k.confrelid WHERE k.contype = 'f' AND k.conrelid = ` + pgTable,
		`SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) WHERE i.indisprimary AND i.indrelid = ` + pgTable + `
ORDER BY array_position(CAST(i.indkey AS smallint[]), a.attnum)`,
	}
)

const (
	pgHere  = `(SELECT oid FROM pg_namespace WHERE nspname = current_schema())`
	pgTable = `(SELECT oid FROM pg_class WHERE relname = $1 AND relkind IN ('r', 'p') AND relnamespace = ` + pgHere + `)`
)

// tables lists every table but goose's and those that Litestream keeps in a file that it replicates, those that
// others point to first.
func (e *end) tables(ctx context.Context) ([]table, error) {
	schema := liteSchema
	if e.engine == PostgreSQL {
		schema = pgSchema
	}
	names, err := e.names(ctx, schema[0])
	if err != nil {
		return nil, err
	}
	var list []table
	for _, name := range names {
		if name == gooseTable || name == marksTable {
			continue
		}
		t := table{name: name}
		if t.columns, err = e.names(ctx, schema[1], name); err != nil {
			return nil, err
		}
		if t.parents, err = e.names(ctx, schema[2], name); err != nil {
			return nil, err
		}
		if t.key, err = e.names(ctx, schema[3], name); err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return parentsFirst(list)
}

func (e *end) names(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := e.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read the tables of %s: %w", e, err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("read the tables of %s: %w", e, err)
		}
		list = append(list, name)
	}
	return list, rows.Err()
}

// parentsFirst orders tables so that what a row points to is there before it.
func parentsFirst(list []table) ([]table, error) {
	var sorted []table
	placed := map[string]bool{}
	for len(sorted) < len(list) {
		before := len(sorted)
		for _, t := range list {
			waits := slices.ContainsFunc(t.parents, func(p string) bool { return p != t.name && !placed[p] })
			if !placed[t.name] && !waits {
				placed[t.name] = true
				sorted = append(sorted, t)
			}
		}
		if len(sorted) == before {
			return nil, errors.New("tables point to each other in a circle")
		}
	}
	return sorted, nil
}

// sameTables says whether both ends have the same tables with the same columns, as two databases of
// one schema version must.
func sameTables(from, to []table) error {
	others := map[string]table{}
	for _, t := range to {
		others[t.name] = t
	}
	for _, t := range from {
		other, found := others[t.name]
		if !found {
			return fmt.Errorf("table %s has no counterpart", t.name)
		}
		a, b := slices.Sorted(slices.Values(t.columns)), slices.Sorted(slices.Values(other.columns))
		if !slices.Equal(a, b) {
			return fmt.Errorf("table %s has other columns: %v and %v", t.name, a, b)
		}
		delete(others, t.name)
	}
	for name := range others {
		return fmt.Errorf("table %s has no counterpart", name)
	}
	return nil
}

// empty says whether no table holds a row.
func (e *end) empty(ctx context.Context) (bool, error) {
	list, err := e.tables(ctx)
	if err != nil {
		return false, err
	}
	for _, t := range list {
		var one int
		err := e.conn.QueryRowContext(ctx, `SELECT 1 FROM `+quoted(t.name)+` LIMIT 1`).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("look into %s of %s: %w", t.name, e, err)
		}
		return false, nil
	}
	return true, nil
}
