package i18n_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A use is one call of T with a literal key.
type use struct {
	at     string
	key    string
	family bool     // T("attempt.status." + status)
	names  []string // of the placeholders given, sorted; nil when they are not literals
}

// source is what the repository says about keys: its string literals outside of tests and
// comments, and its calls of T.
type source struct {
	literals map[string]string // literal → where
	families []string          // literals that end with a dot
	calls    []use
}

var (
	familyShape  = regexp.MustCompile(`^([a-z0-9_]+\.)+$`)
	templLiteral = regexp.MustCompile("\"([a-z0-9_.]+)\"|`([a-z0-9_.]+)`")
	templCall    = regexp.MustCompile(`\bT\(\s*"([^"]*)"\s*(\+)?`)
	// The simulator speaks for itself: it knows nothing of ours, our catalogues included.
	skippedFolder = []string{".git", "node_modules", "data", "testdata", "simulator"}
)

func readSource(t *testing.T) *source {
	t.Helper()
	src := &source{literals: map[string]string{}}
	files := 0
	err := filepath.WalkDir("../../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(skippedFolder, d.Name()):
			return fs.SkipDir
		case d.IsDir(), strings.HasSuffix(path, "_test.go"):
			return nil
		case strings.HasSuffix(path, ".go"):
			files++
			return src.readGo(path)
		case strings.HasSuffix(path, ".templ"):
			files++
			return src.readTempl(path)
		default:
			return nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 || len(src.literals) == 0 {
		t.Fatalf("read %d files and %d literals: this is not the repository", files, len(src.literals))
	}
	return src
}

// uses reports whether a source names the key. The code of a wrong field stands in the
// source without its "error.", which is put before it where people read it.
func (s *source) uses(key string) bool {
	if _, ok := s.literals[key]; ok {
		return true
	}
	if code, ok := strings.CutPrefix(key, "error."); ok {
		_, named := s.literals[code]
		return named
	}
	return slices.ContainsFunc(s.families, func(f string) bool { return strings.HasPrefix(key, f) })
}

func (s *source) add(literal, at string) {
	s.literals[literal] = at
	if familyShape.MatchString(literal) {
		s.families = append(s.families, literal)
	}
}

// readGo reads literals and calls of a Go file; of a generated one only the calls, whose
// arguments no pattern could read out of the templ file itself.
func (s *source) readGo(path string) error {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("read source: %w", err)
	}
	generated := strings.HasSuffix(path, "_templ.go")
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if v, ok := literal(n); ok && !generated {
				s.add(v, fset.Position(n.Pos()).String())
			}
		case *ast.CallExpr:
			u, ok := callOfT(n)
			if !ok {
				u, ok = wrongField(n)
			}
			if ok {
				u.at = fset.Position(n.Pos()).String()
				s.calls = append(s.calls, u)
			}
		}
		return true
	})
	return nil
}

func (s *source) readTempl(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, m := range templLiteral.FindAllStringSubmatch(string(raw), -1) {
		s.add(m[1]+m[2], path)
	}
	for _, m := range templCall.FindAllStringSubmatch(string(raw), -1) {
		s.calls = append(s.calls, use{at: path, key: m[1], family: m[2] != ""})
	}
	return nil
}

// wrongField reads WrongField(field, "code"): people read the text of "error."+code.
func wrongField(call *ast.CallExpr) (use, bool) {
	if nameOf(call) != "WrongField" || len(call.Args) != 2 {
		return use{}, false
	}
	code, ok := literal(call.Args[1])
	return use{key: "error." + code}, ok
}

func nameOf(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	default:
		return ""
	}
}

func callOfT(call *ast.CallExpr) (use, bool) {
	if nameOf(call) != "T" || len(call.Args) == 0 {
		return use{}, false
	}
	if sum, ok := call.Args[0].(*ast.BinaryExpr); ok {
		for { // the leftmost literal of a + b + c
			left, ok := sum.X.(*ast.BinaryExpr)
			if !ok {
				break
			}
			sum = left
		}
		key, ok := literal(sum.X)
		return use{key: key, family: true}, ok
	}
	key, ok := literal(call.Args[0])
	if !ok {
		return use{}, false
	}
	u := use{key: key, names: []string{}}
	for i := 1; i < len(call.Args); i += 2 {
		v, ok := literal(call.Args[i])
		if !ok {
			return use{key: key}, true
		}
		u.names = append(u.names, v)
	}
	if len(call.Args)%2 == 0 {
		u.names = append(u.names, "a name without a value")
	}
	slices.Sort(u.names)
	return u, true
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	v, err := strconv.Unquote(lit.Value)
	return v, err == nil
}
