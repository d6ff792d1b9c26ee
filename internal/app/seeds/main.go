// Command seeds chooses, out of all the inputs that fuzzing found, the few that are kept with the
// code: small ones that together reach every statement, and that as often, which all of them reach.
// A fresh machine begins its fuzzing with these.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "seeds:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	cache  string // of fuzzing: a directory per package and target
	most   int    // seeds of one target
	size   int64  // of one seed
	only   *regexp.Regexp
	module string
}

func run(ctx context.Context, args []string) error {
	var opt options
	flags := flag.NewFlagSet("seeds", flag.ContinueOnError)
	flags.StringVar(&opt.cache, "cache", "", "where fuzzing kept what it found; Go's cache when empty")
	flags.IntVar(&opt.most, "most", 40, "how many seeds a target may have")
	flags.Int64Var(&opt.size, "size", 2048, "how many bytes one may have")
	only := flags.String("only", "", "regular expression of \"package target\"")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if opt.only, err = regexp.Compile(*only); err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	if opt.cache == "" {
		out, err := exec.CommandContext(ctx, "go", "env", "GOCACHE").Output()
		if err != nil {
			return fmt.Errorf("ask for Go's cache: %w", err)
		}
		opt.cache = filepath.Join(strings.TrimSpace(string(out)), "fuzz")
	}
	list, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Module.Path}} {{.ImportPath}} {{.Dir}}", "./...").Output()
	if err != nil {
		return fmt.Errorf("list the packages: %w", err)
	}
	for line := range strings.Lines(string(list)) {
		f := strings.Fields(line)
		opt.module = f[0]
		if err := opt.room(ctx, f[1], f[2]); err != nil {
			return err
		}
	}
	return nil
}

var declared = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// room chooses for every target of one package.
func (o *options) room(ctx context.Context, path, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return err
	}
	var targets []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, m := range declared.FindAllSubmatch(text, -1) {
			if name := string(m[1]); o.only.MatchString(path + " " + name) {
				targets = append(targets, name)
			}
		}
	}
	if len(targets) == 0 {
		return nil
	}
	work, err := os.MkdirTemp("", "seeds")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	binary := filepath.Join(work, "fuzz.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-cover", "-covermode=count", "-coverpkg="+o.module+"/...", "-o", binary, path)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("compile the tests of %s: %w\n%s", path, err, out)
	}
	for _, target := range targets {
		if err := o.target(ctx, binary, path, dir, target); err != nil {
			return err
		}
	}
	return nil
}

// target chooses for one target: again and again the input that reaches most of what is not reached
// yet, the smaller of two. What is in the repository already stays.
func (o *options) target(ctx context.Context, binary, path, dir, target string) error {
	here, there := filepath.Join(dir, "testdata", "fuzz", target), filepath.Join(o.cache, path, target)
	kept, err := names(here, 1<<20)
	if err != nil {
		return err
	}
	found, err := names(there, o.size)
	if err != nil {
		return err
	}
	t := &measure{binary: binary, target: target, work: filepath.Join(filepath.Dir(binary), target)}
	seen := t.reach(ctx, "seed#", "")
	for _, name := range kept {
		seen.add(t.reach(ctx, name, filepath.Join(here, name)))
	}
	reached := map[string]places{}
	for _, name := range found {
		if !slices.Contains(kept, name) {
			reached[name] = t.reach(ctx, name, filepath.Join(there, name))
		}
	}
	chosen := 0
	for len(kept)+chosen < o.most {
		best, most := "", 0
		for _, name := range found {
			if n := reached[name].beyond(seen); n > most {
				best, most = name, n
			}
		}
		if best == "" {
			break
		}
		seen.add(reached[best])
		text, err := os.ReadFile(filepath.Join(there, best))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(here, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(here, best), text, 0o644); err != nil {
			return err
		}
		chosen++
	}
	fmt.Printf("%s %s: %d of %d chosen, %d were there\n", path, target, chosen, len(found), len(kept))
	return ctx.Err()
}

// names lists the inputs of a directory, the small ones first.
func names(dir string, size int64) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	var list []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() && info.Size() <= size {
			list = append(list, e.Name())
			sizes[e.Name()] = info.Size()
		}
	}
	slices.SortStableFunc(list, func(a, b string) int { return int(sizes[a] - sizes[b]) })
	return list, nil
}
