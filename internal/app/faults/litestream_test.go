package faults_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var litestream = flag.Duration("faults.litestream", 0, "TestLitestream_UnderLoad: how long customers pay; needs the program on the path")

// TestLitestream_UnderLoad: Litestream replicates the file while customers pay, the server is killed, and what
// comes back from the replica is the books, which restore takes. Not in every run: the program is no part of
// ours (docs/backup.md).
func TestLitestream_UnderLoad(t *testing.T) {
	if *litestream == 0 {
		t.Skip("only by hand: -faults.litestream 1m")
	}
	h := newHouse(t, sqlite(t))
	file, replica := strings.TrimPrefix(h.url, "sqlite:"), filepath.Join(t.TempDir(), "replica")
	config, back := filepath.Join(t.TempDir(), "litestream.yml"), filepath.Join(t.TempDir(), "back.db")
	if err := os.WriteFile(config, fmt.Appendf(nil, "dbs:\n  - path: %s\n    replica:\n      type: file\n      path: %s\n", file, replica), 0o600); err != nil {
		t.Fatal(err)
	}
	h.boot()
	sidecar := exec.Command("litestream", "replicate", "-config", config)
	if err := sidecar.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sidecar.Process.Kill() }()
	c := h.bring(8, false)
	time.Sleep(*litestream)
	c.disperse()
	h.atRest()
	h.oracle()
	h.kill()
	time.Sleep(5 * time.Second) // it is a second behind
	_ = sidecar.Process.Kill()
	_ = sidecar.Wait()
	if out, err := exec.Command("litestream", "restore", "-config", config, "-o", back, file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if was, is := number(t, h.url, "SELECT COUNT(*) FROM events"), number(t, "sqlite:"+back, "SELECT COUNT(*) FROM events"); was == 0 || was != is {
		t.Errorf("%d events, and %d in what came back", was, is)
	}
	if r := h.launch(nil, "restore", back, "--force"); !ended(r) || r.err != nil {
		t.Fatalf("restore: %v: %s", r.err, r.said)
	}
	h.boot()
	h.oracle()
	h.stop()
	lawful(t, h.url)
	t.Logf("%d ways back answered", c.backs.Load())
}

func ended(r *run) bool {
	select {
	case <-r.ended:
		return true
	case <-time.After(patience):
		return false
	}
}
