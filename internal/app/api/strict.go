package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// maxDepth is far above any body of the contract, and keeps a body of brackets from growing our
// stack.
const maxDepth = 16

// What is wrong with a body as JSON: all of them are 400, and nothing of the body was used.
var (
	errNotJSON  = errors.New("not JSON")
	errTooDeep  = errors.New("nested too deep")
	errRepeated = errors.New("member twice")
	errNotText  = errors.New("not Unicode text")
)

// A node is one JSON value. Numbers stay as they were written, so that nobody makes a float of an
// amount on the way.
type node struct {
	kind    byte   // { [ " 0 t f n: the first byte, 0 for every number
	text    string // of a string, decoded; of a number, the literal
	members []member
	items   []node
}

type member struct {
	name  string
	value node
}

// parse reads one JSON value, strictly (RFC 8259 with the rules of I-JSON, RFC 7493, section 2):
// UTF-8 only, no lone surrogates, no member twice at any level, nothing behind the value. The
// standard library's decoder would take the last of two members and replace broken text: two
// readers of one body could see two different amounts.
func parse(raw []byte) (node, error) {
	switch {
	case !utf8.Valid(raw):
		return node{}, errNotText
	case !json.Valid(raw):
		return node{}, errNotJSON
	case !pairedSurrogates(raw):
		return node{}, errNotText
	}
	w := walker{raw: raw}
	return w.value(0)
}

// pairedSurrogates reports whether every \uD800–\uDFFF of valid JSON stands in a pair. A backslash
// occurs only inside of strings there.
func pairedSurrogates(raw []byte) bool {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return true
		}
		if raw[i+1] != 'u' {
			raw = raw[i+2:]
			continue
		}
		first := unit(raw[i:])
		raw = raw[i+6:]
		if first < 0xD800 || first > 0xDFFF {
			continue
		}
		if first >= 0xDC00 || len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
			return false
		}
		if second := unit(raw); second < 0xDC00 || second > 0xDFFF {
			return false
		}
		raw = raw[6:]
	}
}

// unit reads the four digits of \uXXXX.
func unit(escape []byte) uint64 {
	n, err := strconv.ParseUint(string(escape[2:6]), 16, 16)
	if err != nil {
		return 0xFFFF // json.Valid has seen four digits
	}
	return n
}

// A walker splits JSON that json.Valid has passed, so no step needs to look for what cannot be
// there; what it needs are duplicates and depth.
type walker struct {
	raw []byte
	at  int
}

func (w *walker) value(depth int) (node, error) {
	if depth > maxDepth {
		return node{}, errTooDeep
	}
	w.space()
	switch c := w.raw[w.at]; c {
	case '{':
		return w.object(depth)
	case '[':
		return w.array(depth)
	case '"':
		s, err := w.str()
		return node{kind: '"', text: s}, err
	case 't', 'f', 'n':
		w.literal()
		return node{kind: c}, nil
	default:
		return node{kind: '0', text: w.literal()}, nil
	}
}

func (w *walker) object(depth int) (node, error) {
	n := node{kind: '{'}
	var seen map[string]struct{} // only for objects where a linear search would take long
	w.at++
	for w.next('}') {
		name, err := w.str()
		if err != nil {
			return node{}, err
		}
		if len(n.members) == fewMembers {
			seen = make(map[string]struct{})
			for _, m := range n.members {
				seen[m.name] = struct{}{}
			}
		}
		if _, twice := seen[name]; twice || (seen == nil && n.get(name) != nil) {
			return node{}, errRepeated
		}
		if seen != nil {
			seen[name] = struct{}{}
		}
		w.space()
		w.at++ // the colon
		v, err := w.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		n.members = append(n.members, member{name, v})
	}
	return n, nil
}

// fewMembers is where a map of names begins to be faster than a search.
const fewMembers = 24

func (w *walker) array(depth int) (node, error) {
	n := node{kind: '['}
	w.at++
	for w.next(']') {
		v, err := w.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, v)
	}
	return n, nil
}

// next steps over a comma to the next element, or over the end.
func (w *walker) next(end byte) bool {
	w.space()
	if w.raw[w.at] == ',' {
		w.at++
		w.space()
	}
	if w.raw[w.at] == end {
		w.at++
		return false
	}
	return true
}

func (w *walker) str() (string, error) {
	start, escaped := w.at, false
	for w.at++; w.raw[w.at] != '"'; w.at++ {
		if w.raw[w.at] == '\\' {
			escaped = true
			w.at++
		}
	}
	w.at++
	if !escaped {
		return string(w.raw[start+1 : w.at-1]), nil
	}
	var s string
	if err := json.Unmarshal(w.raw[start:w.at], &s); err != nil {
		return "", errNotJSON
	}
	return s, nil
}

// literal steps over a number, true, false or null.
func (w *walker) literal() string {
	start := w.at
	for w.at < len(w.raw) && !isEnd(w.raw[w.at]) {
		w.at++
	}
	return string(w.raw[start:w.at])
}

func (w *walker) space() {
	for isSpace(w.raw[w.at]) {
		w.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func isEnd(c byte) bool { return c == ',' || c == '}' || c == ']' || isSpace(c) }

// get returns the member of that name, or nil.
func (n *node) get(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i].value
		}
	}
	return nil
}
