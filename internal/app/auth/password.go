// Package auth turns passwords and API keys into what may be stored, and checks them
// again. It is pure: it knows no user, no session and no database.
package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/alexedwards/argon2id"
)

// maxPassword is far above any passphrase and keeps a megabyte from being hashed.
const maxPassword = 1024

// atOnce is how many passwords are hashed at the same time: each takes 64 MiB, and a
// crowd at the login must not take the memory of the payments.
const atOnce = 2

var (
	// ErrPasswordLength says that a password is empty or beyond all sense.
	ErrPasswordLength = errors.New("password is empty or longer than 1024 bytes")
	// ErrHash says that a stored hash is none of ours; it cannot be checked against anything.
	ErrHash = errors.New("stored password hash is damaged")
)

// params are the cost of a hash: RFC 9106, section 4, second choice (64 MiB), with one
// lane, since a lane more would only help whoever has more cores than this server. Raise
// them freely: Verify says when a stored hash is weaker.
var params = argon2id.Params{Memory: 64 * 1024, Iterations: 3, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// nobody is the hash of a password that was thrown away, for logins of unknown users.
const nobody = "$argon2id$v=19$m=65536,t=3,p=1$7yZ4ju/GbphrN5+6WMxTWQ$RsGwFfoevBwjPJ4fgCeCnyHF+YPVC711w3KvzUzy6YA"

// Passwords hashes and verifies passwords, two at a time. One belongs to the whole program.
type Passwords struct {
	seats chan struct{}
}

// NewPasswords returns the program's Passwords.
func NewPasswords() *Passwords {
	return &Passwords{seats: make(chan struct{}, atOnce)}
}

// Hash returns what may be stored of a password.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if password == "" || len(password) > maxPassword {
		return "", ErrPasswordLength
	}
	if err := p.sit(ctx); err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	defer p.rise()
	hash, err := argon2id.CreateHash(password, &params)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return hash, nil
}

// Verify reports whether the password is the one behind hash and, when it is, whether the
// hash is weaker than one made today and should be replaced. An empty hash stands for an
// unknown user: it takes the same time and is never right, so that the login does not
// tell who exists.
func (p *Passwords) Verify(ctx context.Context, password, hash string) (ok, weak bool, err error) {
	if password == "" || len(password) > maxPassword {
		return false, false, nil
	}
	unknown := hash == ""
	if unknown {
		hash = nobody
	}
	made, err := cost(hash)
	if err != nil {
		return false, false, fmt.Errorf("verify password: %w", err)
	}
	if err := p.sit(ctx); err != nil {
		return false, false, fmt.Errorf("verify password: %w", err)
	}
	defer p.rise()
	match, _, err := argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, fmt.Errorf("verify password: %w", ErrHash)
	}
	ok = match && !unknown
	return ok, ok && (made.Memory < params.Memory || made.Iterations < params.Iterations), nil
}

// cost reads the parameters of a hash and refuses those that would end the program (no
// pass, no lane), take all its memory, or compare nothing with nothing.
func cost(hash string) (argon2id.Params, error) {
	made, salt, key, err := argon2id.DecodeHash(hash)
	switch {
	case err != nil:
		return argon2id.Params{}, ErrHash
	case made.Iterations < 1 || made.Iterations > 64 || made.Parallelism < 1:
		return argon2id.Params{}, ErrHash
	case made.Memory > 1024*1024 || len(salt) < 8 || len(key) < 16:
		return argon2id.Params{}, ErrHash
	}
	return *made, nil
}

func (p *Passwords) sit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case p.seats <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Passwords) rise() { <-p.seats }
