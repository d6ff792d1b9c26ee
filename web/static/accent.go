package static

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The grounds that an accent must be read on, as css/base.css paints them; a test reads them back.
const (
	lightPaper, lightWell, lightField = "#fbfaf7", "#f4f1ea", "#ffffff"
	darkPaper, darkWell, darkField    = "#16191c", "#0f1214", "#101315"
	inkLight, inkDark                 = "#1b1f24", "#edeae3"
	ink2Light, ink2Dark               = "#4d555e", "#b3b1aa"
)

// readable is the contrast of WCAG 2.2 AA for text. The merchant's colour is corrected to it,
// never trusted: a pale yellow button would be a payment that nobody can read.
const readable = 4.5

// Scheme is one accent in one colour scheme.
type Scheme struct{ Accent, OnAccent, Tint string }

// Colours are a merchant's accent, corrected for light and for dark.
type Colours struct{ Light, Dark Scheme }

// IsAccent reports whether s is a colour like "#0e7490".
func IsAccent(s string) bool {
	if len(s) != 7 || s[0] != '#' {
		return false
	}
	_, err := strconv.ParseUint(s[1:], 16, 32)
	return err == nil && !strings.ContainsAny(s, "+-_")
}

// Accent corrects a colour like "#0e7490" until it can be read as text on every ground and text
// can be read on it; hue stays. What is no colour gives the house's turquoise.
func Accent(hex string) Colours {
	if !IsAccent(hex) {
		hex = "#0e7490"
	}
	c := parse(hex).oklch()
	light := c
	for !passes(light, lightPaper, lightWell, lightField) && light.l > 0 {
		light.l -= 0.005
	}
	dark := c
	dark.l = max(dark.l, 0.76) // a glowing line on a dark page, as the house's own is
	dark.c = min(dark.c, 0.14)
	for !passes(dark, darkPaper, darkWell, darkField) && dark.l < 1 {
		dark.l += 0.005
	}
	return Colours{
		Light: scheme(light.rgb(), parse(lightField), inkLight, ink2Light, "#ffffff"),
		Dark:  scheme(dark.rgb(), parse(darkField), inkDark, ink2Dark, oklch{0.22, min(c.c, 0.04), c.h}.rgb().String()),
	}
}

// scheme finds the text on the accent and the strongest tint that still leaves text readable.
func scheme(accent, ground rgb, ink, ink2, on string) Scheme {
	s := Scheme{Accent: accent.String(), OnAccent: on}
	if Contrast(s.Accent, on) < readable {
		s.OnAccent = "#000000"
	}
	for share := 0.09; ; share -= 0.01 {
		s.Tint = ground.mix(accent, share).String()
		if share <= 0.01 || (Contrast(s.Tint, ink) >= readable && Contrast(s.Tint, ink2) >= readable && Contrast(s.Tint, s.Accent) >= readable) {
			return s
		}
	}
}

// sheet is the accent as rules of the base layer, so that paper still turns it black.
func (c Colours) sheet() string {
	rule := func(s Scheme) string {
		return ":root{--accent:" + s.Accent + ";--on-accent:" + s.OnAccent + ";--tint:" + s.Tint + "}"
	}
	return "@layer base{" + rule(c.Light) + "@media (prefers-color-scheme:dark){" + rule(c.Dark) + "}}"
}

func passes(c oklch, grounds ...string) bool {
	hex := c.rgb().String()
	for _, g := range grounds {
		if Contrast(hex, g) < readable {
			return false
		}
	}
	return true
}

// Contrast is the contrast ratio of WCAG 2.2 between two colours like "#0e7490".
func Contrast(a, b string) float64 {
	la, lb := parse(a).luminance(), parse(b).luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// rgb is a colour in linear light, 0 to 1.
type rgb struct{ r, g, b float64 }

func parse(hex string) rgb {
	n, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	if err != nil {
		return rgb{}
	}
	return rgb{linear(n >> 16 & 255), linear(n >> 8 & 255), linear(n & 255)}
}

// linear and encode are the transfer function of sRGB (IEC 61966-2-1).
func linear(v uint64) float64 {
	c := float64(v) / 255
	if c <= 0.04045 {
		return c / 12.92
	}
	return math.Pow((c+0.055)/1.055, 2.4)
}

func encode(c float64) int {
	c = min(max(c, 0), 1)
	if c <= 0.0031308 {
		c *= 12.92
	} else {
		c = 1.055*math.Pow(c, 1/2.4) - 0.055
	}
	return int(math.Round(c * 255))
}

func (c rgb) String() string {
	return fmt.Sprintf("#%02x%02x%02x", encode(c.r), encode(c.g), encode(c.b))
}

func (c rgb) luminance() float64 { return 0.2126*c.r + 0.7152*c.g + 0.0722*c.b }

// mix lays share of d over c as a browser would, on the encoded values.
func (c rgb) mix(d rgb, share float64) rgb {
	blend := func(a, b float64) float64 {
		v := float64(encode(a))*(1-share) + float64(encode(b))*share
		return linear(uint64(math.Round(v)))
	}
	return rgb{blend(c.r, d.r), blend(c.g, d.g), blend(c.b, d.b)}
}

// oklch is lightness, chroma and hue as the eye has them (Ottosson, "A perceptual color space for
// image processing", 2020): darkening a yellow there leaves it a yellow.
type oklch struct{ l, c, h float64 }

func (c rgb) oklch() oklch {
	l := math.Cbrt(0.4122214708*c.r + 0.5363325363*c.g + 0.0514459929*c.b)
	m := math.Cbrt(0.2119034982*c.r + 0.6806995451*c.g + 0.1073969566*c.b)
	s := math.Cbrt(0.0883024619*c.r + 0.2817188376*c.g + 0.6299787005*c.b)
	a := 1.9779984951*l - 2.4285922050*m + 0.4505937099*s
	b := 0.0259040371*l + 0.7827717662*m - 0.8086757660*s
	return oklch{0.2104542553*l + 0.7936177850*m - 0.0040720468*s, math.Hypot(a, b), math.Atan2(b, a)}
}

// rgb gives up chroma until the colour can be shown at all.
func (c oklch) rgb() rgb {
	for {
		out := c.unbounded()
		if c.c <= 0 || (inGamut(out.r) && inGamut(out.g) && inGamut(out.b)) {
			return out
		}
		c.c -= 0.004
	}
}

func inGamut(v float64) bool { return v >= -0.0005 && v <= 1.0005 }

func (c oklch) unbounded() rgb {
	a, b := max(c.c, 0)*math.Cos(c.h), max(c.c, 0)*math.Sin(c.h)
	l := cube(c.l + 0.3963377774*a + 0.2158037573*b)
	m := cube(c.l - 0.1055613458*a - 0.0638541728*b)
	s := cube(c.l - 0.0894841775*a - 1.2914855480*b)
	return rgb{
		4.0767416621*l - 3.3077115913*m + 0.2309699292*s,
		-1.2684380046*l + 2.6097574011*m - 0.3413193965*s,
		-0.0041960863*l - 0.7034186147*m + 1.7076147010*s,
	}
}

func cube(v float64) float64 { return v * v * v }
