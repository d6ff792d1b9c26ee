package i18n

import (
	_ "embed" // the catalogues are part of the binary
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

//go:embed fa.json
var faJSON []byte

//go:embed en.json
var enJSON []byte

// A text is a catalogue line, split once at load into literal text and placeholders,
// so that a page with a hundred lines searches for no brace.
type text []piece

type piece struct {
	literal string
	name    string // the placeholder after literal; empty at the end
}

// Each table is loaded when its language is first spoken, and read-only then: a start waits for none.
var (
	faTexts = sync.OnceValue(func() map[string]text { return mustLoad("fa.json", faJSON) })
	enTexts = sync.OnceValue(func() map[string]text { return mustLoad("en.json", enJSON) })
)

// T returns the text of key in the language. args are pairs of a placeholder's name and
// its value; values are inserted as they are (digits and escaping are the caller's).
// An unknown key is shown in brackets and a placeholder without value in braces: a page
// about money must still render, and the tests of this room catch both.
func (l Locale) T(key string, args ...any) string {
	texts := faTexts
	if l == EN {
		texts = enTexts
	}
	t, ok := texts()[key]
	if !ok {
		return "[" + key + "]"
	}
	if len(t) == 1 && t[0].name == "" {
		return t[0].literal
	}
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.literal)
		if p.name != "" {
			b.WriteString(value(p.name, args))
		}
	}
	return b.String()
}

func value(name string, args []any) string {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] != any(name) {
			continue
		}
		if s, ok := args[i+1].(string); ok {
			return s
		}
		return fmt.Sprint(args[i+1])
	}
	return "{" + name + "}"
}

// mustLoad panics on a broken catalogue: it is compiled in, so the first test that
// imports this package shows it, and no installation ever can.
func mustLoad(name string, raw []byte) map[string]text {
	var lines map[string]string
	if err := json.Unmarshal(raw, &lines); err != nil {
		panic(fmt.Sprintf("i18n: read %s: %v", name, err))
	}
	texts := make(map[string]text, len(lines))
	for key, line := range lines {
		t, err := split(line)
		if err != nil {
			panic(fmt.Sprintf("i18n: read %s: %s: %v", name, key, err))
		}
		texts[key] = t
	}
	return texts
}

func split(line string) (text, error) {
	var t text
	for {
		literal, rest, found := strings.Cut(line, "{")
		if !found {
			return append(t, piece{literal: literal}), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || !isName(name) {
			return nil, fmt.Errorf("placeholder {%s is not a name of a-z, 0-9 and _ in braces", name)
		}
		t = append(t, piece{literal: literal, name: name})
		line = after
	}
}

func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != ""
}
