package mail

import (
	"context"
	"time"

	"dargah/internal/app/checkout"
)

// Links are the addresses that a letter in a test carries.
type Links = links

// NewLinks fills them in.
func NewLinks(pay, admin, deed, stop string) Links {
	return links{pay: pay, admin: admin, deed: deed, stop: stop}
}

// Put renders a letter as RunLetter would.
func Put(ctx context.Context, l *checkout.Letter, to Links, now time.Time) (Rendered, error) {
	return render(ctx, put(l, to, now))
}

// Message is the letter as it goes over the wire.
func (r *Room) Message(ctx context.Context, l *checkout.Letter, to Links, now time.Time) ([]byte, error) {
	return r.compose(ctx, l, to, now)
}

// ParseServer reads an address of a mail server.
func ParseServer(address string) error {
	_, err := parseServer(address, "https://pay.example.ir")
	return err
}
