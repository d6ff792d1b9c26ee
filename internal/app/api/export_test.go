package api

import "encoding/json"

// What the tests of the strict reader need: whether a body parses, and what was read, in the words
// of encoding/json.
func Parse(raw []byte) (any, error) {
	n, err := parse(raw)
	if err != nil {
		return nil, err
	}
	return n.any(), nil
}

func (n *node) any() any {
	switch n.kind {
	case '{':
		m := map[string]any{}
		for i := range n.members {
			m[n.members[i].name] = n.members[i].value.any()
		}
		return m
	case '[':
		l := []any{}
		for i := range n.items {
			l = append(l, n.items[i].any())
		}
		return l
	case '"':
		return n.text
	case '0':
		return json.Number(n.text)
	case 'n':
		return nil
	default:
		return n.kind == 't'
	}
}

// The sentinel errors of the reader.
var (
	ErrNotJSON  = errNotJSON
	ErrTooDeep  = errTooDeep
	ErrRepeated = errRepeated
	ErrNotText  = errNotText
)

// The members that each body takes, by the name of its schema.
var Members = membersOf

// Language is the language of an Accept-Language.
func Language(accept string) string { return string(language(accept)) }
