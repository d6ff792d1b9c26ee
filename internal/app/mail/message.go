package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	stdmail "net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// Rendered is a letter in words, for a person to look at.
type Rendered struct{ Subject, HTML, Text string }

// errHeader says that something would stand in a header that may not.
var errHeader = errors.New("a line of a letter's head holds what it may not")

// render puts a letter into HTML and text. HTML that only a bug can break is an error.
func render(ctx context.Context, v templates.Letter) (Rendered, error) {
	var html bytes.Buffer
	if err := templates.LetterPage(v).Render(ctx, &html); err != nil {
		return Rendered{}, fmt.Errorf("render letter: %w", err)
	}
	return Rendered{Subject: v.Subject, HTML: html.String(), Text: plainText(v)}, nil
}

// message is the letter as it goes over the wire. The same letter has the same Message-ID however
// often it is sent: if we die between the server's yes and our own record of it, the second one is
// known for what it is.
func (r *Room) message(l *checkout.Letter, v templates.Letter, out Rendered, to links) ([]byte, error) {
	name := display(v.Brand.Name)
	out.Subject = short(out.Subject)
	from := stdmail.Address{Name: name, Address: r.from.Address}
	if l.MerchantID == "" && r.from.Name != "" {
		from.Name = r.from.Name
	}
	options := []gomail.MsgOption{gomail.WithCharset(gomail.CharsetUTF8), gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP)}
	if v.L == i18n.FA { // quoted-printable would triple Persian
		options[2] = gomail.WithEncoding(gomail.EncodingB64)
	}
	if r.signer != nil {
		options = append(options, gomail.WithDKIM(r.signer))
	}
	m := gomail.NewMsg(options...)
	for _, line := range []string{from.Name, from.Address, l.Recipient, out.Subject, l.ID, r.host()} {
		if acts(line) {
			return nil, errHeader
		}
	}
	m.FromMailAddress(&from)
	m.ToMailAddress(&stdmail.Address{Address: l.Recipient})
	if to := replyTo(l); to != "" {
		m.ReplyToMailAddress(&stdmail.Address{Name: name, Address: to})
	}
	m.Subject(out.Subject)
	m.SetMessageIDWithValue(l.ID + "@" + r.host())
	m.SetDateWithValue(r.Now())
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("Content-Language", string(v.L))
	if err := stops(m, v.Stop); err != nil {
		return nil, err
	}
	m.SetBodyString(gomail.TypeTextPlain, out.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, out.HTML)
	if to.png != nil {
		id := strings.TrimPrefix(to.logo.Src, "cid:")
		if err := m.EmbedReader("logo.png", bytes.NewReader(to.png), gomail.WithFileContentType("image/png"), gomail.WithFileContentID("<"+id+">")); err != nil {
			return nil, fmt.Errorf("write letter: %w", err)
		}
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("write letter: %w", err)
	}
	return b.Bytes(), nil
}

// stops names the way out of reminders where mail programs look for it. One click is for https alone (RFC
// 8058, section 3.1): on this machine, where there is none, only the way is named.
func stops(m *gomail.Msg, stop *templates.Action) error {
	if stop == nil {
		return nil
	}
	if !strings.HasPrefix(stop.Href, "https://") {
		m.SetGenHeader("List-Unsubscribe", "<"+stop.Href+">")
		return nil
	}
	if err := m.SetListUnsubscribeOneClick(stop.Href); err != nil {
		return fmt.Errorf("name the way out of reminders: %w", err)
	}
	return nil
}

// display is a name beside an address. net/mail leaves a backslash in an encoded word as it is, where
// RFC 2047 forbids it, and strict readers then see no address at all. Mail programs show the name and fold
// the address away: a name that looks like an address itself would be taken for it.
func display(name string) string {
	return short(strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("\\@＠﹫<>", r)
	}), " "))
}

// short cuts what stands in a letter's head: a word that no space divides cannot be folded, and a line may
// have 998 letters (RFC 5322, section 2.1.1). What the forms take is shorter.
func short(s string) string {
	const most = 300
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// acts reports whether a text holds what could end a line of a letter's head, or turn its reading.
func acts(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == 0x2028 || r == 0x2029 || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
	})
}
