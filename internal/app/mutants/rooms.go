package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// house is the module, with the rooms that are to be broken read and type-checked.
type house struct {
	opt     options
	module  string
	fset    *token.FileSet
	exports map[string]string // import path → export data
	rooms   []*room
}

// room is one package that is to be broken.
type room struct {
	name  string // "internal/app/payments"
	path  string // import path
	dir   string
	files []*source
	info  *types.Info
}

// source is one of its files.
type source struct {
	name   string // base name
	path   string
	text   []byte
	tree   *ast.File
	broken bool // whether this file is to be broken
}

type listedPackage struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Export     string
	Module     *struct{ Path string }
}

// load reads the targets. Their imports come from the compiler's export data.
func load(ctx context.Context, opt options) (*house, error) {
	h := &house{opt: opt, fset: token.NewFileSet(), exports: map[string]string{}}
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Dir,GoFiles,Export,Module", "os", "strconv"}
	for _, t := range opt.targets {
		args = append(args, "./"+t.room)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stderr = opt.root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	found := map[string]listedPackage{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		h.exports[p.ImportPath] = p.Export
		for _, t := range opt.targets {
			if p.Module != nil && p.ImportPath == p.Module.Path+"/"+t.room {
				found[t.room], h.module = p, p.Module.Path
			}
		}
	}
	for _, t := range opt.targets {
		p, ok := found[t.room]
		if !ok {
			return nil, fmt.Errorf("%s is not a package of this module", t.room)
		}
		r, err := h.read(t, p)
		if err != nil {
			return nil, err
		}
		h.rooms = append(h.rooms, r)
	}
	return h, nil
}

func (h *house) read(t target, p listedPackage) (*room, error) {
	r := &room{name: t.room, path: p.ImportPath, dir: p.Dir}
	var trees []*ast.File
	for _, name := range p.GoFiles {
		path := filepath.Join(p.Dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		tree, err := parser.ParseFile(h.fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		trees = append(trees, tree)
		r.files = append(r.files, &source{
			name: name, path: path, text: text, tree: tree,
			broken: len(t.files) == 0 || slices.Contains(t.files, name),
		})
	}
	var errs []error
	r.info = h.check(p.ImportPath, h.fset, trees, func(err error) { errs = append(errs, err) })
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return r, nil
}

// check type-checks a package and reports every error.
func (h *house) check(path string, fset *token.FileSet, trees []*ast.File, report func(error)) *types.Info {
	info := &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{},
		Uses:  map[*ast.Ident]types.Object{},
		Defs:  map[*ast.Ident]types.Object{},
	}
	lookup := func(path string) (io.ReadCloser, error) {
		file, ok := h.exports[path]
		if !ok {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(file)
	}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", lookup), Error: report}
	_, _ = conf.Check(path, fset, trees, info)
	return info
}

// find makes every mutant of the house.
func (h *house) find(only interface{ MatchString(string) bool }) []*mutant {
	var all []*mutant
	for _, r := range h.rooms {
		seen := map[string]int{}
		for _, s := range r.files {
			if !s.broken {
				continue
			}
			f := &finder{house: h, room: r, source: s}
			for _, d := range s.tree.Decls {
				f.declaration(d)
			}
			for _, m := range f.list {
				m.name(seen)
				if only.MatchString(m.about()) {
					all = append(all, m)
				}
			}
		}
	}
	for i, m := range all {
		m.number = i + 1
	}
	return all
}
