package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const shopCode = `package db

type store struct{ limit int }

// Fee is one of a hundred, at least one.
func (s *store) Fee(amount int) int {
	fee := amount / 100
	if fee < 1 {
		fee = 1
	}
	return fee
}

func (*store) Name(_ string) string { return "shop" }

func Query() string {
	return "SELECT id FROM attempts WHERE status = 'paid' AND live = $1 ORDER BY id FOR UPDATE"
}

func Nobody() int { return 7 }
`

const shopTest = `package db

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// It objects to the copies that the tool makes of methods, and to no mutant.
func TestListed(t *testing.T) {
	if n := reflect.TypeFor[*store]().NumMethod(); n != 2 {
		t.Fatalf("%d methods", n)
	}
	(&store{}).Fee(1)
}

func TestFee(t *testing.T) {
	if got := (&store{}).Fee(50); got != 1 {
		t.Fatalf("the least fee is 1, not %d", got)
	}
}

func TestQuery(t *testing.T) {
	if !strings.Contains(Query(), "status = 'paid' AND live") {
		t.Errorf("asks for others than the paid ones: %s", Query())
	}
}

func TestRuns(t *testing.T) {
	f, err := os.OpenFile(os.Getenv("RUNS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, _ = f.WriteString((&store{}).Name("") + "\n")
}
`

// shop is a small module with mutants of every fate.
func shop(t *testing.T) options {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module shop\n\ngo 1.26\n", "db/shop.go": shopCode, "db/shop_test.go": shopTest} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("RUNS", filepath.Join(root, "runs"))
	t.Setenv("GOFLAGS", "")
	return options{
		root: root, dir: filepath.Join(root, "state"), targets: []target{{room: "db"}}, tests: []string{"db"},
		only: regexp.MustCompile(""), out: t.Output(), most: 1e12, jobs: 2, listed: filepath.Join(root, "mutants.md"),
	}
}

func known(t *testing.T, opt options) map[string]result {
	t.Helper()
	book, err := openLedger(filepath.Join(opt.dir, "results.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer book.close()
	return book.known
}

func fates(t *testing.T, opt options) map[string]result {
	t.Helper()
	byWhat := map[string]result{}
	for _, r := range known(t, opt) {
		byWhat[r.Func+": "+squeeze(r.Was)+" → "+squeeze(r.Now)] = r
	}
	return byWhat
}

// TestWork_EveryFate: what a test objects to is killed with the test's words; what no test notices
// survives; what no test reaches is named; a row lock waits for PostgreSQL.
func TestWork_EveryFate(t *testing.T) {
	opt := shop(t)
	if err := work(t.Context(), opt, false, false); err != nil {
		t.Fatal(err)
	}
	got := fates(t, opt)
	for what, r := range got {
		if r.By == "TestListed" {
			t.Errorf("%s: killed by a test that objects to whatever is woven", what)
		}
	}
	for what, want := range map[string]string{
		"store.Fee: fee < 1 → (fee < 1) && false": killed,
		"store.Fee: fee < 1 → fee <= 1":           survived, // one is one
		"store.Fee: fee → 0":                      killed,
		"store.Fee: 100 → (100 + 1)":              survived, // only small ones are tested
		"store.Name: \"shop\" → \"\"":             survived,
		"Query: paid → failed":                    killed,
		"Query: AND → OR":                         killed,
		"Query: id → id DESC":                     survived,
		"Nobody: 7 → (7 + 1)":                     unreached,
	} {
		if r, ok := got[what]; !ok {
			t.Errorf("no mutant %s; there are\n%s", what, strings.Join(slices.Sorted(maps.Keys(got)), "\n"))
		} else if r.Outcome != want {
			t.Errorf("%s: %s, want %s", what, r.Outcome, want)
		}
	}
	if r := got["store.Fee: fee < 1 → (fee < 1) && false"]; r.By != "TestFee" || !strings.Contains(r.Why, "the least fee is 1, not 0") {
		t.Errorf("killed by %q saying %q", r.By, r.Why)
	}
	for what := range got {
		if strings.Contains(what, "FOR UPDATE →") {
			t.Errorf("%s was tried on SQLite, which cannot tell", what)
		}
	}
}

// TestWork_GoesOn: a second run tries nothing again, one that was cut goes on, and -again asks only
// those that lived.
func TestWork_GoesOn(t *testing.T) {
	opt := shop(t)
	runs := func() int {
		text, _ := os.ReadFile(os.Getenv("RUNS"))
		return strings.Count(string(text), "\n")
	}
	if err := work(t.Context(), opt, false, false); err != nil {
		t.Fatal(err)
	}
	first := runs()
	if err := work(t.Context(), opt, false, false); err != nil {
		t.Fatal(err)
	}
	if runs() != first {
		t.Fatalf("%d runs became %d, though every mutant had its result", first, runs())
	}
	// As after a cut: the last line is half written, the one before is lost.
	path := filepath.Join(opt.dir, "results.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before := len(known(t, opt))
	if err := os.WriteFile(path, text[:len(text)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	if n := len(known(t, opt)); n != before-1 {
		t.Fatalf("%d results of %d are read from a file whose end is cut", n, before)
	}
	if err := work(t.Context(), opt, false, false); err != nil {
		t.Fatal(err)
	}
	if n := len(known(t, opt)); n != before {
		t.Errorf("%d results after going on, want %d", n, before)
	}
	opt.again = true
	if err := work(t.Context(), opt, false, false); err != nil {
		t.Fatal(err)
	}
	if runs() == first {
		t.Error("-again asked nobody")
	}
}

// TestChart_GoesOn: a look at what reaches what that is ended half-way goes on behind the tests it has seen.
func TestChart_GoesOn(t *testing.T) {
	opt := shop(t)
	ctx, cancel := context.WithCancel(t.Context())
	heard := &endsAt{word: "TestQuery", end: cancel}
	opt.out = heard
	if err := work(ctx, opt, false, false); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if n := len(known(t, opt)); n != 0 {
		t.Fatalf("%d results before it is known what reaches what", n)
	}
	heard.text.Reset()
	if err := work(t.Context(), opt, false, false); err != nil {
		t.Fatal(err)
	}
	for test, times := range map[string]int{"TestFee": 0, "TestQuery": 1, "TestRuns": 1} {
		if n := strings.Count(heard.text.String(), " db "+test+"\n"); n != times {
			t.Errorf("%s was looked at %d times by the second run, want %d:\n%s", test, n, times, heard.text.String())
		}
	}
	if r := fates(t, opt)["Query: paid → failed"]; r.Outcome != killed || r.By != "TestQuery" {
		t.Errorf("after going on: %s by %q", r.Outcome, r.By)
	}
	if r := fates(t, opt)["store.Fee: fee → 0"]; r.Outcome != killed || r.By != "TestFee" {
		t.Errorf("of the first run's tests: %s by %q", r.Outcome, r.By)
	}
}

// endsAt ends a run when it says a word.
type endsAt struct {
	text strings.Builder
	word string
	end  func()
}

func (e *endsAt) Write(p []byte) (int, error) {
	if strings.Contains(string(p), e.word) {
		e.end()
	}
	return e.text.Write(p)
}

// TestReport_Listed: an explained survivor is counted apart, and an entry about a killed mutant is
// told, for it is wrong.
func TestReport_Listed(t *testing.T) {
	book := &ledger{known: map[string]result{}}
	var all []*mutant
	for key, outcome := range map[string]string{"aaaaaaaa": survived, "bbbbbbbb": survived, "cccccccc": killed, "dddddddd": killed} {
		m := &mutant{Key: key, Room: "db", Func: "F", Was: "a", Now: "b"}
		all = append(all, m)
		book.known[key] = result{mutant: *m, Outcome: outcome, By: "TestX"}
	}
	slices.SortFunc(all, func(a, b *mutant) int { return strings.Compare(a.Key, b.Key) })
	path := filepath.Join(t.TempDir(), "mutants.md")
	if err := os.WriteFile(path, []byte("# List\n\n- `aaaaaaaa` `F`: `a` → `b`. The same.\n- `cccccccc` `F`: wrong.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := book.report(&out, all, path); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"listed and killed by TestX: cccccccc", "- `bbbbbbbb` `F`", "| db | 4 | 2 | 0 | 1 | 1 | 0 | 0 | 50.0 % | 66.7 % |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in the report:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "`aaaaaaaa`") {
		t.Errorf("an explained survivor is told again:\n%s", out.String())
	}
}

// TestSQL_EveryPart: each part of a condition is dropped once, also around a subselect.
func TestSQL_EveryPart(t *testing.T) {
	for text, want := range map[string][]string{
		"a = $1 AND (b > 0 AND c IN ('x', 'y') OR d IS NULL)": {"a = $1", "(b > 0 AND c IN ('x', 'y') OR d IS NULL)"},
		" AND dead IS NULL AND NOT ":                          {"dead IS NULL", "NOT"},
		"(a OR b)":                                            {"(a OR b)"},
	} {
		var got []string
		for _, p := range parts(text) {
			got = append(got, text[p[0]:p[1]])
		}
		if !slices.Equal(got, want) {
			t.Errorf("parts of %q: %q, want %q", text, got, want)
		}
	}
}

// TestPatient: a process that sleeps is ended when its limit has passed, and told so.
func TestPatient(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cmd := exec.CommandContext(ctx, "sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	go patient(ctx, cancel, cmd.Process.Pid, 300*time.Millisecond)
	if err := cmd.Wait(); err == nil || !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		t.Errorf("%v, %v", err, context.Cause(ctx))
	}
}
