package main

import (
	"go/ast"
	"go/token"
	"go/types"
)

// ifStmt: the condition never holds, or always does; the call in its head is not made.
func (f *finder) ifStmt(n *ast.IfStmt, _ []ast.Node) {
	cond := f.text(n.Cond)
	checksError := f.checksError(n.Cond)
	op := "condition never"
	if checksError {
		op = "error ignored"
	}
	f.replace(op, n.Cond, "("+cond+") && false")
	if !checksError {
		f.replace("condition always", n.Cond, "("+cond+") || true")
	}
	if n.Init != nil && checksError && n.Else == nil {
		f.change("call removed", f.offset(n.Pos()), f.offset(n.End()), "")
	}
	if n.Else != nil {
		if _, chain := n.Else.(*ast.IfStmt); !chain {
			f.replace("else removed", n.Else, "{}")
		}
	}
}

// checksError reports whether e is "err != nil".
func (f *finder) checksError(e ast.Expr) bool {
	b, ok := e.(*ast.BinaryExpr)
	return ok && b.Op == token.NEQ && isNil(b.Y) && isError(f.typeOf(b.X))
}

func isNil(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "nil"
}

func isError(t types.Type) bool {
	return t != nil && types.Identical(t, types.Universe.Lookup("error").Type())
}

// switchStmt: a case that does nothing, a value that is in no case, a condition that never holds.
func (f *finder) switchStmt(n *ast.SwitchStmt) {
	for _, s := range n.Body.List {
		c := s.(*ast.CaseClause)
		if len(c.Body) > 0 {
			f.change("case does nothing", f.offset(c.Body[0].Pos()), f.offset(c.Body[len(c.Body)-1].End()), "")
		}
		for i, e := range c.List {
			switch {
			case n.Tag == nil:
				f.replace("condition never", e, "("+f.text(e)+") && false")
				f.replace("condition always", e, "("+f.text(e)+") || true")
			case len(c.List) > 1 && i == 0:
				f.change("case value removed", f.offset(e.Pos()), f.offset(c.List[1].Pos()), "")
			case len(c.List) > 1:
				f.change("case value removed", f.offset(c.List[i-1].End()), f.offset(e.End()), "")
			}
		}
	}
}

// opposite are the pairs that are swapped, and boundary what moves a comparison by one.
func opposite(op token.Token) (token.Token, bool) {
	swapped, ok := map[token.Token]token.Token{
		token.LAND: token.LOR, token.LOR: token.LAND,
		token.EQL: token.NEQ, token.NEQ: token.EQL,
		token.LSS: token.GEQ, token.GEQ: token.LSS, token.GTR: token.LEQ, token.LEQ: token.GTR,
		token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL,
		token.SHL: token.SHR, token.SHR: token.SHL, token.AND: token.OR, token.OR: token.AND, token.XOR: token.AND,
		token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN, token.MUL_ASSIGN: token.QUO_ASSIGN,
		token.QUO_ASSIGN: token.MUL_ASSIGN, token.OR_ASSIGN: token.AND_ASSIGN, token.AND_ASSIGN: token.OR_ASSIGN,
	}[op]
	return swapped, ok
}

func boundary(op token.Token) (token.Token, bool) {
	moved, ok := map[token.Token]token.Token{
		token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	}[op]
	return moved, ok
}

func (f *finder) binary(n *ast.BinaryExpr, stack []ast.Node) {
	if f.room.info.Types[n].Value != nil {
		return // a constant: its parts are broken where they stand
	}
	swap := func(op string, to token.Token) {
		at := f.offset(n.OpPos)
		m := f.change(op, at, at+len(n.Op.String()), to.String())
		m.Was, m.Now = f.text(n), f.text(n.X)+" "+to.String()+" "+f.text(n.Y)
	}
	switch n.Op {
	case token.LAND, token.LOR:
		to, _ := opposite(n.Op)
		swap("and or", to)
		neutral := ") || true)"
		if n.Op == token.LOR {
			neutral = ") && false)"
		}
		for _, e := range []ast.Expr{n.X, n.Y} {
			if b, ok := e.(*ast.BinaryExpr); !ok || b.Op != n.Op {
				f.replace("part of a condition dropped", e, "(("+f.text(e)+neutral)
			}
		}
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		if to, ok := boundary(n.Op); ok {
			swap("boundary", to)
		}
		if !inCondition(n, stack) {
			to, _ := opposite(n.Op)
			swap("comparison turned", to)
		}
	case token.ADD:
		if t, ok := f.typeOf(n).Underlying().(*types.Basic); ok && t.Info()&types.IsString != 0 {
			if !f.sqlRoom() {
				f.replace("text cut", n, f.text(n.X))
			}
			return
		}
		swap("arithmetic", token.SUB)
	default:
		if to, ok := opposite(n.Op); ok {
			swap("arithmetic", to)
		}
	}
}

// inCondition reports whether n decides directly in an if, a for, a case or beside && and ||: there
// the mutants of the condition stand for its being turned.
func inCondition(n ast.Node, stack []ast.Node) bool {
	child := n
	for i := len(stack) - 1; i >= 0; i-- {
		switch parent := stack[i].(type) {
		case *ast.ParenExpr:
		case *ast.UnaryExpr:
			if parent.Op != token.NOT {
				return false
			}
		case *ast.BinaryExpr:
			return parent.Op == token.LAND || parent.Op == token.LOR
		case *ast.IfStmt:
			return parent.Cond == child
		case *ast.ForStmt:
			return parent.Cond == child
		case *ast.CaseClause:
			if i < 2 {
				return false
			}
			s, ok := stack[i-2].(*ast.SwitchStmt)
			return ok && s.Tag == nil
		default:
			return false
		}
		child = stack[i]
	}
	return false
}
