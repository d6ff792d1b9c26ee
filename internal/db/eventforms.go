package db

import (
	"fmt"
	"strings"

	"dargah/internal/app/checkout"
)

// The table of events is more than half of what a payment leaves behind, and most of it was words that
// every payment repeats. So it keeps them in short forms; who calls this package never sees one.
//
// A row from before has its words in full, and is never rewritten. Each form can therefore be told from
// every full word that was ever stored: reading takes both, and a condition asks for both.

// eventCodes are the short forms of types. A code is in databases, backups and their copies for ever: it
// never changes, and none is given a second time, also when its type is no more.
var eventCodes = map[string]string{
	checkout.EventInvoiceCreated:  "ic",
	checkout.EventInvoiceUpdated:  "iu",
	checkout.EventInvoiceSent:     "is",
	checkout.EventInvoicePaid:     "ip",
	checkout.EventInvoiceExpired:  "ie",
	checkout.EventInvoiceCanceled: "ix",
	checkout.EventInvoiceReopened: "io",
	checkout.EventInvoiceRefunded: "ir",

	checkout.EventAttemptCreated:     "ac",
	checkout.EventAttemptRedirected:  "ad",
	checkout.EventAttemptReturned:    "ar",
	checkout.EventAttemptFailed:      "af",
	checkout.EventAttemptCanceled:    "ax",
	checkout.EventAttemptAbandoned:   "ab",
	checkout.EventAttemptUnclaimed:   "au",
	checkout.EventAttemptNeedsReview: "an",
	checkout.EventAttemptResolved:    "as",

	checkout.EventCallbackReceived: "cr",
	checkout.EventCallbackMismatch: "cm",
	checkout.EventCallbackRejected: "cj",
	checkout.EventVerifyAsked:      "vq",
	checkout.EventVerifyAnswered:   "va",
}

// actorCodes are those of the actors that have no id, by the same rule.
var actorCodes = map[string]string{"customer": "c", "gateway": "g", "system": "s"}

var (
	eventWords = wordsOf(eventCodes)
	actorWords = wordsOf(actorCodes)
)

func wordsOf(codes map[string]string) map[string]string {
	words := make(map[string]string, len(codes))
	for word, code := range codes {
		words[code] = word
	}
	return words
}

// literal stands before a word that would otherwise be read as a short form, and before one that begins
// with it. No type, actor or id of ours does either; what comes in must go out as it was all the same.
const literal = "="

// shortWord is a word as it is stored: its code, or itself when it has none.
func shortWord(codes, words map[string]string, word string) string {
	if code, ok := codes[word]; ok {
		return code
	}
	if _, ok := words[word]; ok || strings.HasPrefix(word, literal) {
		return literal + word
	}
	return word
}

func fullWord(words map[string]string, stored string) string {
	if word, ok := words[stored]; ok {
		return word
	}
	return strings.TrimPrefix(stored, literal)
}

func shortType(word string) string   { return shortWord(eventCodes, eventWords, word) }
func fullType(stored string) string  { return fullWord(eventWords, stored) }
func shortActor(word string) string  { return shortWord(actorCodes, actorWords, word) }
func fullActor(stored string) string { return fullWord(actorWords, stored) }

// shortAttempt leaves out the prefix of an id. What is exactly as long as the rest is one without it.
func shortAttempt(id string) string {
	digits, ours := strings.CutPrefix(id, checkout.PrefixAttempt)
	switch {
	case ours && len(digits) == checkout.IDDigits && !strings.HasPrefix(digits, literal):
		return digits
	case len(id) == checkout.IDDigits || strings.HasPrefix(id, literal):
		return literal + id
	}
	return id
}

func fullAttempt(stored string) string {
	if id, ok := strings.CutPrefix(stored, literal); ok {
		return id
	}
	if len(stored) == checkout.IDDigits {
		return checkout.PrefixAttempt + stored
	}
	return stored
}

// attemptOf is fullAttempt in SQL, for a join with attempts.
var attemptOf = fmt.Sprintf(`CASE length(e.attempt_id) WHEN %d THEN '%s' || e.attempt_id ELSE e.attempt_id END`, checkout.IDDigits, checkout.PrefixAttempt)

// requestPrefix begins the ids that we give to requests ourselves.
const requestPrefix = "req_"

// shortRequest puts a sign in the place of the prefix. It is the short form that has the sign, and not
// the id that a proxy gave: those of before stand in the table as they came, of any length. No id has the
// sign in it (server takes letters, digits and -_. alone).
func shortRequest(id string) string {
	rest, ours := strings.CutPrefix(id, requestPrefix)
	switch {
	case ours && !strings.HasPrefix(rest, literal):
		return literal + rest
	case strings.HasPrefix(id, literal):
		return literal + id
	}
	return id
}

func fullRequest(stored string) string {
	rest, short := strings.CutPrefix(stored, literal)
	switch {
	case !short:
		return stored
	case strings.HasPrefix(rest, literal):
		return rest
	}
	return requestPrefix + rest
}

// lengthen gives an event that was read its words back.
func lengthen(e *checkout.Event) {
	e.AttemptID, e.Type, e.Actor, e.RequestID = fullAttempt(e.AttemptID), fullType(e.Type), fullActor(e.Actor), fullRequest(e.RequestID)
}

// typed is the condition that an event is of one of some types, in either form.
func typed(types ...string) string {
	var conditions []string
	for _, t := range types {
		conditions = append(conditions, `e.type = '`+eventCodes[t]+`'`, `e.type = '`+t+`'`)
	}
	return `(` + strings.Join(conditions, ` OR `) + `)`
}
