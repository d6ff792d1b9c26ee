package templates

import (
	"context"
	"io"
	"strings"

	"github.com/a-h/templ"

	"dargah/internal/app/i18n"
	"dargah/web/static"
)

// Letter is a letter, for its HTML and its text. Every style stands with its element and every
// direction with its cell: mail programs drop the rest.
type Letter struct {
	L       i18n.Locale
	Subject string
	Preview string // what a list of letters shows beside the subject
	Accent  string // "#rrggbb" of the merchant, "" for the house's
	Brand   Brand
	Test    bool
	Sample  bool

	Tone  Tone   // of the title: Done, Wait, Failed; "" for plain ink
	Title string // the news; "" where the amount leads
	Lead  []Text

	Amount string // toman, in figures; "" where no money is spoken of
	Rial   string
	Words  string

	Items []Item
	More  string // how many items are not listed
	Facts []Fact
	Texts []string

	Button *Action
	Notes  []string // between the button and the bare address; the last one leads over to it
	Never  string   // what we never ask for
	Ask    string   // how to ask back
	Phone  string
	Foot   []string
	Stop   *Action // no more reminders
}

// Done is the tone of a payment that is in the books.
const Done Tone = "done"

const (
	letterFace = "font-family:Vazirmatn,Vazir,IRANSans,Tahoma,Segoe UI,Arial,sans-serif;"
	letterInk  = "#1b1f24"
	letterSoft = "#4d555e"
	letterLine = "#e2dcd0"
	letterWell = "#f4f1ea"
	letterPage = "#fbfaf7"
)

// The colours of tones on paper, and what is said beside them in a circle, so that none is alone.
var letterTones = map[Tone]struct{ ink, dark, sign string }{
	Done:   {"#166534", "#7fd6a0", "✓"},
	Wait:   {"#b45309", "#f0b35a", "!"},
	Failed: {"#9f1239", "#f59aae", "×"},
}

func (v Letter) dir() string { return v.L.Dir() }

// start is the side where lines begin, end the other.
func (v Letter) start() string {
	if v.L == i18n.EN {
		return "left"
	}
	return "right"
}

func (v Letter) end() string {
	if v.L == i18n.EN {
		return "right"
	}
	return "left"
}

func (v Letter) colours() static.Scheme { return static.Accent(v.Accent).Light }

// css is a style with the letter's own typeface.
func (v Letter) css(rules ...string) templ.SafeCSS {
	return templ.SafeCSS(letterFace + strings.Join(rules, ";"))
}

func (v Letter) toneInk() string {
	if t, ok := letterTones[v.Tone]; ok {
		return t.ink
	}
	return letterInk
}

func (v Letter) sign() string { return letterTones[v.Tone].sign }

// maskParts is where a card's mask may break on the narrowest phone: before the last four digits, and never
// among them. tail is "" when the value is no mask.
func maskParts(value string) (head, tail string) {
	if at := strings.LastIndexByte(value, '*'); at > 0 && len(value)-at == 5 {
		return value[:at+1], value[at+1:]
	}
	return value, ""
}

// leadGap is what stands between the first sentences and what follows them.
func (v Letter) leadGap() string {
	if v.Amount != "" {
		return "padding-bottom:4px"
	}
	return "padding-bottom:20px"
}

// amountSize keeps the longest amount on the narrowest phone.
func (v Letter) amountSize() string {
	switch n := len([]rune(v.Amount)); {
	case n > 15:
		return "font-size:24px"
	case n > longAmount:
		return "font-size:30px"
	}
	return "font-size:36px"
}

// letterHead is what may be lost: the letter is whole without it.
func letterHead(v Letter) templ.Component {
	dark := static.Accent(v.Accent).Dark
	var b strings.Builder
	b.WriteString(`<style>@media (prefers-color-scheme:dark){.page{background:#0f1214!important}.sheet{background:#16191c!important;border-color:#2d3135!important}` +
		`.sheet td,.sheet th,.sheet h1{color:#edeae3!important}.sheet td,.sheet th,.sheet table{border-color:#2d3135!important}.sheet .quiet{color:#b3b1aa!important}` +
		`.sheet a{color:` + dark.Accent + `!important}.sheet .go,.sheet .mark{background:` + dark.Accent + `!important}.sheet .go a,.sheet .mark{color:` + dark.OnAccent + `!important}`)
	for _, of := range []Tone{Done, Wait, Failed} {
		tone, t := string(of), letterTones[of].dark
		b.WriteString(`.sheet .` + tone + `,.sheet .` + tone + ` h1{color:` + t + `!important}.sheet .sign-` + tone + `{background:` + t + `!important;color:#0f1214!important}`)
	}
	b.WriteString(`}@media (min-width:601px){.pad{padding:40px 48px!important}}</style>`)
	return literal(b.String())
}

// literal is HTML of our own making: no word of anybody else's ever comes through it.
func literal(html string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, html)
		return err
	})
}

// Outlook for Windows knows no greatest width: there the sheet stands in a table of fixed width.
const (
	outlookOpens  = `<!--[if mso]><table role="presentation" width="560" align="center" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->`
	outlookCloses = `<!--[if mso]></td></tr></table><![endif]-->`
)

// marked is a sentence with something in it that keeps its own direction.
func marked(t Text) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		before, after := t.split()
		html := templ.EscapeString(before)
		if t.Strong != "" {
			html += "<bdi>" + templ.EscapeString(t.Strong) + "</bdi>"
		}
		_, err := io.WriteString(w, html+templ.EscapeString(after))
		return err
	})
}

// Plain is the sentence without marks.
func (t Text) Plain() string { return strings.ReplaceAll(t.Body, Mark, t.Strong) }

// Banner says on top what the letter is not: of test mode, or true at all. "" for a letter that is meant.
func (l Letter) Banner() string {
	switch {
	case l.Sample:
		return l.L.T("letter.sample.banner")
	case l.Test:
		return l.L.T("letter.test")
	}
	return ""
}
