// Package gatewaystest runs the recorded traps of a vendor's protocol against its adapter: one
// txtar file each, with what goes over the wire and what must come of it. It serves real HTTP
// and TLS on loopback, so that the transport is under test as well.
package gatewaystest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"dargah/internal/gateways"
)

// fixture is one file. Sections: settings, server, call, request, answer, outcome; all but call
// and outcome may be missing.
type fixture struct {
	settings map[string]string
	server   map[string]string
	call     string
	inputs   map[string]string
	request  string
	answer   string
	outcome  string
}

// Run runs every *.txtar of dir as a subtest.
func Run(t *testing.T, dir string, newGateway func(*gateways.Client) gateways.Gateway) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures in %s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			f := read(t, file)
			got := f.run(t, newGateway)
			if want := strings.TrimSpace(f.outcome); strings.TrimSpace(got) != want {
				t.Errorf("outcome\n--- got\n%s\n--- want\n%s", got, want)
			}
		})
	}
}

func read(t *testing.T, file string) fixture {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("read fixture: %v", err)
	}
	archive := txtar.Parse(data)
	if len(strings.TrimSpace(string(archive.Comment))) == 0 {
		t.Fatal("a fixture begins with the trap it shows")
	}
	sections := map[string]string{}
	known := []string{"settings", "server", "call", "request", "answer", "outcome"}
	for _, section := range archive.Files {
		if !slices.Contains(known, section.Name) {
			t.Fatalf("unknown section %q", section.Name)
		}
		sections[section.Name] = string(section.Data)
	}
	call, inputs, _ := strings.Cut(sections["call"], "\n")
	f := fixture{
		settings: pairs(t, sections["settings"]), server: pairs(t, sections["server"]),
		call: call, inputs: pairs(t, inputs), request: sections["request"],
		answer: sections["answer"], outcome: sections["outcome"],
	}
	if f.call == "" || f.outcome == "" {
		t.Fatal("a fixture needs a call and an outcome")
	}
	if f.call != "callback" && f.answer == "" && f.server["fault"] == "" {
		t.Fatal("a call to the vendor needs an answer or a fault")
	}
	return f
}

// pairs reads key=value lines.
func pairs(t *testing.T, text string) map[string]string {
	t.Helper()
	m := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Fatalf("not key=value: %q", line)
		}
		m[key] = value
	}
	return m
}

// message splits headers from body: "first line\nName: value\n\nbody".
func message(t *testing.T, text string) (first string, header [][2]string, body string) {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("not a header: %q", line)
		}
		header = append(header, [2]string{name, value})
	}
	return lines[0], header, strings.TrimSuffix(body, "\n")
}

func lines(b *strings.Builder, name string, value any) {
	text := fmt.Sprint(value)
	if text != "" && text != "false" && text != "0" && text != "0s" {
		fmt.Fprintf(b, "%s: %s\n", name, text)
	}
}
