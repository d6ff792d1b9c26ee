package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/server"
)

// pastLife is how long a form that was just sent may come again under the token that its first press
// made void.
const pastLife = time.Minute

// A form that asks for the password gives the session a new token, and a second press of the very same
// form comes under the old one: the browser sends it before it has heard of the new. It must not lead to
// the door, with a secret made and unseen. So the old token keeps, for a minute, a mark of what was sent
// under it and whose login it was. It opens nothing but a repetition of that request, byte for byte, the
// password in it included; whoever only stole the token has nothing.

// past is where the mark of a void token is kept: beside the sessions, under a name that no token has.
func past(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "past/" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// print is what a request says, as a hash.
func print(c echo.Context, body string) []byte {
	h := sha256.New()
	for _, part := range []string{c.Request().Method, c.Request().URL.Path, body} {
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return h.Sum(nil)
}

// renewFor gives the session a new token after the person proved who they are in this very request.
func (a *Admin) renewFor(c echo.Context, v *visit) error {
	old := cookie(c, a.sessions.manager.Cookie.Name)
	if err := a.sessions.renew(c); err != nil {
		return err
	}
	if old == "" || len(v.print) == 0 {
		return nil
	}
	mark := append(append([]byte(nil), v.print...), v.who.Login.ID...)
	return a.Sessions.CommitCtx(c.Request().Context(), past(old), mark, a.Now().Add(pastLife))
}

// repeated is the login under which the very same request was sent a moment ago, "" when it was not.
func (a *Admin) repeated(c echo.Context, print []byte) (login string, err error) {
	token := cookie(c, a.sessions.manager.Cookie.Name)
	if token == "" || len(print) == 0 {
		return "", nil
	}
	mark, found, err := a.Sessions.FindCtx(context.WithoutCancel(c.Request().Context()), past(token))
	if err != nil || !found || len(mark) <= len(print) || subtle.ConstantTimeCompare(mark[:len(print)], print) != 1 {
		return "", err
	}
	return string(mark[len(print):]), nil
}

// again takes up a form whose first press made the session's token void: the login goes on under
// another new token.
func (a *Admin) again(c echo.Context, v *visit, login string) error {
	v.again = true
	v.who.Login.ID = login
	a.sessions.manager.Put(c.Request().Context(), keyLogin, login)
	return a.renewFor(c, v)
}

// read takes in the form of a POST.
func (v *visit) read(c echo.Context) error {
	form, body, err := server.ReadForm(c)
	if err != nil {
		return err
	}
	v.form, v.print = form, print(c, body)
	return nil
}

// secondPress lets in who is not in any more, when this is the second press of a form. Unauthed for
// anybody else.
func (a *Admin) secondPress(c echo.Context, r Route, v *visit) error {
	if r.Method == http.MethodGet || cookie(c, a.sessions.manager.Cookie.Name) == "" {
		return checkout.Unauthed
	}
	if err := v.read(c); err != nil {
		return checkout.Unauthed // a stranger's broken form is a stranger's
	}
	login, err := a.repeated(c, v.print)
	if err != nil {
		return err
	}
	if login == "" {
		return checkout.Unauthed
	}
	return a.again(c, v, login)
}
