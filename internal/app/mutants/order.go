package main

import (
	"slices"
	"strings"
)

// recall begins with what is known of an earlier run: who objected, and that the others did not.
func (t *trial) recall(book *ledger) {
	for _, r := range book.known {
		for _, a := range t.chart.Tests {
			t.asks[a] += 0.5
			if r.By != "" && (a.Name == r.By || strings.HasPrefix(a.Name, r.By+"/")) {
				t.kills[a]++
			}
		}
	}
}

// affordable are the tests at the head of a batch that cost no more than is left, at least one when
// nobody was asked yet; and whether some are left out.
func affordable(batch []*asked, left float64, first bool) ([]*asked, bool) {
	for i, a := range batch {
		if left -= a.Seconds; left < 0 && (i > 0 || !first) {
			return batch[:i], true
		}
	}
	return batch, false
}

func (t *trial) remember(m *mutant, batch []*asked, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := m.Room + " " + m.Func
	for _, a := range batch {
		t.asks[a]++
		if name == "" || (a.Name != name && !strings.HasPrefix(a.Name, name+"/") && !strings.HasPrefix(name, a.Name+"/")) {
			continue
		}
		t.kills[a]++
		if !slices.Contains(t.killers[key], a) {
			t.killers[key] = append([]*asked{a}, t.killers[key]...)
		}
	}
}

// order: who killed in this function before, then those of the room itself, then the others; first
// those from which an objection costs least: the quick ones, those that object often, and those that
// go where the broken condition decides.
func (t *trial) order(m *mutant, tests []*asked) []*asked {
	t.mu.Lock()
	killers := slices.Clone(t.killers[m.Room+" "+m.Func])
	price, sees := map[*asked]float64{}, t.chart.sees(t.house, m)
	for _, a := range tests {
		price[a] = a.Seconds * (t.asks[a] + 20) / (t.kills[a] + 1)
		if sees(a) {
			price[a] /= 20
		}
	}
	t.mu.Unlock()
	rank := func(a *asked) float64 {
		if i := slices.Index(killers, a); i >= 0 && i < 3 && a.Seconds < 5 {
			return -10 + float64(i)
		}
		if a.Room == m.Room {
			return price[a]
		}
		// One room after the other: a process asks the tests of one.
		return float64(1+slices.Index(t.house.opt.tests, a.Room))*1e6 + price[a]
	}
	slices.SortStableFunc(tests, func(a, b *asked) int {
		x, y := rank(a), rank(b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return tests
}

// batches cuts the list into processes: a start costs more than many a test, and a long test is not
// begun before the quick ones have spoken.
func batches(tests []*asked) [][]*asked {
	var list [][]*asked
	budget, total := 0.5, 0.0
	for i, a := range tests {
		if i == 0 || total+a.Seconds > budget || list[len(list)-1][0].Room != a.Room {
			list = append(list, nil)
			if i > 0 && total+a.Seconds > budget {
				budget *= 3
			}
			total = 0
		}
		list[len(list)-1] = append(list[len(list)-1], a)
		total += a.Seconds
	}
	return list
}
