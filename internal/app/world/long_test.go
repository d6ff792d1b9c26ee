package world_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// chunk is how many histories one line of the ledger stands for.
const chunk = 200

// table counts what happened in histories.
type table struct {
	From   uint64         `json:"from"`
	Plays  int            `json:"histories"`
	Steps  int            `json:"steps"`
	Moves  int            `json:"moves"` // of single actors, and calls to gateways
	CPU    float64        `json:"cpu_seconds"`
	Count  map[string]int `json:"count"`
	Broken []string       `json:"broken,omitempty"`
}

func newTable() *table {
	m := map[string]int{}
	return &table{Count: m}
}

func (s *table) add(o outcome) {
	s.Plays++
	s.Steps += len(o.steps)
	s.Moves += o.done
	for k, v := range o.count {
		s.Count[k] += v
	}
}

func (s *table) merge(o *table) {
	s.Plays += o.Plays
	s.Steps += o.Steps
	s.Moves += o.Moves
	s.CPU += o.CPU
	s.Broken = append(s.Broken, o.Broken...)
	for k, v := range o.Count {
		s.Count[k] += v
	}
}

func (s *table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d histories, %d steps, %d moves and calls, %.0f s of processor time, %d broken laws\n", s.Plays, s.Steps, s.Moves, s.CPU, len(s.Broken))
	for _, k := range slices.Sorted(maps.Keys(s.Count)) {
		fmt.Fprintf(&b, "%10d  %s\n", s.Count[k], k)
	}
	for _, what := range mustHappen {
		if s.Count[what] == 0 {
			fmt.Fprintf(&b, "     NEVER  %s\n", what)
		}
	}
	return b.String()
}

// TestLong plays as many histories as wanted, from where the ledger ends: each line of it stands for
// two hundred. It may be ended at any time and begun again. With nothing left to do it only reports.
func TestLong(t *testing.T) {
	if *histories == 0 {
		t.Skip("plays -world.histories histories and keeps -world.ledger")
	}
	done, sum := readLedger(t)
	out, err := os.OpenFile(*ledger, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	work := make(chan uint64)
	var mu sync.Mutex
	var lane sync.WaitGroup
	for range max(*lanes, 1) {
		lane.Go(func() {
			for from := range work {
				c := playChunk(t, from)
				mu.Lock()
				sum.merge(c)
				raw, err := json.Marshal(c)
				if err == nil {
					_, err = out.Write(append(raw, '\n'))
				}
				if err != nil {
					t.Error(err)
				}
				mu.Unlock()
			}
		})
	}
	for at := *from; at < *from+uint64(*histories); at += chunk {
		if !done[at] {
			work <- at
		}
	}
	close(work)
	lane.Wait()
	t.Log(sum)
	for _, b := range sum.Broken {
		t.Error(b)
	}
}

func playChunk(t *testing.T, from uint64) *table {
	c := newTable()
	c.From = from
	begun := cpu()
	for seed, o := range played(t, from, chunk) {
		c.add(o)
		if o.broken != nil {
			c.Broken = append(c.Broken, story(seed, o, shrink(t, seed, o, &sabotage{})))
		}
	}
	c.CPU = (cpu() - begun).Seconds() / float64(max(*lanes, 1))
	return c
}

// played plays histories, fifty in one hall.
func played(t *testing.T, from, n uint64) iter.Seq2[uint64, outcome] {
	const together = 50
	return func(yield func(uint64, outcome) bool) {
		for at := from; at < from+n; at += together {
			var list []outcome
			enter(t, func(t *testing.T, h *hall) {
				for seed := at; seed < min(at+together, from+n); seed++ {
					list = append(list, h.play(t, seed, newDice(seed, stepsOf), &sabotage{}, false))
				}
			})
			for i, o := range list {
				if !yield(at+uint64(i), o) {
					return
				}
			}
		}
	}
}

func readLedger(t *testing.T) (map[uint64]bool, *table) {
	t.Helper()
	done, sum := map[uint64]bool{}, newTable()
	if *ledger == "" {
		t.Fatal("name a -world.ledger")
	}
	in, err := os.Open(*ledger)
	if err != nil {
		return done, sum
	}
	defer func() { _ = in.Close() }()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		c := newTable()
		if json.Unmarshal(lines.Bytes(), c) != nil || done[c.From] {
			continue // the line that was being written when it was ended
		}
		done[c.From] = true
		sum.merge(c)
	}
	return done, sum
}
