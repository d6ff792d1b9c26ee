package api

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/server"
	"dargah/internal/app/wire"
)

// Problem is an error as a program reads it: RFC 9457 with a code, and the fields that were wrong.
type Problem struct {
	Type   string         `json:"type" format:"uri" doc:"The kind of problem; its address explains it." example:"https://pay.example.ir/api/v1/docs#problem-invalid"`
	Title  string         `json:"title" doc:"The kind of problem in words." example:"Validation failed"`
	Status int            `json:"status" doc:"The HTTP status once more." example:"422"`
	Detail string         `json:"detail" doc:"This problem in words, in the language of Accept-Language (en, fa)." example:"Some of what you entered is not right."`
	Code   string         `json:"code" doc:"This problem in one stable word, for programs." example:"invalid"`
	Errors []ProblemField `json:"errors,omitempty" nullable:"false" doc:"The fields that were wrong."`
}

// ProblemField is one wrong field.
type ProblemField struct {
	Field   string `json:"field" doc:"Its path in the body, or its name in the query." example:"amount"`
	Code    string `json:"code" example:"not_integer"`
	Message string `json:"message" example:"This must be a whole number."`
}

// A fault is an error of the HTTP edge, where a status is known and no kind of the engine fits.
type fault struct {
	status int
	code   string
	fields []checkout.FieldError
	allow  string // of a 405
	wait   int    // of a 429: seconds
	err    error
}

func (f *fault) Error() string {
	s := strconv.Itoa(f.status) + " " + f.code
	if f.err != nil {
		s += ": " + f.err.Error()
	}
	return s
}

func (f *fault) Unwrap() error { return f.err }

// The kinds of problems: the last part of type, and what the title says. docs explains each.
const (
	kindMalformed    = "malformed"
	kindUnauthorized = "unauthorized"
	kindForbidden    = "forbidden"
	kindNotFound     = "not_found"
	kindMethod       = "method_not_allowed"
	kindConflict     = "conflict"
	kindTooLarge     = "too_large"
	kindMediaType    = "media_type"
	kindInvalid      = "invalid"
	kindTooMany      = "too_many_requests"
	kindInternal     = "internal"
	kindUnavailable  = "unavailable"
)

// problemKinds are all of them, in the order of their statuses.
var problemKinds = []struct {
	status int
	kind   string
}{
	{http.StatusBadRequest, kindMalformed},
	{http.StatusUnauthorized, kindUnauthorized},
	{http.StatusForbidden, kindForbidden},
	{http.StatusNotFound, kindNotFound},
	{http.StatusMethodNotAllowed, kindMethod},
	{http.StatusConflict, kindConflict},
	{http.StatusRequestEntityTooLarge, kindTooLarge},
	{http.StatusUnsupportedMediaType, kindMediaType},
	{http.StatusUnprocessableEntity, kindInvalid},
	{http.StatusTooManyRequests, kindTooMany},
	{http.StatusInternalServerError, kindInternal},
	{http.StatusServiceUnavailable, kindUnavailable},
}

func kindOf(status int) string {
	for _, k := range problemKinds {
		if k.status == status {
			return k.kind
		}
	}
	return kindInternal
}

// asFault sees any error as what the edge will say about it. What has no kind is ours: its text
// is for the log and never leaves the house.
func asFault(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	status := server.Status(checkout.KindOf(err))
	if kindOf(status) == kindInternal { // a status that no operation of ours can mean
		status = http.StatusInternalServerError
	}
	f = &fault{status: status, code: kindOf(status), err: err}
	var e *checkout.Error
	if errors.As(err, &e) && status != http.StatusInternalServerError {
		f.fields = e.Fields
		if key, ok := strings.CutPrefix(e.Key, keyPrefix); ok && key != "" {
			f.code = key
		}
	}
	return f
}

// keyPrefix stands before every code in the catalogues.
const keyPrefix = "error."

// render makes the problem document in the reader's language.
func (f *fault) render(base string, l i18n.Locale) ([]byte, error) {
	kind := kindOf(f.status)
	p := Problem{
		Type:   base + docsPath + "#problem-" + kind,
		Title:  l.T("api.problem." + kind),
		Status: f.status,
		Detail: l.T(keyPrefix + f.code),
		Code:   f.code,
	}
	for _, e := range f.fields {
		p.Errors = append(p.Errors, ProblemField{e.Field, e.Code, l.T(keyPrefix + e.Code)})
	}
	return wire.Marshal(p)
}

// language is the first of fa and en that Accept-Language names with the highest weight, English
// without one: programs read codes, and their people most often read English logs.
func language(accept string) i18n.Locale {
	best, found := 0.0, i18n.EN
	for part := range strings.SplitSeq(accept, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		l, ok := i18n.ParseLocale(primary)
		if !ok {
			continue
		}
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			if v, err := strconv.ParseFloat(q, 64); err == nil {
				weight = v
			}
		}
		if weight > best {
			best, found = weight, l
		}
	}
	return found
}
