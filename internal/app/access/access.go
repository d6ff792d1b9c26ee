// Package access decides who may come in: logins and their second factors, roles, API keys. It
// stores hashes only; a secret is shown once, by whoever asked for it, and is nowhere afterwards.
package access

import (
	"context"
	"io"
	"log/slog"
	"time"

	"dargah/internal/app/auth"
	"dargah/internal/app/checkout"
	"dargah/internal/app/seal"
	"dargah/internal/db"
)

// Options wire the room.
type Options struct {
	DB        *db.DB
	Passwords *auth.Passwords
	// Box seals second factors. Nil in a command that needs none.
	Box    *seal.Box
	Random io.Reader
	// BaseURL is the public origin, to which passkeys belong. Empty in a command.
	BaseURL string
	Log     *slog.Logger
	// Spawn runs fn beside the request, on a context of the process; false when it is draining.
	Spawn func(fn func(ctx context.Context)) bool
	// Now is the clock.
	Now func() time.Time
}

// Access is the room. Safe for concurrent use.
type Access struct {
	Options
	touched touched
}

// New returns the room. It starts nothing by itself.
func New(o Options) *Access { return &Access{Options: o} }

// invalid collects wrong fields, as the engine does.
type invalid struct{ fields []checkout.FieldError }

func (v *invalid) wrong(field, code string) {
	v.fields = append(v.fields, checkout.FieldError{Field: field, Code: code})
}

func (v *invalid) err() error {
	if len(v.fields) == 0 {
		return nil
	}
	return &checkout.Error{Kind: checkout.Invalid, Key: "error.invalid", Fields: v.fields}
}
