package db_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dargah/internal/db"
)

// A file that may be read and not written must be refused at the start, not when the first payment
// comes back. Permissions mean nothing to root, so there another process tries it as nobody.
func TestSQLite_ReadOnlyFile(t *testing.T) {
	dir, err := os.MkdirTemp("", "readonly-") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "checkout.db")
	if err := errors.Join(os.Chmod(dir, 0o755), tryOpen(db.Options{URL: "sqlite:" + path, CreateIfEmpty: true})); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	child := filepath.Join(dir, "child.test") // where nobody may run it
	if err := os.WriteFile(child, program, 0o755); err != nil {
		t.Fatal(err)
	}
	wanted := map[string]string{"unreadable": "unable to open database file", "read-only": "attempt to write a readonly database"}
	for name, mode := range map[string]os.FileMode{"unreadable": 0, "read-only": 0o444} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(child, "-test.run=^TestLockForServe_Child$")
		cmd.Env, cmd.Dir = append(os.Environ(), "DB_TEST_CHILD=sqlite:"+path, "DB_TEST_COMMAND=1"), dir
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), path+": "+wanted[name]) {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}
