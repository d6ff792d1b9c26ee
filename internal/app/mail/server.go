package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// server is the mail server that letters are given to.
type server struct {
	host, port     string
	implicit       bool // TLS from the first byte
	local          bool // this machine: what is said to it crosses no wire
	user, password string
	hello          string // how we call ourselves
}

// parseServer reads CHECKOUT_SMTP_URL. The URL holds a password: no error repeats it.
func parseServer(address, baseURL string) (server, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || (u.Scheme != "smtp" && u.Scheme != "smtps") || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" || acts(u.User.Username()) {
		return server{}, errors.New("read the mail server's address: expected smtp://user:pass@host:587 or smtps://user:pass@host:465")
	}
	s := server{host: u.Hostname(), port: u.Port(), implicit: u.Scheme == "smtps", user: u.User.Username(), hello: "localhost"}
	s.password, _ = u.User.Password()
	if s.port == "" {
		if s.port = "587"; s.implicit {
			s.port = "465"
		}
	}
	ip, err := netip.ParseAddr(s.host)
	s.local = s.host == "localhost" || (err == nil && ip.IsLoopback())
	if b, err := url.Parse(baseURL); err == nil && b.Hostname() != "" {
		if s.hello = b.Hostname(); net.ParseIP(s.hello) != nil {
			s.hello = "[" + s.hello + "]"
		}
	}
	return s, nil
}

// CheckServer says what is wrong with an address of a mail server.
func CheckServer(address string) error {
	_, err := parseServer(address, "")
	return err
}

// verdict is what came of giving a letter to a server.
type verdict int

const (
	taken   verdict = iota
	later           // not now: a 4xx about this letter
	never           // a 5xx about this letter
	trouble         // nothing about this letter: no connection, no TLS, no login, our sender is not liked
)

// give hands one message to the server and says what came of it, with its words.
func (r *Room) give(ctx context.Context, recipient string, message []byte) (verdict, string) {
	ctx, cancel := context.WithTimeout(ctx, r.Talk)
	defer cancel()
	c, err := r.connect(ctx)
	if err != nil {
		return trouble, words(err)
	}
	defer func() { _ = c.Close() }()
	unicode := strings.ContainsFunc(recipient+r.from.Address, func(r rune) bool { return r > 0x7e })
	c.SkipSMTPUTF8(!unicode)
	if ok, _ := c.Extension("SMTPUTF8"); unicode && !ok {
		return never, "the mail server takes no address with letters outside ASCII"
	}
	if err := c.Mail("<" + r.from.Address + ">"); err != nil {
		return trouble, words(err)
	}
	if err := c.Rcpt("<" + recipient + ">"); err != nil {
		return about(err)
	}
	w, err := c.Data()
	if err != nil {
		return about(err)
	}
	if _, err := w.Write(message); err != nil {
		return trouble, words(err)
	}
	if err := w.Close(); err != nil {
		return about(err)
	}
	answer := "taken"
	if d, ok := w.(*smtp.DataCloser); ok && d.ServerResponse() != "" {
		answer = clean(d.ServerResponse())
	}
	_ = c.Quit() // it has the letter already
	return taken, answer
}

// connect opens a conversation that is safe to log in to and to tell letters: in TLS that proves the
// server's name, unless the server is this machine.
func (r *Room) connect(ctx context.Context) (*smtp.Client, error) {
	s := &r.server
	dial := r.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: 15 * time.Second}).DialContext
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(s.host, s.port))
	if err != nil {
		return nil, err
	}
	if until, ok := ctx.Deadline(); ok {
		// A server that hangs, or that answers one byte a minute, ends with the talk.
		if err := conn.SetDeadline(until); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	secure := &tls.Config{ServerName: s.host, RootCAs: r.Roots, MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.local} //nolint:gosec // only on loopback
	if s.implicit {
		conn = tls.Client(conn, secure)
	}
	c, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := s.enter(c, secure); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (s *server) enter(c *smtp.Client, secure *tls.Config) error {
	if err := c.Hello(s.hello); err != nil {
		return err
	}
	if !s.implicit {
		offered, _ := c.Extension("STARTTLS")
		switch {
		case offered:
			if err := c.StartTLS(secure); err != nil {
				return fmt.Errorf("STARTTLS: %w", err)
			}
		case !s.local:
			return errors.New("the mail server offers no STARTTLS: nothing is said to it in the clear")
		}
	}
	if s.user == "" {
		return nil
	}
	auth, err := s.login(c)
	if err != nil {
		return err
	}
	if err := c.Auth(auth); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return nil
}

// login picks the best of the ways to log in that the server offers. In the clear, on this machine
// only, it is PLAIN all the same.
func (s *server) login(c *smtp.Client) (smtp.Auth, error) {
	_, offered := c.Extension("AUTH")
	ways := strings.Fields(strings.ToUpper(offered))
	for _, way := range []struct {
		name string
		auth smtp.Auth
	}{
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(s.user, s.password)},
		{"PLAIN", smtp.PlainAuth("", s.user, s.password, s.host, s.local)},
		{"LOGIN", smtp.LoginAuth(s.user, s.password, s.host, s.local)},
		{"CRAM-MD5", smtp.CRAMMD5Auth(s.user, s.password)},
	} {
		for _, w := range ways {
			if w == way.name {
				return way.auth, nil
			}
		}
	}
	return nil, errors.New("the mail server offers no login that is known here")
}

// about reads an answer that concerns the letter itself. A line that broke, and an answer about us
// rather than about the reader (not logged in, shutting down, no relay for us), concern the server.
func about(err error) (verdict, string) {
	var said *textproto.Error
	if !errors.As(err, &said) {
		return trouble, words(err)
	}
	switch {
	case said.Code == 421, said.Code == 530, said.Code == 535, said.Code == 538, strings.Contains(strings.ToLower(said.Msg), "relay"):
		return trouble, words(err)
	case said.Code >= 400 && said.Code < 500:
		return later, words(err)
	case said.Code >= 500 && said.Code < 600:
		return never, words(err)
	}
	return trouble, words(err)
}

// mostAnswer is how much of a server's words is kept.
const mostAnswer = 300

// words is an error for the log of letters.
func words(err error) string {
	var said *textproto.Error
	if errors.As(err, &said) {
		return clean(fmt.Sprintf("%03d %s", said.Code, said.Msg))
	}
	return clean(err.Error())
}

func clean(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, s), "?")), " ")
	if runes := []rune(s); len(runes) > mostAnswer {
		return string(runes[:mostAnswer]) + "…"
	}
	return s
}
