package main

import (
	"go/ast"
	"go/types"
)

// who returns the tests that reach a mutant: those of its innermost block; where no block holds it
// (a case's condition), those of its function; of a variable, those of its room.
func (c *chart) who(h *house, m *mutant) []*asked {
	file := m.room.path + "/" + m.File
	offset := m.from
	if m.reach != 0 {
		offset = m.reach
	}
	tf := h.fset.File(m.source.tree.FileStart)
	at := func(off int) [2]int {
		p := tf.Position(tf.Pos(off))
		return [2]int{p.Line, p.Column}
	}
	pos := at(offset)
	var want []int
	if m.spec == nil {
		if best := c.innermost(file, pos); best >= 0 {
			want = []int{best}
		} else {
			from, to := tf.Position(m.decl.Pos()), tf.Position(m.decl.End())
			for _, i := range c.byFile[file] {
				if b := c.Blocks[i]; b.From[0] >= from.Line && b.To[0] <= to.Line {
					want = append(want, i)
				}
			}
		}
	} else {
		want = c.users(h, m)
	}
	var tests []*asked
	for _, t := range c.Tests {
		if t.Parted && !h.opt.long {
			continue
		}
		for _, b := range want {
			if t.hit[b] {
				tests = append(tests, t)
				break
			}
		}
	}
	return tests
}

// innermost is the block around a place, -1 when none is.
func (c *chart) innermost(file string, pos [2]int) int {
	best := -1
	for _, i := range c.byFile[file] {
		b := c.Blocks[i]
		if !before(pos, b.From) && before(pos, b.To) && (best < 0 || before(c.Blocks[best].From, b.From)) {
			best = i
		}
	}
	return best
}

// sees returns whether a test goes where the condition of a mutant decides, or, for one that always
// holds, also where it does not: those that can notice.
func (c *chart) sees(h *house, m *mutant) func(*asked) bool {
	if m.decides == 0 {
		return func(*asked) bool { return false }
	}
	tf := h.fset.File(m.source.tree.FileStart)
	p := tf.Position(tf.Pos(m.decides))
	block := c.innermost(m.room.path+"/"+m.File, [2]int{p.Line, p.Column})
	return func(a *asked) bool { return a.hit[block] != (m.Op == "condition always") }
}

// users returns the blocks of the functions that use a variable or constant; of all in its room when
// none does, or when other variables are made of it.
func (c *chart) users(h *house, m *mutant) []int {
	object := m.room.info.Defs[m.spec.Names[0]]
	var list []int
	for _, s := range m.room.files {
		for _, d := range s.tree.Decls {
			if !uses(m.room, d, object) {
				continue
			}
			if _, function := d.(*ast.FuncDecl); !function && d != m.decl {
				return c.inRoom(m.room)
			}
			from, to := h.fset.Position(d.Pos()).Line, h.fset.Position(d.End()).Line
			for _, i := range c.byFile[m.room.path+"/"+s.name] {
				if b := c.Blocks[i]; b.From[0] >= from && b.To[0] <= to {
					list = append(list, i)
				}
			}
		}
	}
	if len(list) == 0 {
		return c.inRoom(m.room)
	}
	return list
}

func (c *chart) inRoom(r *room) []int {
	var list []int
	for _, s := range r.files {
		list = append(list, c.byFile[r.path+"/"+s.name]...)
	}
	return list
}

func uses(r *room, in ast.Node, object types.Object) bool {
	found := false
	ast.Inspect(in, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || (ok && r.info.Uses[id] == object)
		return !found
	})
	return found
}

func before(a, b [2]int) bool { return a[0] < b[0] || (a[0] == b[0] && a[1] < b[1]) }
