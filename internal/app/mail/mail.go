// Package mail sends letters: it renders what stands in the outbox and gives it to a mail server,
// again and again until one takes it, one refuses it, or it is of no use any more.
//
// A letter is written where what it tells happens, in the same transaction, by whoever may write to
// the store; nobody imports this room for it:
//
//	_, err := tx.EnqueueLetter(&checkout.Letter{
//		MerchantID: m.ID, Live: true, // "" for one of the installation's own
//		Kind: checkout.LetterEndpointDisabled, Key: "whe_…/disabled/" + strconv.FormatInt(at, 10),
//		Recipient: m.Email, Locale: m.Locale,
//		Facts: checkout.LetterFacts{Shop: checkout.ShopOf(m), Name: "https://shop.example/hook", At: tx.Now()},
//	})
//
// Key makes it one: the same key twice is one letter. What else a kind needs:
//
//   - LetterInvitation: Facts.By (who invites), Role, ExpiresAt; Sealed, the whole link, sealed with
//     box.Seal([]byte(link), checkout.SealedLetter(Key)): a link that opens something stands nowhere in the
//     clear, and is wiped when the letter has left. Until: when the link dies.
//   - LetterPasswordReset: Facts.At, ExpiresAt; Sealed and Until as above. Customer: the user's name
//     or address, if it may be shown.
//   - LetterSecurity: Facts.What, a code with texts at letter.security.CODE in the catalogues, At, By
//     (who did it), Name (the thing in question: a key's name, a browser, an address).
//   - LetterEndpointDisabled: Facts.Name (its address), At.
//
// A letter in test mode leaves only if it goes to the merchant or to somebody who logs in for it. One
// that asks (request, reminder, invitation, new password) is counted by mailbox and merchant. Both are
// kept for the log as withheld, with the reason. EnqueueLetter never fails for a fault of the letter.
package mail

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	stdmail "net/mail"
	"net/url"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"

	"dargah/internal/app/seal"
	"dargah/internal/db"
)

// Options wire the room.
type Options struct {
	DB      *db.DB
	Box     *seal.Box
	BaseURL string // public origin without a trailing slash
	// SMTP is smtp:// or smtps://USER:PASSWORD@HOST:PORT. "": nothing leaves, everything waits.
	SMTP string
	From string // the sender's address, with a name or without
	DKIM DKIM
	Now  func() time.Time
	Log  *slog.Logger

	// For tests: how a mail server is reached, and whom its certificate may be from.
	Dial  func(ctx context.Context, network, address string) (net.Conn, error)
	Roots *x509.CertPool
	// Talk is how long one letter may take with a mail server; a minute when 0.
	Talk time.Duration
}

// DKIM is the key that letters are signed with; none when Key is empty.
type DKIM struct{ Domain, Selector, Key string }

// Room sends letters. Safe for concurrent use.
type Room struct {
	Options
	server server
	from   stdmail.Address
	signer *gomail.DKIMSigner

	mu    sync.Mutex
	rest  time.Time // until then nobody knocks at a server that was not well
	bad   int       // how often in a row it was not
	known bool      // a letter was taken since the start, and none was in vain after it
}

// New returns a room, which does nothing by itself: app registers RunLetter with the worker if Sends.
func New(o Options) (*Room, error) {
	r := &Room{Options: o}
	if r.Talk == 0 {
		r.Talk = time.Minute
	}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	if o.SMTP == "" {
		return r, nil
	}
	var err error
	if r.server, err = parseServer(o.SMTP, o.BaseURL); err != nil {
		return nil, err
	}
	from, err := stdmail.ParseAddress(o.From)
	if err != nil {
		return nil, errors.New("read the sender's address: expected one such as pay@example.ir")
	}
	r.from = *from
	if o.DKIM.Key == "" {
		return r, nil
	}
	key, err := signingKey(o.DKIM.Key)
	if err != nil {
		return nil, err
	}
	r.signer = gomail.NewDKIMSigner(o.DKIM.Domain, o.DKIM.Selector, key)
	return r, nil
}

// signingKey reads a private key. No part of it stands in the error.
func signingKey(pem string) (crypto.Signer, error) {
	key, err := gomail.PrivKeyFromPEM([]byte(pem))
	if err != nil {
		return nil, errors.New("read the DKIM key: expected a private key in PEM, RSA or Ed25519")
	}
	if weak, ok := key.(*rsa.PrivateKey); ok && weak.N.BitLen() < 1024 {
		return nil, errors.New("read the DKIM key: an RSA key of less than 1024 bits proves nothing")
	}
	return key, nil
}

// CheckKey says what is wrong with a key for signing.
func CheckKey(pem string) error {
	_, err := signingKey(pem)
	return err
}

// Sends reports whether there is a mail server to give letters to.
func (r *Room) Sends() bool { return r.SMTP != "" }

// host is the name that letters are known under: of the sender's address, which outlives a move of
// the pages.
func (r *Room) host() string {
	if _, domain, ok := strings.Cut(r.from.Address, "@"); ok {
		return domain
	}
	if u, err := url.Parse(r.BaseURL); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return "localhost"
}

// Prune forgets how many letters were sent on days that are over.
func (r *Room) Prune(ctx context.Context) error {
	return r.DB.Update(ctx, func(tx *db.Tx) error { return tx.PruneLetterCounts() })
}
