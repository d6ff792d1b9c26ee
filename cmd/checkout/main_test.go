package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "checkout-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "checkout")
	build := exec.Command("go", "build", "-o", binary, "dargah/cmd/checkout")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the program under test:", err)
		return 1
	}
	return m.Run()
}

// house is one installation: a folder with a database and its environment.
type house struct {
	*testing.T
	dir    string
	env    []string
	client *http.Client // the customer's browser
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, dir: t.TempDir(), client: http.DefaultClient}
	h.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir,
		"CHECKOUT_BASE_URL=http://127.0.0.1:8080",
		"CHECKOUT_DATABASE_URL=sqlite:" + filepath.Join(h.dir, "checkout.db"),
		"CHECKOUT_SECRET_KEY=MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
	}
	return h
}

type result struct {
	code     int
	out, err string
}

func (h *house) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(h.Context(), binary, args...)
	cmd.Dir, cmd.Env = h.dir, h.env
	return cmd
}

func (h *house) run(args ...string) result { return h.runWith("", args...) }

func (h *house) runWith(stdin string, args ...string) result {
	h.Helper()
	var out, errs bytes.Buffer
	cmd := h.command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.Fatalf("%v: %v", args, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// must runs a command that has to succeed, and reads its JSON into v when v is not nil.
func (h *house) must(v any, args ...string) string {
	h.Helper()
	r := h.run(args...)
	if r.code != 0 || r.err != "" {
		h.Fatalf("%v: exit %d, stderr %q", args, r.code, r.err)
	}
	if v != nil {
		if err := json.Unmarshal([]byte(r.out), v); err != nil {
			h.Fatalf("%v: not JSON: %v\n%s", args, err, r.out)
		}
	}
	return r.out
}

// refused runs a command that has to fail with a code and one line on stderr that holds the words.
func (h *house) refused(r result, code int, words ...string) {
	h.Helper()
	if r.code != code {
		h.Errorf("exit %d, expected %d; stderr %q", r.code, code, r.err)
	}
	if r.out != "" {
		h.Errorf("stdout of a failed command: %q", r.out)
	}
	if strings.Count(r.err, "\n") != 1 || !strings.HasPrefix(r.err, "checkout: ") {
		h.Errorf("not one line: %q", r.err)
	}
	for _, word := range words {
		if !strings.Contains(r.err, word) {
			h.Errorf("%q does not say %q", r.err, word)
		}
	}
}
