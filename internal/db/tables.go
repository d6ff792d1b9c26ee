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

// What the two engines call the same thing. PostgreSQL's are the standard's, which others that speak its language
// have as well; joined there, where they are views of many tables, they take seconds instead of milliseconds.
const (
	liteTables  = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE '\_litestream\_%' ESCAPE '\' ORDER BY name`
	liteColumns = `SELECT t.name, c.name FROM sqlite_schema t CROSS JOIN pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY t.name, c.cid`
	liteParents = `SELECT DISTINCT t.name, k."table" FROM sqlite_schema t CROSS JOIN pragma_foreign_key_list(t.name) k WHERE t.type = 'table'`
	liteKeys    = `SELECT t.name, c.name FROM sqlite_schema t CROSS JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND c.pk > 0 ORDER BY t.name, c.pk`

	pgTables      = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY table_name`
	pgColumns     = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() AND is_generated IN ('NEVER', 'NO') ORDER BY table_name, ordinal_position`
	pgConstraints = `SELECT constraint_name, table_name, constraint_type FROM information_schema.table_constraints
WHERE table_schema = current_schema() AND constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY')`
	pgReferences = `SELECT constraint_name, unique_constraint_name FROM information_schema.referential_constraints WHERE constraint_schema = current_schema()`
	pgKeys       = `SELECT table_name, column_name, constraint_name FROM information_schema.key_column_usage WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position`
)

// tables lists every table but goose's and those that Litestream keeps in a file that it replicates, those that
// others point to first.
func (e *end) tables(ctx context.Context) ([]table, error) {
	of := map[string]*table{}
	read := e.readLite
	if e.engine == PostgreSQL {
		read = e.readPostgres
	}
	names, err := read(ctx, func(name string) *table {
		if of[name] == nil {
			of[name] = &table{name: name}
		}
		return of[name]
	})
	if err != nil {
		return nil, fmt.Errorf("read the tables of %s: %w", e, err)
	}
	var list []table
	for _, name := range names {
		if t := of[name]; t != nil && name != gooseTable && name != marksTable {
			list = append(list, *t)
		}
	}
	return parentsFirst(list)
}

func (e *end) readLite(ctx context.Context, of func(string) *table) (names []string, err error) {
	err = errors.Join(
		e.texts(ctx, liteTables, 1, func(row []string) { names = append(names, row[0]) }),
		e.texts(ctx, liteColumns, 2, func(row []string) { of(row[0]).columns = append(of(row[0]).columns, row[1]) }),
		e.texts(ctx, liteParents, 2, func(row []string) { of(row[0]).parents = append(of(row[0]).parents, row[1]) }),
		e.texts(ctx, liteKeys, 2, func(row []string) { of(row[0]).key = append(of(row[0]).key, row[1]) }),
	)
	return names, err
}

func (e *end) readPostgres(ctx context.Context, of func(string) *table) (names []string, err error) {
	owner, kind := map[string]string{}, map[string]string{} // of constraints
	err = errors.Join(
		e.texts(ctx, pgTables, 1, func(row []string) { names = append(names, row[0]) }),
		e.texts(ctx, pgColumns, 2, func(row []string) { of(row[0]).columns = append(of(row[0]).columns, row[1]) }),
		e.texts(ctx, pgConstraints, 3, func(row []string) { owner[row[0]], kind[row[0]] = row[1], row[2] }),
		e.texts(ctx, pgReferences, 2, func(row []string) {
			child, parent := of(owner[row[0]]), owner[row[1]]
			if !slices.Contains(child.parents, parent) {
				child.parents = append(child.parents, parent)
			}
		}),
		e.texts(ctx, pgKeys, 3, func(row []string) {
			if kind[row[2]] == "PRIMARY KEY" {
				of(row[0]).key = append(of(row[0]).key, row[1])
			}
		}),
	)
	return names, err
}

// texts reads rows of so many texts.
func (e *end) texts(ctx context.Context, query string, columns int, each func(row []string)) error {
	rows, err := e.conn.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	row, into := make([]string, columns), make([]any, columns)
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		each(row)
	}
	return rows.Err()
}

// names reads rows of one text.
func (e *end) names(ctx context.Context, query string) (list []string, err error) {
	if err = e.texts(ctx, query, 1, func(row []string) { list = append(list, row[0]) }); err != nil {
		return nil, fmt.Errorf("read %s: %w", e, err)
	}
	return list, nil
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
