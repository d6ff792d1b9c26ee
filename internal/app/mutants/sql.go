package main

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
)

// sqlWords are what a text of SQL is known by.
var sqlWords = regexp.MustCompile(`\b(SELECT|INSERT INTO|UPDATE [a-z]|DELETE FROM|WHERE|ORDER BY|RETURNING|FOR UPDATE|FROM [a-z]|LIMIT|IS NOT NULL|IS NULL)\b`)

// states are the words of the books in the order in which one stands in for the next.
var states = [][]string{
	{"created", "redirected", "returned", "verifying", "paid", "failed", "canceled", "abandoned", "unclaimed", "needs_review"},
	{"open", "processing", "review", "expired"},
	{"waiting", "asking", "refused", "settled", "dropped"},
	{"gardeshpay", "ghesta"},
}

func (f *finder) sqlRoom() bool {
	return strings.HasSuffix(f.room.name, "internal/db") || f.room.name == "db"
}

// sql makes the mutants of a text of SQL, or of a part of one. It reports whether n was that.
func (f *finder) sql(n *ast.BasicLit, stack []ast.Node) bool {
	condition := false
	if call, ok := stack[len(stack)-1].(*ast.CallExpr); ok {
		sel, ok := call.Fun.(*ast.SelectorExpr)
		condition = ok && sel.Sel.Name == "add" && len(call.Args) > 0 && call.Args[0] == n
	}
	columns := f.spec != nil && strings.HasSuffix(f.spec.Names[0].Name, "Columns")
	if !condition && !columns && !sqlWords.MatchString(n.Value) {
		return false
	}
	q := &query{f: f, base: f.offset(n.Pos()), text: n.Value, table: tableOf(n.Value)}
	switch {
	case columns:
		q.swaps(1, len(q.text)-1, columnPair)
	default:
		q.sections(condition)
	}
	return true
}

// query is one text of SQL in a file.
type query struct {
	f     *finder
	base  int
	text  string // with its quotes
	table string
}

func (q *query) change(op string, from, to int, with string) {
	q.f.change("SQL: "+op, q.base+from, q.base+to, with)
}

var tableName = regexp.MustCompile(`(?:INSERT INTO|UPDATE|DELETE FROM) ([a-z_]+)`)

func tableOf(text string) string {
	if m := tableName.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// clause begins a part of a statement; what may be done in it follows from its word.
var clause = regexp.MustCompile(`\b(SELECT|FROM|WHERE|DO UPDATE SET|SET|ORDER BY|LIMIT|RETURNING|VALUES|ON CONFLICT|FOR UPDATE SKIP LOCKED|FOR UPDATE|DO NOTHING)\b`)

// sections goes through the clauses.
func (q *query) sections(condition bool) {
	end := len(q.text) - 1
	marks := clause.FindAllStringIndex(q.text, -1)
	if len(marks) == 0 || condition || strings.Contains(q.text[1:marks[0][0]], " AND ") || strings.Contains(q.text[1:marks[0][0]], " IS ") {
		first := end
		if len(marks) > 0 {
			first = marks[0][0]
		}
		q.where(1, first)
	}
	for i, m := range marks {
		stop := end
		if i+1 < len(marks) {
			stop = marks[i+1][0]
		}
		from := m[1]
		if end := from + closing(q.text[from:stop]); end < stop {
			// A subselect ends here; behind it the condition around it goes on.
			if rest := strings.TrimSpace(q.text[end+1 : stop]); strings.HasPrefix(rest, "AND ") || strings.HasPrefix(rest, "OR ") {
				q.where(end+1, stop)
			}
			stop = end
		}
		switch word := q.text[m[0]:m[1]]; word {
		case "WHERE":
			q.where(from, stop)
		case "SET", "DO UPDATE SET":
			q.set(from, stop)
		case "ORDER BY":
			q.order(from, stop)
		case "LIMIT":
			if strings.Contains(q.text[from:stop], "$") {
				q.change("limit", from, from, " 1000 +")
			}
		case "SELECT":
			q.swaps(from, stop, columnPair)
		case "VALUES":
			q.swaps(from, from+len(strings.TrimRight(q.text[from:stop], " \n")), valuePair)
		case "DO NOTHING":
			if strings.Contains(q.text, "ON CONFLICT DO NOTHING") {
				at := strings.Index(q.text, "ON CONFLICT DO NOTHING")
				q.change("conflict not caught", at, m[1], "")
			}
		case "FOR UPDATE", "FOR UPDATE SKIP LOCKED":
			q.lock(m[0], m[1], word)
		}
	}
}

// closing is where an unmatched parenthesis ends a part, or its length.
func closing(part string) int {
	depth := 0
	for i, r := range part {
		switch r {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return i
			}
		}
	}
	return len(part)
}

// lock is PostgreSQL's business alone: SQLite has one writer.
func (q *query) lock(from, to int, word string) {
	mark := func(op string, to int) {
		q.change(op, from, to, "")
		q.f.list[len(q.f.list)-1].postgres = true
	}
	mark("row not locked", to)
	if word == "FOR UPDATE SKIP LOCKED" {
		q.change("locked rows waited for", from+len("FOR UPDATE"), to, "")
		q.f.list[len(q.f.list)-1].postgres = true
	}
}

var (
	columnPair = regexp.MustCompile(`\b([a-z]\.)?[a-z_]+(,\s+)([a-z]\.)?[a-z_]+\b`)
	valuePair  = regexp.MustCompile(`\$\d+(,\s+)\$\d+`)
)

// swaps exchanges neighbours in a list.
func (q *query) swaps(from, to int, pair *regexp.Regexp) {
	for at := from; at < to; {
		m := pair.FindStringIndex(q.text[at:to])
		if m == nil {
			return
		}
		text := q.text[at+m[0] : at+m[1]]
		left, right, _ := strings.Cut(text, ",")
		gap := right[:len(right)-len(strings.TrimLeft(right, " \n\t"))]
		right = strings.TrimLeft(right, " \n\t")
		q.change("neighbours swapped", at+m[0], at+m[1], right+","+gap+left)
		at += m[0] + len(left) + 1 + len(gap)
	}
}

// order: the other way round, and without its last key.
func (q *query) order(from, to int) {
	keys := strings.TrimRight(q.text[from:to], " \n)")
	first, _, more := strings.Cut(keys, ",")
	if at := strings.LastIndexByte(keys, ','); more && at > 0 {
		q.change("last sort key dropped", from+at, from+len(keys), "")
	}
	if trimmed := strings.TrimSuffix(first, " DESC"); trimmed != first {
		q.change("order turned", from, from+len(first), trimmed)
	} else {
		q.change("order turned", from, from+len(first), first+" DESC")
	}
}

func nextState(word string) string {
	for _, ring := range states {
		if i := slices.Index(ring, word); i >= 0 {
			return ring[(i+1)%len(ring)]
		}
	}
	return ""
}
