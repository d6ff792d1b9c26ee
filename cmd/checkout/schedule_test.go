package main_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

// The server makes a backup soon after its start, checks and encrypts it, and removes old ones of its
// own only; what it made can be put back.
func TestServe_BackupsByItself(t *testing.T) {
	h := newHouse(t)
	me, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir, at := filepath.Join(h.dir, "backups"), freeAddr(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"checkout-20250101T000000Z.db", "checkout-20250102T000000Z.db.age", "checkout-mine.db", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.must(nil, "merchant", "create", "--name", "Pottery", "--slug", "meybod")
	h.env = append(h.env, "CHECKOUT_BACKUP_DIR="+dir, "CHECKOUT_BACKUP_KEEP=2", "CHECKOUT_BACKUP_RECIPIENT="+me.Recipient().String(), "CHECKOUT_METRICS_ADDR="+at)
	p, base := h.serving()
	names := func() []string {
		list, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			list[i] = filepath.Base(list[i])
		}
		return list
	}
	metric := func() string {
		resp, err := http.Get("http://" + at + "/metrics")
		if err != nil {
			return ""
		}
		defer func() { _ = resp.Body.Close() }()
		raw, _ := io.ReadAll(resp.Body)
		return string(raw)
	}
	p.until("a backup in the metrics", func() bool { return strings.Contains(metric(), "checkout_backup_last_success_timestamp_seconds ") })
	if m := metric(); !strings.Contains(m, "checkout_backup_last_failed 0") || !strings.Contains(m, `checkout_alert{alert="backup"} 0`) {
		t.Error("a good backup counts as a bad one")
	}
	page := h.attention(base)
	for _, want := range []string{"Last good backup", time.Now().UTC().Format("2006, "), " KB", " rows, 0 event chains", "every 24 h, 2 kept"} {
		if !strings.Contains(page, want) {
			t.Errorf("an operator does not read %q", want)
		}
	}
	if strings.Contains(page, "There is no fresh backup") {
		t.Error("a good backup is under attention")
	}
	p.stop()
	left := names()
	if len(left) != 4 || left[0] != "checkout-20250102T000000Z.db.age" || !strings.HasSuffix(left[1], "Z.db.age") || left[2] != "checkout-mine.db" || left[3] != "notes.txt" {
		t.Fatalf("left are %v", left)
	}
	file, key, other := filepath.Join(dir, left[1]), filepath.Join(h.dir, "key.txt"), filepath.Join(h.dir, "other.txt")
	for name, id := range map[string]*age.X25519Identity{key: me, other: stranger} {
		if err := os.WriteFile(name, []byte("# a comment, as age-keygen writes\n"+id.String()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.env = append(h.env, "CHECKOUT_DATABASE_URL=sqlite:"+filepath.Join(h.dir, "again.db"), "TMPDIR="+h.dir)
	h.refused(h.run("restore", file), 1, "--identity")
	h.refused(h.run("restore", file, "--identity", other), 1, "other.txt")
	h.refused(h.run("restore", file, "--identity", filepath.Join(dir, "notes.txt")), 1, "no private key")
	if _, err := os.Stat(filepath.Join(h.dir, "again.db")); err == nil {
		t.Error("a database was made of what could not be opened")
	}
	var back struct {
		Tables map[string]int64
	}
	h.must(&back, "restore", file, "--identity", key, "--json")
	if back.Tables["merchants"] != 1 {
		t.Errorf("back are %v", back.Tables)
	}
	if open, _ := filepath.Glob(filepath.Join(h.dir, "checkout-backup-*")); len(open) > 0 {
		t.Errorf("decrypted copies are left: %v", open)
	}
}

// attention is what an operator reads under "needs attention".
func (h *house) attention(base string) string {
	h.Helper()
	if r := h.runWith("a long enough password\n", "user", "create", "--email", "op@example.ir", "--merchant", "meybod", "--role", "owner", "--operator", "--password-stdin"); r.code != 0 {
		h.Fatal(r.err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	if in := h.read(client.PostForm(base+"/admin/login", map[string][]string{"email": {"op@example.ir"}, "password": {"a long enough password"}})); in.status != http.StatusOK {
		h.Fatalf("signing in: %d", in.status)
	}
	if fa := h.read(client.Get(base + "/admin/attention")); !strings.Contains(fa.body, `id="backups"`) {
		h.Errorf("no backups in Persian: %d", fa.status)
	}
	return h.read(client.Get(base + "/admin/attention?lang=en")).body
}

// A folder that cannot be: the server serves on, says so, and tells nobody of a good backup.
func TestServe_BackupFails(t *testing.T) {
	h := newHouse(t)
	at := freeAddr(t)
	h.must(nil, "merchant", "create", "--name", "Pottery", "--slug", "meybod")
	blocked := filepath.Join(h.dir, "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.env = append(h.env, "CHECKOUT_BACKUP_DIR="+filepath.Join(blocked, "backups"), "CHECKOUT_METRICS_ADDR="+at)
	p, base := h.serving()
	p.until("the failure in the metrics", func() bool {
		resp, err := http.Get("http://" + at + "/metrics")
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		raw, _ := io.ReadAll(resp.Body)
		return strings.Contains(string(raw), "checkout_backup_last_failed 1") && !strings.Contains(string(raw), "checkout_backup_last_success_timestamp_seconds ")
	})
	page := h.attention(base)
	for _, want := range []string{"There is no fresh backup", "none yet", "failed, ", "not a directory"} {
		if !strings.Contains(page, want) {
			t.Errorf("an operator does not read %q", want)
		}
	}
	if resp, err := http.Get(base + "/readyz"); err != nil || resp.StatusCode != http.StatusOK || resp.Body.Close() != nil {
		t.Errorf("not ready: %v", err)
	}
}
