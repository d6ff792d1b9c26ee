package app_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rooms is the stair of the house: each room and which rooms it may know, beyond the standard
// library. Imports only go down. A room that is not in this table does not exist yet.
var rooms = map[string][]string{
	"cmd/checkout": {"internal/app"},

	"internal/app": {
		"internal/app/pages", "internal/app/api", "internal/app/admin", "internal/app/webhooks", "internal/app/payments", "internal/app/worker",
		"internal/app/access", "internal/app/server", "internal/db", "web/templates", "web/static",
		"internal/app/mail", "internal/app/metrics", "internal/app/evidence", "internal/app/settlement",
		"internal/app/wire", "internal/gateways", "internal/gateways/gardeshpay", "internal/gateways/ghesta",
		"internal/gateways/simulator", "internal/app/auth", "internal/app/seal", "internal/app/crash", "internal/app/tracing",
	},

	"internal/app/pages": {"internal/app/payments", "internal/app/server", "web/templates", "web/static", "internal/gateways", "internal/app/crash"},
	"internal/app/api":   {"internal/app/payments", "internal/app/access", "internal/app/webhooks", "internal/app/wire", "internal/app/server", "internal/app/crash"},

	"internal/app/admin": {"internal/app/evidence", "internal/app/settlement", "internal/app/payments", "internal/app/access", "internal/app/webhooks", "internal/app/mail", "internal/app/server", "internal/app/sheet", "internal/app/logo", "internal/app/auth", "internal/db", "internal/gateways", "web/templates", "web/static"},

	"internal/app/payments":      {"internal/db", "internal/app/wire", "internal/app/seal", "internal/gateways", "internal/app/crash", "internal/app/tracing"},
	"internal/app/worker":        {"internal/db", "internal/app/crash"},
	"internal/app/webhooks":      {"internal/db", "internal/app/wire", "internal/app/seal", "internal/gateways", "internal/app/crash", "internal/app/tracing"}, // of gateways only the Redactor
	"internal/app/mail":          {"internal/db", "web/templates", "web/static", "internal/app/seal", "internal/app/crash", "internal/app/tracing"},
	"internal/app/mail/mailtest": {},
	"internal/app/access":        {"internal/db", "internal/app/auth", "internal/app/seal", "internal/app/logo"},
	"internal/app/metrics":       {"internal/gateways"},
	"internal/app/server":        {"web/templates", "web/static", "internal/app/tracing"},
	"internal/app/tracing":       {},

	"internal/db":             {"internal/app/crash"},
	"internal/db/dbtest":      {"internal/db", "internal/app/checkout"},
	"internal/db/migrations":  {},
	"web/templates":           {"web/static"},
	"web/static":              {},
	"internal/app/wire":       {},
	"internal/app/evidence":   {},
	"internal/app/settlement": {"internal/db", "internal/gateways", "internal/app/sheet"},
	"internal/app/mutants":    {}, // a tool: nobody imports it
	"docs/example-shop":       {}, // a shop to copy: it knows us by the API alone
	"internal/app/seeds":      {}, // a tool: nobody imports it

	"internal/gateways":              {"internal/app/crash"},
	"internal/gateways/gatewaystest": {"internal/gateways"},
	"internal/gateways/gardeshpay":   {"internal/gateways"},
	"internal/gateways/ghesta":       {"internal/gateways"},
	"internal/gateways/simulator":    {},
	"internal/app/checkout":          {},
	"internal/app/i18n":              {},
	"internal/app/money":             {},
	"internal/app/auth":              {},
	"internal/app/seal":              {},
	"internal/app/sheet":             {},
	"internal/app/logo":              {},
	"internal/app/crash":             {}, // names of moments; nothing in the program that is shipped
}

// words may be imported by every floor above them.
var words = []string{"internal/app/money", "internal/app/checkout", "internal/app/i18n"}

// wordless are the rooms that may not even know the words, or only some of them.
var wordless = map[string][]string{
	"internal/gateways/simulator":    {}, // its independence is its value
	"internal/app/money":             {},
	"internal/app/auth":              {},
	"internal/app/seal":              {},
	"internal/app/logo":              {},
	"internal/app/crash":             {},
	"internal/app/checkout":          {"internal/app/money"},
	"internal/app/i18n":              {"internal/app/money"},
	"internal/gateways":              {"internal/app/money"},
	"internal/gateways/gatewaystest": {"internal/app/money"},
	"internal/gateways/gardeshpay":   {"internal/app/money"},
	"internal/gateways/ghesta":       {"internal/app/money"},
	"internal/db":                    {"internal/app/checkout", "internal/app/money"},
	"internal/db/migrations":         {},
	"internal/app/wire":              {"internal/app/checkout", "internal/app/money"},
	"web/templates":                  {"internal/app/i18n", "internal/app/money"}, // never checkout
	"web/static":                     {},
	"cmd/checkout":                   {},
	"docs/example-shop":              {},
}

// outside says which rooms may import a library; the longest prefix that matches decides.
// A library that is not here may be imported by nobody: whoever needs a new one writes down where.
var outside = map[string][]string{
	"modernc.org/sqlite":                            {"internal/db"},
	"zombiezen.com/go/sqlite":                       {"internal/db"},
	"github.com/jackc/pgx/v5":                       {"internal/db", "internal/db/dbtest"},
	"github.com/klauspost/compress":                 {"internal/app/server"},
	"golang.org/x/tools/txtar":                      {"internal/gateways/gatewaystest"},
	"github.com/pressly/goose/v3":                   {"internal/db"},
	"github.com/labstack/echo/v4":                   {"internal/app/server", "internal/app/pages", "internal/app/api", "internal/app/admin", "internal/app"},
	"github.com/danielgtaylor/huma/v2":              {"internal/app/api"},
	"github.com/a-h/templ":                          {"web/templates", "internal/app/server", "internal/app/pages"},
	"github.com/alecthomas/kong":                    {"cmd/checkout"},
	"github.com/alexedwards/scs/v2":                 {"internal/app/admin"},
	"github.com/xuri/excelize/v2":                   {"internal/app/admin", "internal/app/sheet"},
	"github.com/go-webauthn/webauthn":               {"internal/app/access"},
	"github.com/pquerna/otp":                        {"internal/app/auth"},
	"github.com/alexedwards/argon2id":               {"internal/app/auth"},
	"code.dny.dev/ssrf":                             {"internal/app/webhooks"},
	"github.com/sony/gobreaker/v2":                  {"internal/gateways"},
	"github.com/jalaali/go-jalaali":                 {"internal/app/i18n"},
	"golang.org/x/crypto":                           {"internal/app/auth"},
	"golang.org/x/crypto/x509roots/fallback/bundle": {"cmd/checkout"},
	"golang.org/x/text":                             {"internal/app/i18n", "internal/app/access", "internal/app/sheet"},
	"golang.org/x/image":                            {"internal/app/logo"},
	"golang.org/x/time":                             {"internal/app/server", "internal/app/access"},
	"golang.org/x/net":                              {"internal/app/server"},
	"golang.org/x/net/idna":                         {"internal/app/i18n"},
	"github.com/emersion/go-smtp":                   {"internal/app/mail/mailtest"},
	"github.com/wneessen/go-mail":                   {"internal/app/mail"},
	"github.com/prometheus/client_golang":           {"internal/app/metrics"},
	"github.com/caddyserver/certmagic":              {"internal/app"},
	"go.uber.org/zap":                               {"internal/app"},
	"filippo.io/age":                                {"internal/app"},
	"golang.org/x/sys":                              {"internal/app"},
	"rsc.io/qr":                                     {"web/templates"},
}

type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
	Standard   bool
}

func TestArchitecture_ImportsOnlyGoDown(t *testing.T) {
	list := listPackages(t)
	seen := 0
	for _, p := range list {
		room := strings.TrimPrefix(p.ImportPath, "dargah/")
		if len(p.GoFiles) == 0 {
			continue // a folder of tests
		}
		seen++
		allowed, known := rooms[room]
		if !known {
			t.Errorf("%s is not a room of the house", room)
			continue
		}
		for _, path := range p.Imports {
			if other, ours := strings.CutPrefix(path, "dargah/"); ours {
				if !slices.Contains(allowed, other) && !slices.Contains(wordsOf(room), other) {
					t.Errorf("%s imports %s: that arrow is not in the table", room, other)
				}
				continue
			}
			if !strings.Contains(strings.Split(path, "/")[0], ".") {
				if path == "database/sql" && room != "internal/db" && room != "internal/db/dbtest" {
					t.Errorf("%s imports database/sql: queries live in internal/db", room)
				}
				continue
			}
			if !slices.Contains(mayImport(path), room) {
				t.Errorf("%s imports %s: not allowed there", room, path)
			}
		}
	}
	if seen < 10 {
		t.Fatalf("only %d rooms found: this test looks in the wrong place", seen)
	}
}

func wordsOf(room string) []string {
	if limited, ok := wordless[room]; ok {
		return limited
	}
	return words
}

func mayImport(path string) []string {
	best, allowed := 0, []string(nil)
	for prefix, list := range outside {
		if (path == prefix || strings.HasPrefix(path, prefix+"/")) && len(prefix) > best {
			best, allowed = len(prefix), list
		}
	}
	return allowed
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Imports,GoFiles,Standard", "./...")
	cmd.Dir = top(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		list = append(list, p)
	}
}

// top is the folder that holds go.mod.
func top(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestArchitecture_FilesStaySmall: 300 lines are where a file holds two things (SQL: 350).
func TestArchitecture_FilesStaySmall(t *testing.T) {
	checked := 0
	root := top(t)
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "data") {
				return filepath.SkipDir
			}
			return nil
		}
		limit := 0
		switch {
		case strings.HasSuffix(path, "_templ.go"), strings.HasSuffix(path, "_test.go"):
		case strings.HasSuffix(path, ".sql"), strings.HasPrefix(path, filepath.Join(root, "internal", "db")+string(filepath.Separator)) && strings.HasSuffix(path, ".go"):
			limit = 350
		case strings.HasSuffix(path, ".go"):
			limit = 300
		}
		if limit == 0 {
			return nil
		}
		checked++
		lines, err := countLines(path)
		if err != nil {
			return err
		}
		if lines > limit {
			rel, _ := filepath.Rel(root, path)
			t.Errorf("%s has %d lines, the limit is %d", rel, lines, limit)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 30 {
		t.Fatalf("only %d files checked: this test looks in the wrong place", checked)
	}
}

func countLines(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	n := 0
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		n++
	}
	return n, in.Err()
}

// TestArchitecture_TopLevel: what is in the house stands in one of its rooms. Ignored files
// (data, built binaries) are git's business and not asked about.
func TestArchitecture_TopLevel(t *testing.T) {
	allowed := []string{"cmd", "web", "internal", "go.mod", "go.sum", "Dockerfile", "README.md", "LICENSE", "docs"}
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard")
	cmd.Dir = top(t)
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("not a git work tree, nothing to list: %v", err)
	}
	for path := range strings.Lines(string(out)) {
		first, _, _ := strings.Cut(strings.TrimSpace(path), "/")
		if !slices.Contains(allowed, first) && !strings.HasPrefix(first, ".") {
			t.Errorf("%s stands at the top level, outside every room", first)
		}
	}
}
