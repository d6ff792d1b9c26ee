package admin

import (
	"errors"
	"strings"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// fresh is the part of a dangerous form that asks who one is, when one has not just said so.
func (v *visit) fresh(a *Admin, id string) templates.Fresh {
	return templates.Fresh{ID: id, User: v.who.User.Email, Needed: !v.who.Fresh(a.Now()), Code: !v.who.User.TOTPAt.IsZero(), Passkey: v.who.Passkey}
}

// prove passes one who proved who they are a moment ago, or does so in this very form; then the
// session goes on under a new token. It returns the fields that are wrong.
func (a *Admin) prove(c echo.Context, v *visit) ([]checkout.FieldError, error) {
	if v.who.Fresh(a.Now()) {
		return nil, nil
	}
	var err error
	switch answer := v.form.Get("passkey_answer"); {
	case answer != "":
		err = a.Access.ProveByPasskey(c.Request().Context(), &v.who, answer)
	case v.form.Get("password") == "":
		return []checkout.FieldError{{Field: "password", Code: "prove_again"}}, nil
	default:
		err = a.Access.ProveAgain(c.Request().Context(), &v.who, v.form.Get("password"), v.form.Get("code"))
	}
	if wrong := refusal(err); len(wrong) > 0 {
		// Two presses at once: the code counts once, and the other press has spent it.
		login, err := a.repeated(c, v.print)
		if err != nil {
			return nil, err
		}
		if login == v.who.Login.ID {
			return nil, a.again(c, v, login)
		}
		return wrong, nil
	}
	if err != nil {
		return nil, err
	}
	v.who.Login.FreshAt = a.Now()
	return nil, a.renewFor(c, v)
}

// refusal is what to tell in the form: its wrong fields, or that there were too many tries.
func refusal(err error) []checkout.FieldError {
	if wrong := wrongs(err); len(wrong) > 0 {
		return wrong
	}
	if errors.Is(err, checkout.TooMany) {
		return []checkout.FieldError{{Code: "login_slow"}}
	}
	return nil
}

func freshWrong(l i18n.Locale, f templates.Fresh, wrong []checkout.FieldError) templates.Fresh {
	for _, w := range wrong {
		switch w.Field {
		case "password":
			f.PasswordError = sentence(l, w.Code)
		case "code":
			f.CodeFail = sentence(l, w.Code)
		}
	}
	return f
}

func prefixed(prefix string, list []checkout.FieldError) []checkout.FieldError {
	var out []checkout.FieldError
	for _, f := range list {
		if f.Field != "" {
			f.Field = prefix + f.Field
		}
		out = append(out, f)
	}
	return out
}

// spaced sets a secret in groups of four, as people type it.
func spaced(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// browser names a browser by its own words, as far as people know them.
func browser(l i18n.Locale, agent string) string {
	name, system := "", ""
	for _, n := range [][2]string{{"Firefox/", "Firefox"}, {"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"}} {
		if name == "" && strings.Contains(agent, n[0]) {
			name = n[1]
		}
	}
	for _, n := range [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"}} {
		if system == "" && strings.Contains(agent, n[0]) {
			system = n[1]
		}
	}
	switch {
	case name == "":
		return l.T("admin.account.unknown_browser")
	case system == "":
		return name
	}
	return l.T("admin.account.browser", "name", name, "system", system)
}
