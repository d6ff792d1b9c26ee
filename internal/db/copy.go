package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Contents tells what a database holds, by table: how two of them are compared, and what a person
// reads of a backup.
type Contents struct {
	Rows map[string]int64 `json:"rows"`
	Rial map[string]int64 `json:"rial"` // sums, as table.column

	digest map[string]digest
}

// digest is of all rows of a table, in whatever order.
type digest [2]uint64

// Total is the number of rows of all tables.
func (c Contents) Total() (n int64) {
	for _, rows := range c.Rows {
		n += rows
	}
	return n
}

// mark is the same for two databases that hold the same.
func (c Contents) mark() string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(c.Rows)) {
		fmt.Fprintln(sum, name, c.Rows[name], c.digest[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Differs says where two databases are not the same.
func (c Contents) differs(other Contents) error {
	for name, rows := range c.Rows {
		switch {
		case rows != other.Rows[name]:
			return fmt.Errorf("table %s has %d rows, its copy %d", name, rows, other.Rows[name])
		case c.digest[name] != other.digest[name]:
			return fmt.Errorf("table %s and its copy differ, with %d rows each", name, rows)
		}
	}
	if len(c.Rows) != len(other.Rows) {
		return fmt.Errorf("%d tables, %d in the copy", len(c.Rows), len(other.Rows))
	}
	if !maps.Equal(c.Rial, other.Rial) {
		return errors.New("the sums of money differ")
	}
	return nil
}

// tally counts the rows of one table as they pass.
type tally struct {
	rows   int64
	digest digest
	rial   map[int]int64 // by column
	hash   hash.Hash
}

func newTally(t table) *tally {
	y := &tally{rial: map[int]int64{}, hash: sha256.New()}
	for i, c := range t.columns {
		if strings.HasSuffix(c, "_rial") {
			y.rial[i] = 0
		}
	}
	return y
}

// add takes one row, its values as both drivers give them.
func (y *tally) add(row []any) error {
	y.hash.Reset()
	var head [9]byte
	for i, value := range row {
		var text string
		switch v := value.(type) {
		case nil:
			head[0] = 0
		case int64:
			head[0] = 1
			binary.BigEndian.PutUint64(head[1:], uint64(v))
			if _, money := y.rial[i]; money {
				y.rial[i] += v
			}
		case bool:
			head[0] = 1
			binary.BigEndian.PutUint64(head[1:], map[bool]uint64{true: 1}[v])
		case float64:
			head[0] = 2
			binary.BigEndian.PutUint64(head[1:], math.Float64bits(v))
		case string:
			head[0], text = 3, v
			binary.BigEndian.PutUint64(head[1:], uint64(len(v)))
		case []byte:
			head[0], text = 4, string(v)
			binary.BigEndian.PutUint64(head[1:], uint64(len(v)))
		default:
			return fmt.Errorf("a value of type %T", value)
		}
		y.hash.Write(head[:])
		y.hash.Write([]byte(text))
		head = [9]byte{}
	}
	sum := y.hash.Sum(nil)
	y.digest[0] += binary.BigEndian.Uint64(sum[:8])
	y.digest[1] += binary.BigEndian.Uint64(sum[8:16])
	y.rows++
	return nil
}

func (c *Contents) put(t table, y *tally) {
	if c.Rows == nil {
		*c = Contents{Rows: map[string]int64{}, Rial: map[string]int64{}, digest: map[string]digest{}}
	}
	c.Rows[t.name], c.digest[t.name] = y.rows, y.digest
	for i, sum := range y.rial {
		c.Rial[t.name+"."+t.columns[i]] = sum
	}
}

// passing are the rows of a table on their way, counted. pgx.CopyFrom draws from it.
type passing struct {
	rows  *sql.Rows
	tally *tally
	row   []any
	into  []any
	err   error
}

func (e *end) pass(ctx context.Context, t table) (*passing, error) {
	return e.passes(ctx, t, `SELECT `+t.list()+` FROM `+quoted(t.name))
}

func (e *end) passes(ctx context.Context, t table, query string, args ...any) (*passing, error) {
	rows, err := e.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", t.name, e, err)
	}
	p := &passing{rows: rows, tally: newTally(t), row: make([]any, len(t.columns)), into: make([]any, len(t.columns))}
	for i := range p.row {
		p.into[i] = &p.row[i]
	}
	return p, nil
}

// Next goes to the next row.
func (p *passing) Next() bool {
	if p.err != nil || !p.rows.Next() {
		return false
	}
	if p.err = p.rows.Scan(p.into...); p.err == nil {
		p.err = p.tally.add(p.row)
	}
	return p.err == nil
}

// Values is the present row.
func (p *passing) Values() ([]any, error) { return p.row, nil }

// Err is what ended it.
func (p *passing) Err() error { return errors.Join(p.err, p.rows.Err()) }

// contents reads and counts everything.
func (e *end) contents(ctx context.Context) (c Contents, err error) {
	list, err := e.tables(ctx)
	for _, t := range list {
		p, err := e.pass(ctx, t)
		if err != nil {
			return c, err
		}
		for p.Next() {
		}
		if err := errors.Join(p.Err(), p.rows.Close()); err != nil {
			return c, fmt.Errorf("read %s of %s: %w", t.name, e, err)
		}
		c.put(t, p.tally)
	}
	return c, err
}

// copyAll copies every row of one end into the empty tables of the other, inside a transaction of each,
// and returns what passed.
func copyAll(ctx context.Context, from, to *end) (c Contents, err error) {
	list, err := to.tables(ctx) // in the order in which they may be written
	if err != nil {
		return c, err
	}
	read, err := from.tables(ctx)
	if err != nil {
		return c, err
	}
	if err := sameTables(read, list); err != nil {
		return c, err
	}
	for _, t := range list {
		if err := copyTable(ctx, from, to, t, &c); err != nil {
			return c, fmt.Errorf("copy %s: %w", t.name, err)
		}
	}
	return c, nil
}

func copyTable(ctx context.Context, from, to *end, t table, c *Contents) error {
	p, err := from.pass(ctx, t)
	if err != nil {
		return err
	}
	defer p.rows.Close()
	if err := errors.Join(to.take(ctx, t, p), p.Err()); err != nil {
		return err
	}
	c.put(t, p.tally)
	return nil
}

// take writes rows that pass.
func (e *end) take(ctx context.Context, t table, p pgx.CopyFromSource) error {
	if e.engine == PostgreSQL {
		return e.copyIn(ctx, t, p)
	}
	return e.insert(ctx, t, p)
}

func (e *end) insert(ctx context.Context, t table, p pgx.CopyFromSource) error {
	text := `INSERT INTO ` + quoted(t.name) + ` (` + t.list() + `) VALUES ` + rowsOf(1, len(t.columns))
	st, err := e.conn.PrepareContext(ctx, text)
	if err != nil {
		return err
	}
	defer st.Close()
	for p.Next() {
		row, err := p.Values()
		if err != nil {
			return err
		}
		if _, err := st.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
	return nil
}

// copyIn is PostgreSQL's COPY.
func (e *end) copyIn(ctx context.Context, t table, p pgx.CopyFromSource) error {
	return e.conn.Raw(func(driver any) error {
		conn, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("a connection of type %T", driver)
		}
		_, err := conn.Conn().CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, p)
		return err
	})
}
