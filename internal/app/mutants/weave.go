package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
)

// selector is the environment variable that says which mutant lives.
const selector = "MUTANT"

// woven is the house with all its mutants in it, to be compiled with -overlay.
type woven struct {
	house   *house
	alive   []*mutant // those that compile
	overlay string    // the file for -overlay
}

// copied is where a mutant's copy stands in a woven file.
type copied struct {
	from, to int
	m        *mutant
}

// weave writes every broken file anew. What does not compile is left out: the package is checked,
// the copies in which errors stand are taken away, and so on until there is none.
func (h *house) weave(mutants []*mutant) (*woven, error) {
	w := &woven{house: h, overlay: filepath.Join(h.opt.dir, "overlay.json")}
	dir, err := filepath.Abs(filepath.Join(h.opt.dir, "woven"))
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	replaced := map[string]string{}
	for _, r := range h.rooms {
		var mine []*mutant
		for _, m := range mutants {
			if m.room == r {
				mine = append(mine, m)
			}
		}
		mine, texts, err := h.settle(r, mine)
		if err != nil {
			return nil, err
		}
		w.alive = append(w.alive, mine...)
		to := filepath.Join(dir, filepath.FromSlash(r.name))
		if err := os.MkdirAll(to, 0o755); err != nil {
			return nil, err
		}
		for path, text := range texts {
			file := filepath.Join(to, filepath.Base(path)+".txt") // no package of its own
			if err := os.WriteFile(file, text, 0o644); err != nil {
				return nil, err
			}
			replaced[path] = file
		}
	}
	out, err := json.MarshalIndent(map[string]any{"Replace": replaced}, "", "\t")
	if err != nil {
		return nil, err
	}
	return w, os.WriteFile(w.overlay, out, 0o644)
}

// settle weaves one room until it compiles.
func (h *house) settle(r *room, mine []*mutant) ([]*mutant, map[string][]byte, error) {
	mine = slices.DeleteFunc(mine, func(m *mutant) bool {
		from, to := h.fset.PositionFor(m.decl.Pos(), false).Offset, h.fset.PositionFor(m.decl.End(), false).Offset
		text := apply(m.source.text[from:to], from, []edit{{m.from, m.to, m.with}})
		_, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+string(text), parser.SkipObjectResolution)
		return err != nil
	})
	for range 10 {
		fset := token.NewFileSet()
		texts := map[string][]byte{}
		places := map[string][]copied{}
		var trees []*ast.File
		for _, s := range r.files {
			text, copies := h.weaveFile(s, mine)
			tree, err := parser.ParseFile(fset, s.path, text, parser.SkipObjectResolution)
			if err != nil {
				return nil, nil, fmt.Errorf("woven %s: %w", s.path, err)
			}
			texts[s.path], places[s.path] = text, copies
			trees = append(trees, tree)
		}
		path, text := switchFile(r)
		tree, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, err
		}
		texts[path] = text
		dead := map[*mutant]bool{}
		var fatal []error
		h.check(r.path, fset, append(trees, tree), func(err error) {
			var te types.Error
			if !errors.As(err, &te) {
				fatal = append(fatal, err)
				return
			}
			at := fset.PositionFor(te.Pos, false)
			list := places[at.Filename]
			i := sort.Search(len(list), func(i int) bool { return list[i].to > at.Offset })
			if i < len(list) && list[i].from <= at.Offset {
				dead[list[i].m] = true
				return
			}
			if !constants(mine, te.Msg, dead) {
				fatal = append(fatal, fmt.Errorf("%s: %w", at, err))
			}
		})
		if len(dead) == 0 {
			return mine, texts, errors.Join(fatal...)
		}
		mine = slices.DeleteFunc(mine, func(m *mutant) bool { return dead[m] })
	}
	return nil, nil, fmt.Errorf("%s does not compile after ten rounds", r.name)
}

// constants marks the mutants of those constants that a message names: they cannot be variables.
// Their uses have mutants too.
func constants(mine []*mutant, message string, dead map[*mutant]bool) bool {
	found := false
	for _, m := range mine {
		if m.spec != nil && regexp.MustCompile(`\b`+m.spec.Names[0].Name+`\b`).MatchString(message) {
			dead[m], found = true, true
		}
	}
	return found
}

// switchFile declares which mutant lives.
func switchFile(r *room) (string, []byte) {
	name := r.files[0].tree.Name.Name
	text := fmt.Sprintf(`package %s

import (
	"os"
	"strconv"
)

var mutant_ = func() int { n, _ := strconv.Atoi(os.Getenv(%q)); return n }()
`, name, selector)
	return filepath.Join(r.dir, "zz_mutant.go"), []byte(text)
}
