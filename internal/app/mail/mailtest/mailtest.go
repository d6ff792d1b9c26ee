// Package mailtest is a mail server for tests (emersion/go-smtp on loopback) that keeps what it takes
// and answers as it is told to.
package mailtest

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// Message is one that the server took.
type Message struct {
	From string
	To   []string
	Raw  []byte
}

// Postbox is the server.
type Postbox struct {
	testing.TB
	Address string

	mu     sync.Mutex
	down   bool
	rcpt   error
	before func()
	after  func()
	taken  []Message
	asked  int
}

// Open starts a server on loopback, for the length of a test.
func Open(t testing.TB) *Postbox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Postbox{TB: t, Address: l.Addr().String()}
	s := smtp.NewServer(p)
	s.Domain, s.ErrorLog = "mail.example.test", quiet{}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return p
}

// URL is what CHECKOUT_SMTP_URL is to be.
func (p *Postbox) URL() string { return "smtp://" + p.Address }

// Down makes the server answer nobody, or well again.
func (p *Postbox) Down(down bool) { p.set(func() { p.down = down }) }

// Refuse makes it answer a code about every reader, 0 for none.
func (p *Postbox) Refuse(code int, words string) {
	var err error
	if code != 0 {
		err = &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: words}
	}
	p.set(func() { p.rcpt = err })
}

// Hold runs before when a whole letter has come and nothing is kept of it, and after when it is kept
// and not yet answered; nil for neither.
func (p *Postbox) Hold(before, after func()) { p.set(func() { p.before, p.after = before, after }) }

func (p *Postbox) set(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn()
}

// Taken is what the server took so far, and Asked how often somebody knocked.
func (p *Postbox) Taken() []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.taken)
}

// Asked is how often somebody began to give it a letter.
func (p *Postbox) Asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// NewSession is go-smtp's.
func (p *Postbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &talk{box: p}, nil }

type talk struct {
	box *Postbox
	m   Message
}

func (s *talk) Mail(from string, _ *smtp.MailOptions) error {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.asked++
	s.m = Message{From: from}
	if s.box.down {
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "not here"}
	}
	return nil
}

func (s *talk) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.m.To = append(s.m.To, to)
	return s.box.rcpt
}

func (s *talk) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.box.mu.Lock()
	before, after := s.box.before, s.box.after
	s.box.mu.Unlock()
	if before != nil {
		before()
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "held up"}
	}
	s.m.Raw = raw
	s.box.set(func() { s.box.taken = append(s.box.taken, s.m) })
	if after != nil {
		after()
	}
	return nil
}

func (s *talk) Reset()        { s.m = Message{} }
func (s *talk) Logout() error { return nil }

// Head is a line of the message's head, decoded.
func (m Message) Head(t testing.TB, name string) string {
	t.Helper()
	got, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		t.Fatalf("%v in\n%s", err, m.Raw)
	}
	text, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get(name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Heads is the message's whole head.
func (m Message) Heads(t testing.TB) mail.Header {
	t.Helper()
	got, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		t.Fatalf("%v in\n%s", err, m.Raw)
	}
	return got.Header
}

// Text is every part of the message, decoded, one behind the other.
func (m Message) Text(t testing.TB) string {
	t.Helper()
	got, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for r := multipart.NewReader(got.Body, params["boundary"]); ; {
		part, err := r.NextPart() // decodes quoted-printable
		if err == io.EOF {
			return all.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		var in io.Reader = part
		if part.Header.Get("Content-Transfer-Encoding") == "base64" {
			in = base64.NewDecoder(base64.StdEncoding, part)
		}
		if _, err := io.Copy(&all, in); err != nil {
			t.Fatal(err)
		}
	}
}
