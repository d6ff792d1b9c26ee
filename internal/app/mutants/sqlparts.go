package main

import (
	"regexp"
	"strings"
)

var (
	joints      = regexp.MustCompile(`\s+(AND|OR)\s+`)
	comparisons = regexp.MustCompile(` (<=|>=|<>|=|<|>) `)
	nulls       = regexp.MustCompile(`IS NOT NULL|IS NULL`)
	words       = regexp.MustCompile(`'([a-z_]+)'`)
	inList      = regexp.MustCompile(`IN \(('[a-z_]+'(?:, '[a-z_]+')+)\)`)
	negations   = regexp.MustCompile(`\bNOT \(?$`)
	flags       = regexp.MustCompile(` (=|<|>) ([01])\b`)
	additions   = regexp.MustCompile(`\+ 1\b`)
	coalesce    = regexp.MustCompile(`COALESCE\(([^,()]+), ([^,()]+)\)`)
	cases       = regexp.MustCompile(`WHEN (.+?) THEN (.+?)(\s+WHEN|\s+ELSE)`)
)

// where breaks a condition: each part of it holds always, each comparison is turned or moved, each
// word is its neighbour.
func (q *query) where(from, to int) {
	q.drop(from, to)
	for _, m := range joints.FindAllStringSubmatchIndex(q.text[from:to], -1) {
		word := q.text[from+m[2] : from+m[3]]
		q.change("and or", from+m[2], from+m[3], map[string]string{"AND": "OR", "OR": "AND"}[word])
	}
	for _, m := range regexp.MustCompile(`\bNOT `).FindAllStringIndex(q.text[from:to], -1) {
		if !strings.HasPrefix(q.text[from+m[0]:], "NOT NULL") {
			q.change("negation removed", from+m[0], from+m[1], "")
		}
	}
	q.compared(from, to)
}

// drop makes each part of a condition hold always, and the parts within it.
func (q *query) drop(from, to int) {
	for _, part := range parts(q.text[from:to]) {
		begin, end := from+part[0], from+part[1]
		text := q.text[begin:end]
		if negations.MatchString(text) || !balanced(text) {
			continue
		}
		q.change("condition dropped", begin, end, "("+text+" OR 1 = 1)")
		if strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") && joints.MatchString(text) {
			q.drop(begin+1, end-1)
		}
	}
}

// compared breaks comparisons and words between from and to.
func (q *query) compared(from, to int) {
	text := q.text[from:to]
	for _, m := range comparisons.FindAllStringSubmatchIndex(text, -1) {
		op := text[m[2]:m[3]]
		turned := map[string]string{"=": "<>", "<>": "=", "<=": "<", "<": "<=", ">=": ">", ">": ">="}[op]
		q.change("comparison turned", from+m[2], from+m[3], turned)
	}
	for _, m := range nulls.FindAllStringIndex(text, -1) {
		q.change("null turned", from+m[0], from+m[1], map[string]string{"IS NULL": "IS NOT NULL", "IS NOT NULL": "IS NULL"}[text[m[0]:m[1]]])
	}
	q.statesIn(from, to)
	for _, m := range inList.FindAllStringSubmatchIndex(text, -1) {
		list := strings.Split(text[m[2]:m[3]], ", ")
		for i := range list {
			rest := append(append([]string{}, list[:i]...), list[i+1:]...)
			q.change("state removed", from+m[2], from+m[3], strings.Join(rest, ", "))
		}
	}
	for _, m := range flags.FindAllStringSubmatchIndex(text, -1) {
		q.change("number", from+m[4], from+m[5], map[string]string{"0": "1", "1": "0"}[text[m[4]:m[5]]])
	}
}

func (q *query) statesIn(from, to int) {
	for _, m := range words.FindAllStringSubmatchIndex(q.text[from:to], -1) {
		if next := nextState(q.text[from+m[2] : from+m[3]]); next != "" {
			q.change("word", from+m[2], from+m[3], next)
		}
	}
}

// set breaks assignments: each is not made; what it counts is counted otherwise; each branch of a
// CASE never holds.
func (q *query) set(from, to int) {
	column := func(name string) string {
		if q.table == "" {
			return name
		}
		return q.table + "." + name
	}
	for _, part := range commas(q.text[from:to]) {
		begin, end := from+part[0], from+part[1]
		name, value, ok := strings.Cut(q.text[begin:end], " = ")
		if !ok || !balanced(value) || strings.Count(value, "CASE") != strings.Count(value, "END") {
			continue
		}
		name = strings.TrimSpace(name)
		valueFrom := begin + strings.Index(q.text[begin:end], " = ") + 3
		q.change("column not set", valueFrom, end, "CASE WHEN 1 = 1 THEN "+column(name)+" ELSE "+value+" END")
		q.statesIn(valueFrom, end)
		for _, m := range additions.FindAllStringIndex(value, -1) {
			q.change("arithmetic", valueFrom+m[0], valueFrom+m[1], "- 1")
		}
		for _, m := range coalesce.FindAllStringSubmatchIndex(value, -1) {
			q.change("first of two dropped", valueFrom+m[0], valueFrom+m[1], value[m[4]:m[5]])
		}
		q.branches(value, valueFrom)
	}
}

func (q *query) branches(value string, from int) {
	for at := 0; ; {
		m := cases.FindStringSubmatchIndex(value[at:])
		if m == nil {
			return
		}
		begin, end := at+m[2], at+m[3]
		if balanced(value[begin:end]) {
			q.change("branch never", from+begin, from+end, "("+value[begin:end]+") AND 1 = 0")
			q.change("branch always", from+begin, from+end, "("+value[begin:end]+") OR 1 = 1")
			q.compared(from+begin, from+end)
			for _, p := range parts(value[begin:end]) {
				if text := value[begin+p[0] : begin+p[1]]; balanced(text) && len(text) < end-begin {
					q.change("condition dropped", from+begin+p[0], from+begin+p[1], "("+text+" OR 1 = 1)")
				}
			}
		}
		at += m[5]
	}
}

// parts splits a condition at its top-level AND and OR; commas a list at its top-level commas.
func parts(text string) [][2]int {
	return split(text, joints.FindAllStringIndex(text, -1))
}

func commas(text string) [][2]int {
	return split(text, regexp.MustCompile(`,`).FindAllStringIndex(text, -1))
}

func split(text string, seams [][]int) [][2]int {
	var list [][2]int
	begin := 0
	add := func(end int) {
		piece := text[begin:end]
		left := len(piece) - len(strings.TrimLeft(piece, " \n\t"))
		right := len(strings.TrimRight(piece, " \n\t"))
		if right > left {
			list = append(list, [2]int{begin + left, begin + right})
		}
	}
	for _, s := range seams {
		if balanced(text[begin:s[0]]) {
			add(s[0])
			begin = s[1]
		}
	}
	add(len(text))
	return list
}

func balanced(text string) bool {
	depth := 0
	for _, r := range text {
		switch r {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return false
			}
		}
	}
	return depth == 0
}
