package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"strings"
)

// mutant is one small change of one declaration.
type mutant struct {
	// Key names it for ever: it is made of the room, the function, the line's text and the change,
	// and stays the same when lines move.
	Key  string `json:"key"`
	Room string `json:"room"`
	File string `json:"file"`
	Func string `json:"func"`
	Line int    `json:"line"`
	Op   string `json:"op"`
	Was  string `json:"was"`
	Now  string `json:"now"`

	number   int    // of this build
	context  string // the line it begins in
	postgres bool   // only PostgreSQL can tell
	room     *room
	source   *source
	decl     ast.Decl
	spec     *ast.ValueSpec // of a variable or constant
	from, to int            // offsets in the file
	with     string
	reach    int // the offset whose coverage counts, 0 for from
	decides  int // the offset of what its condition decides about, 0 when it is in none
}

func (m *mutant) name(seen map[string]int) {
	id := strings.Join([]string{m.Room, m.Func, m.Op, squeeze(m.context), squeeze(m.Was), squeeze(m.Now)}, "\x00")
	seen[id]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", id, seen[id]))
	m.Key = hex.EncodeToString(sum[:4])
}

// about is what -only and -first look at.
func (m *mutant) about() string {
	return strings.Join([]string{m.Room, m.File, m.Func, m.Op, m.Key}, " ")
}

func (m *mutant) String() string {
	return fmt.Sprintf("%s %s/%s:%d %s: %s: %s → %s", m.Key, m.Room, m.File, m.Line, m.Func, m.Op, short(m.Was), short(m.Now))
}

// squeeze makes one line of it, with single spaces.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// short is for people.
func short(s string) string {
	s = squeeze(s)
	if s == "" {
		return "(nothing)"
	}
	if r := []rune(s); len(r) > 110 {
		return string(r[:70]) + " … " + string(r[len(r)-35:])
	}
	return s
}
