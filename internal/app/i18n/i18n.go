// Package i18n holds everything that is read or typed in a language: the two catalogues,
// digits, amounts and their words, Jalali dates, and the folding of what people type.
// It knows no page and no database; templates escape what it returns.
//
// To add a text: put its key on a line of its own into fa.json and en.json, use it as
// l.T("page.key", "name", value), and run
//
//	go test ./internal/app/i18n -run Catalogue -update
//
// which sorts both files. The same tests fail on a key that is missing in one language,
// used but not written, or written but used nowhere. A family of keys that differ by a
// status may be used as l.T("attempt.status." + status): the literal ends with a dot.
// Keys of errors begin with "error.", so that every one of them is checked wherever it
// stands; the code of a wrong field is its key without that beginning.
package i18n

// Locale is a language of the faces: FA or EN, nothing else.
type Locale string

// The two languages; FA is the default of the house.
const (
	FA Locale = "fa"
	EN Locale = "en"
)

// ParseLocale returns the locale that s names exactly, and false for anything else.
func ParseLocale(s string) (Locale, bool) {
	switch l := Locale(s); l {
	case FA, EN:
		return l, true
	default:
		return FA, false
	}
}

// Dir returns the direction of the language for the dir attribute.
func (l Locale) Dir() string {
	if l == EN {
		return "ltr"
	}
	return "rtl"
}
