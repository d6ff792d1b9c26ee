package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// assign: the value goes nowhere; += becomes -=.
func (f *finder) assign(n *ast.AssignStmt) {
	switch n.Tok {
	case token.DEFINE:
		return
	case token.ASSIGN:
	default:
		if to, ok := opposite(n.Tok); ok && !f.isString(n.Lhs[0]) {
			at := f.offset(n.TokPos)
			m := f.change("arithmetic", at, at+len(n.Tok.String()), to.String())
			m.Was, m.Now = f.text(n), f.text(n.Lhs[0])+" "+to.String()+" "+f.text(n.Rhs[0])
		}
		f.replace("assignment removed", n, "_ = "+f.text(n.Rhs[0]))
		return
	}
	if len(n.Lhs) == 1 {
		if isBlank(n.Lhs[0]) {
			return
		}
		if isNil(n.Rhs[0]) {
			f.remove("assignment removed", n)
			return
		}
		f.replace("assignment removed", n, "_ = "+f.text(n.Rhs[0]))
		return
	}
	for i, l := range n.Lhs {
		if isBlank(l) {
			continue
		}
		if len(n.Rhs) == len(n.Lhs) {
			f.replace("assignment removed", n, f.without(n, i))
			continue
		}
		m := f.replace("assignment removed", l, "_")
		m.Was, m.Now = f.text(n), "_ for "+m.Was
	}
}

// without is the assignment without its ith pair.
func (f *finder) without(n *ast.AssignStmt, i int) string {
	var left, right []string
	for k := range n.Lhs {
		if k != i {
			left, right = append(left, f.text(n.Lhs[k])), append(right, f.text(n.Rhs[k]))
		}
	}
	return strings.Join(left, ", ") + " = " + strings.Join(right, ", ")
}

func isBlank(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "_"
}

func (f *finder) isString(e ast.Expr) bool {
	t := f.typeOf(e)
	if t == nil {
		return false
	}
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsString != 0
}

func (f *finder) incDec(n *ast.IncDecStmt) {
	to := "--"
	if n.Tok == token.DEC {
		to = "++"
	}
	f.replace("arithmetic", n, f.text(n.X)+to)
	f.replace("assignment removed", n, "_ = "+f.text(n.X))
}

// returnStmt: an error is swallowed, a verdict turned, a result lost. The plain "if err != nil
// { return err }" has its mutants in the condition.
func (f *finder) returnStmt(n *ast.ReturnStmt, stack []ast.Node) {
	for _, e := range n.Results {
		t := f.typeOf(e)
		if t == nil || isNil(e) {
			continue
		}
		if isError(t) {
			if !f.underErrorCheck(e, stack) {
				f.replace("error swallowed", e, "nil")
			}
			continue
		}
		switch u := t.Underlying().(type) {
		case *types.Basic:
			switch {
			case u.Info()&types.IsBoolean != 0:
				if _, literal := e.(*ast.Ident); literal || isCall(e) {
					if text := f.text(e); text != "true" && text != "false" {
						f.replace("result turned", e, "!("+text+")")
					}
				}
			case u.Info()&types.IsString != 0:
				if _, literal := e.(*ast.BasicLit); !literal {
					f.replace("result lost", e, `""`)
				}
			case u.Info()&types.IsNumeric != 0 && f.room.info.Types[e].Value == nil:
				f.replace("result lost", e, "0")
			}
		case *types.Pointer, *types.Slice, *types.Map, *types.Interface, *types.Signature:
			f.replace("result lost", e, "nil")
		}
	}
}

func isCall(e ast.Expr) bool {
	_, ok := e.(*ast.CallExpr)
	return ok
}

// underErrorCheck reports whether an error is returned because a condition found it.
func (f *finder) underErrorCheck(e ast.Expr, stack []ast.Node) bool {
	if !mentionsErr(e) {
		return false
	}
	for i := len(stack) - 1; i >= 0; i-- {
		switch n := stack[i].(type) {
		case *ast.FuncLit:
			return false
		case *ast.IfStmt:
			if f.checksError(n.Cond) {
				return true
			}
		}
	}
	return false
}

func mentionsErr(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || (ok && id.Name == "err")
		return !found
	})
	return found
}

// composite: a field is not set, an entry is not there.
func (f *finder) composite(n *ast.CompositeLit) {
	if t := f.typeOf(n); t != nil {
		if _, isStruct := t.Underlying().(*types.Struct); isStruct && len(n.Elts) > 0 {
			if _, keyed := n.Elts[0].(*ast.KeyValueExpr); !keyed {
				return
			}
		}
	}
	for i, e := range n.Elts {
		from, to := f.offset(e.Pos()), f.offset(e.End())
		switch {
		case i+1 < len(n.Elts):
			to = f.offset(n.Elts[i+1].Pos())
		case i > 0:
			from = f.offset(n.Elts[i-1].End())
		}
		m := f.change("entry removed", from, to, "")
		m.Was = f.text(e)
		m.Line = f.house.fset.Position(e.Pos()).Line
		m.reach = f.offset(e.Pos())
	}
}
