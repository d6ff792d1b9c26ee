package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// finder makes the mutants of one file.
type finder struct {
	house  *house
	room   *room
	source *source
	list   []*mutant

	decl ast.Decl
	spec *ast.ValueSpec
	fn   string
}

// declaration makes the mutants of one function, or of the variables and constants of a group.
func (f *finder) declaration(d ast.Decl) {
	f.decl, f.spec = d, nil
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Body == nil || (d.Recv != nil && d.Name.Name == "Error") || d.Name.Name == "init" || d.Name.Name == "main" || d.Name.Name == "_" {
			return
		}
		f.fn = functionName(d)
		made := len(f.list)
		f.walk(d.Body)
		f.decided(d.Body, f.list[made:])
	case *ast.GenDecl:
		if d.Tok != token.VAR && d.Tok != token.CONST {
			return
		}
		for _, s := range d.Specs {
			spec := s.(*ast.ValueSpec)
			if len(spec.Names) != 1 || len(spec.Values) != 1 || spec.Names[0].Name == "_" || (d.Tok == token.CONST && !f.variable(spec)) {
				continue
			}
			f.spec, f.fn = spec, spec.Names[0].Name
			f.walk(spec)
		}
	}
}

// variable reports whether a constant may be made a variable for the sake of its mutants: limits,
// durations and SQL. Words (states, events) are swapped where they are used instead.
func (f *finder) variable(spec *ast.ValueSpec) bool {
	tv, ok := f.room.info.Types[spec.Values[0]]
	if !ok || tv.Value == nil {
		return false
	}
	basic, ok := tv.Type.Underlying().(*types.Basic)
	if !ok {
		return false
	}
	if basic.Info()&types.IsString != 0 {
		return f.sqlRoom() && (strings.HasSuffix(spec.Names[0].Name, "Columns") || sqlWords.MatchString(f.text(spec.Values[0])))
	}
	usesIota := false
	ast.Inspect(spec.Values[0], func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == "iota" {
			usesIota = true
		}
		return true
	})
	return basic.Info()&types.IsNumeric != 0 && !usesIota
}

func functionName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if index, ok := t.(*ast.IndexExpr); ok {
		t = index.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + d.Name.Name
	}
	return d.Name.Name
}

func (f *finder) walk(root ast.Node) {
	ast.PreorderStack(root, nil, func(n ast.Node, stack []ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field, *ast.CommClause:
			_, comm := n.(*ast.CommClause)
			return comm
		case *ast.CallExpr:
			if f.quiet(n) {
				return false
			}
			f.call(n, stack)
		case *ast.ExprStmt:
			if call, ok := n.X.(*ast.CallExpr); ok && f.quiet(call) {
				return false
			}
			f.remove("statement removed", n)
		case *ast.DeferStmt:
			f.remove("statement removed", n)
		case *ast.IfStmt:
			f.ifStmt(n, stack)
		case *ast.ForStmt:
			if n.Cond != nil {
				f.replace("loop never", n.Cond, "("+f.text(n.Cond)+") && false")
			}
		case *ast.RangeStmt:
			f.insert("loop never", n.Body.Lbrace+1, " break;")
		case *ast.SwitchStmt:
			f.switchStmt(n)
		case *ast.AssignStmt:
			f.assign(n)
		case *ast.IncDecStmt:
			f.incDec(n)
		case *ast.BranchStmt:
			if n.Tok == token.CONTINUE && n.Label == nil {
				f.replace("continue breaks", n, "break")
			}
		case *ast.ReturnStmt:
			f.returnStmt(n, stack)
		case *ast.BinaryExpr:
			f.binary(n, stack)
		case *ast.UnaryExpr:
			if n.Op == token.NOT && !inCondition(n, stack) {
				f.replace("negation removed", n, f.text(n.X))
			}
		case *ast.CompositeLit:
			f.composite(n)
		case *ast.BasicLit:
			f.literal(n, stack)
		case *ast.SelectorExpr:
			if f.constant(n, n.Sel) {
				return false
			}
		case *ast.Ident:
			f.identifier(n, stack)
		}
		return true
	})
}

// decided tells the mutants of a condition what it decides about: a test that goes there, or not, is
// the one that may notice.
func (f *finder) decided(body ast.Node, mutants []*mutant) {
	mark := func(from, to, inside token.Pos) {
		for _, m := range mutants {
			if m.from >= f.offset(from) && m.to <= f.offset(to) {
				m.decides = f.offset(inside)
			}
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			mark(n.Cond.Pos(), n.Cond.End(), n.Body.Lbrace+1)
		case *ast.CaseClause:
			if len(n.List) > 0 && len(n.Body) > 0 {
				mark(n.List[0].Pos(), n.List[len(n.List)-1].End(), n.Body[0].Pos())
			}
		}
		return true
	})
}

// quiet calls speak to those who operate the house, not to the books: logs, and the texts of errors;
// and the names of the moments at which a process may die.
func (f *finder) quiet(call *ast.CallExpr) bool {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun.Name == "panic"
	case *ast.SelectorExpr:
		name := f.text(fun)
		if name == "fmt.Errorf" || name == "errors.New" || strings.HasPrefix(name, "slog.") || name == "crash.At" {
			return true
		}
		t := f.room.info.Types[fun.X].Type
		return t != nil && t.String() == "*log/slog.Logger"
	}
	return false
}

func (f *finder) offset(p token.Pos) int { return f.house.fset.PositionFor(p, false).Offset }

func (f *finder) text(n ast.Node) string {
	return string(f.source.text[f.offset(n.Pos()):f.offset(n.End())])
}

func (f *finder) typeOf(e ast.Expr) types.Type { return f.room.info.Types[e].Type }

func (f *finder) replace(op string, n ast.Node, with string) *mutant {
	return f.change(op, f.offset(n.Pos()), f.offset(n.End()), with)
}

func (f *finder) remove(op string, n ast.Node) {
	f.change(op, f.offset(n.Pos()), f.offset(n.End()), "")
}

func (f *finder) insert(op string, at token.Pos, text string) {
	f.change(op, f.offset(at), f.offset(at), text)
}

func (f *finder) change(op string, from, to int, with string) *mutant {
	text := string(f.source.text)
	begin := strings.LastIndexByte(text[:from], '\n') + 1
	end := len(text)
	if i := strings.IndexByte(text[from:], '\n'); i >= 0 {
		end = from + i
	}
	m := &mutant{
		Room: f.room.name, File: f.source.name, Func: f.fn, Op: op, Line: 1 + strings.Count(text[:from], "\n"),
		Was: text[from:to], Now: with, context: text[begin:end],
		room: f.room, source: f.source, decl: f.decl, spec: f.spec, from: from, to: to, with: with,
	}
	if m.Was == "" {
		m.Was = squeeze(m.context)
		m.Now = squeeze(m.Was + with)
	}
	f.list = append(f.list, m)
	return m
}
