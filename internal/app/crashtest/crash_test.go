package crashtest_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

var (
	crashAll    = flag.Bool("crash.all", false, "TestCrash: every case, not a third of them")
	crashUpdate = flag.Bool("crash.update", false, "TestCrash_TheTableIsInTheDocs: write it there")
	crashLanes  = flag.Int("crash.lanes", 6, "TestCrash: how many cases run at once")
)

// thirdEnv names the third of the cases that TestCrash runs; the day of the year chooses otherwise.
const thirdEnv = "CHECKOUT_CRASH_THIRD"

// TestCrash kills the real process with SIGKILL at every named point of internal/app/crash, on both
// gateways and both databases, and starts it again. The people of the story go on, and then the
// vendors' ledger and our books must agree. A plain run takes a third of the cases, another one each
// day; -crash.all takes all.
func TestCrash(t *testing.T) {
	cases := crashCases(t)
	if !*crashAll {
		cases = third(t, cases)
	}
	todo := make(chan crashCase, len(cases))
	for _, c := range cases {
		todo <- c
	}
	close(todo)
	var lanes sync.WaitGroup
	var slowest tally
	for range min(*crashLanes, len(cases)) {
		l := openLane(t)
		lanes.Go(func() {
			for c := range todo {
				t.Run(c.name(), func(t *testing.T) { slowest.add(l.play(t, c)) })
			}
		})
	}
	lanes.Wait()
	t.Logf("%d cases; %d times a dead process had left a verify behind and its customer was gone: taken up within %.1f s of the next start at the latest",
		slowest.cases, slowest.left, slowest.most.Seconds())
}

type tally struct {
	mu    sync.Mutex
	cases int
	left  int
	most  time.Duration
}

func (t *tally) add(took []time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cases++
	t.left += len(took)
	for _, d := range took {
		t.most = max(t.most, d)
	}
}

// crashCase is a moment on one engine and one gateway.
type crashCase struct {
	moment
	engine, gateway string
}

func (c crashCase) name() string { return c.engine + "/" + c.gateway + "/" + c.moment.name() }

func crashCases(t *testing.T) []crashCase {
	t.Helper()
	engines := []string{db.SQLite, db.PostgreSQL}
	t.Run("needs", func(t *testing.T) { dbtest.NeedPostgres(t) })
	var list []crashCase
	for _, m := range moments() {
		for _, engine := range engines {
			for _, gateway := range []string{"gardeshpay", "ghesta"} {
				if m.point.only == both || m.point.only == engine {
					list = append(list, crashCase{m, engine, gateway})
				}
			}
		}
	}
	return list
}

// third is the part of the cases that a plain run takes.
func third(t *testing.T, all []crashCase) (part []crashCase) {
	t.Helper()
	n := time.Now().UTC().YearDay()%3 + 1
	if given := os.Getenv(thirdEnv); given != "" {
		var err error
		if n, err = strconv.Atoi(given); err != nil || n < 1 || n > 3 {
			t.Fatalf("%s: expected 1, 2 or 3, got %q", thirdEnv, given)
		}
	}
	for i := range all {
		// The four combinations of one moment fall into different thirds.
		if i%3 == n-1 {
			part = append(part, all[i])
		}
	}
	fmt.Printf("TestCrash: %d of %d cases. The same ones again: %s=%d go test ./internal/app/crashtest. All: go test ./internal/app/crashtest -crash.all\n", len(part), len(all), thirdEnv, n)
	return part
}

// play runs one case and returns how long what was left behind took to be settled.
func (l *lane) play(t *testing.T, c crashCase) []time.Duration {
	story, known := stories[c.story]
	if !known {
		t.Fatalf("no story %q", c.story)
	}
	addr, base := freeBase(t)
	w := &world{T: t, gateway: c.gateway, engine: c.engine, test: story.test, strikeAfter: c.strike}
	w.shop = &shop{lane: l, url: databaseURL(t, c.engine, story.empty), addr: addr, base: base, more: story.env}
	if story.mail {
		w.openMail()
	}
	w.server = &server{TB: t, env: w.env(), base: base, ways: slices.Clone(c.ways)}
	w.tellOnFailure()
	before := len(l.ledger(t).Payments)
	if !story.empty {
		w.furnish(t)
	}
	w.server.start()
	w.server.await()
	if story.empty {
		w.furnish(t)
	}
	story.run(w)
	if c.strike != "" {
		c.ways = []string{"from outside"}
	}
	w.reached(c.ways)
	w.judge(before, story.ends)
	w.server.stop()
	w.soundFile()
	return w.takenUp
}

// TestCrash_EveryPointHasAStory holds the names in the source against the table.
func TestCrash_EveryPointHasAStory(t *testing.T) {
	inSource := pointsInSource(t)
	inTable := map[string]bool{}
	for _, p := range points {
		if inTable[p.name] {
			t.Errorf("%s stands twice in the table", p.name)
		}
		inTable[p.name] = true
		if len(inSource[p.name]) == 0 {
			t.Errorf("%s is in the table, and nowhere in the source", p.name)
		}
	}
	for name, places := range inSource {
		if !inTable[name] {
			t.Errorf("%s: crash.At(%q) has no story in the table: nobody knows what happens when the process dies there", places[0], name)
		}
		if len(places) > 1 {
			t.Errorf("%q stands in %v: one name, one place", name, places)
		}
	}
	if len(points) < 40 {
		t.Errorf("only %d points", len(points))
	}
	for _, m := range moments() {
		for _, way := range m.ways {
			for part := range strings.SplitSeq(way, ">") {
				name, _, _ := strings.Cut(part, "#")
				if !inTable[name] {
					t.Errorf("%s leads over %q, which is no point", m.name(), name)
				}
			}
		}
		if m.strike == "" && endOf(m.ways[len(m.ways)-1]) != m.point.name {
			t.Errorf("%s does not end at its point", m.name())
		}
		if _, known := stories[m.story]; !known {
			t.Errorf("%s: no story %q", m.name(), m.story)
		}
	}
}

// pointsInSource finds every call of crash.At outside tests, and where it stands.
func pointsInSource(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	files := token.NewFileSet()
	err := filepath.WalkDir("../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		tree, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			fun, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || fun.Sel.Name != "At" {
				return true
			}
			if room, ok := fun.X.(*ast.Ident); !ok || room.Name != "crash" {
				return true
			}
			at := files.Position(call.Pos()).String()
			name, ok := call.Args[0].(*ast.BasicLit)
			if !ok || name.Kind != token.STRING {
				t.Errorf("%s: the name is not a literal: the list could not be held complete", at)
				return true
			}
			text, err := strconv.Unquote(name.Value)
			if err != nil {
				t.Errorf("%s: %v", at, err)
			}
			found[text] = append(found[text], at)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestCrash_NothingInTheShippedProgram: the program without the tag holds none of the names, the
// variable neither, and does not die when it is told to.
func TestCrash_NothingInTheShippedProgram(t *testing.T) {
	immortal, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	deadly, err := os.ReadFile(mortal)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"CHECKOUT_CRASH_AT"}
	for _, p := range points {
		names = append(names, p.name)
	}
	for _, name := range names {
		if strings.Contains(string(immortal), name) {
			t.Errorf("the shipped program holds %q", name)
		}
		if !strings.Contains(string(deadly), name) {
			t.Errorf("the program built with the tag does not hold %q: this test looks for the wrong thing", name)
		}
	}
	cmd := exec.Command(shipped, "migrate")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "CHECKOUT_CRASH_AT=migrate.locked", "CHECKOUT_DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "checkout.db")}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the shipped program listens to the variable: %v: %s", err, out)
	}
}

// TestCrash_TheTableIsInTheDocs keeps docs/testing.md true.
func TestCrash_TheTableIsInTheDocs(t *testing.T) {
	const path = "../../../docs/testing.md"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- crash points: go test ./internal/app/crashtest -run TheTableIsInTheDocs -crash.update -->\n\n", "\n<!-- end of crash points -->"
	before, rest, found := strings.Cut(string(raw), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table of crash points", path)
	}
	want := before + begin + table() + end + after
	if want == string(raw) {
		return
	}
	if !*crashUpdate {
		t.Fatalf("%s does not hold the table of crash points as it is; -crash.update writes it", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
