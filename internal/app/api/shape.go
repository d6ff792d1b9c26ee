package api

import (
	"math"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
)

// The codes of what is wrong with a field's shape. What is wrong with its meaning is the engine's
// to say; each code is also the catalogue key "error."+code.
const (
	codeRequired   = "required"
	codeUnknown    = "unknown_field"
	codeNotInteger = "not_integer"
	codeOutOfRange = "out_of_range"
	codeNotText    = "not_text"
	codeNotBoolean = "not_boolean"
	codeNotObject  = "not_object"
	codeNotList    = "not_list"
	codeNotTime    = "not_time"
)

// maxFaults is how many wrong fields one answer names.
const maxFaults = 50

// A shape reads the members of a body into words of the engine and collects what does not fit.
type shape struct {
	faults []checkout.FieldError
	// wrongCase is a member that is ours but for its case. The contract makes it 400, like a
	// member twice: to a reader that ignores case it is one.
	wrongCase string
}

func (s *shape) fault(field, code string) {
	if len(s.faults) < maxFaults {
		s.faults = append(s.faults, checkout.FieldError{Field: field, Code: code})
	}
}

// err is nil when everything fitted.
func (s *shape) err() error {
	if s.wrongCase != "" {
		return &fault{status: 400, code: "wrong_case", fields: []checkout.FieldError{{Field: s.wrongCase, Code: "wrong_case"}}}
	}
	if len(s.faults) > 0 {
		return &checkout.Error{Kind: checkout.Invalid, Key: "error.invalid", Fields: s.faults}
	}
	return nil
}

// An object is a JSON object whose members are known. path is "" or "customer.".
type object struct {
	*shape
	node *node
	path string
}

// object opens n, or an empty object when it is not one. Members beyond known are faults.
func (s *shape) object(n *node, field string, known []string) object {
	o := object{shape: s, node: n}
	if field != "" {
		o.path = field + "."
	}
	if n.kind != '{' {
		s.fault(field, codeNotObject)
		o.node = &node{kind: '{'}
		return o
	}
	for i := range n.members {
		name := n.members[i].name
		if contains(known, name) {
			continue
		}
		if twin := fold(known, name); twin != "" {
			s.wrongCase = o.path + twin
			continue
		}
		s.fault(o.path+shorten(name), codeUnknown)
	}
	return o
}

func contains(known []string, name string) bool {
	for _, k := range known {
		if k == name {
			return true
		}
	}
	return false
}

// fold returns the known name that name is but for its case, or "".
func fold(known []string, name string) string {
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return ""
}

// shorten keeps a stranger's member name from filling the answer.
func shorten(name string) string {
	const most = 40
	for i := range name {
		if i > most {
			return name[:i] + "…"
		}
	}
	return name
}

// present returns the member, nil when it is absent or null.
func (o object) present(name string) *node {
	n := o.node.get(name)
	if n == nil || n.kind == 'n' {
		return nil
	}
	return n
}

// isNull tells null from absent: a PATCH clears with it.
func (o object) isNull(name string) bool {
	n := o.node.get(name)
	return n != nil && n.kind == 'n'
}

func (o object) text(name string) string {
	n := o.present(name)
	if n == nil {
		return ""
	}
	if n.kind != '"' {
		o.fault(o.path+name, codeNotText)
		return ""
	}
	return n.text
}

func (o object) boolean(name string) bool {
	n := o.present(name)
	if n == nil {
		return false
	}
	if n.kind != 't' && n.kind != 'f' {
		o.fault(o.path+name, codeNotBoolean)
	}
	return n.kind == 't'
}

// integer reads an integer literal: 1e3, 1.0 and "1000" are none (T45). It must be there.
func (o object) integer(name string) int64 {
	n := o.present(name)
	if n == nil {
		o.fault(o.path+name, codeRequired)
		return 0
	}
	if n.kind != '0' || strings.ContainsAny(n.text, ".eE") {
		o.fault(o.path+name, codeNotInteger)
		return 0
	}
	v, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil { // too many digits
		o.fault(o.path+name, codeOutOfRange)
		// The engine would call 0 out of range once more: it is never asked when there are faults.
		return math.MaxInt64
	}
	return v
}

func (o object) rial(name string) money.Rial { return money.Rial(o.integer(name)) }

// moment reads an RFC 3339 time; UnmarshalText is stricter than time.Parse.
func (o object) moment(name string) time.Time {
	s := o.text(name)
	if s == "" {
		if n := o.present(name); n != nil && n.kind == '"' {
			o.fault(o.path+name, codeNotTime)
		}
		return time.Time{}
	}
	t, ok := parseTime(s)
	if !ok {
		o.fault(o.path+name, codeNotTime)
	}
	return t
}

func parseTime(s string) (time.Time, bool) {
	var t time.Time
	if err := t.UnmarshalText([]byte(s)); err != nil {
		return time.Time{}, false
	}
	return t.UTC(), true
}

// list returns the elements, nil when absent or null.
func (o object) list(name string) []node {
	n := o.present(name)
	if n == nil {
		return nil
	}
	if n.kind != '[' {
		o.fault(o.path+name, codeNotList)
		return nil
	}
	return n.items
}

func (o object) texts(name string) []string {
	items := o.list(name)
	if items == nil {
		return nil
	}
	out := make([]string, 0, len(items))
	for i := range items {
		if items[i].kind != '"' {
			o.fault(o.path+name, codeNotText)
			return nil
		}
		out = append(out, items[i].text)
	}
	return out
}

// texted reads an object of texts with free names.
func (o object) texted(name string) map[string]string {
	n := o.present(name)
	if n == nil {
		return nil
	}
	if n.kind != '{' {
		o.fault(o.path+name, codeNotObject)
		return nil
	}
	out := make(map[string]string, len(n.members))
	for _, m := range n.members {
		if m.value.kind != '"' {
			o.fault(o.path+name+"."+shorten(m.name), codeNotText)
			continue
		}
		out[m.name] = m.value.text
	}
	return out
}
