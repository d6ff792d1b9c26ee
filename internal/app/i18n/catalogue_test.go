package i18n_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dargah/internal/app/i18n"
)

var update = flag.Bool("update", false, "sort the catalogues")

var (
	keyShape    = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)+$`)
	placeholder = regexp.MustCompile(`\{([a-z0-9_]+)\}`)
)

func catalogue(t *testing.T, name string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var lines map[string]string
	if err := json.Unmarshal(raw, &lines); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(lines) == 0 {
		t.Fatalf("%s holds no text", name)
	}
	return lines
}

// sorted is the one way to write a catalogue, so that two people who add a line each do
// not meet in a merge, and a key written twice does not survive.
func sorted(t *testing.T, lines map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(lines); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCatalogue_Sorted(t *testing.T) {
	for _, name := range []string{"fa.json", "en.json"} {
		want := sorted(t, catalogue(t, name))
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(got, want) {
			continue
		}
		if !*update {
			t.Errorf("%s is not one key per line, sorted, each once; run go test ./internal/app/i18n -run Catalogue -update", name)
			continue
		}
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCatalogue_Complete(t *testing.T) {
	fa, en := catalogue(t, "fa.json"), catalogue(t, "en.json")
	for _, key := range allKeys(fa, en) {
		f, inFA := fa[key]
		e, inEN := en[key]
		switch {
		case !keyShape.MatchString(key):
			t.Errorf("%s: a key is words of a-z, 0-9 and _ with dots between, two or more", key)
		case !inFA || !inEN:
			t.Errorf("%s: in fa.json %t, in en.json %t", key, inFA, inEN)
		case strings.TrimSpace(f) == "" || strings.TrimSpace(e) == "":
			t.Errorf("%s: empty", key)
		case f != strings.TrimSpace(f) || e != strings.TrimSpace(e):
			t.Errorf("%s: space at an end", key)
		case !slices.Equal(placeholders(f), placeholders(e)):
			t.Errorf("%s: placeholders %v in fa.json, %v in en.json", key, placeholders(f), placeholders(e))
		}
	}
}

// Arabic ي and ك look right and are found by no search; a percent sign beside a Persian
// number jumps sides with its neighbours; direction marks belong into the markup.
func TestCatalogue_PersianLetters(t *testing.T) {
	for key, line := range catalogue(t, "fa.json") {
		if strings.ContainsAny(line, "يكى٪%\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") {
			t.Errorf("%s: %q holds an Arabic ي, ك or ى, a percent sign or a direction mark", key, line)
		}
	}
}

func TestCatalogue_EveryKeyIsUsed(t *testing.T) {
	src := readSource(t)
	for _, key := range allKeys(catalogue(t, "fa.json"), catalogue(t, "en.json")) {
		if !src.uses(key) {
			t.Errorf("%s: no source names this key", key)
		}
	}
}

func TestCatalogue_EveryUseHasAKey(t *testing.T) {
	fa := catalogue(t, "fa.json")
	src := readSource(t)
	for _, u := range src.calls {
		line, known := fa[u.key]
		switch {
		case u.family && !slices.ContainsFunc(slices.Collect(maps.Keys(fa)), func(k string) bool { return strings.HasPrefix(k, u.key) }):
			t.Errorf("%s: T(%q + …): no key begins so", u.at, u.key)
		case u.family:
		case !known:
			t.Errorf("%s: T(%q): no such key", u.at, u.key)
		case u.names != nil && !slices.Equal(u.names, placeholders(line)):
			t.Errorf("%s: T(%q) gives %v, the text has %v", u.at, u.key, u.names, placeholders(line))
		}
	}
	for literal, at := range src.literals {
		if strings.HasSuffix(literal, ".go") {
			continue // a file's name
		}
		if strings.HasPrefix(literal, "error.") && keyShape.MatchString(literal) && fa[literal] == "" {
			t.Errorf("%s: %q: no such key", at, literal)
		}
	}
}

func allKeys(fa, en map[string]string) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(fa)), maps.Keys(en))
	slices.Sort(keys)
	return slices.Compact(keys)
}

// placeholders returns the names in a text, sorted, each once.
func placeholders(line string) []string {
	names := []string{}
	for _, m := range placeholder.FindAllStringSubmatch(line, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestT_EveryLine(t *testing.T) {
	for l, name := range map[i18n.Locale]string{i18n.FA: "fa.json", i18n.EN: "en.json"} {
		for key, line := range catalogue(t, name) {
			args, want := []any{}, line
			for i, p := range placeholders(line) {
				v := fmt.Sprintf("<%d>", i)
				args = append(args, p, v)
				want = strings.ReplaceAll(want, "{"+p+"}", v)
			}
			if got := l.T(key, args...); got != want {
				t.Errorf("%s %s = %q, want %q", l, key, got, want)
			}
		}
	}
}

func TestT(t *testing.T) {
	tests := []struct {
		name string
		got  string
		want string
	}{
		{"fa", i18n.FA.T("amount.toman", "amount", "۵"), "۵ تومان"},
		{"en", i18n.EN.T("amount.toman", "amount", "5"), "5 toman"},
		{"number", i18n.EN.T("amount.toman", "amount", 5), "5 toman"},
		{"order of pairs", i18n.EN.T("amount.toman_rial", "rial", "b", "toman", "a"), "a toman and b rial"},
		{"value is not a template", i18n.EN.T("amount.toman_rial", "toman", "{rial}", "rial", "b"), "{rial} toman and b rial"},
		{"unknown key", i18n.FA.T("no.such"), "[no.such]"},
		{"missing value", i18n.EN.T("amount.toman"), "{amount} toman"},
		{"name without value", i18n.EN.T("amount.toman", "amount"), "{amount} toman"},
		{"unknown locale reads Persian", i18n.Locale("de").T("amount.toman", "amount", "x"), "x تومان"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestParseLocale(t *testing.T) {
	for s, want := range map[string]bool{"fa": true, "en": true, "": false, "FA": false, "fa-IR": false, "de": false} {
		l, ok := i18n.ParseLocale(s)
		if ok != want || (ok && string(l) != s) || (!ok && l != i18n.FA) {
			t.Errorf("ParseLocale(%q) = %q, %t", s, l, ok)
		}
	}
	if i18n.FA.Dir() != "rtl" || i18n.EN.Dir() != "ltr" {
		t.Errorf("directions: fa %s, en %s", i18n.FA.Dir(), i18n.EN.Dir())
	}
}

func BenchmarkT(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		i18n.FA.T("amount.toman_rial", "toman", "دو", "rial", "پنج")
	}
}
