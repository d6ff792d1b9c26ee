// Mutants breaks the money path on purpose, one small change at a time, and asks the tests whether
// they object. It is a tool for those who work on the house: nobody imports it, and the program
// does not hold it. How to run and read it: docs/testing.md.
//
// All mutants are woven into one build: every function with mutants gets one copy per mutant and a
// switch at its head, and an environment variable says which copy lives. So a package is compiled
// once, and each mutant meets only the tests that reach its line, the quickest first.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// target is a room whose lines are broken; no files means all of them.
type target struct {
	room  string
	files []string
}

// moneyPath is what CONTRACT §6 is kept by.
func moneyPath() []target {
	return []target{
		{room: "internal/app/money"},
		// Not the letters: they say what happened, and decide nothing about it.
		{room: "internal/app/checkout", files: []string{
			"attempt.go", "chain.go", "error.go", "event.go", "id.go", "invoice.go", "job.go", "merchant.go", "panic.go", "reference.go", "refund.go",
		}},
		{room: "internal/gateways"},
		{room: "internal/gateways/gardeshpay"},
		{room: "internal/gateways/ghesta"},
		{room: "internal/db", files: []string{
			"accounts.go", "attempts.go", "batch.go", "eventforms.go", "events.go", "idempotency.go", "invoices.go",
			"jobs.go", "once.go", "references.go", "stray.go", "where.go", "writer.go",
		}},
		{room: "internal/app/payments"},
	}
}

// options are the flags.
type options struct {
	root     string         // where go.mod stands
	dir      string         // state: results, binaries, what reaches what
	targets  []target       // whose lines are broken
	tests    []string       // rooms whose tests are asked
	ask      *regexp.Regexp // of the tests' names: only these are asked
	only     *regexp.Regexp // of "room function operator"
	first    *regexp.Regexp // of the same: tried before the others
	again    bool           // what survived, or ran out of time, is tried again
	postgres bool           // the tests run on PostgreSQL too
	long     bool           // the tests run without -short
	most     time.Duration  // of clean test time that one mutant may cost
	jobs     int
	out      io.Writer
	listed   string // the survivors that change nothing
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	rooms := flags.String("rooms", "", "rooms to break, comma separated; all of the money path when empty")
	tests := flags.String("tests", "", "rooms whose tests are asked, comma separated; those of the whole money path when empty")
	ask := flags.String("ask", "", "regular expression: only tests whose name it matches are asked")
	only := flags.String("only", "", "regular expression: only mutants whose \"room file function operator key\" it matches")
	first := flags.String("first", "", "regular expression of the same: these are tried first")
	list := flags.Bool("list", false, "print the mutants, run nothing")
	report := flags.Bool("report", false, "print what is known, run nothing")
	var opt options
	flags.StringVar(&opt.dir, "dir", filepath.Join("data", "mutants"), "where results and binaries are kept; a run that was ended goes on from there")
	flags.BoolVar(&opt.again, "again", false, "try those that survived or ran out of time once more, after tests were added")
	flags.BoolVar(&opt.postgres, "postgres", false, "run the tests on PostgreSQL too")
	flags.BoolVar(&opt.long, "long", false, "run the tests without -short")
	flags.DurationVar(&opt.most, "most", 2*time.Minute, "how much clean test time one mutant may cost")
	flags.IntVar(&opt.jobs, "jobs", 1, "mutants at a time")
	flags.StringVar(&opt.listed, "listed", filepath.Join("docs", "mutants.md"), "where the survivors that change nothing are listed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	opt.root, opt.out = ".", os.Stdout
	if err := choose(&opt, *rooms, *tests, *only); err != nil {
		return err
	}
	var err error
	if opt.first, err = regexp.Compile(*first); err != nil {
		return fmt.Errorf("-first: %w", err)
	}
	if opt.ask, err = regexp.Compile(*ask); err != nil {
		return fmt.Errorf("-ask: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return work(ctx, opt, *list, *report)
}

// choose turns what was typed into targets and tests.
func choose(opt *options, rooms, tests, only string) error {
	all := moneyPath()
	for _, t := range all {
		opt.tests = append(opt.tests, t.room)
	}
	opt.targets = all
	if rooms != "" {
		opt.targets = nil
		for name := range strings.SplitSeq(rooms, ",") {
			t := target{room: name}
			for _, known := range all {
				if known.room == name {
					t = known
				}
			}
			opt.targets = append(opt.targets, t)
		}
	}
	if tests != "" {
		opt.tests = strings.Split(tests, ",")
	}
	re, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	opt.only = re
	return nil
}

// order puts those that -first names before the others.
func (o options) order(m *mutant) int {
	if o.first == nil || o.first.MatchString(m.about()) {
		return 0
	}
	return 1
}

func work(ctx context.Context, opt options, list, report bool) error {
	if err := os.MkdirAll(opt.dir, 0o755); err != nil {
		return err
	}
	house, err := load(ctx, opt)
	if err != nil {
		return err
	}
	mutants := house.find(opt.only)
	book, err := openLedger(filepath.Join(opt.dir, "results.jsonl"))
	if err != nil {
		return err
	}
	defer book.close()
	if report {
		return book.report(opt.out, mutants, opt.listed)
	}
	woven, err := house.weave(mutants)
	if err != nil {
		return err
	}
	fmt.Fprintf(opt.out, "%d mutants, %d of them do not compile\n", len(mutants), len(mutants)-len(woven.alive))
	if list {
		for _, m := range woven.alive {
			fmt.Fprintln(opt.out, m)
		}
		return nil
	}
	if err := woven.try(ctx, opt, book); err != nil {
		return err
	}
	return book.report(opt.out, woven.alive, opt.listed)
}
