package faults_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTable_IsInTheDocs holds the table of docs/testing.md against the tests: every name in it is a
// test, here or in another room, every row that is tested here stands in it, and none of the 43 is missing.
func TestTable_IsInTheDocs(t *testing.T) {
	raw, err := os.ReadFile("../../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(raw), "<!-- fault table:")
	table, _, closed := strings.Cut(rest, "<!-- end of the fault table -->")
	if !found || !closed {
		t.Fatal("docs/testing.md has no fault table")
	}
	here, anywhere := testsUnder(t, "."), testsUnder(t, "../../..")
	named := regexp.MustCompile("`(Test[A-Za-z0-9_]+)`").FindAllStringSubmatch(table, -1)
	var inTable []string
	for _, m := range named {
		inTable = append(inTable, m[1])
		if !slices.Contains(anywhere, m[1]) {
			t.Errorf("%s is in the table, and is no test", m[1])
		}
	}
	row := regexp.MustCompile(`^TestF\d\d_`)
	for _, name := range here {
		if row.MatchString(name) && !slices.Contains(inTable, name) {
			t.Errorf("%s is in no row of the table", name)
		}
	}
	for n := 1; n <= 43; n++ {
		if !regexp.MustCompile(fmt.Sprintf("(?m)^\\| F%d \\|.*`Test", n)).MatchString(table) {
			t.Errorf("no test stands in row F%d", n)
		}
	}
}

// testsUnder lists the test functions of a folder and below.
func testsUnder(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range tree.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				names = append(names, fn.Name.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
