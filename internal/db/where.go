package db

import (
	"strconv"
	"strings"
)

// where collects the conditions of a list. Conditions are constants of ours with ? for each value;
// values never enter the text.
type where struct {
	text strings.Builder
	args []any
}

func (w *where) add(condition string, args ...any) {
	if w.text.Len() == 0 {
		w.text.WriteString(" WHERE ")
	} else {
		w.text.WriteString(" AND ")
	}
	w.text.WriteString(w.numbered(condition, args...))
}

// numbered gives the values of a text their numbers, for a text that stands elsewhere.
func (w *where) numbered(text string, args ...any) string {
	var b strings.Builder
	for part := range strings.SplitSeq(text, "?") {
		if len(args) == 0 {
			b.WriteString(part)
			continue
		}
		w.args = append(w.args, args[0])
		args = args[1:]
		b.WriteString(part + "$" + strconv.Itoa(len(w.args)))
	}
	return b.String()
}

func (w *where) sql() string { return w.text.String() }

// limit is cast because SQLite plans by the value of a bare LIMIT $n, and so prepares the statement
// anew each time one is bound: as costly as the query itself.
func (w *where) limit(n int) string {
	w.args = append(w.args, int64(n))
	return " LIMIT CAST($" + strconv.Itoa(len(w.args)) + " AS BIGINT)"
}
