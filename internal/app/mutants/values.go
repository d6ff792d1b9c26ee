package main

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// literal: a number is one more, a text is another. SQL has operators of its own.
func (f *finder) literal(n *ast.BasicLit, stack []ast.Node) {
	if f.besideError(n, stack) {
		return
	}
	switch n.Kind {
	case token.INT:
		f.replace("number", n, "("+n.Value+" + 1)")
	case token.CHAR:
		f.replace("letter", n, "("+n.Value+" + 1)")
	case token.STRING:
		if f.sqlRoom() && f.sql(n, stack) {
			return
		}
		if kv, ok := stack[len(stack)-1].(*ast.KeyValueExpr); ok && kv.Key == n {
			return // the entry has its mutant
		}
		with := `""`
		if text, err := strconv.Unquote(n.Value); err == nil && text == "" {
			with = `"mutant"`
		}
		f.replace("text", n, with)
	}
}

// identifier: true is false, min is max, a word is its neighbour.
func (f *finder) identifier(n *ast.Ident, stack []ast.Node) {
	switch n.Name {
	case "true", "false":
		if kv, entry := stack[len(stack)-1].(*ast.KeyValueExpr); entry && kv.Value == n && n.Name == "true" {
			return // the entry has its mutant
		}
		if f.room.info.Types[n].Value != nil && !f.besideError(n, stack) {
			f.replace("truth", n, strconv.FormatBool(n.Name == "false"))
		}
		return
	case "min", "max":
		if _, builtin := f.room.info.Uses[n].(*types.Builtin); builtin {
			f.replace("min max", n, map[string]string{"min": "max", "max": "min"}[n.Name])
		}
		return
	}
	f.constant(n, n)
}

// constant swaps a word of ours (a state, an event, an outcome) for the next of its kind, and makes
// a limit one more. It reports whether e was a constant.
func (f *finder) constant(e ast.Expr, id *ast.Ident) bool {
	c, ok := f.room.info.Uses[id].(*types.Const)
	if !ok || c.Pkg() == nil {
		return false
	}
	ours := strings.HasPrefix(c.Pkg().Path(), f.house.module+"/")
	basic, ok := c.Type().Underlying().(*types.Basic)
	if !ok || (!ours && c.Pkg().Path() != "net/http") {
		return true
	}
	isText := basic.Info()&types.IsString != 0
	if isText && !isNamed(c.Type()) && f.sqlRoom() {
		return true // a part of SQL has its mutants where it stands
	}
	text := f.text(e)
	switch next := neighbour(c); {
	case c.Type().String() == "time.Duration":
		f.replace("number", e, "("+text+" * 2)")
	case next != "" && (isText || isNamed(c.Type())):
		f.replace("word", e, text[:len(text)-len(id.Name)]+next)
	case basic.Info()&types.IsNumeric != 0:
		f.replace("number", e, "("+text+" + 1)")
	}
	return true
}

func isNamed(t types.Type) bool {
	named, ok := t.(*types.Named)
	return ok && named.Obj().Pkg() != nil
}

// neighbour is the next constant of the same kind: of the same type, or for plain strings, with the
// same first word in its name.
func neighbour(c *types.Const) string {
	var kin []*types.Const
	scope := c.Pkg().Scope()
	for _, name := range scope.Names() {
		other, ok := scope.Lookup(name).(*types.Const)
		if !ok || !types.Identical(other.Type(), c.Type()) {
			continue
		}
		if !isNamed(c.Type()) && firstWord(name) != firstWord(c.Name()) {
			continue
		}
		if other == c || !constant.Compare(other.Val(), token.EQL, c.Val()) {
			kin = append(kin, other)
		}
	}
	i := slices.IndexFunc(kin, func(o *types.Const) bool { return o.Name() == c.Name() })
	if len(kin) < 2 || i < 0 {
		return ""
	}
	return kin[(i+1)%len(kin)].Name()
}

func firstWord(name string) string {
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			return name[:i]
		}
	}
	return name
}

// besideError reports whether a zero value is returned beside an error, where nobody looks at it.
func (f *finder) besideError(e ast.Expr, stack []ast.Node) bool {
	r, ok := stack[len(stack)-1].(*ast.ReturnStmt)
	if text := f.text(e); !ok || len(r.Results) < 2 || (text != `""` && text != "0" && text != "false") {
		return false
	}
	last := r.Results[len(r.Results)-1]
	if t := f.typeOf(last); t == nil || isNil(last) || !types.Implements(t, types.Universe.Lookup("error").Type().Underlying().(*types.Interface)) {
		return false
	}
	_, made := last.(*ast.UnaryExpr) // &Error{…}
	if id, ok := last.(*ast.Ident); ok {
		_, global := f.room.info.Uses[id].(*types.Var)
		made = made || (global && f.room.info.Uses[id].Parent() == f.room.info.Uses[id].Pkg().Scope())
	}
	if call, ok := last.(*ast.CallExpr); ok {
		made = made || f.quiet(call)
	}
	return made || f.underErrorCheck(last, stack)
}

// call: what it does to its value is not done (append, TrimSpace, WithoutCancel, Add); a moment
// before or after counts as the moment itself.
func (f *finder) call(n *ast.CallExpr, stack []ast.Node) {
	if _, statement := stack[len(stack)-1].(*ast.ExprStmt); statement {
		return
	}
	if tv := f.room.info.Types[n.Fun]; tv.IsType() {
		return
	}
	result := f.typeOf(n)
	if sel, ok := n.Fun.(*ast.SelectorExpr); ok {
		receiver := f.typeOf(sel.X)
		if f.isTime(receiver) && len(n.Args) == 1 && (sel.Sel.Name == "Before" || sel.Sel.Name == "After") {
			turned := map[string]string{"Before": "After", "After": "Before"}[sel.Sel.Name]
			f.replace("boundary", n, "!"+f.text(sel.X)+"."+turned+"("+f.text(n.Args[0])+")")
			if !inCondition(n, stack) {
				f.replace("comparison turned", n, "!("+f.text(n)+")")
			}
			return
		}
		if receiver != nil && result != nil && types.Identical(receiver, result) && !f.isPackage(sel.X) {
			f.replace("call dropped", n, f.text(sel.X))
			return
		}
	}
	if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "min" || id.Name == "max" || id.Name == "make" || id.Name == "new") {
		return
	}
	if len(n.Args) == 0 || result == nil || strings.HasPrefix(f.text(n.Fun), "fmt.") {
		return
	}
	if first := f.typeOf(n.Args[0]); first != nil && types.Identical(first, result) {
		f.replace("call dropped", n, f.text(n.Args[0]))
	}
}

func (f *finder) isTime(t types.Type) bool { return t != nil && t.String() == "time.Time" }

func (f *finder) isPackage(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	if !ok {
		return false
	}
	_, is := f.room.info.Uses[id].(*types.PkgName)
	return is
}
