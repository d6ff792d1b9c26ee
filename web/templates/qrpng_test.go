package templates

import (
	"bytes"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

// The file holds the code square by square with its quiet zone, and every amount stands under it whole.
func TestQRPNG(t *testing.T) {
	const address = "https://pay.example.ir/i/VHdMi8UXpTUzSJM2V7gZ9w"
	code, err := qrCode(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, toman := range []string{"", "1,000", "120,000", "999,999,999,999.9"} {
		img, err := png.Decode(bytes.NewReader(QRPNG(address, toman)))
		if err != nil {
			t.Fatal(err)
		}
		side := qrFine * letterSide
		dark := func(x, y int) bool { return color.GrayModel.Convert(img.At(x, y)).(color.Gray).Y < 128 }
		for y := -qrZone; y < code.Size+qrZone-1; y++ {
			for x := -qrZone; x < code.Size+qrZone; x++ {
				if y >= code.Size+qrZone-2 {
					continue // the caption may begin in the last of the zone
				}
				if dark((x+qrZone)*side+side/2, (y+qrZone)*side+side/2) != code.Black(x, y) {
					t.Fatalf("%q: square %d,%d is wrong", toman, x, y)
				}
			}
		}
		ink, want := 0, 0
		for y := (code.Size + 2*qrZone - 1) * side; y < img.Bounds().Dy(); y++ {
			for x := range img.Bounds().Dx() {
				if dark(x, y) {
					ink++
				}
			}
		}
		if toman != "" {
			for _, r := range toman + "TOMAN" {
				if square[r][0] == "" {
					t.Fatalf("no letter %q", r)
				}
				want += strings.Count(strings.Join(lines(r), ""), "#") * letterSide * letterSide
			}
		}
		if ink != want {
			t.Errorf("%q: %d points of ink, want %d", toman, ink, want)
		}
		if svg := QRSVG(address, toman); !strings.HasPrefix(svg, "<svg xmlns=") || strings.Count(svg, "z") < code.Size {
			t.Errorf("%q: %.200s", toman, svg)
		}
	}
	if QRPNG(strings.Repeat("x", 9000), "") != nil || QRSVG(strings.Repeat("x", 9000), "") != "" {
		t.Error("an address that fits no code has one")
	}
}

func lines(r rune) []string { l := square[r]; return l[:] }
