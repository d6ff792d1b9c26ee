package gateways

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxBodyText = 2 << 10
	maxMessage  = 500
	hidden      = "[hidden]"
)

// Redactor makes a vendor's text fit to be kept: no credential, gateway token, payer or card
// hash, no full card number, no character that acts instead of showing (CONTRACT §6.7).
type Redactor struct {
	secrets []string
	names   []string
}

// NewRedactor hides the given values wherever they appear, and the values of the members named
// (lower case) besides those that are always hidden.
func NewRedactor(secrets []string, names ...string) Redactor {
	r := Redactor{names: slices.Clone(names)}
	for _, s := range secrets {
		if utf8.RuneCountInString(s) >= 3 {
			r.secrets = append(r.secrets, s)
		}
	}
	// Longest first: a secret may contain another.
	slices.SortFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
	return r
}

// With returns r that hides more values.
func (r Redactor) With(secrets ...string) Redactor {
	return NewRedactor(append(slices.Clone(r.secrets), secrets...), r.names...)
}

// HideURL returns r that also hides the address and the last part of its path: an answer may
// repeat our callback, whose path is its secret.
func (r Redactor) HideURL(address string) Redactor {
	return r.With(address, address[strings.LastIndexByte(address, '/')+1:])
}

// Body returns a raw answer for the record, at most 2 KiB of it. JSON keeps its shape, even
// broken JSON: it is the evidence of what went wrong.
func (r Redactor) Body(raw []byte) string {
	text := bytes.TrimSpace(raw)
	if len(text) == 0 {
		return ""
	}
	s := string(text)
	if text[0] == '{' || text[0] == '[' || text[0] == '"' {
		s = r.json(s)
	} else {
		s = maskCards(s, cardInText)
	}
	return capped(printable(r.secretless(s)), maxBodyText)
}

// Text returns a vendor's words for the record and for people, at most limit bytes of them.
func (r Redactor) Text(s string, limit int) string {
	return capped(printable(r.secretless(maskCards(strings.TrimSpace(s), cardInText))), limit)
}

// Identifier returns a reference as a vendor told it, in full unless it is a card number.
func (r Redactor) Identifier(s string) string {
	return capped(printable(r.secretless(maskCards(strings.TrimSpace(s), cardInIdentifier))), maxRequestID)
}

// Field returns the value of one named member or form field for the record. White space around a
// name does not make it another one: in the record it would read the same.
func (r Redactor) Field(name, value string) string {
	name = lower(strings.TrimSpace(name))
	switch {
	case value == "":
		return ""
	case slices.ContainsFunc(private, func(part string) bool { return strings.Contains(name, part) }),
		slices.Contains(r.names, name):
		return hidden
	case strings.Contains(name, "card"):
		if mask := MaskCard(value); mask != "" {
			return mask
		}
		return hidden
	case slices.Contains(identifiers, name):
		return maskCards(value, cardInIdentifier)
	case value[0] == '{' || value[0] == '[':
		return r.json(value)
	}
	return maskCards(value, cardInText)
}

// private are parts of names under which a credential, a card hash or a person is found.
var private = []string{"hash", "token", "authorization", "mobile", "phone", "email", "national", "payer"}

// identifiers are the members that hold a reference in either protocol.
var identifiers = []string{"trackingnumber", "refnumber", "invoicenumber", "refid", "clientrefid", "code"}

// json redacts the values of a JSON text by their names. It walks the text and not a decoded
// tree, because the text is kept as it came: members twice, odd numbers, a missing end.
func (r Redactor) json(s string) string {
	var out strings.Builder
	name := ""
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"':
			end := stringEnd(s, i)
			value := unquote(s[i:end])
			if rest := strings.TrimLeft(s[end:], " \t\r\n"); strings.HasPrefix(rest, ":") {
				name = value
				out.WriteString(requote(s[i:end], value, maskCards(value, cardInText)))
			} else {
				out.WriteString(requote(s[i:end], value, r.secretless(r.Field(name, value))))
			}
			i = end
		case c == '-' || (c >= '0' && c <= '9'):
			end := i + 1
			for end < len(s) && strings.IndexByte("0123456789.eE+-", s[end]) >= 0 {
				end++
			}
			value := s[i:end]
			// A short number is no card: the amount beside "card_count" stays readable.
			if kept := r.Field(name, value); kept != value {
				value = quote(kept)
			}
			out.WriteString(value)
			i = end
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
			if !strings.HasSuffix(out.String(), " ") {
				out.WriteByte(' ')
			}
			i++
		default:
			out.WriteByte(c)
			i++
		}
	}
	// What stands between the values of broken JSON, and a card in four of them.
	return maskCards(out.String(), cardInIdentifier)
}

// stringEnd returns the index behind the closing quote of the literal at start, or the end.
func stringEnd(s string, start int) int {
	for i := start + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

func unquote(literal string) string {
	if plain := strings.Trim(literal, `"`); len(plain) == len(literal)-2 && strings.IndexFunc(plain, special) < 0 {
		return plain
	}
	var s string
	if json.Unmarshal([]byte(literal), &s) == nil {
		return s
	}
	return strings.Trim(literal, `"`)
}

// special are the letters that mean something else in a JSON text, or may.
func special(c rune) bool { return c < ' ' || c == '\\' || c >= utf8.RuneSelf }

func requote(literal, before, after string) string {
	if before == after && printable(before) == before {
		return literal
	}
	return quote(after)
}

func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// A string always encodes.
	_ = enc.Encode(printable(s))
	return strings.TrimSuffix(b.String(), "\n")
}

func (r Redactor) secretless(s string) string {
	for _, secret := range r.secrets {
		s = strings.ReplaceAll(s, secret, hidden)
	}
	return s
}

// printable escapes what a terminal, a log or a page would act on: control and bidirectional
// characters, separators, broken UTF-8. The half-space of Persian (U+200C) stays.
func printable(s string) string {
	if strings.IndexFunc(s, acts) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, c := range s {
		switch {
		case c == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case c == '\n' || c == '\t' || c == '\r':
			b.WriteByte(' ')
		case acts(c):
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func acts(c rune) bool {
	if c < utf8.RuneSelf {
		return c < ' ' || c == 0x7f
	}
	return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) ||
		c == '\u2028' || c == '\u2029' || c == '\ufeff' || (c >= 0xE0000 && c <= 0xE007F)
}

func capped(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const more = "…"
	cut := limit - len(more)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + more
}
