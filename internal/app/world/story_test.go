package world_test

import (
	"fmt"
	"strings"
	"testing"
)

// shrink makes a history that breaks a law shorter and plainer, as long as it breaks the same law:
// whole steps are dropped, longer rows of them first, then throws become zero.
func shrink(t *testing.T, seed uint64, found outcome, sab *sabotage) outcome {
	t.Helper()
	best, tries := found, 0
	try := func(steps [][]uint32) bool {
		if tries++; tries > 4000 {
			return false
		}
		o := play(t, seed, replay(steps), sab, false)
		if o.broken == nil || o.broken.law != found.broken.law {
			return false
		}
		best = o
		return true
	}
	for again := true; again; {
		again = false
		for size := max(len(best.steps)/2, 1); size > 0; size /= 2 {
			for at := 1; at < len(best.steps); { // the first step makes the world
				steps := append([][]uint32{}, best.steps[:at]...)
				steps = append(steps, best.steps[min(at+size, len(best.steps)):]...)
				if try(steps) {
					again = true
					continue
				}
				at += size
			}
		}
		for i := range best.steps {
			for k := len(best.steps[i]) - 1; k >= 0; k-- {
				if k >= len(best.steps[i]) || best.steps[i][k] == 0 {
					continue
				}
				steps := append([][]uint32{}, best.steps...)
				steps[i] = append([]uint32{}, steps[i]...)
				steps[i][k] = 0
				if try(steps) {
					again = true
				}
			}
		}
	}
	return best
}

// story tells a history that breaks a law, and how to play it again.
func story(seed uint64, whole, short outcome) string {
	var s strings.Builder
	fmt.Fprintf(&s, "history %d breaks a law: %s\n", seed, whole.broken)
	fmt.Fprintf(&s, "\nthe shortest that breaks it the same way: %d of %d steps\n\n", len(short.steps)-1, len(whole.steps)-1)
	for i, line := range short.lines {
		fmt.Fprintf(&s, "%4d  %s\n", i+1, line)
	}
	fmt.Fprintf(&s, "\nplay it again: go test ./internal/app/world -run TestSeed -world.seed %d\n", seed)
	return s.String()
}
