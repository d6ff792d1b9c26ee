package i18n

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Four marks on one letter are more than any script here needs; hundreds of them climb
// over the lines above and hide the amount.
const maxMarks = 4

// CleanText returns a typed name or one-line text as it may be stored and shown: no
// control characters, no bytes that are not UTF-8, nothing that turns the direction of
// what stands beside it (U+202A–E, U+2066–9) or that nobody sees, no pile of marks,
// single spaces. The half-space U+200C stays between letters: Persian words need it.
func CleanText(s string) string { return clean(s, false) }

// CleanLines is CleanText for texts of several lines: it keeps single line breaks and one
// empty line between paragraphs.
func CleanLines(s string) string { return clean(s, true) }

func clean(s string, lines bool) string {
	c := cleaner{marks: maxMarks}
	c.out.Grow(len(s))
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case r == utf8.RuneError && size == 1: // also each byte of a lone surrogate
		case r == '\r' && strings.HasPrefix(s[i:], "\n"): // counted with its \n
		case lines && isBreak(r):
			c.gap(1)
		case unicode.IsSpace(r):
			c.gap(0)
		case r == '\u200c' || r == '\u200d': // the half-space and the joiner of emoji
			c.joiner = r
		case isHidden(r):
		case unicode.In(r, unicode.Mn, unicode.Me):
			if c.marks < maxMarks {
				c.marks++
				c.write(r)
			}
		default:
			c.write(r)
			c.marks = 0
		}
	}
	return c.out.String()
}

// A cleaner holds back gaps and joiners until something visible follows them, so that
// none stands at an end or beside another.
type cleaner struct {
	out    strings.Builder
	space  bool
	breaks int
	joiner rune
	marks  int // on the last letter; maxMarks when there is no letter to stand on
}

func (c *cleaner) gap(breaks int) {
	c.space, c.breaks, c.joiner, c.marks = true, c.breaks+breaks, 0, maxMarks
}

func (c *cleaner) write(r rune) {
	switch {
	case c.out.Len() == 0:
	case c.breaks > 1:
		c.out.WriteString("\n\n")
	case c.breaks == 1:
		c.out.WriteByte('\n')
	case c.space:
		c.out.WriteByte(' ')
	case c.joiner != 0:
		c.out.WriteRune(c.joiner)
	}
	c.space, c.breaks, c.joiner = false, 0, 0
	c.out.WriteRune(r)
}

func isBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029'
}

// isHidden reports what has no picture of its own: controls, format and direction marks,
// the letters that Unicode keeps empty, and the codes that are no characters (a
// spreadsheet's XML may not hold them).
func isHidden(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u2800', '\u3164', '\uffa0':
		return true
	}
	return r&0xfffe == 0xfffe || unicode.In(r, unicode.Cc, unicode.Cf)
}
