package db_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// empties runs test with the URL of a database that has no schema, on each engine.
func empties(t *testing.T, test func(t *testing.T, url string)) {
	t.Run(db.SQLite, func(t *testing.T) {
		test(t, "sqlite:"+filepath.Join(t.TempDir(), "new", "deeper", "checkout.db"))
	})
	t.Run(db.PostgreSQL, func(t *testing.T) { test(t, dbtest.EmptyPostgresURL(t)) })
}

func tryOpen(opts db.Options) error {
	d, err := db.Open(context.Background(), opts)
	if err != nil {
		return err
	}
	return d.Close()
}

func TestOpen_Empty(t *testing.T) {
	empties(t, func(t *testing.T, url string) {
		if err := tryOpen(db.Options{URL: url}); !errors.Is(err, db.ErrEmpty) {
			t.Fatalf("got %v", err)
		}
		d := dbtest.Open(t, db.Options{URL: url, CreateIfEmpty: true})
		if err := d.Ping(context.Background()); err != nil {
			t.Fatal(err)
		}
		current, want, err := d.SchemaState(context.Background())
		if err != nil || current != want || want < 1 {
			t.Fatalf("schema %d, wanted %d, %v", current, want, err)
		}
		// A second process, and again with Migrate: nothing to do.
		if err := errors.Join(tryOpen(db.Options{URL: url}), tryOpen(db.Options{URL: url, Migrate: true})); err != nil {
			t.Fatal(err)
		}
	})
}

// Several processes may start on an empty database at once.
func TestOpen_EmptyByManyAtOnce(t *testing.T) {
	empties(t, func(t *testing.T, url string) {
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if err := tryOpen(db.Options{URL: url, CreateIfEmpty: true}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		d := dbtest.Open(t, db.Options{URL: url})
		if n := count(t, d, `SELECT COUNT(*) FROM goose_db_version WHERE version_id = 1`); n != 1 {
			t.Fatalf("the first migration ran %d times", n)
		}
	})
}

func TestOpen_Newer(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		d, err := db.Open(context.Background(), db.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		update(t, d, func(tx *db.Tx) error {
			return tx.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)`)
		})
		if err := d.Ping(context.Background()); !errors.Is(err, db.ErrSchemaNewer) {
			t.Errorf("ready on a newer schema: %v", err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		for _, opts := range []db.Options{{}, {CreateIfEmpty: true}, {Migrate: true}} {
			opts.URL = url
			if err := tryOpen(opts); !errors.Is(err, db.ErrSchemaNewer) {
				t.Errorf("%+v: got %v", opts, err)
			}
		}
	})
}

// An older schema is refused by all but those who may migrate, which lose no row.
func TestOpen_Older(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		d, err := db.Open(context.Background(), db.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		update(t, d, func(tx *db.Tx) error { return put(tx, "kept", "1") })
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		next := func(o db.Options) db.Options {
			return o.WithMigration("00999_next.sql", "-- +goose Up\nCREATE TABLE next (id BIGINT);\n")
		}
		for _, opts := range []db.Options{{URL: url}, {URL: url, CreateIfEmpty: true}} {
			if err := tryOpen(next(opts)); !errors.Is(err, db.ErrSchemaOld) {
				t.Fatalf("%+v: got %v", opts, err)
			}
		}
		d = dbtest.Open(t, next(db.Options{URL: url, Migrate: true}))
		if n := count(t, d, `SELECT COUNT(*) FROM settings`) + count(t, d, `SELECT COUNT(*) FROM next`); n != 1 {
			t.Fatalf("%d rows", n)
		}
	})
}

// A migration that fails in its middle leaves the old schema, and the next try finds it so.
func TestMigrate_Interrupted(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		broken := "-- +goose Up\nCREATE TABLE half (id BIGINT);\nCREATE TABLE merchants (id BIGINT);\n"
		if err := tryOpen(db.Options{URL: url, Migrate: true}.WithMigration("00999_broken.sql", broken)); err == nil {
			t.Fatal("a broken migration went through")
		}
		d := dbtest.Open(t, db.Options{URL: url})
		if err := d.Update(context.Background(), func(tx *db.Tx) error { return tx.Exec(`SELECT * FROM half`) }); err == nil {
			t.Fatal("half of a migration stands")
		}
		if err := d.Ping(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOpen_AnotherProgramsDatabase(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		d, err := db.Open(context.Background(), db.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		update(t, d, func(tx *db.Tx) error { return tx.Exec(`DROP TABLE goose_db_version`) })
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if err := tryOpen(db.Options{URL: url, Migrate: true, CreateIfEmpty: true}); !errors.Is(err, db.ErrForeign) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestOpen_WrongURL(t *testing.T) {
	for _, url := range []string{"", "checkout.db", "sqlite:", "sqlite::memory:", "sqlite:a.db?mode=ro", "mysql://u:secret@h/n", "postgres://u:secret@[::1/n", "postgres://u:secret@127.0.0.1:1/n"} {
		err := tryOpen(db.Options{URL: url, CreateIfEmpty: true})
		if err == nil {
			t.Errorf("%q was opened", url)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the password is in the message: %v", url, err)
		}
	}
}

func TestSQLite_OddPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b%20#ü", "check out.db")
	d := dbtest.Open(t, db.Options{URL: "sqlite:" + path, CreateIfEmpty: true})
	update(t, d, func(tx *db.Tx) error { return put(tx, "a", "1") })
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(name), mode)
		}
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v, %v", info.Mode(), err)
	}
}

func TestSQLite_Settings(t *testing.T) {
	d := openSQLite(t)
	check := func(what string, read func(func(*db.Tx) error), want map[string]string) {
		read(func(tx *db.Tx) error {
			for pragma, value := range want {
				got, err := tx.Text("PRAGMA " + pragma)
				if err != nil {
					return err
				}
				if got != value {
					t.Errorf("%s: %s is %s, want %s", what, pragma, got, value)
				}
			}
			return nil
		})
	}
	check("writer", func(fn func(*db.Tx) error) { update(t, d, fn) },
		map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "query_only": "0"})
	check("reader", func(fn func(*db.Tx) error) { view(t, d, fn) },
		map[string]string{"journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "5000", "query_only": "1"})
}

func TestSQLite_CorruptFile(t *testing.T) {
	path := strings.TrimPrefix(dbtest.SQLiteURL(t), "sqlite:")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header := append([]byte("no database at all: "), whole[20:]...)
	page := append(append([]byte{}, whole[:100]...), make([]byte, len(whole)-100)...) // the schema's page is gone
	for name, content := range map[string][]byte{"header": header, "schema page": page, "cut off": whole[:len(whole)/2-100]} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		err := tryOpen(db.Options{URL: "sqlite:" + path, Migrate: true, CreateIfEmpty: true})
		if err == nil {
			t.Errorf("%s: opened", name)
		} else if !strings.Contains(err.Error(), "malformed") && !strings.Contains(err.Error(), "not a database") {
			t.Errorf("%s: %v", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != string(content) {
			t.Errorf("%s: the evidence was changed (%v)", name, err)
		}
	}
}

func TestSQLite_FileIsADirectory(t *testing.T) {
	if err := tryOpen(db.Options{URL: "sqlite:" + t.TempDir(), CreateIfEmpty: true}); err == nil {
		t.Fatal("opened")
	}
}

// A second server on one file is refused before it touches anything; commands are not.
func TestLockForServe(t *testing.T) {
	url := dbtest.SQLiteURL(t)
	server, err := db.Open(context.Background(), db.Options{URL: url, Migrate: true, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := tryOpen(db.Options{URL: url, Migrate: true, Serve: true}); !errors.Is(err, db.ErrServed) {
		t.Fatalf("a second server: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(strings.TrimPrefix(url, "sqlite:"), link); err != nil {
		t.Fatal(err)
	}
	if err := tryOpen(db.Options{URL: "sqlite:" + link, Serve: true}); !errors.Is(err, db.ErrServed) {
		t.Fatalf("a second server by another name: %v", err)
	}
	command := dbtest.Open(t, db.Options{URL: url})
	update(t, command, func(tx *db.Tx) error { return put(tx, "by", "command") })
	if err := command.LockForServe(); !errors.Is(err, db.ErrServed) {
		t.Fatalf("a command that would serve: %v", err)
	}
	if out := inChild(t, url); !strings.Contains(out, db.ErrServed.Error()) {
		t.Fatalf("a second process: %s", out)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if out := inChild(t, url); !strings.Contains(out, "served") || strings.Contains(out, db.ErrServed.Error()) {
		t.Fatalf("a second process after the first: %s", out)
	}
	if err := tryOpen(db.Options{URL: url, Serve: true}); err != nil {
		t.Fatalf("after the child had died: %v", err)
	}
}

// inChild opens the database for serving in another process and dies without closing it.
func inChild(t *testing.T, url string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockForServe_Child$")
	cmd.Env = append(os.Environ(), "DB_TEST_CHILD="+url)
	out, _ := cmd.CombinedOutput()
	return string(out)
}

func TestLockForServe_Child(t *testing.T) {
	url := os.Getenv("DB_TEST_CHILD")
	if url == "" {
		return // it is the other process of TestLockForServe
	}
	if _, err := db.Open(context.Background(), db.Options{URL: url, Serve: os.Getenv("DB_TEST_COMMAND") == ""}); err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("served\n")
	os.Exit(3)
}

func TestPostgres_ManyServers(t *testing.T) {
	url := dbtest.PostgresURL(t)
	for range 2 {
		dbtest.Open(t, db.Options{URL: url, Serve: true})
	}
}
