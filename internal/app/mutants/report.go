package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
)

// entry begins a survivor in docs/mutants.md: its key, as the report prints it.
var entry = regexp.MustCompile("(?m)^- `([0-9a-f]{8})` ")

func readListed(path string) (map[string]bool, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	listed := map[string]bool{}
	for _, m := range entry.FindAllSubmatch(text, -1) {
		listed[string(m[1])] = true
	}
	return listed, nil
}

// tally is one row of the report.
type tally struct{ all, killed, timeouts, listed, survived, unreached, open int }

// report prints the survivors that nobody explained, entries of the list that are none, and a table.
func (b *ledger) report(w io.Writer, mutants []*mutant, list string) error {
	listed, err := readListed(list)
	if err != nil {
		return err
	}
	rows, total := map[string]*tally{}, &tally{}
	var order []string
	for _, m := range mutants {
		if rows[m.Room] == nil {
			rows[m.Room] = &tally{}
			order = append(order, m.Room)
		}
		r, ok := b.known[m.Key]
		for _, t := range []*tally{rows[m.Room], total} {
			t.count(r, ok, listed[m.Key])
		}
		switch {
		case ok && r.dead() && listed[m.Key]:
			fmt.Fprintf(w, "listed and killed by %s: %s\n", r.By, m)
		case ok && !r.dead() && !listed[m.Key]:
			fmt.Fprintf(w, "- `%s` `%s` %s, %s (line %d): `%s` → `%s` [%s, %d tests]\n", m.Key, m.Func, m.File, m.Op, m.Line, short(m.Was), short(m.Now), r.Outcome, r.Tests)
		}
	}
	fmt.Fprintf(w, "\n| room | mutants | killed | of them by time-out | survived, change nothing | survived | reached by no test | not tried | killed of all | of those that change something |\n")
	fmt.Fprintf(w, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, name := range order {
		rows[name].print(w, name)
	}
	total.print(w, "all")
	return nil
}

func (t *tally) count(r result, known, listed bool) {
	t.all++
	switch {
	case !known:
		t.open++
	case r.dead():
		t.killed++
		if r.Outcome == timeout {
			t.timeouts++
		}
	case listed:
		t.listed++
	case r.Outcome == unreached:
		t.unreached++
	default:
		t.survived++
	}
}

func (t *tally) print(w io.Writer, name string) {
	share := func(of int) string {
		if of == 0 {
			return "–"
		}
		return fmt.Sprintf("%.1f %%", 100*float64(t.killed)/float64(of))
	}
	tried := t.all - t.open
	fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %d | %d | %s | %s |\n", name, t.all, t.killed, t.timeouts, t.listed, t.survived, t.unreached, t.open, share(tried), share(tried-t.listed))
}
