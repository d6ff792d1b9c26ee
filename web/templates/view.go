// Package templates turns view models into HTML: the customer's pages, the error page, and the
// parts that all faces share. It knows words and figures only; which of them are true is the
// business of the face that fills the model in. Amounts and times come in as text for reading.
package templates

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"dargah/internal/app/i18n"
)

// Sheet is what every page has.
type Sheet struct {
	L i18n.Locale
	// Title says the state first: a customer with ten tabs reads nothing else.
	Title  string
	Accent string // "#rrggbb" of the merchant, "" for the house's
	// Switch is this page's own address without a query, for the language link; "" for none.
	Switch string
	// Query stays in that address before the language, with its last &; "" for none.
	Query string
	// Preview is what a messenger shows of a link to this page, nil for nothing.
	Preview *Preview
	// Live: the page's form is read aloud by the server while it is typed in.
	Live bool
}

// Preview names the merchant and the purpose, never who pays: it is shown to everybody in the room where
// a link is passed on. Image is the address of a picture.
type Preview struct{ Title, Text, Image string }

func (s Sheet) other() i18n.Locale {
	if s.L == i18n.EN {
		return i18n.FA
	}
	return i18n.EN
}

// fonts are the parts of the font that the page's own letters need, loaded ahead: a Persian page has its
// spaces, references and addresses of the plain one.
func (s Sheet) fonts() []string {
	if s.L == i18n.EN {
		return []string{"vazirmatn-plain.woff2"}
	}
	return []string{"vazirmatn-persian.woff2", "vazirmatn-plain.woff2"}
}

// Brand is the merchant at the top of the page; the phone is on receipts only.
type Brand struct {
	Name, Site, Phone string
	Logo              Picture
}

// letter is the merchant's mark: the first letter or digit of its name.
func (b Brand) letter() string {
	for _, r := range b.Name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return strings.ToUpper(string(r))
		}
	}
	return "•"
}

// Contact is how a customer reaches the merchant; empty fields are not shown.
type Contact struct{ Name, Phone, Email, Address string }

// dial is the phone number as a tel: address.
func (c Contact) dial() string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, i18n.FoldDigits(c.Phone))
	if local, ok := strings.CutPrefix(digits, "0"); ok && !strings.HasPrefix(local, "0") {
		digits = "98" + local
	}
	return "tel:+" + strings.TrimPrefix(digits, "00")
}

// Bill is what is asked.
type Bill struct {
	Reference   string
	Description string
	Amount      string // toman, in figures
	Rial        string
	Words       string
	Items       []Item
	Count       string // how many items, in figures
	Until       string // "this link is valid until …"
}

// Item is one line of a bill; Amount in toman.
type Item struct{ Title, Quantity, Amount string }

// foldItems is how many items stand open: more of them would push the button off a phone.
const foldItems = 5

// Tone is the colour and picture of a verdict; always beside words.
type Tone string

// The tones.
const (
	Wait    Tone = "wait"
	Failed  Tone = "failed"
	Expired Tone = "expired"
	Closed  Tone = "closed"
	Notice  Tone = "notice"
)

// Text is a sentence with one emphasised part, which stands where the mark does.
type Text struct{ Body, Strong string }

// Mark is put into a text where the emphasised part belongs.
const Mark = "\x01"

// Verdict is the head of a page that has news: what happened, then whether money left.
type Verdict struct {
	Tone  Tone
	Title string
	Texts []Text
	// Live says that the page refreshes itself; Focus puts the reader on the heading.
	Live, Focus bool
}

// Step is one step on the way of a payment.
type Step struct {
	State string // done, now, todo
	Text  string
	Aside string
}

// Fact is one line of facts. Copied values are shown in Latin digits, left to right.
type Fact struct {
	Label string
	Value string
	Copy  bool
	Small string
}

// Unclaimed is a payment that was not taken on purpose.
type Unclaimed struct {
	Text  string
	Facts []Fact
}

// FieldProblem is a wrong field.
type FieldProblem struct{ Field, Text string }

// Method is one way to pay.
type Method struct {
	Gateway string
	Off     string // why it cannot be taken; "" when it can
	Checked bool
	Host    string
	// AskName and AskMobile: the form asks for them here.
	AskName, AskMobile     bool
	Name, Mobile           string
	NameError, MobileError string
}

// Form is the form of a payment link.
type Form struct {
	Action  string
	Legend  string
	Amount  string
	Methods []Method
}

// Action is a way on from a page that has no form.
type Action struct {
	Href  string
	Text  string
	Plain bool
}

// Checkout is the page of a payment link in every state but paid.
type Checkout struct {
	Sheet
	Brand        Brand
	State        string
	AttemptState string
	Test         bool

	Bill    *Bill    // the head when there is no verdict
	Verdict *Verdict // the head otherwise

	Notice    *Verdict // a box above the form
	Problems  []FieldProblem
	Steps     []Step
	Facts     []Fact
	Texts     []Text
	Unclaimed []Unclaimed
	Form      *Form
	Actions   []Action
	Notes     []string
	Contact   *Contact
	Money     string // the address where one asks what became of the money, "" when nobody left
}

// Receipt is the page of a paid invoice.
type Receipt struct {
	Sheet
	Brand Brand
	// AttemptState is the status of the attempt created last: not paid when somebody paid twice.
	AttemptState string
	Test         bool
	Amount       string
	Rial         string
	Words        string
	Date         string
	OtherDate    string   // in the other calendar
	Machine      string   // RFC 3339
	Seal         string   // the path of the rosette
	Thanks       []string // the merchant's own words
	Facts        []Fact
	Notes        []string
	Unclaimed    []Unclaimed
	QR           Drawing // on a grid of Modules
	Modules      string  // the viewBox
	Host         string
	Actions      []Action
	Contact      Contact
}

// ProblemView is an error page.
type ProblemView struct {
	Sheet
	Text      string
	RequestID string
	Home      string
}

// split returns what stands before and after the emphasised part.
func (t Text) split() (before, after string) {
	before, after, _ = strings.Cut(t.Body, Mark)
	return before, after
}

// open reports whether any method can be taken.
func (f Form) open() bool {
	for _, m := range f.Methods {
		if m.Off == "" {
			return true
		}
	}
	return false
}

// class is the word that css/checkout.css knows the method by.
func (m Method) class() string {
	if m.Gateway == "ghesta" {
		return m.Gateway
	}
	return "card"
}

// longAmount is how many figures stand in one line of the narrowest phone at full size.
const longAmount = 11

// amountClass makes an amount smaller that would push the page sideways.
func amountClass(amount string) string {
	if utf8.RuneCountInString(amount) > longAmount {
		return "amount long"
	}
	return "amount"
}

func (m Method) box() string {
	if m.Off != "" {
		return "choice off"
	}
	return "choice"
}

// class is the colour of a verdict's words; an expired or closed link is no alarm.
func (v Verdict) class() string {
	if v.Tone == Wait || v.Tone == Failed {
		return string(v.Tone)
	}
	return "calm"
}
