package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// The outcomes of a mutant.
const (
	killed    = "killed"
	timeout   = "timeout" // the tests did not end: killed too
	survived  = "survived"
	unreached = "unreached" // no test reaches the line
)

// result is one line of the ledger. A later line about the same mutant counts.
type result struct {
	mutant
	Outcome  string  `json:"outcome"`
	By       string  `json:"by,omitempty"`  // the test that failed
	Why      string  `json:"why,omitempty"` // what it said
	Tests    int     `json:"tests"`
	Seconds  float64 `json:"seconds"`
	Long     bool    `json:"long,omitempty"`
	Postgres bool    `json:"postgres,omitempty"`
	Partly   bool    `json:"partly,omitempty"` // not all tests were asked: -most
}

func (r result) dead() bool { return r.Outcome == killed || r.Outcome == timeout }

// ledger is the file of results: a run that was ended goes on where it stood.
type ledger struct {
	mu    sync.Mutex
	file  *os.File
	known map[string]result
	fresh map[string]bool // of this run
}

func openLedger(path string) (*ledger, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	b := &ledger{file: file, known: map[string]result{}, fresh: map[string]bool{}}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var r result
		if json.Unmarshal(lines.Bytes(), &r) == nil && r.Key != "" { // the last line may be cut
			b.known[r.Key] = r
		}
	}
	return b, b.endLine()
}

// endLine makes room for the next result behind a line that was cut.
func (b *ledger) endLine() error {
	info, err := b.file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := b.file.ReadAt(last, info.Size()-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		_, err = b.file.WriteString("\n")
	}
	return err
}

func (b *ledger) close() { _ = b.file.Close() }

// done reports whether a mutant needs no trial now.
func (b *ledger) done(m *mutant, opt options) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.known[m.Key]
	if m.postgres && !opt.postgres {
		return true // SQLite cannot tell
	}
	// A time-out is asked again too: on a busy machine it may be nobody's word.
	return ok && (r.Outcome == killed || !opt.again)
}

func (b *ledger) add(r result) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	b.known[r.Key], b.fresh[r.Key] = r, true
	if _, err := b.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// count is how many of the mutants have a result.
func (b *ledger) count(mutants []*mutant) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, m := range mutants {
		if _, ok := b.known[m.Key]; ok {
			n++
		}
	}
	return n
}
