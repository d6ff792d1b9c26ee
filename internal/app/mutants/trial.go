package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// try asks the tests about every mutant that has no result yet.
func (w *woven) try(ctx context.Context, opt options, book *ledger) error {
	var open []*mutant
	for _, m := range w.alive {
		if !book.done(m, opt) {
			open = append(open, m)
		}
	}
	if len(open) == 0 {
		return nil
	}
	slices.SortStableFunc(open, func(a, b *mutant) int { return opt.order(a) - opt.order(b) })
	chart, err := w.house.chart(ctx)
	if err != nil {
		return err
	}
	binaries := map[string]string{}
	for _, name := range opt.tests {
		binary, err := filepath.Abs(filepath.Join(opt.dir, "bin", strings.ReplaceAll(name, "/", "_")+".test"))
		if err != nil {
			return err
		}
		overlay, err := filepath.Abs(w.overlay)
		if err != nil {
			return err
		}
		if err := w.house.build(ctx, binary, name, "-overlay="+overlay); err != nil {
			return err
		}
		binaries[name] = binary
	}
	t := &trial{house: w.house, chart: chart, binaries: binaries, killers: map[string][]*asked{}, asks: map[*asked]float64{}, kills: map[*asked]float64{}}
	if err := t.sober(ctx); err != nil {
		return err
	}
	t.recall(book)
	next := make(chan *mutant)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range max(1, opt.jobs) {
		wg.Go(func() {
			for m := range next {
				r := t.one(ctx, m)
				if ctx.Err() != nil || (w.house.asks() && r.Tests == 0) {
					continue // who was not asked keeps what is known of him
				}
				mu.Lock()
				failed = cmpErr(failed, book.add(r))
				fmt.Fprintf(opt.out, "%d/%d %-9s %s %s\n", book.count(w.alive), len(w.alive), r.Outcome, m, r.By)
				mu.Unlock()
			}
		})
	}
	for _, m := range open {
		select {
		case next <- m:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return cmpErr(ctx.Err(), failed)
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

type trial struct {
	house    *house
	chart    *chart
	binaries map[string]string
	mu       sync.Mutex
	killers  map[string][]*asked // by function: who killed there before
	// How often a test was asked, and how often it objected.
	asks, kills map[*asked]float64
}

// one asks the tests that reach m, until one objects.
func (t *trial) one(ctx context.Context, m *mutant) (r result) {
	r = result{mutant: *m, Outcome: unreached, Long: t.house.opt.long, Postgres: t.house.opt.postgres}
	begun := time.Now()
	defer func() { r.Seconds = time.Since(begun).Seconds() }()
	tests := t.order(m, t.chart.who(t.house, m))
	spent := 0.0
	for _, batch := range batches(tests) {
		batch, r.Partly = affordable(batch, t.house.opt.most.Seconds()-spent, r.Tests == 0)
		if len(batch) == 0 {
			break
		}
		total, clock := 0.0, 0.0
		var names []string
		for _, a := range batch {
			total, clock = total+a.Seconds, clock+a.Clock
			names = append(names, a.pattern())
		}
		spent += total
		r.Outcome = survived
		r.Tests += len(batch)
		limit := time.Duration(10*clock*float64(time.Second)) + 10*time.Second
		args := append(t.house.flags(), "-test.run="+strings.Join(names, "|"), "-test.timeout="+(mostPatience*limit).String())
		out := t.house.runTest(ctx, batch[0].Room, t.binaries[batch[0].Room], args, strconv.Itoa(m.number), limit+5*time.Second)
		t.remember(m, batch, out.test)
		if !out.failed && r.Partly {
			break
		}
		if !out.failed {
			continue
		}
		r.Partly = false
		r.Outcome, r.By, r.Why = killed, out.test, out.why
		if out.late {
			r.Outcome = timeout
		}
		break
	}
	return r
}

// verdict is what one process of tests said.
type verdict struct {
	failed bool
	late   bool   // it did not end in time
	test   string // the first that failed
	why    string
	text   string
	// Seconds of the processor.
	processor float64
}

// runTest runs a test binary in its room, and ends it at the first failure.
func (h *house) runTest(ctx context.Context, room, binary string, args []string, number string, limit time.Duration) verdict {
	scratch, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return verdict{failed: true, why: err.Error()}
	}
	defer os.RemoveAll(scratch)
	if err := os.Chmod(scratch, 0o755); err != nil { // a database server runs there as somebody else
		return verdict{failed: true, why: err.Error()}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = filepath.Join(h.opt.root, room)
	cmd.Env = append(os.Environ(), selector+"="+number, "TMPDIR="+scratch)
	ownGroup(cmd)
	out := &ear{heard: func() { cancel(nil) }}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 5 * time.Second
	if err = cmd.Start(); err == nil {
		go patient(ctx, cancel, cmd.Process.Pid, limit)
		err = cmd.Wait()
	}
	used := 0.0
	if cmd.ProcessState != nil {
		used = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	}
	if err == nil {
		return verdict{text: out.text.String(), processor: used}
	}
	v := verdict{failed: true, processor: used, text: out.text.String()}
	v.test, v.why = out.first()
	if v.why == "" {
		v.why = err.Error()
	}
	v.late = strings.Contains(v.why, "test timed out") || (errors.Is(context.Cause(ctx), context.DeadlineExceeded) && !out.failure())
	return v
}

// ear listens to a test binary and says when a test failed.
type ear struct {
	mu    sync.Mutex
	text  bytes.Buffer
	heard func()
}

const mostHeard = 4 << 20

func (e *ear) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.text.Len() < mostHeard {
		e.text.Write(p)
	}
	if bytes.Contains(p, []byte("\nFAIL\n")) {
		e.heard()
	}
	return len(p), nil
}

func (e *ear) failure() bool { e.mu.Lock(); defer e.mu.Unlock(); return failLine.Match(e.text.Bytes()) }

var (
	failLine  = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	panicLine = regexp.MustCompile(`(?m)^(panic: .*|fatal error: .*|\S*DATA RACE.*)$`)
	wordLine  = regexp.MustCompile(`(?m)^\s+\S+\.go:\d+: .*`)
)

// first is the first test that failed and its first words.
func (e *ear) first() (test, why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	text := e.text.Bytes()
	m := failLine.FindSubmatchIndex(text)
	if m != nil {
		test = string(text[m[2]:m[3]])
		if w := wordLine.Find(text[m[0]:]); w != nil {
			return test, short(string(w))
		}
	}
	if p := panicLine.Find(text); p != nil {
		return test, short(string(p))
	}
	if w := wordLine.Find(text); w != nil {
		return test, short(string(w))
	}
	return test, ""
}
