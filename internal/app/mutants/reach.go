package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// asked is one test and the blocks of code it reaches.
type asked struct {
	Room    string
	Name    string
	Seconds float64 // of the processor, and a little of the clock
	Clock   float64 // seconds until it was done, on a busy machine perhaps many
	Hit     []int   // of blocks
	Failed  bool    // without any mutant: not asked
	Parted  bool    // its parts are asked each for itself; it as a whole with -long only
	hit     map[int]bool
}

// block is a stretch of statements that run together.
type block struct {
	File     string // import path and base name
	From, To [2]int // line and column
}

// chart says what reaches what.
type chart struct {
	Blocks []block
	Tests  []*asked
	index  map[string]int
	byFile map[string][]int
	start  float64 // what a process costs that asks nobody
}

func (h *house) flags() []string {
	args := []string{"-test.failfast"}
	if !h.opt.long {
		args = append(args, "-test.short")
	}
	if !h.opt.postgres {
		// Below the test, or below a case of it.
		args = append(args, "-test.skip=/postgres$|//postgres$")
	}
	return args
}

// chart runs every test of the asked rooms once, alone, without a mutant, and keeps what it reached.
// It is made again when the tests or the code have changed.
func (h *house) chart(ctx context.Context) (*chart, error) {
	c := &chart{index: map[string]int{}}
	var paths []string
	for _, r := range h.rooms {
		paths = append(paths, r.path)
	}
	for _, name := range h.opt.tests {
		part, err := h.chartRoom(ctx, name, strings.Join(paths, ","))
		if err != nil {
			return nil, err
		}
		number := make([]int, len(part.Blocks))
		for i, b := range part.Blocks {
			key := fmt.Sprint(b)
			if _, ok := c.index[key]; !ok {
				c.index[key] = len(c.Blocks)
				c.Blocks = append(c.Blocks, b)
			}
			number[i] = c.index[key]
		}
		for _, t := range part.Tests {
			if t.Failed {
				fmt.Fprintf(h.opt.out, "not asked, it fails without a mutant: %s %s\n", t.Room, t.Name)
				continue
			}
			t.hit = map[int]bool{}
			for _, b := range t.Hit {
				t.hit[number[b]] = true
			}
			c.Tests = append(c.Tests, t)
		}
	}
	c.byFile = map[string][]int{}
	for i, b := range c.Blocks {
		c.byFile[b.File] = append(c.byFile[b.File], i)
	}
	return c, nil
}

func (h *house) chartRoom(ctx context.Context, name, cover string) (*chart, error) {
	binary, err := filepath.Abs(filepath.Join(h.opt.dir, "bin", strings.ReplaceAll(name, "/", "_")+".cover"))
	if err != nil {
		return nil, err
	}
	if err := h.build(ctx, binary, name, "-cover", "-covermode=atomic", "-coverpkg="+cover); err != nil {
		return nil, err
	}
	body, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	made := h.flags()
	if h.asks() {
		made = append(made, h.opt.ask.String())
	}
	sum := sha256.Sum256(append(body, strings.Join(made, " ")...))
	kept := filepath.Join(h.opt.dir, "reach", hex.EncodeToString(sum[:8])+".json")
	c := &chart{index: map[string]int{}}
	if old, err := os.ReadFile(kept); err == nil && json.Unmarshal(old, c) == nil {
		return c, nil
	}
	part := kept + ".part" // of a chart that was ended half-way
	if old, err := os.ReadFile(part); err == nil && json.Unmarshal(old, c) == nil {
		for i, b := range c.Blocks {
			c.index[fmt.Sprint(b)] = i
		}
	}
	list := exec.CommandContext(ctx, binary, "-test.list", "^(Test|Fuzz|Example)")
	list.Dir = filepath.Join(h.opt.root, name)
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list the tests of %s: %w", name, err)
	}
	c.start = h.runTest(ctx, name, binary, append(h.flags(), "-test.run=^$"), "0", 20*time.Minute).processor
	for line := range strings.Lines(string(out)) {
		test := strings.TrimSpace(line)
		if c.holds(test) || (h.asks() && !h.opt.ask.MatchString(test)) {
			continue
		}
		before := len(c.Tests)
		err := c.measureAll(ctx, h, name, binary, test)
		if ended := ctx.Err(); ended != nil {
			c.Tests = c.Tests[:before] // what was under way says nothing
			return nil, errors.Join(ended, c.write(part))
		}
		if err != nil {
			return nil, err
		}
	}
	if err := os.RemoveAll(part); err != nil {
		return nil, err
	}
	return c, c.write(kept)
}

func (c *chart) holds(test string) bool {
	return slices.ContainsFunc(c.Tests, func(a *asked) bool { return a.Name == test })
}

func (c *chart) write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// long is what a test may take before its parts are asked each for itself, mostParts how many may be.
const (
	long      = 700 * time.Millisecond
	mostParts = 400
)

// measureAll runs one test alone, and each of its parts when it takes long: a mutant that reaches one
// of many need not wait for all.
func (c *chart) measureAll(ctx context.Context, h *house, room, binary, test string) error {
	if test == "" {
		return nil
	}
	t, out, err := c.measure(ctx, h, room, binary, test)
	if err != nil || t.Failed || t.Seconds < long.Seconds() || strings.HasPrefix(test, "Fuzz") {
		return err
	}
	subtests := regexp.MustCompile(`(?m)^    --- PASS: `+test+`/([^/\s]+) \(`).FindAllStringSubmatch(out, -1)
	if len(subtests) < 2 || len(subtests) > mostParts {
		return nil
	}
	t.Parted = true
	for _, m := range subtests {
		if _, _, err := c.measure(ctx, h, room, binary, test+"/"+m[1]); err != nil {
			return err
		}
	}
	return nil
}

func (c *chart) measure(ctx context.Context, h *house, room, binary, test string) (*asked, string, error) {
	profile, err := filepath.Abs(filepath.Join(h.opt.dir, "profile.out"))
	if err != nil {
		return nil, "", err
	}
	_ = os.Remove(profile)
	t := &asked{Room: room, Name: test}
	args := append(h.flags(), "-test.v", "-test.run="+t.pattern(), "-test.coverprofile="+profile, "-test.timeout=20m")
	begun := time.Now()
	out := h.runTest(ctx, room, binary, args, "0", 20*time.Minute)
	t.Clock = time.Since(begun).Seconds()
	// What it costs beside others in one process: without the start, and whoever else uses the machine.
	t.Seconds = max(out.processor-c.start, 0.002) + t.Clock/50
	t.Failed = out.failed
	if text, err := os.ReadFile(profile); err == nil {
		t.Hit = c.read(text)
	} else if !t.Failed {
		return nil, "", fmt.Errorf("%s %s: no coverage: %w", room, test, err)
	}
	c.Tests = append(c.Tests, t)
	fmt.Fprintf(h.opt.out, "reach: %6.2f s, %6.2f s by the clock  %s %s\n", t.Seconds, t.Clock, room, test)
	return t, out.text, nil
}

// pattern is for -test.run.
func (a *asked) pattern() string {
	parts := strings.Split(a.Name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

var profileLine = regexp.MustCompile(`^(.+):(\d+)\.(\d+),(\d+)\.(\d+) \d+ (\d+)$`)

// read takes a cover profile and returns the blocks that were reached.
func (c *chart) read(profile []byte) []int {
	var hit []int
	for lines := bufio.NewScanner(bytes.NewReader(profile)); lines.Scan(); {
		m := profileLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		n := func(i int) int { v, _ := strconv.Atoi(m[i]); return v }
		b := block{File: m[1], From: [2]int{n(2), n(3)}, To: [2]int{n(4), n(5)}}
		key := fmt.Sprint(b)
		i, ok := c.index[key]
		if !ok {
			i = len(c.Blocks)
			c.index[key], c.Blocks = i, append(c.Blocks, b)
		}
		if m[6] != "0" {
			hit = append(hit, i)
		}
	}
	return hit
}

// asks reports whether only some of the tests are asked.
func (h *house) asks() bool { return h.opt.ask != nil && h.opt.ask.String() != "" }

// build compiles the tests of a room.
func (h *house) build(ctx context.Context, binary, name string, extra ...string) error {
	args := append([]string{"test", "-c", "-vet=off", "-o", binary}, extra...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+name)...)
	cmd.Dir = h.opt.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile the tests of %s: %w\n%s", name, err, out)
	}
	return nil
}
