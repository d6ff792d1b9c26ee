package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
)

// What a session holds. Everything about a login is read from its row at each request; the session
// only says which one it is.
const (
	keyLogin   = "login"
	keyPending = "pending" // a user whose password was right and whose code is awaited
	keySince   = "since"   // when it was
	keyEmail   = "email"
)

// pendingLife is how long a right password waits for its code.
const pendingLife = 5 * time.Minute

// deviceLife is how long a browser that signed in is known.
const deviceLife = 180 * 24 * time.Hour

type sessions struct {
	manager *scs.SessionManager
	device  string // the names of the cookies
	lang    string
	secure  bool
	now     func() time.Time
}

// newSessions wires scs by hand: its New starts a goroutine that nobody ends.
func newSessions(store scs.CtxStore, https bool, now func() time.Time) sessions {
	prefix := ""
	if https {
		prefix = "__Host-" // set by us over https for this host alone, or not taken (RFC 6265bis)
	}
	m := &scs.SessionManager{
		Lifetime: access.LoginLife, Store: store, Codec: scs.GobCodec{}, HashTokenInStore: true,
		Cookie: scs.SessionCookie{Name: prefix + "admin", HttpOnly: true, Path: "/", SameSite: http.SameSiteLaxMode, Secure: https},
	}
	return sessions{manager: m, device: prefix + "device", lang: prefix + "lang", secure: https, now: now}
}

// load reads the request's session, an empty one when there is none.
func (s *sessions) load(c echo.Context) (context.Context, error) {
	r := c.Request()
	token := ""
	if cookie, err := r.Cookie(s.manager.Cookie.Name); err == nil && len(cookie.Value) < 256 {
		token = cookie.Value
	}
	ctx, err := s.manager.Load(r.Context(), token)
	if err != nil {
		return nil, err
	}
	c.SetRequest(r.WithContext(ctx))
	return ctx, nil
}

// renew stores the session under a token that nobody has seen, and hands it out: at each sign-in and
// whenever its rights change, so that a token planted or read before is worth nothing.
func (s *sessions) renew(c echo.Context) error {
	ctx := c.Request().Context()
	if err := s.manager.RenewToken(ctx); err != nil {
		return err
	}
	s.manager.SetDeadline(ctx, s.now().Add(access.LoginLife)) // by the house's clock, as the store reads it
	token, expiry, err := s.manager.Commit(ctx)
	if err != nil {
		return err
	}
	s.manager.WriteSessionCookie(ctx, c.Response(), token, expiry)
	return nil
}

// end forgets the session here and in the browser.
func (s *sessions) end(c echo.Context) error {
	ctx := c.Request().Context()
	if err := s.manager.Destroy(ctx); err != nil {
		return err
	}
	s.manager.WriteSessionCookie(ctx, c.Response(), "", time.Time{})
	return nil
}

func (s *sessions) setCookie(c echo.Context, name, value string, life time.Duration) {
	c.SetCookie(&http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.secure,
	})
}

func cookie(c echo.Context, name string) string {
	got, err := c.Request().Cookie(name)
	if err != nil || len(got.Value) > 256 {
		return ""
	}
	return got.Value
}
