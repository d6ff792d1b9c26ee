package world_test

import "math/rand/v2"

// dice decides everything that the engine does not. A history is a list of steps, each a list of
// throws: drawn from the seed when it is played first, and read again when it is replayed. Zero is
// always the plainest choice, so that a history becomes simpler as steps are dropped and throws
// become zero.
type dice struct {
	steps [][]uint32
	fresh *rand.Rand // nil when a history is replayed
	most  int        // steps of a fresh history
	step  int        // the present one, from 1
	pos   int
}

func newDice(seed uint64, most int) *dice {
	return &dice{fresh: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), most: most}
}

func replay(steps [][]uint32) *dice { return &dice{steps: steps} }

// next begins the next step, false when the history has no more.
func (d *dice) next() bool {
	if d.fresh == nil && d.step >= len(d.steps) || d.fresh != nil && d.step >= d.most {
		return false
	}
	if d.fresh != nil {
		d.steps = append(d.steps, nil)
	}
	d.step++
	d.pos = 0
	return true
}

// n throws one of 0 to most-1. Outside of a step everything is zero.
func (d *dice) n(most int) int {
	if d.step == 0 || d.step > len(d.steps) || most < 2 {
		return 0
	}
	at := &d.steps[d.step-1]
	if d.pos >= len(*at) {
		if d.fresh == nil {
			return 0
		}
		*at = append(*at, d.fresh.Uint32())
	}
	d.pos++
	return int((*at)[d.pos-1]) % most
}

// once in so many throws.
func (d *dice) once(in int) bool { return d.n(in) == in-1 }

// weighted is a choice and how often it is taken.
type weighted[T any] struct {
	weight int
	value  T
}

func pick[T any](d *dice, list []T) T { return list[d.n(len(list))] }

func choose[T any](d *dice, list []weighted[T]) T {
	sum := 0
	for _, w := range list {
		sum += w.weight
	}
	at := d.n(sum)
	for _, w := range list {
		if at -= w.weight; at < 0 {
			return w.value
		}
	}
	return list[0].value
}
