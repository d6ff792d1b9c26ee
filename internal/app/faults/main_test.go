// Package faults_test is the fault table: one test for each row, TestF01 to TestF43, named after
// it. Most of them drive the real program, with a simulated bank on a port that misbehaves on
// request, and hold the bank's ledger against what the API says (oracle_test.go). What depends on
// the hour runs the whole house in memory under a clock that jumps from one timer to the next
// (hours_test.go). docs/testing.md tells which row is shown how, and the longer forms.
package faults_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"dargah/internal/db/dbtest"
)

func TestMain(m *testing.M) { os.Exit(all43(m)) }

func all43(m *testing.M) int {
	flag.Parse()
	// Most of these tests wait, for a lock, a lease or a process: more of them than cores may do so
	// at once.
	if f := flag.Lookup("test.parallel"); f != nil && !given(f.Name) {
		_ = f.Value.Set("12")
	}
	defer func() {
		if built.dir != "" {
			_ = os.RemoveAll(built.dir)
		}
	}()
	return m.Run()
}

func given(name string) (found bool) {
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// built is the program under test, built by the first test that needs it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func program(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "checkout-faults-"); built.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", filepath.Join(built.dir, "checkout"), "dargah/cmd/checkout").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("build the program: %w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "checkout")
}

// tool finds a program that a fault is made with. Where CI has it (CHECKOUT_TEST_REQUIRE holds
// faults) its absence is a failure.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		dbtest.Missing(t, "faults", "no "+name)
	}
	return path
}

// onBoth runs a row on both databases and through both gateways.
func onBoth(t *testing.T, row func(t *testing.T, url, gateway string)) {
	t.Parallel()
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		for _, gateway := range []string{"gardeshpay", "ghesta"} {
			t.Run(gateway, func(t *testing.T) {
				t.Parallel()
				row(t, fresh(t), gateway)
			})
		}
	})
}
