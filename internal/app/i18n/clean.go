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
// what stands beside it (U+202A–E, U+2066–9), no pile of marks, single spaces. The
// half-space U+200C stays: Persian words need it.
func CleanText(s string) string { return clean(s, false) }

// CleanLines is CleanText for texts of several lines: it keeps single line breaks and one
// empty line between paragraphs.
func CleanLines(s string) string { return clean(s, true) }

func clean(s string, lines bool) string {
	var b strings.Builder
	b.Grow(len(s))
	space, breaks, marks, joiners := false, 0, 0, 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case r == utf8.RuneError && size == 1: // also each byte of a lone surrogate
			continue
		case r == '\r' && strings.HasPrefix(s[i:], "\n"): // counted with its \n
			continue
		case lines && isBreak(r):
			space, breaks, marks, joiners = true, breaks+1, 0, 0
			continue
		case unicode.IsSpace(r):
			space, marks, joiners = true, 0, 0
			continue
		case isJoiner(r):
			joiners++
			if joiners > 1 || space || b.Len() == 0 || !joins(s[i:]) {
				continue
			}
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Cs) && r != '\u200e' && r != '\u200f':
			continue
		case unicode.In(r, unicode.Mn, unicode.Me):
			if marks++; marks > maxMarks {
				continue
			}
			joiners = 0
		default:
			marks, joiners = 0, 0
		}
		if b.Len() > 0 {
			b.WriteString(gap(space, breaks))
		}
		space, breaks = false, 0
		b.WriteRune(r)
	}
	return b.String()
}

func gap(space bool, breaks int) string {
	switch {
	case breaks > 1:
		return "\n\n"
	case breaks == 1:
		return "\n"
	case space:
		return " "
	default:
		return ""
	}
}

func isBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029'
}

// isJoiner reports the half-space and the joiner of emoji.
func isJoiner(r rune) bool { return r == '\u200c' || r == '\u200d' }

// joins reports whether something visible follows directly, so that a joiner at the end
// of a word does not make two equal names differ.
func joins(rest string) bool {
	for _, r := range rest {
		if isJoiner(r) {
			continue
		}
		return unicode.IsGraphic(r) && !unicode.IsSpace(r)
	}
	return false
}
