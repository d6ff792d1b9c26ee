package mail

import (
	"context"
	"errors"
)

// Check opens a conversation with the mail server, logs in and leaves. No letter is sent. Its error is
// the server's or the network's own words, without the password.
func (r *Room) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.Talk)
	defer cancel()
	c, err := r.connect(ctx)
	if err != nil {
		return errors.New(words(err))
	}
	_ = c.Quit()
	return nil
}
