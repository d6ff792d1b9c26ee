package main_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dargah/internal/db/dbtest"
)

// An exception is a command of a document that the shell is not given: why, and what is done in its place
// where the commands behind it need that.
type exception struct {
	doc     string // "" is every document
	command string // a regular expression for the whole command
	why     string
	instead func(*reader)
}

// notRun are the exceptions. One that fits no command fails the test, so that the list stays true.
var notRun = []exception{
	{"", `(\./)?checkout serve`, "does not end: it is started, and waited for until it is ready", (*reader).serve},
	{"", `systemctl start checkout.*`, "there is no systemd here: the server is started", (*reader).serve},
	{"", `systemctl stop checkout.*`, "there is no systemd here: the server is stopped", func(r *reader) { r.up.stop() }},
	{"", `([A-Z_]+=\S+ |nice (-n \d+ )?)*go (test|run \./internal).*`, "tests and benches: .ci/run runs the tests, the long runs are made by hand", nil},
	{"README.md", `go run \./cmd/checkout demo`, "TestDemo_EveryLinkWorksTwice runs it", nil},
	{"README.md", `go build -o checkout \./cmd/checkout`, "TestMain has built it just so; it lies where this would put it", nil},
	{"docs/testing.md", `mkdir -p data/fuzz|for package in .*`, "a run of days", nil},
	{"docs/testing.md", `npx lighthouse .*`, "needs Chromium and somebody who signed in; made by hand", nil},
	{"docs/links.md", `percent\(\) .*|pay_link.*`, "TestLinks_ProgramsOfTheDocs in internal/app/payments runs it", nil},
	{"docs/backup.md", `litestream restore .*`, "another's program, tried by hand (see the text); what it would give is a copy of the backup here", func(r *reader) {
		r.copyFile(r.path("/backup/checkout-2026-11-28.db"), r.path("/tmp/out.db"))
	}},
}

// setUps are what a document takes for granted: files, shops, a server that runs. A document that is not
// here gets a house with two shops, as its readers have made them by then.
var setUps = map[string]func(*reader){
	"README.md": func(r *reader) {
		r.must1(os.Symlink(binary, filepath.Join(r.dir, "checkout")))
		r.unset("CHECKOUT_BASE_URL", "CHECKOUT_SECRET_KEY", "CHECKOUT_DATABASE_URL")
	},
	"docs/going-live.md": func(r *reader) {
		r.keyInFile()
		r.unset("CHECKOUT_BASE_URL", "CHECKOUT_DATABASE_URL")
		r.write("/root/gardeshpay-token", "a-token")
		r.write("/root/payping-token", "a-token")
	},
	"docs/configuration.md": func(r *reader) {
		r.keyInFile()
		r.serve()
	},
	"docs/api.md":      func(r *reader) { r.shops(); r.serve(); r.invoice() },
	"docs/webhooks.md": func(r *reader) { r.shops(); r.serve(); r.invoice() },
	"docs/simulator.md": func(r *reader) {
		r.shops()
		r.serve()
		r.env = append(r.env, "PAGE="+r.leave(r.invoice(), "gardeshpay").at.String())
	},
	"docs/admin.md": func(r *reader) { r.shops(); r.serve(); r.evidence() },
	"docs/backup.md": func(r *reader) {
		r.keyInFile()
		r.env = append(r.env, "CHECKOUT_DATABASE_URL=sqlite:"+r.path("/var/lib/checkout/checkout.db"))
		r.shops()
		r.invoice()
		r.write("/backup/.keep", "")
		r.write("/replica/checkout/generation", "")
		r.write("/tmp/drill/key", sampleKey)
		r.serve()
	},
	"docs/upgrading.md": func(r *reader) {
		r.shops()
		r.write("/backup/.keep", "")
		r.copyFile(binary, r.path("/usr/local/bin/checkout"))
		const release = "checkout-v1.1.0-linux-amd64"
		r.copyFile(binary, filepath.Join(r.dir, release))
		raw, err := os.ReadFile(binary)
		r.must1(err)
		r.must1(os.WriteFile(filepath.Join(r.dir, "SHA256SUMS"), fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(raw), release), 0o600))
		r.serve()
	},
}

// before are what must be so when a command is first reached, and the document says so in words only.
var before = map[string]func(*reader){
	// "--force when data are there": this is the day on which none are.
	`docs/backup.md: checkout restore /backup/checkout-2026-11-28.db`: func(r *reader) {
		for _, file := range []string{"checkout.db", "checkout.db-wal", "checkout.db-shm", "checkout.db.lock", "checkout.db.migrating"} {
			r.must1(os.RemoveAll(r.path("/var/lib/checkout/" + file)))
		}
	},
}

// programs are what a document's commands may call. Nothing else is found: a document is text, and this
// machine is somebody's.
var programs = []string{"cat", "cp", "curl", "env", "install", "ls", "mkdir", "mv", "rm", "sha256sum"}

const sampleKey = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

const howTo = `Each command in a shell block of README.md and docs/*.md is run, from the top of its document to the end, in one folder and one environment.
  - If the document is wrong, mend it. What is no command stands in a block with another language (text, json, …).
  - If it lacks something (a file, a shop, a running server), give it that in setUps or before (cmd/checkout/docs_test.go).
  - If it cannot run here (root, a vendor, another machine), put it into notRun with the reason.`

// TestDocs_Commands does what the documents tell operators to do.
func TestDocs_Commands(t *testing.T) {
	for _, tool := range programs {
		if _, err := exec.LookPath(tool); err != nil {
			dbtest.Missing(t, "languages", "there is no "+tool+" here")
		}
	}
	docs := documents(t)
	fits, reached := make([]bool, len(notRun)), map[string]bool{}
	for _, name := range docs {
		commands := shellCommands(t, name)
		for i := range commands {
			c := &commands[i]
			for n := range notRun {
				e := &notRun[n]
				if (e.doc == "" || e.doc == name) && regexp.MustCompile(`^(?s:`+e.command+`)$`).MatchString(c.text) {
					c.exception, fits[n] = e, true
					break
				}
			}
			if key := name + ": " + c.text; before[key] != nil && !reached[key] {
				c.before, reached[key] = before[key], true
			}
		}
		commands = slices.DeleteFunc(commands, func(c docCommand) bool { return c.exception != nil && c.exception.instead == nil })
		if len(commands) > 0 {
			t.Run(name, func(t *testing.T) { newReader(t, name).follow(commands) })
		}
	}
	for i, e := range notRun {
		if !fits[i] {
			t.Errorf("notRun has an exception for %s %q, and no command like it stands there any more", e.doc, e.command)
		}
	}
	for key := range before {
		if !reached[key] {
			t.Errorf("before has something for %q, and no such command stands there any more", key)
		}
	}
	for name := range setUps {
		if !slices.Contains(docs, name) {
			t.Errorf("setUps has %s, and there is no such document", name)
		}
	}
}

// documents are those that people are told to do things in.
func documents(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(docs) < 10 {
		t.Fatalf("found %d documents: %v", len(docs), err)
	}
	names := []string{"README.md"}
	for _, path := range docs {
		if name := "docs/" + filepath.Base(path); name != "docs/CHANGELOG.md" { // which tells of what was
			names = append(names, name)
		}
	}
	return names
}

// docCommand is one command of a document, its lines joined, without what is said beside it.
type docCommand struct {
	line      int
	text      string
	exception *exception
	before    func(*reader)
}

var (
	fence   = regexp.MustCompile("^ *```(.*)$")
	besides = regexp.MustCompile(`(^|\s)#\s.*$`)
)

// shellCommands are the commands in the blocks of a document that are marked as shell, or as nothing.
// Lines that end in a backslash go on; so does a function, to its closing bracket, and a loop.
func shellCommands(t *testing.T, name string) (list []docCommand) {
	t.Helper()
	raw, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	inside, shell := false, false
	open := 0 // the line on which a command began that goes on, 0 for none
	var parts []string
	for i, line := range strings.Split(string(raw), "\n") {
		if f := fence.FindStringSubmatch(line); f != nil {
			if inside && open > 0 {
				t.Fatalf("%s:%d: the block ends within a command", name, open)
			}
			inside = !inside
			shell = inside && slices.Contains([]string{"", "sh", "bash", "shell", "console"}, strings.TrimSpace(f[1]))
			continue
		}
		line = strings.TrimRight(line, " ")
		if !shell || open == 0 && strings.TrimSpace(besides.ReplaceAllString(line, "")) == "" {
			continue
		}
		if open == 0 {
			open, parts = i+1, nil
		}
		parts = append(parts, line)
		first := parts[0]
		if strings.HasSuffix(line, `\`) || strings.HasSuffix(first, "() {") && line != "}" || strings.HasPrefix(first, "for ") && !strings.HasSuffix(line, "done; done") {
			continue
		}
		text := strings.Join(parts, "\n")
		if len(parts) == 1 || strings.HasSuffix(parts[0], `\`) {
			text = strings.TrimSpace(besides.ReplaceAllString(text, ""))
		}
		list, open = append(list, docCommand{line: open, text: text}), 0
	}
	return list
}
