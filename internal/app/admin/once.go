package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// proofs are the fields by which a person proves who they are: they are no part of what is asked.
var proofs = []string{"once", "password", "code", "passkey_answer"}

// onceForm makes the presses of one form one act: the same person, the same form, the same words in it.
// nil for a form without its mark. render makes what the second press is told.
func (v *visit) onceForm(act string, render func(result any) ([]byte, error)) *db.Once {
	nonce := v.form.Get("once")
	if nonce == "" {
		return nil
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q", []string{nonce, act, v.who.User.ID})
	for _, name := range slices.Sorted(maps.Keys(v.form)) {
		if !slices.Contains(proofs, name) {
			fmt.Fprintf(h, "%q", []string{name, v.form.Get(name)})
		}
	}
	key := hex.EncodeToString(h.Sum(nil))
	return &db.Once{Key: "admin/" + key, Hash: key, Render: func(result any) (int, []byte, error) {
		body, err := render(result)
		return http.StatusOK, body, err
	}}
}

// idOf tells a second press which invoice the first one made.
func idOf(result any) ([]byte, error) {
	inv, ok := result.(checkout.Invoice)
	if !ok {
		return nil, fmt.Errorf("a form that makes %T", result)
	}
	return []byte(inv.ID), nil
}

// nothing is what a second press is told of an act whose result the page shows anyway.
func nothing(any) ([]byte, error) { return nil, nil }

// verbatim is told again as it is.
func verbatim(result any) ([]byte, error) {
	s, ok := result.(string)
	if !ok {
		return nil, fmt.Errorf("a form that makes %T", result)
	}
	return []byte(s), nil
}
