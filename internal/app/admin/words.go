package admin

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// dones are the sentences that a page may say about what was just done: the address says which, so
// only those of this list can be said.
var dones = []string{
	"password", "factor_dropped", "signed_out", "created", "changed", "canceled", "asked", "closed", "resolved", "refunded", "noted", "revoked",
	"invited", "uninvited", "passkey_added", "passkey_removed",
	"tested", "enabled", "removed", "resent", "requeued", "sampled",
}

func isDone(s string) bool { return slices.Contains(dones, s) }

// number is a count for reading.
func number(l i18n.Locale, n int) string { return i18n.Digits(l, strconv.Itoa(n)) }

// wrongs are the fields of an error that says some are wrong; nil for any other error.
func wrongs(err error) []checkout.FieldError {
	var e *checkout.Error
	if errors.As(err, &e) {
		return e.Fields
	}
	return nil
}

// problems turns wrong fields into the list on top of a form.
func problems(l i18n.Locale, fields []checkout.FieldError) []templates.FieldProblem {
	var list []templates.FieldProblem
	for _, f := range fields {
		list = append(list, templates.FieldProblem{Field: f.Field, Text: sentence(l, f.Code)})
	}
	return list
}

func sentence(l i18n.Locale, code string) string { return l.T("error." + code) }

// marked puts each wrong field's sentence beside it.
func marked(l i18n.Locale, inputs []templates.Input, fields []checkout.FieldError) []templates.Input {
	for i := range inputs {
		for _, f := range fields {
			if f.Field == inputs[i].Name {
				inputs[i].Error = sentence(l, f.Code)
			}
		}
	}
	return inputs
}

// said is the sentence of an error with a catalogue key.
func said(l i18n.Locale, err error) string {
	var e *checkout.Error
	if errors.As(err, &e) && strings.HasPrefix(e.Key, "error.") {
		return l.T("error." + strings.TrimPrefix(e.Key, "error."))
	}
	return l.T("error.internal")
}
