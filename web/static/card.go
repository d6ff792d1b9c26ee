package static

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
)

// The picture that messengers show beside a link: the house's mark on the merchant's colour. It says
// nothing of anybody, so one picture of a colour serves every link.
const (
	cardWidth, cardHeight = 600, 315 // the proportion that all of them show uncut
	cardScale             = 5        // of the mark, which is drawn on 32 by 32
	cardShades            = 16
)

// Card returns the address of the picture in a merchant's accent.
func Card(accent string) string {
	if !IsAccent(accent) {
		accent = "#0e7490"
	}
	return prefix + all().hash + "/card-" + strings.ToLower(accent[1:]) + ".png"
}

// markLines is the mark of img/mark.svg as points of its 32 by 32; its three curves are taken in steps.
func markLines() [][][2]float64 {
	curve := func(p0, p1, p2, p3 [2]float64) (list [][2]float64) {
		for i := range 13 {
			t := float64(i) / 12
			u := 1 - t
			at := func(k int) float64 { return u*u*u*p0[k] + 3*u*u*t*p1[k] + 3*u*t*t*p2[k] + t*t*t*p3[k] }
			list = append(list, [2]float64{at(0), at(1)})
		}
		return list
	}
	type xy = [2]float64
	outer := append([]xy{{9, 25}}, curve(xy{9, 13.5}, xy{9, 9}, xy{16, 5.5}, xy{16, 5.5})...)
	outer = append(append(outer, curve(xy{16, 5.5}, xy{16, 5.5}, xy{23, 9}, xy{23, 13.5})...), xy{23, 25})
	inner := append([]xy{{13, 25}}, curve(xy{13, 16.5}, xy{13, 14.5}, xy{16, 12.5}, xy{16, 12.5})...)
	inner = append(append(inner, curve(xy{16, 12.5}, xy{16, 12.5}, xy{19, 14.5}, xy{19, 16.5})...), xy{19, 25})
	return [][]xy{outer, {{5.5, 25}, {26.5, 25}}, inner}
}

// drawCard draws it, smoothed by how far each point is from the lines.
func drawCard(accent string) []byte {
	ground := parse(Accent(accent).Light.Accent)
	ink := parse(Accent(accent).Light.OnAccent)
	palette := make(color.Palette, cardShades)
	for i := range palette {
		share := float64(i) / (cardShades - 1)
		mix := func(a, b float64) uint8 { return uint8(encode(a + (b-a)*share)) }
		palette[i] = color.RGBA{mix(ground.r, ink.r), mix(ground.g, ink.g), mix(ground.b, ink.b), 255}
	}
	img := image.NewPaletted(image.Rect(0, 0, cardWidth, cardHeight), palette)
	lines := markLines()
	for y := range 32 * cardScale {
		for x := range 32 * cardScale {
			px, py := (float64(x)+.5)/cardScale, (float64(y)+.5)/cardScale
			far := math.Inf(1)
			for _, line := range lines {
				for i := range len(line) - 1 {
					far = min(far, distance(px, py, line[i], line[i+1]))
				}
			}
			share := min(max((1.25-far)*cardScale+.5, 0), 1) // half of the stroke's width, one point of smoothing
			img.SetColorIndex(x+(cardWidth-32*cardScale)/2, y+(cardHeight-32*cardScale)/2, uint8(math.Round(share*(cardShades-1))))
		}
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, img); err != nil {
		return nil // a buffer takes everything
	}
	return b.Bytes()
}

// distance is how far a point is from the line between two others.
func distance(x, y float64, a, b [2]float64) float64 {
	dx, dy := b[0]-a[0], b[1]-a[1]
	t := 0.0
	if long := dx*dx + dy*dy; long > 0 {
		t = min(max(((x-a[0])*dx+(y-a[1])*dy)/long, 0), 1)
	}
	return math.Hypot(x-a[0]-t*dx, y-a[1]-t*dy)
}
