package payments

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/db"
)

// LinkInput is an offline-signed link as a browser brought it (CONTRACT §7).
type LinkInput struct {
	Merchant string // the slug in the path
	Query    string // as it stands in the address
}

// maxLinkQuery bounds what is read of a link; browsers and mail programs cut longer ones.
const maxLinkQuery = 8 << 10

// linkParameters are what may be signed. lang is beside them: a reader's choice of language changes
// nothing of what is asked, so it is not signed.
var linkParameters = []string{"amount", "description", "email", "expires", "key", "locale", "mobile", "name", "reference", "return_url"}

// keyLink says that a link is not one that the shop made, or no longer: nothing more is told.
const keyLink = "error.link"

func brokenLink(why string) error {
	return &checkout.Error{Kind: checkout.Forbidden, Key: keyLink, Err: errors.New(why)}
}

// link is a link that was read, and whose signature is true once openLink has returned it.
type link struct {
	merchant *checkout.Merchant
	key      *checkout.LinkKey
	params   map[string]string
	sig      []byte
	expires  time.Time // zero without one
}

// readLink takes a query apart: every parameter known, once, in text that can be read in one way only.
func readLink(query string) (*link, error) {
	if len(query) > maxLinkQuery {
		return nil, brokenLink("too long")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, brokenLink("cannot be decoded")
	}
	l := &link{params: map[string]string{}}
	for name, list := range values {
		if len(list) != 1 || !utf8.ValidString(list[0]) || strings.ContainsRune(list[0], 0) {
			return nil, brokenLink("repeated or not text")
		}
		switch {
		case name == "lang":
		case name == "sig":
			if l.sig, err = base64.RawURLEncoding.Strict().DecodeString(list[0]); err != nil || len(l.sig) != sha256.Size || len(list[0]) != 43 {
				return nil, brokenLink("sig is no signature")
			}
		case slices.Contains(linkParameters, name):
			l.params[name] = list[0]
		default:
			return nil, brokenLink("unknown parameter")
		}
	}
	if l.sig == nil || l.params["key"] == "" || l.params["amount"] == "" || l.params["reference"] == "" {
		return nil, brokenLink("incomplete")
	}
	return l, nil
}

// LinkBase is what is signed: the merchant, and every parameter but sig, sorted by name, percent-encoded
// as in RFC 3986.
func LinkBase(merchant string, params map[string]string) string {
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(merchant + "\n")
	for i, name := range names {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(percent(name) + "=" + percent(params[name]))
	}
	return b.String()
}

// percent leaves what RFC 3986 calls unreserved.
func percent(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

// SignLink returns the sig of a link.
func SignLink(secret, merchant string, params map[string]string) string {
	return base64.RawURLEncoding.EncodeToString(linkMAC([]byte(secret), merchant, params))
}

func linkMAC(secret []byte, merchant string, params map[string]string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(LinkBase(merchant, params))) // a hash never fails
	return h.Sum(nil)
}

// openLink reads a link and checks that a living key of the merchant signed it and that its time has
// not passed. Whatever is wrong, the answer is the same.
func (e *Engine) openLink(tx *db.Tx, in LinkInput) (*link, error) {
	l, err := readLink(in.Query)
	if err != nil {
		return nil, err
	}
	l.key, err = tx.LinkKey(l.params["key"])
	if err == nil {
		l.merchant, err = tx.MerchantBySlug(in.Merchant)
	}
	if errors.Is(err, checkout.NotFound) {
		return nil, brokenLink("no such key or merchant")
	}
	if err != nil {
		return nil, err
	}
	secret, err := e.Box.Open(l.key.Sealed, l.key.Place())
	if err != nil {
		return nil, errors.Join(errSealed, err)
	}
	if !hmac.Equal(l.sig, linkMAC(secret, in.Merchant, l.params)) || l.key.MerchantID != l.merchant.ID || !l.key.RevokedAt.IsZero() {
		return nil, brokenLink("not signed by a key of this merchant")
	}
	if text, given := l.params["expires"]; given {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds > 1<<40 {
			return nil, brokenLink("expires is no time")
		}
		l.expires = time.Unix(seconds, 0).UTC()
		if !tx.Now().Before(l.expires) {
			return nil, brokenLink("expired")
		}
	}
	return l, nil
}

func (l *link) scope() Scope { return Scope{l.merchant.ID, l.key.Live} }

// invoice is the invoice that a link asks for. The link may live longer than an invoice may.
func (l *link) invoice(now time.Time) (NewInvoice, error) {
	p := l.params
	amount, err := strconv.ParseInt(p["amount"], 10, 64)
	if err != nil || strconv.FormatInt(amount, 10) != p["amount"] {
		return NewInvoice{}, brokenLink("amount is no number")
	}
	in := NewInvoice{
		Amount: money.Rial(amount), Description: p["description"], Reference: p["reference"],
		Customer:  checkout.Customer{Name: p["name"], Mobile: p["mobile"], Email: p["email"]},
		ReturnURL: p["return_url"], Locale: p["locale"],
	}
	if !l.expires.IsZero() {
		in.ExpiresAt = l.expires
		if most := now.Add(maxLife - time.Minute); most.Before(in.ExpiresAt) {
			in.ExpiresAt = most
		}
	}
	return in, nil
}
