package simulator

import "testing"

func TestJalali(t *testing.T) {
	for _, day := range [][6]int{
		{2025, 3, 20, 1403, 12, 30},
		{2025, 3, 21, 1404, 1, 1},
		{2024, 3, 20, 1403, 1, 1},
		{2026, 10, 6, 1405, 7, 14},
		{1979, 2, 11, 1357, 11, 22},
		{2024, 2, 29, 1402, 12, 10},
		{2030, 12, 31, 1409, 10, 10},
	} {
		if y, m, d := jalali(day[0], day[1], day[2]); y != day[3] || m != day[4] || d != day[5] {
			t.Errorf("%v: got %d-%d-%d", day, y, m, d)
		}
	}
}
