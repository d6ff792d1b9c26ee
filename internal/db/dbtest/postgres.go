package dbtest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"dargah/internal/db"
)

// ServerEnv names a server to use instead of starting one: a postgres:// URL whose user may create
// databases.
const ServerEnv = "CHECKOUT_TEST_POSTGRES_URL"

const template = "checkout_template"

// server is this process's PostgreSQL, started by the first test that asks.
type server struct {
	base    string // URL of the maintenance database
	missing string // why there is none
	err     error
	admin   *sql.DB
	mu      sync.Mutex // CREATE DATABASE bears no second one from the same template
	prefix  string
	count   atomic.Int64
}

var theServer = sync.OnceValue(startServer)

// NeedPostgres skips or fails the test when there is no PostgreSQL.
func NeedPostgres(t testing.TB) {
	t.Helper()
	s := theServer()
	if s.missing != "" {
		Missing(t, "postgres", s.missing)
	}
	if s.err != nil {
		t.Fatalf("start PostgreSQL: %v", s.err)
	}
}

// PostgresURL gives the URL of a new, migrated PostgreSQL database, dropped after the test.
func PostgresURL(t testing.TB) string {
	t.Helper()
	return newDatabase(t, " TEMPLATE "+theServer().prefix+template)
}

// EmptyPostgresURL gives the URL of a new database without a schema.
func EmptyPostgresURL(t testing.TB) string {
	t.Helper()
	return newDatabase(t, "")
}

func newDatabase(t testing.TB, clause string) string {
	t.Helper()
	NeedPostgres(t)
	s := theServer()
	name := fmt.Sprintf("%st%d", s.prefix, s.count.Add(1))
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.admin.Exec("CREATE DATABASE " + name + clause); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := s.admin.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop the database: %v", err)
		}
	})
	if os.Getenv(SerializableEnv) != "" {
		return Serializable(t, s.url(name))
	}
	return s.url(name)
}

func (s *server) url(name string) string {
	u, err := url.Parse(s.base)
	if err != nil {
		return ""
	}
	u.Path = "/" + name
	return u.String()
}

func startServer() *server {
	s := &server{base: os.Getenv(ServerEnv), prefix: fmt.Sprintf("checkout_test_%d_", os.Getpid())}
	if s.base == "" {
		bin := Programs()
		if bin == "" {
			s.missing = "no initdb and postgres in PATH or /usr/lib/postgresql/*/bin, and no " + ServerEnv
			return s
		}
		if s.base, s.missing, s.err = launch(bin); s.missing != "" || s.err != nil {
			return s
		}
	}
	if s.admin, s.err = sql.Open("pgx", s.base); s.err != nil {
		return s
	}
	if s.err = waitFor(s.admin); s.err != nil {
		return s
	}
	if _, s.err = s.admin.Exec("CREATE DATABASE " + s.prefix + template); s.err != nil {
		return s
	}
	d, err := db.Open(context.Background(), db.Options{URL: s.url(s.prefix + template), CreateIfEmpty: true})
	if err != nil {
		s.err = err
		return s
	}
	s.err = d.Close()
	return s
}

// Programs finds the newest directory with both programs.
func Programs() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Sort(found)
	slices.Reverse(found)
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append([]string{filepath.Dir(path)}, found...)
	}
	for _, dir := range found {
		if executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "postgres")) {
			return dir
		}
	}
	return ""
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0 && !info.IsDir()
}

func waitFor(admin *sql.DB) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		err := admin.PingContext(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}
