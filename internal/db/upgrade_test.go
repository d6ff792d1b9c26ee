package db_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// migrations are those that a test of every step walks. With -short (the race detector's run: nothing
// meets in a migration, and each step takes it ten times as long) they are the last three.
func migrations() []db.Migration {
	all := db.Migrations()
	if testing.Short() {
		return all[len(all)-3:]
	}
	return all
}

// older gives a database of an older version on each engine, with rows in every table it has.
func older(t *testing.T, version int64, test func(t *testing.T, url string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "older.db")
	lite := "sqlite:" + path
	if err := tryOpen(db.Options{URL: lite, Migrate: true}.UpTo(version)); err != nil {
		t.Fatal(err)
	}
	fill(t, path)
	t.Run(db.PostgreSQL, func(t *testing.T) {
		url := dbtest.EmptyPostgresURL(t)
		if err := db.CopyUpTo(context.Background(), lite, url, version); err != nil {
			t.Fatal(err)
		}
		test(t, url)
	})
	t.Run(db.SQLite, func(t *testing.T) { test(t, lite) })
}

func dumpUpTo(t *testing.T, url string, version int64) map[string][]string {
	t.Helper()
	d, err := db.Open(context.Background(), db.Options{URL: url}.UpTo(version))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	all, err := d.Dump(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// cuts are the beginnings of a migration, each behind one more of its statements.
func cuts(text string) (list []string) {
	for at := 0; ; {
		end := strings.Index(text[at:], ";\n")
		if end < 0 {
			return list
		}
		at += end + 2
		list = append(list, text[:at])
	}
}

// TestF36_MigrationInterrupted: every migration there is breaks behind each of its statements, in a
// database of the version before it that has rows in every table. The old schema stands as it was, with
// every row, and the program of that version opens it; the next try goes through and keeps them.
func TestF36_MigrationInterrupted(t *testing.T) {
	all := migrations()
	for i, m := range all[1:] {
		before := all[i].Version
		t.Run(filepath.Base(m.Name), func(t *testing.T) {
			older(t, before, func(t *testing.T, url string) {
				first := dumpUpTo(t, url, before)
				broken := append([]string{"-- +goose Up\n"}, cuts(m.Text)...)
				if len(broken) < 2 {
					t.Fatalf("no statement found in %s", m.Name)
				}
				for k, text := range broken {
					if strings.HasPrefix(url, "postgres") && k != len(broken)-1 && k != len(broken)/2 {
						continue // each try costs; SQLite takes them all
					}
					err := tryOpen(db.Options{URL: url, Migrate: true}.UpTo(m.Version).Instead(m.Name, text+"\nSELECT this FROM nowhere;\n"))
					if err == nil {
						t.Fatalf("cut behind statement %d: it went through", k)
					}
					same(t, fmt.Sprintf("cut behind statement %d", k), first, dumpUpTo(t, url, before))
				}
				if err := tryOpen(db.Options{URL: url, Migrate: true}.UpTo(m.Version)); err != nil {
					t.Fatalf("after that: %v", err)
				}
				after := dumpUpTo(t, url, m.Version)
				for name, rows := range first {
					if len(after[name]) < len(rows) {
						t.Errorf("table %s had %d rows, and has %d", name, len(rows), len(after[name]))
					}
				}
			})
		})
	}
}

// TestF36_OlderProgramRefuses: the program before each migration does not open what it made, and one
// that runs while its database is migrated is not ready any more.
func TestF36_OlderProgramRefuses(t *testing.T) {
	all := migrations()
	for i, m := range all[1:] {
		before := all[i].Version
		t.Run(filepath.Base(m.Name), func(t *testing.T) {
			empties(t, func(t *testing.T, url string) {
				running := dbtest.Open(t, db.Options{URL: url, Migrate: true}.UpTo(before))
				if err := running.Ping(context.Background()); err != nil {
					t.Fatal(err)
				}
				if err := tryOpen(db.Options{URL: url, Migrate: true}.UpTo(m.Version)); err != nil {
					t.Fatal(err)
				}
				if err := running.Ping(context.Background()); !errors.Is(err, db.ErrSchemaNewer) {
					t.Errorf("ready on a newer schema: %v", err)
				}
				for _, opts := range []db.Options{{}, {CreateIfEmpty: true}, {Migrate: true}, {Serve: true, Migrate: true}} {
					opts.URL = url
					if err := tryOpen(opts.UpTo(before)); !errors.Is(err, db.ErrSchemaNewer) {
						t.Errorf("%+v: %v", opts, err)
					}
				}
			})
		})
	}
}

// schema is what a database's tables and indexes are, in its own words.
func schema(t *testing.T, url string) []string {
	t.Helper()
	driver, dsn, query := "pgx", url, `SELECT table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable FROM information_schema.columns WHERE table_schema = current_schema()
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()
UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND contype <> 'n'`
	if path, lite := strings.CutPrefix(url, "sqlite:"); lite {
		driver, dsn, query = "sqlite", "file:"+path, `SELECT name || ' ' || COALESCE(sql, '') FROM sqlite_schema WHERE name <> 'sqlite_sequence'`
	}
	d, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	list := texts(t, d, query)
	slices.Sort(list)
	return list
}

// TestF36_MigrationKilled: a process that migrates from the first version to the last is killed at any
// moment, again and again. What is found is the schema of one version, to the letter.
func TestF36_MigrationKilled(t *testing.T) {
	all := migrations()
	first, last := all[0].Version, all[len(all)-1].Version
	older(t, first, func(t *testing.T, url string) {
		want := map[int64][]string{}
		for _, m := range all {
			fresh := "sqlite:" + filepath.Join(t.TempDir(), "fresh.db")
			if strings.HasPrefix(url, "postgres") {
				fresh = dbtest.EmptyPostgresURL(t)
			}
			if err := tryOpen(db.Options{URL: fresh, Migrate: true}.UpTo(m.Version)); err != nil {
				t.Fatal(err)
			}
			want[m.Version] = schema(t, fresh)
		}
		rows := dumpUpTo(t, url, first)
		killed := 0
		for try := 0; ; try++ {
			if try == 100 {
				t.Fatal("it never gets through")
			}
			if migrateAndKill(t, url, time.Duration(4*try+try*try/8+rand.IntN(8))*time.Millisecond) {
				killed++
			}
			version := versionOf(t, url)
			if got := schema(t, url); !slices.Equal(got, want[version]) {
				t.Fatalf("version %d is not what it should be:\n%q\n%q", version, got, want[version])
			}
			if version == last {
				break
			}
		}
		if killed == 0 {
			t.Error("it was never killed on the way")
		}
		after := whole(t, url)
		for name := range rows {
			if len(after[name]) < len(rows[name]) {
				t.Errorf("table %s had %d rows, and has %d", name, len(rows[name]), len(after[name]))
			}
		}
		t.Logf("killed %d times", killed)
	})
}

func versionOf(t *testing.T, url string) int64 {
	t.Helper()
	for _, m := range db.Migrations() {
		d, err := db.Open(context.Background(), db.Options{URL: url}.UpTo(m.Version))
		if errors.Is(err, db.ErrSchemaNewer) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = d.Close()
		return m.Version
	}
	t.Fatal("no version fits")
	return 0
}

// migrateAndKill says whether the process was killed before it was through.
func migrateAndKill(t *testing.T, url string, after time.Duration) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestF36_Child$")
	cmd.Env = append(os.Environ(), "DB_TEST_MIGRATE="+url)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	said.Scan() // it begins
	time.Sleep(after)
	_ = cmd.Process.Kill()
	through := said.Scan() && said.Text() == "migrated"
	_ = cmd.Wait()
	return !through
}

func TestF36_Child(t *testing.T) {
	url := os.Getenv("DB_TEST_MIGRATE")
	if url == "" {
		return // it is the other process of TestF36_MigrationKilled
	}
	fmt.Println("begins")
	if _, err := db.Open(context.Background(), db.Options{URL: url, Migrate: true}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("migrated")
	os.Exit(0)
}
