package templates

import (
	"github.com/a-h/templ"

	"dargah/internal/app/i18n"
)

// Desk is what every page of the admin has.
type Desk struct {
	Sheet
	Shop string // the merchant's name, "" before one is chosen
	// ShopLogo is the shop's picture in the side bar, in place of its letter.
	ShopLogo Picture
	Test     bool
	Here     string // the name of the section that the page belongs to
	// Attention counts what waits for a person, in figures, "" for nothing.
	Attention string
	User      string
	// Sections are those that this person may open.
	Sections []Section
	// Shortcuts are the keys that this person may press.
	Shortcuts []Shortcut
	// Done is the sentence about what was just done, "" for none.
	Done string
}

// Section is one place of the admin.
type Section struct{ Name, Href, Icon string }

// current is the value of aria-current.
func (d Desk) current(name string) string {
	if d.Here == name {
		return "page"
	}
	return "false"
}

func (d Desk) mode() string {
	if d.Test {
		return d.L.T("admin.mode.test")
	}
	return d.L.T("admin.mode.live")
}

// Input is one field of a form.
type Input struct {
	Name, Label, Value  string
	ID                  string // the name when empty; two forms of a page may have fields of one name
	Type                string // text when empty
	Hint, Error         string
	Aside               string // in the label, for screen readers: which of several
	Keyboard, Autofill  string // inputmode and autocomplete
	Max                 string
	Required, LTR, Area bool
	Short               bool
	// Options make it a select.
	Options []Option
}

// Option is one of the values of a select, a list of links or of radio cards.
type Option struct {
	Value, Label, Note string
	On                 bool
}

func (i Input) id() string {
	if i.ID == "" {
		return i.Name
	}
	return i.ID
}

func (i Input) kind() string {
	if i.Type == "" {
		return "text"
	}
	return i.Type
}

func (i Input) dir() string {
	if i.LTR {
		return "ltr"
	}
	return "auto"
}

func (i Input) class() string {
	if i.Short {
		return "field short"
	}
	return "field"
}

// described names what explains the field to a screen reader.
func (i Input) described() string {
	s := ""
	if i.Error != "" {
		s = i.id() + "-error"
	}
	if i.Hint != "" {
		if s != "" {
			s += " "
		}
		s += i.id() + "-hint"
	}
	return s
}

// Gate is a page before one is in: signing in, the second factor, the set-up.
type Gate struct {
	Sheet
	Heading, Text string
	Action        string
	User          string // whose new password it is, for the browser that keeps it
	Next          string // where to go afterwards; an own path
	Problem       string // what went wrong, as a sentence
	Problems      []FieldProblem
	Inputs        []Input
	Button        string
	Notes         []string
	Passkey       *PasskeyAsk
	Back          Action
}

// Fresh is the part of a dangerous form in which its person proves who they are.
type Fresh struct {
	ID                      string // of the form, where a page has several
	User                    string
	Needed, Code, Passkey   bool
	PasswordError, CodeFail string
}

func (f Fresh) inputs(l i18n.Locale) []Input {
	if !f.Needed {
		return nil
	}
	list := []Input{{Name: "password", ID: f.ID + "password", Label: l.T("admin.fresh.password"), Type: "password", Autofill: "current-password", LTR: true, Error: f.PasswordError, Hint: l.T("admin.fresh.hint"), Max: "1024"}}
	if f.Code {
		list = append(list, Input{Name: "code", ID: f.ID + "code", Label: l.T("admin.login.code"), Keyboard: "numeric", Autofill: "one-time-code", LTR: true, Error: f.CodeFail, Short: true, Max: "40"})
	}
	return list
}

// Account is the page about oneself.
type Account struct {
	Desk
	Problems []FieldProblem
	Logins   []LoginRow
	Shops    []Option // merchants to look at
	Factor   bool     // in force
	Codes    string   // how many recovery codes are left, a sentence
	Password []Input
	Fresh    Fresh
	Open     bool // the part that takes the second factor away
	Passkeys []PasskeyRow
}

// LoginRow is one of one's logins.
type LoginRow struct {
	ID, Agent, Address, Seen, Since string
	This                            bool
}

// Factor is the page on which a second factor is set up.
type Factor struct {
	Desk
	QR              Drawing
	Modules, Secret string
	Code            Input
	Fresh           Fresh
	Problems        []FieldProblem
	Codes           []string // the recovery codes, shown once
}

// described are the attributes of a field that are there only when they say something.
func described(i Input) templ.Attributes {
	a := templ.Attributes{}
	put := func(name, value string) {
		if value != "" {
			a[name] = value
		}
	}
	put("aria-describedby", i.described())
	put("inputmode", i.Keyboard)
	put("autocomplete", i.Autofill)
	put("maxlength", i.Max)
	if i.Error != "" {
		a["aria-invalid"] = "true"
	}
	return a
}
