package world_test

import (
	"slices"
	"strings"
	"testing"
)

// TestHistories plays the first 2,000 histories: the same for everybody, so that a failure is, too.
func TestHistories(t *testing.T) {
	n := uint64(2000)
	if testing.Short() {
		n = 100
	}
	sum := newTable()
	for seed, o := range played(t, 1, n) {
		sum.add(o)
		if o.broken != nil {
			t.Fatal(story(seed, o, shrink(t, seed, o, &sabotage{})))
		}
	}
	if testing.Short() {
		return
	}
	for _, what := range mustHappen {
		if sum.Count[what] == 0 {
			t.Errorf("in %d histories this never happened: %s", n, what)
		}
	}
}

// TestSameSeed: the same seed gives the same bytes in every table, and the same story.
func TestSameSeed(t *testing.T) {
	n := uint64(40)
	if testing.Short() {
		n = 5
	}
	var all []string
	crowd := map[uint64]outcome{} // played one after another on one database
	enter(t, func(t *testing.T, h *hall) {
		for seed := uint64(1); seed <= n; seed++ {
			crowd[seed] = h.play(t, seed, newDice(seed, stepsOf), &sabotage{}, true)
		}
	})
	for seed := uint64(1); seed <= n; seed++ {
		first := play(t, seed, newDice(seed, stepsOf), &sabotage{}, true)
		replayed := play(t, seed, replay(first.steps), &sabotage{}, true)
		for how, o := range map[string]outcome{"after others": crowd[seed], "replayed": replayed} {
			if i := differ(first.lines, o.lines); i >= 0 {
				t.Fatalf("history %d, %s, differs in line %d:\n%s\n%s", seed, how, i+1, line(first, i), line(o, i))
			}
			if o.digest != first.digest {
				t.Fatalf("history %d, %s, leaves other tables behind", seed, how)
			}
		}
		all = append(all, first.digest)
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != int(n) {
		t.Error("two seeds gave the same history")
	}
}

func differ(a, b []string) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

func line(o outcome, i int) string {
	if i < len(o.lines) {
		return o.lines[i]
	}
	return "(nothing)"
}

// TestSeed plays one history and tells it.
func TestSeed(t *testing.T) {
	if *oneSeed == 0 {
		t.Skip("plays the history that -world.seed names")
	}
	o := play(t, *oneSeed, newDice(*oneSeed, stepsOf), &sabotage{}, true)
	if *tell {
		t.Logf("history %d\n%s", *oneSeed, strings.Join(o.lines, "\n"))
	}
	if o.broken != nil {
		t.Fatal(story(*oneSeed, o, shrink(t, *oneSeed, o, &sabotage{})))
	}
}
