package main_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	span     = regexp.MustCompile("`(?:\\./)?(checkout [^`]+)`")
	word     = regexp.MustCompile(`^[a-z]+(-[a-z]+)*(\|[a-z]+)*$`)
	flag     = regexp.MustCompile(`--[a-z][a-z-]*`)
	testName = regexp.MustCompile(`\bTest[A-Z0-9]\w*`)
	setting  = regexp.MustCompile(`\bCHECKOUT_[A-Z_]*[A-Z]\b`)
)

// TestDocs_Words: a command that is named in a sentence is one, and has the flags that stand beside it. Variables
// and tests that are named are there as well.
func TestDocs_Words(t *testing.T) {
	h := newHouse(t)
	help := map[string]string{}
	ask := func(command string) string {
		if _, known := help[command]; !known {
			r := h.run(append(strings.Fields(command), "--help")...)
			if help[command] = r.out; r.code != 0 || !strings.HasPrefix(r.out, "Usage: checkout "+command) {
				help[command] = ""
			}
		}
		return help[command]
	}
	variables, tests := h.must(nil, "help", "env"), testNames(t)
	for _, name := range documents(t) {
		raw, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range span.FindAllStringSubmatch(string(raw), -1) {
			for _, command := range named(s[1]) {
				for len(command) > 0 && ask(strings.Join(command, " ")) == "" {
					command = command[:len(command)-1] // "restore FILE" and the like
				}
				text := ask(strings.Join(command, " "))
				if text == "" {
					t.Errorf("%s: `%s`: there is no such command", name, s[1])
				}
				for _, f := range flag.FindAllString(s[1], -1) {
					if f != "--help" && !strings.Contains(text, f) {
						t.Errorf("%s: `%s`: there is no %s", name, s[1], f)
					}
				}
			}
		}
		for _, v := range setting.FindAllString(string(raw), -1) {
			if !strings.Contains(variables, v) && !regexp.MustCompile(`^CHECKOUT_(TEST|BENCH|CRASH)_|^CHECKOUT_(KEY|URL)$|^CHECKOUT_DKIM$`).MatchString(v) {
				t.Errorf("%s: there is no variable %s", name, v)
			}
		}
		for _, test := range testName.FindAllString(string(raw), -1) {
			test = strings.TrimSuffix(test, "_") // TestT05_… is short for the whole name, and -run TestF32 too
			if !slices.ContainsFunc(tests, func(there string) bool { return there == test || strings.HasPrefix(there, test+"_") }) {
				t.Errorf("%s: there is no %s", name, test)
			}
		}
	}
}

// named are the commands that a few words name: "webhook add|list" are two. One that is no more than flags
// is the program itself.
func named(text string) [][]string {
	all := [][]string{nil}
	for _, w := range strings.Fields(text)[1:] {
		if !word.MatchString(w) {
			break
		}
		var more [][]string
		for _, one := range strings.Split(w, "|") {
			for _, begun := range all {
				more = append(more, append(slices.Clone(begun), one))
			}
		}
		all = more
	}
	if len(all[0]) == 0 {
		return nil
	}
	return all
}

// testNames are those of all tests there are.
func testNames(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, f := range regexp.MustCompile(`(?m)^func (Test\w+)`).FindAllSubmatch(raw, -1) {
			names = append(names, string(f[1]))
		}
		return err
	})
	if err != nil || len(names) < 500 {
		t.Fatalf("found %d tests: %v", len(names), err)
	}
	return names
}

var (
	docLink = regexp.MustCompile(`\]\(([^)#:\s]*)(?:#([^)\s]*))?\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestDocs_Links: what a document leads to is there, to the heading.
func TestDocs_Links(t *testing.T) {
	for _, name := range append(documents(t), "docs/CHANGELOG.md") {
		raw, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range docLink.FindAllStringSubmatch(string(raw), -1) {
			path, text := filepath.Join("../..", filepath.Dir(name), link[1]), raw
			if link[1] != "" {
				if _, err := os.Stat(path); err != nil {
					t.Errorf("%s leads to %s, which is not there", name, link[1])
					continue
				}
			}
			if link[2] == "" {
				continue
			}
			if link[1] != "" {
				if text, err = os.ReadFile(path); err != nil {
					t.Fatal(err)
				}
			}
			there := slices.ContainsFunc(heading.FindAllSubmatch(text, -1), func(h [][]byte) bool {
				return strings.ReplaceAll(strings.ToLower(dropped.ReplaceAllString(string(h[1]), "")), " ", "-") == link[2]
			})
			if !there {
				t.Errorf("%s leads to %s#%s, and there is no such heading", name, link[1], link[2])
			}
		}
	}
}
