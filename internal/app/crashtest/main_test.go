// Package crashtest_test kills the real process with SIGKILL at every named point of internal/app/crash,
// starts it again, and compares the vendors' ledger with our books. It shows by the order of system
// calls that everything is on disk before it is acted on. docs/testing.md tells how to run it.
package crashtest_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The programs under test, built once: the one that is shipped, and the one that kills itself at
// the points of internal/app/crash.
var shipped, mortal string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	flag.Parse()
	if flag.Lookup("test.list").Value.String() != "" {
		return m.Run() // names need no programs
	}
	dir, err := os.MkdirTemp("", "checkout-crash-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	shipped, mortal = filepath.Join(dir, "checkout"), filepath.Join(dir, "checkout-mortal")
	for _, args := range [][]string{{"-o", shipped}, {"-tags", "crashpoints", "-o", mortal}} {
		build := exec.Command("go", append([]string{"build"}, append(args, "dargah/cmd/checkout")...)...)
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build the program under test:", err)
			return 1
		}
	}
	return m.Run()
}
