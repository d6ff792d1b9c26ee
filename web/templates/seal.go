package templates

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
)

// fold is a number of folds with the steps of its outer and of its inner star.
type fold struct {
	n            int
	outer, inner []int
}

var folds = []fold{
	{8, []int{2, 3}, []int{3}},
	{10, []int{3, 4}, []int{4}},
	{12, []int{3, 4, 5}, []int{5}},
	{16, []int{5, 6}, []int{6, 7}},
}

// Seal draws the rosette of a receipt from its id: a shamsa, the sunburst of Persian bindings, as
// one SVG path in a box of -200 to 200. Two receipts look different at a glance and a paid page is
// recognised before it is read. Decoration only: it proves nothing.
//
// FNV-1a makes 32 bits of the id, xorshift32 makes choices of the bits; from the rim inwards come
// pointed arches, diamonds, a star polygon, a second star in its heart, an eye.
func Seal(id string) string {
	r := rosette{hash: 2166136261}
	for _, c := range id {
		unit := uint32(c)
		if hi, _ := utf16.EncodeRune(c); hi != '\ufffd' { // the design's reference hashes UTF-16 units
			unit = uint32(hi)
		}
		r.hash = (r.hash ^ unit) * 16777619
	}
	f := pick(&r, folds)
	outer, inner := pick(&r, f.outer), pick(&r, f.inner)
	counts := []int{f.n, f.n + f.n/2}
	if f.n < 16 {
		counts = append(counts, 2*f.n)
	}
	arches := pick(&r, counts)
	shoulder := pick(&r, []float64{0.55, 0.75, 0.95})
	foot := pick(&r, []float64{80, 83})
	gem := pick(&r, []float64{0, 6, 9})
	turn := pick(&r, []int{0, 1})
	eye := pick(&r, []float64{0.09, 0.14, 0.2})

	r.rim(arches, shoulder, foot)
	r.circle(foot - 3)
	if gem > 0 {
		r.gems(f.n, gem)
	}
	n := float64(f.n)
	heart := 73 * math.Cos(math.Pi*float64(outer)/n) / math.Cos(math.Pi/n)
	r.star(73, f.n, outer, 0)
	r.star(heart*0.94, f.n, inner, turn)
	r.circle(heart * eye)
	return r.path.String()
}

type rosette struct {
	hash uint32
	path strings.Builder
}

func pick[T any](r *rosette, list []T) T {
	r.hash ^= r.hash << 13
	r.hash ^= r.hash >> 17
	r.hash ^= r.hash << 5
	return list[(r.hash>>9)%uint32(len(list))]
}

// half rounds to the grid of halves as JavaScript's Math.round does: floor(x + 0.5).
func half(v float64) int { return int(math.Floor(2*v + 0.5)) }

// at writes the point at radius d, a half-steps of an n-fold turn clockwise from the top.
func (r *rosette) at(d, a, n float64) {
	x, y := half(d*math.Sin(math.Pi*a/n)), half(-d*math.Cos(math.Pi*a/n))
	r.path.WriteString(strconv.Itoa(x))
	if y >= 0 {
		r.path.WriteByte(' ')
	}
	r.path.WriteString(strconv.Itoa(y))
}

func (r *rosette) rim(arches int, shoulder, foot float64) {
	n := float64(arches)
	r.path.WriteByte('M')
	r.at(foot, -1, n)
	for i := range arches {
		a := float64(2 * i)
		r.path.WriteByte('Q')
		r.at(94, a-shoulder, n)
		r.path.WriteByte(' ')
		r.at(99, a, n)
		r.path.WriteByte('Q')
		r.at(94, a+shoulder, n)
		r.path.WriteByte(' ')
		r.at(foot, a+1, n)
	}
	r.path.WriteByte('z')
}

func (r *rosette) circle(d float64) {
	s := strconv.Itoa(half(d))
	r.path.WriteString("M0-" + s + "a" + s + " " + s + " 0 1 0 .1 0z")
}

func (r *rosette) gems(folds int, gem float64) {
	n := float64(folds)
	for i := range folds {
		a, w := float64(2*i+1), gem/120*n/4
		r.polygon(n, [2]float64{67 + gem, a}, [2]float64{67, a + w}, [2]float64{67 - gem, a}, [2]float64{67, a - w})
	}
}

// star is the polygon {n/k}: where they share a factor it is several, each closed on its own.
func (r *rosette) star(d float64, n, k, turn int) {
	seen := make([]bool, n)
	for s := range n {
		var points [][2]float64
		for i := s; !seen[i]; i = (i + k) % n {
			seen[i] = true
			points = append(points, [2]float64{d, float64(2*i + turn)})
		}
		if len(points) > 0 {
			r.polygon(float64(n), points...)
		}
	}
}

func (r *rosette) polygon(n float64, points ...[2]float64) {
	for i, p := range points {
		if i == 0 {
			r.path.WriteByte('M')
		} else {
			r.path.WriteByte('L')
		}
		r.at(p[0], p[1], n)
	}
	r.path.WriteByte('z')
}
