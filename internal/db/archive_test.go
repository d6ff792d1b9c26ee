package db_test

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// whole reads every table of a database as text, row by row, with another program's eyes.
func whole(t *testing.T, url string) map[string][]string {
	t.Helper()
	d := dbtest.Open(t, db.Options{URL: url})
	all, err := d.Dump(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func same(t *testing.T, what string, a, b map[string][]string, but ...string) {
	t.Helper()
	for name, rows := range a {
		if !slices.Contains(but, name) && !slices.Equal(rows, b[name]) {
			t.Errorf("%s: table %s differs:\n%q\n%q", what, name, rows, b[name])
		}
	}
	if !slices.Equal(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))) {
		t.Errorf("%s: other tables", what)
	}
}

// TestCopy_EveryTableArrives: three rows in every table that the schema has go from SQLite to
// PostgreSQL, into a backup, from there into either engine, and are what they were.
func TestCopy_EveryTableArrives(t *testing.T) {
	dbtest.NeedPostgres(t)
	ctx := context.Background()
	lite, postgres := dbtest.SQLiteURL(t), dbtest.EmptyPostgresURL(t)
	tables := fill(t, strings.TrimPrefix(lite, "sqlite:"))
	first := whole(t, lite)
	for _, name := range tables {
		if len(first[name]) != 3 {
			t.Fatalf("%s has %d rows before anything began", name, len(first[name]))
		}
	}
	done, err := db.Copy(ctx, lite, postgres, nil)
	if err != nil {
		t.Fatal(err)
	}
	if done.Total() != int64(3*len(tables)) {
		t.Errorf("%d rows were copied", done.Total())
	}
	same(t, "SQLite to PostgreSQL", first, whole(t, postgres))

	back := "sqlite:" + filepath.Join(t.TempDir(), "back.db")
	if _, err := db.Copy(ctx, postgres, back, nil); err != nil {
		t.Fatal(err)
	}
	same(t, "PostgreSQL to SQLite", first, whole(t, back))
	for _, to := range []string{back, postgres} {
		if _, err := db.Copy(ctx, lite, to, nil); !errors.Is(err, db.ErrHasData) {
			t.Errorf("copied over data: %v", err)
		}
	}

	for name, url := range map[string]string{"sqlite": lite, "postgres": postgres} {
		file := filepath.Join(t.TempDir(), "backup")
		if _, err := dbtest.Open(t, db.Options{URL: url}).Backup(ctx, file, false, nil); err == nil || !strings.Contains(err.Error(), "do not match") {
			t.Errorf("%s: guessed rows are no lawful books: %v", name, err)
		}
		if err := os.Rename(file+".part", file); err != nil { // made, and not given its name
			t.Fatal(err)
		}
		same(t, "backup of "+name, first, whole(t, "sqlite:"+file))
	}
}

// books makes a small lawful database.
func books(t *testing.T, url string) {
	t.Helper()
	d := dbtest.Open(t, db.Options{URL: url})
	update(t, d, func(tx *db.Tx) error {
		for _, line := range []string{
			`INSERT INTO merchants (id, slug, name, revision, created_at_ms) VALUES ('mer_1', 'meybod', 'سفال', 1, 1)`,
			`INSERT INTO invoice_numbers (merchant_id, live, last_number) VALUES ('mer_1', 1, 1007)`,
			`INSERT INTO feeds (merchant_id, live, shop, last_position) VALUES ('mer_1', 0, 1, 5), ('mer_1', 1, 2, 7)`,
			`INSERT INTO users (id, email, password_hash, created_at_ms) VALUES ('usr_1', 'a@example.ir', 'x', 1)`,
			`INSERT INTO logins (id, user_id, address, agent, created_at_ms, seen_at_ms, fresh_at_ms) VALUES ('log_1', 'usr_1', '', '', 1, 1, 1)`,
			`INSERT INTO sessions (token, data, expires_at_ms) VALUES ('s', 'd', 99)`,
			`INSERT INTO settings (name, value) VALUES ('kept', '1')`,
		} {
			if err := tx.Exec(line); err != nil {
				return err
			}
		}
		return nil
	})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func backup(t *testing.T, url string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "checkout.backup")
	if _, err := dbtest.Open(t, db.Options{URL: url}).Backup(context.Background(), file, false, nil); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestCopy_BesideLitestream: the two tables that Litestream puts into a file that it replicates are its own.
// Neither a copy nor a backup knows them.
func TestCopy_BesideLitestream(t *testing.T) {
	lite := dbtest.SQLiteURL(t)
	fill(t, strings.TrimPrefix(lite, "sqlite:"))
	want := whole(t, lite)
	d, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(lite, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Exec(`CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER); CREATE TABLE _litestream_lock (id INTEGER); INSERT INTO _litestream_seq VALUES (1, 7)`)
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	to := "sqlite:" + filepath.Join(t.TempDir(), "to.db")
	if _, err := db.Copy(t.Context(), lite, to, nil); err != nil {
		t.Fatal(err)
	}
	same(t, "copied", want, whole(t, to))
}

// TestBackup_File: for its owner alone, whole or not there, never over another without being told, and
// the temporary one is gone.
func TestBackup_File(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		books(t, url)
		d := dbtest.Open(t, db.Options{URL: url, Serve: true}) // beside a server
		dir := t.TempDir()
		file := filepath.Join(dir, "checkout.backup")
		if err := os.WriteFile(file+".part", []byte("what an earlier one left when it was killed"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Backup(context.Background(), file, false, nil); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Backup(context.Background(), file, false, nil); !errors.Is(err, db.ErrExists) {
			t.Errorf("over another: %v", err)
		}
		wrong := errors.New("wrong")
		if _, err := d.Backup(context.Background(), file, true, func(*db.DB) error { return wrong }); !errors.Is(err, wrong) {
			t.Errorf("what the check says: %v", err)
		}
		if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
			t.Errorf("one that is not right has taken the place of a good one: %v", err)
		}
		update(t, d, func(tx *db.Tx) error { return put(tx, "later", "1") })
		if _, err := d.Backup(context.Background(), file, true, func(archive *db.DB) error {
			if n := count(t, archive, `SELECT COUNT(*) FROM settings WHERE name = 'later'`); n != 1 {
				t.Errorf("%d rows", n)
			}
			if err := archive.Update(context.Background(), func(tx *db.Tx) error { return put(tx, "no", "1") }); err == nil {
				t.Error("a backup was written to")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if names := ls(t, dir); !slices.Equal(names, []string{"checkout.backup"}) {
			t.Errorf("left behind: %v", names)
		}
	})
}

func ls(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestBackup_WhileWriting: every backup is one moment: of two rows that are always written together it
// never has one. Those who write leave the file free for moments only; a backup and another program's
// write get through all the same.
func TestBackup_WhileWriting(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		d := dbtest.Open(t, db.Options{URL: fresh(t)})
		stop := make(chan struct{})
		var all sync.WaitGroup
		for w := range 3 {
			all.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					err := d.Update(context.Background(), func(tx *db.Tx) error {
						for _, side := range []string{"left", "right"} {
							if err := tx.SetSetting(side+string(rune('a'+w)), time.Duration(n).String()); err != nil {
								return err
							}
						}
						return put(tx, time.Duration(w).String()+time.Duration(n).String(), strings.Repeat("x", 3000))
					})
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 5 {
			file := backup(t, d.URL())
			update(t, dbtest.Open(t, db.Options{URL: d.URL()}), func(tx *db.Tx) error { return put(tx, file, "a command's") })
			copied := dbtest.Open(t, db.Options{URL: "sqlite:" + file})
			if n := count(t, copied, `SELECT COUNT(*) FROM settings l JOIN settings r ON r.name = 'right' || substr(l.name, 5) WHERE l.name LIKE 'left%' AND l.value <> r.value`); n != 0 {
				t.Errorf("%d pairs are torn", n)
			}
		}
		close(stop)
		all.Wait()
	})
}

// moved are the tables in which a restore changes something.
var moved = []string{"sessions", "logins", "invoice_numbers", "feeds"}

// TestRestore: a backup of either engine goes into either engine, over data only when told, and never
// under a server. Numbers begin anew behind all that can have been given, whoever was logged in is out,
// and everything else is as it was.
func TestRestore(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		source := fresh(t)
		books(t, source)
		file := backup(t, source)
		first := whole(t, source)
		dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
			ctx, url := context.Background(), fresh(t)
			now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
			try := func(replace bool) (db.Restored, error) {
				return db.Restore(ctx, db.RestoreOptions{From: file, URL: url, Replace: replace, Now: func() time.Time { return now }})
			}
			server := dbtest.Open(t, db.Options{URL: url, Serve: true})
			for _, replace := range []bool{false, true} {
				if _, err := try(replace); !errors.Is(err, db.ErrServed) {
					t.Fatalf("under a server: %v", err)
				}
			}
			if err := server.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := try(false)
			if err != nil {
				t.Fatal(err)
			}
			if r.Aside != "" {
				t.Errorf("an empty database was kept as %s", r.Aside)
			}
			back := whole(t, url)
			same(t, "restored", first, back, moved...)
			after := dbtest.Open(t, db.Options{URL: url})
			if n := count(t, after, `SELECT (SELECT COUNT(*) FROM sessions) + (SELECT COUNT(*) FROM logins WHERE ended_at_ms IS NULL)`); n != 0 {
				t.Error("somebody is still logged in")
			}
			if n := count(t, after, `SELECT COUNT(*) FROM feeds WHERE last_position > 10000000000`); n != 2 {
				t.Error("places in the feed come again")
			}
			if err := after.Close(); err != nil {
				t.Fatal(err)
			}
			if next := number(t, url); next != r.Series || next <= 1008 {
				t.Errorf("the next number is %d, said was %d", next, r.Series)
			}

			if _, err := try(false); !errors.Is(err, db.ErrHasData) {
				t.Errorf("over data: %v", err)
			}
			given := number(t, url) // and then the same backup again, in the same second
			r, err = try(true)
			if err != nil {
				t.Fatal(err)
			}
			if next := number(t, url); next <= given {
				t.Errorf("number %d was given before, as %d", next, given)
			}
			if path, lite := strings.CutPrefix(url, "sqlite:"); lite {
				if !strings.HasPrefix(r.Aside, path+".before-restore-") {
					t.Errorf("the old data are in %q", r.Aside)
				}
				same(t, "the old data", first, whole(t, "sqlite:"+r.Aside), moved...)
			}
			// In another second, on another machine that knows nothing of the numbers given since.
			elsewhere := fresh(t)
			now = now.Add(time.Second)
			if r, err = db.Restore(ctx, db.RestoreOptions{From: file, URL: elsewhere, Now: func() time.Time { return now }}); err != nil || r.Series < given+50 {
				t.Errorf("the series of a second later begins with %d: %v", r.Series, err)
			}
		})
	})
}

// number takes the merchant's next invoice number, for the mode that has made none.
func number(t *testing.T, url string) (n int64) {
	t.Helper()
	d := dbtest.Open(t, db.Options{URL: url})
	defer d.Close()
	update(t, d, func(tx *db.Tx) (err error) {
		n, err = tx.NextInvoiceNumber("mer_1", false)
		return err
	})
	return n
}

// TestRestore_Refuses what is no backup, is damaged, is newer, is in use, or is the database itself; and
// leaves everything as it was.
func TestRestore_Refuses(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		books(t, url)
		first := whole(t, url)
		good, err := os.ReadFile(backup(t, url))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		write := func(name string, content []byte) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		torn := slices.Clone(good)
		for at := len(torn) / 2; at < len(torn); at += 512 {
			torn[at] ^= 0x5a
			torn[at+1] ^= 0x5a
		}
		newer := write("newer", good)
		d := dbtest.Open(t, db.Options{URL: "sqlite:" + newer})
		update(t, d, func(tx *db.Tx) error {
			return tx.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)`)
		})
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		inUse := write("in use", good)
		write("in use-wal", []byte("a log"))
		for what, c := range map[string]struct {
			from string
			want error
		}{
			"missing":     {filepath.Join(dir, "none"), os.ErrNotExist},
			"empty":       {write("empty", nil), db.ErrNoBackup},
			"a text":      {write("text", []byte(strings.Repeat("no database ", 1000))), db.ErrNoBackup},
			"cut off":     {write("cut", good[:len(good)/2]), nil},
			"torn":        {write("torn", torn), nil},
			"newer":       {newer, db.ErrSchemaNewer},
			"in use":      {inUse, nil},
			"a folder":    {dir, db.ErrNoBackup},
			"it is ours":  {strings.TrimPrefix(url, "sqlite:"), nil},
			"wrong check": {write("good", good), errCheck},
		} {
			_, err := db.Restore(context.Background(), db.RestoreOptions{From: c.from, URL: url, Replace: true, Check: func(*db.DB) error { return errCheck }})
			if err == nil || c.want != nil && !errors.Is(err, c.want) || c.want == nil && errors.Is(err, errCheck) {
				t.Errorf("%s: %v", what, err)
			}
		}
		same(t, "after all that", first, whole(t, url))
		if path, lite := strings.CutPrefix(url, "sqlite:"); lite {
			for _, name := range ls(t, filepath.Dir(path)) {
				if strings.Contains(name, "restor") {
					t.Errorf("left behind: %s", name)
				}
			}
		}
	})
}

var errCheck = errors.New("the check says no")

// TestRestore_LostFile: a database that is gone, or broken, is what a backup is for.
func TestRestore_LostFile(t *testing.T) {
	url := dbtest.SQLiteURL(t)
	path := strings.TrimPrefix(url, "sqlite:")
	books(t, url)
	file, first := backup(t, url), whole(t, url)
	for what, lose := range map[string]func() error{
		"gone":    func() error { return os.Remove(path) },
		"emptied": func() error { return os.Truncate(path, 0) },
		"broken":  func() error { return os.WriteFile(path, []byte(strings.Repeat("broken", 1000)), 0o600) },
		"broken with a log": func() error {
			return errors.Join(os.WriteFile(path, []byte(strings.Repeat("broken", 1000)), 0o600), os.WriteFile(path+"-wal", []byte("a log"), 0o600))
		},
	} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
		o := db.RestoreOptions{From: file, URL: url}
		broken := strings.HasPrefix(what, "broken")
		if broken {
			if _, err := db.Restore(context.Background(), o); !errors.Is(err, db.ErrHasData) {
				t.Errorf("%s: %v", what, err)
			}
			o.Replace = true
		}
		o.Now = func() time.Time { return time.Now().Add(time.Duration(len(what)) * time.Minute) }
		r, err := db.Restore(context.Background(), o)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if broken != (r.Aside != "") {
			t.Errorf("%s: kept as %q", what, r.Aside)
		}
		same(t, what, first, whole(t, url), moved...)
	}
}
