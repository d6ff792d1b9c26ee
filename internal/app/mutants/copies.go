package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// edit replaces a stretch of a file.
type edit struct {
	from, to int
	with     string
}

// weaveFile puts a switch at the head of each function with mutants, and the copies at the end.
func (h *house) weaveFile(s *source, mutants []*mutant) ([]byte, []copied) {
	byDecl := map[ast.Node][]*mutant{}
	var order []ast.Node
	for _, m := range mutants {
		if m.source != s {
			continue
		}
		var at ast.Node = m.decl
		if m.spec != nil {
			at = m.spec
		}
		if byDecl[at] == nil {
			order = append(order, at)
		}
		byDecl[at] = append(byDecl[at], m)
	}
	var edits []edit
	var tail []piece
	for _, at := range order {
		switch d := at.(type) {
		case *ast.FuncDecl:
			e, t := h.weaveFunction(s, d, byDecl[at])
			edits, tail = append(edits, e...), append(tail, t...)
		case *ast.ValueSpec:
			e, t := h.weaveValue(s, d, byDecl[at])
			edits, tail = append(edits, e...), append(tail, t...)
		}
	}
	out := apply(s.text, 0, edits)
	var places []copied
	for _, p := range tail {
		from := len(out)
		out = append(out, p.text...)
		if p.m != nil {
			places = append(places, copied{from, len(out), p.m})
		}
	}
	return out, places
}

// piece is a text that is added at the end of a file.
type piece struct {
	text string
	m    *mutant
}

// apply makes edits in text, which begins at offset base of the file.
func apply(text []byte, base int, edits []edit) []byte {
	slices.SortStableFunc(edits, func(a, b edit) int { return a.from - b.from })
	var out []byte
	at := 0
	for _, e := range edits {
		out = append(out, text[at:e.from-base]...)
		out = append(out, e.with...)
		at = e.to - base
	}
	return append(out, text[at:]...)
}

func (h *house) weaveFunction(s *source, d *ast.FuncDecl, mutants []*mutant) ([]edit, []piece) {
	off := func(p token.Pos) int { return h.fset.PositionFor(p, false).Offset }
	var edits []edit
	name := func(list *ast.FieldList, prefix string) (names []string) {
		if list == nil {
			return nil
		}
		for i, field := range list.List {
			dots := ""
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				dots = "..."
			}
			if len(field.Names) == 0 {
				n := prefix + strconv.Itoa(i)
				edits = append(edits, edit{off(field.Type.Pos()), off(field.Type.Pos()), n + " "})
				names = append(names, n+dots)
			}
			for k, id := range field.Names {
				n := id.Name
				if n == "_" {
					n = prefix + strconv.Itoa(i) + "_" + strconv.Itoa(k)
					edits = append(edits, edit{off(id.Pos()), off(id.End()), n})
				}
				names = append(names, n+dots)
			}
		}
		return names
	}
	receiver := name(d.Recv, "recv_")
	args := strings.Join(name(d.Type.Params, "arg_"), ", ")
	if d.Type.TypeParams != nil {
		var types []string
		for _, field := range d.Type.TypeParams.List {
			for _, id := range field.Names {
				types = append(types, id.Name)
			}
		}
		args = "[" + strings.Join(types, ", ") + "](" + args + ")"
	} else {
		args = "(" + args + ")"
	}
	var head strings.Builder
	head.WriteString(" switch mutant_ {")
	var tail []piece
	from, to := off(d.Pos()), off(d.End())
	for _, m := range mutants {
		copyName := d.Name.Name + "_m" + strconv.Itoa(m.number)
		call := copyName + args
		if len(receiver) > 0 {
			call = receiver[0] + "." + call
		}
		if d.Type.Results != nil {
			fmt.Fprintf(&head, " case %d: return %s;", m.number, call)
		} else {
			fmt.Fprintf(&head, " case %d: %s; return;", m.number, call)
		}
		text := apply(s.text[from:to], from, []edit{{off(d.Name.Pos()), off(d.Name.End()), copyName}, {m.from, m.to, m.with}})
		line := h.fset.Position(d.Pos()).Line
		tail = append(tail, piece{fmt.Sprintf("\n//line %s:%d\n%s\n", s.path, line, text), m})
	}
	head.WriteString(" };")
	edits = append(edits, edit{off(d.Body.Lbrace) + 1, off(d.Body.Lbrace) + 1, head.String()})
	return edits, tail
}

// weaveValue gives a variable its broken value after all of the package's variables have theirs. A
// constant becomes a variable for that.
func (h *house) weaveValue(s *source, spec *ast.ValueSpec, mutants []*mutant) ([]edit, []piece) {
	off := func(p token.Pos) int { return h.fset.PositionFor(p, false).Offset }
	var edits []edit
	var tail []piece
	from, to := off(spec.Values[0].Pos()), off(spec.Values[0].End())
	if g := mutants[0].decl.(*ast.GenDecl); g.Tok == token.CONST {
		text := string(s.text[off(spec.Pos()):off(spec.End())])
		if g.Lparen.IsValid() {
			edits = append(edits, edit{off(spec.Pos()), off(spec.End()), strings.Repeat("\n", strings.Count(text, "\n"))})
		} else {
			edits = append(edits, edit{off(g.Pos()), off(g.Pos()) + len("const"), "var"})
		}
		if g.Lparen.IsValid() {
			tail = append(tail, piece{"\nvar " + text + "\n", nil})
		}
	}
	for _, m := range mutants {
		value := apply(s.text[from:to], from, []edit{{m.from, m.to, m.with}})
		tail = append(tail, piece{fmt.Sprintf("\nfunc init() { if mutant_ == %d { %s = %s } }\n", m.number, spec.Names[0].Name, value), m})
	}
	return edits, tail
}
