package templates

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strconv"
	"strings"
)

// A code as a file of its own, with the amount under it. Both are drawn of the same squares: a file has
// no font to count on.

// square are the letters of such a file, five squares wide and seven high.
var square = map[rune][7]string{
	'0': {".###.", "#...#", "#..##", "#.#.#", "##..#", "#...#", ".###."},
	'1': {"..#..", ".##..", "..#..", "..#..", "..#..", "..#..", ".###."},
	'2': {".###.", "#...#", "....#", "...#.", "..#..", ".#...", "#####"},
	'3': {"#####", "...#.", "..#..", "...#.", "....#", "#...#", ".###."},
	'4': {"...#.", "..##.", ".#.#.", "#..#.", "#####", "...#.", "...#."},
	'5': {"#####", "#....", "####.", "....#", "....#", "#...#", ".###."},
	'6': {"..##.", ".#...", "#....", "####.", "#...#", "#...#", ".###."},
	'7': {"#####", "....#", "...#.", "..#..", ".#...", ".#...", ".#..."},
	'8': {".###.", "#...#", "#...#", ".###.", "#...#", "#...#", ".###."},
	'9': {".###.", "#...#", "#...#", ".####", "....#", "...#.", ".##.."},
	',': {".....", ".....", ".....", ".....", "..#..", "..#..", ".#..."},
	'.': {".....", ".....", ".....", ".....", ".....", "..#..", "..#.."},
	'T': {"#####", "..#..", "..#..", "..#..", "..#..", "..#..", "..#.."},
	'O': {".###.", "#...#", "#...#", "#...#", "#...#", "#...#", ".###."},
	'M': {"#...#", "##.##", "#.#.#", "#.#.#", "#...#", "#...#", "#...#"},
	'A': {".###.", "#...#", "#...#", "#####", "#...#", "#...#", "#...#"},
	'N': {"#...#", "##..#", "#.#.#", "#..##", "#...#", "#...#", "#...#"},
	' ': {".....", ".....", ".....", ".....", ".....", ".....", "....."},
}

const (
	qrZone     = 4 // the quiet zone that the standard asks for, in squares of the code
	qrFine     = 3 // squares of a letter's size for each square of the code
	letterSide = 4 // points of a PNG for each of those
	letterStep = 6 // from one letter to the next
	lineStep   = 10
)

// qrGrid is a code with what stands under it, as squares of a letter's size, dark where it says so.
func qrGrid(address string, under []string) [][]bool {
	code, err := qrCode(address)
	if err != nil {
		return nil
	}
	wide := qrFine * (code.Size + 2*qrZone)
	if len(under) > 0 && (len(under[0])+1+len(under[1]))*letterStep <= wide {
		under = []string{under[0] + " " + under[1]}
	}
	grid := make([][]bool, wide+lineStep*len(under))
	for y := range grid {
		grid[y] = make([]bool, wide)
	}
	for y := range code.Size * qrFine {
		for x := range code.Size * qrFine {
			grid[y+qrZone*qrFine][x+qrZone*qrFine] = code.Black(x/qrFine, y/qrFine)
		}
	}
	for n, line := range under {
		left := max(0, (wide-len(line)*letterStep+1)/2)
		for i, r := range line {
			for y, row := range square[r] {
				for x, dot := range row {
					if at := left + letterStep*i + x; dot == '#' && at < wide {
						grid[wide-2+lineStep*n+y][at] = true
					}
				}
			}
		}
	}
	return grid
}

// caption is an amount in toman as those letters can say it, nil for none.
func caption(toman string) []string {
	if toman == "" {
		return nil
	}
	return []string{toman, "TOMAN"}
}

// QRPNG is a code as a PNG, with the amount under it; toman is in Latin digits, "" for none. nil when the
// address is too long for a code.
func QRPNG(address, toman string) []byte {
	grid := qrGrid(address, caption(toman))
	if grid == nil {
		return nil
	}
	img := image.NewPaletted(image.Rect(0, 0, len(grid[0])*letterSide, len(grid)*letterSide), color.Palette{color.White, color.Black})
	for y, line := range grid {
		for x, dark := range line {
			for i := range letterSide * letterSide {
				if dark {
					img.SetColorIndex(x*letterSide+i%letterSide, y*letterSide+i/letterSide, 1)
				}
			}
		}
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, img); err != nil {
		return nil // a buffer takes everything
	}
	return b.Bytes()
}

// QRSVG is the same as an SVG.
func QRSVG(address, toman string) string {
	grid := qrGrid(address, caption(toman))
	if grid == nil {
		return ""
	}
	var b strings.Builder
	size := strconv.Itoa(len(grid[0])) + " " + strconv.Itoa(len(grid))
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ` + size + `" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h` +
		strconv.Itoa(len(grid[0])) + "v" + strconv.Itoa(len(grid)) + "H0z\"/><path d=\"")
	for y, line := range grid {
		for x := 0; x < len(line); x++ {
			run := 0
			for x+run < len(line) && line[x+run] {
				run++
			}
			if run > 0 {
				n := strconv.Itoa(run)
				b.WriteString("M" + strconv.Itoa(x) + " " + strconv.Itoa(y) + "h" + n + "v1h-" + n + "z")
				x += run
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.String()
}
