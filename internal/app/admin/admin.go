// Package admin is the merchant's and the operator's face: see every rial, find anything, do what
// needs a person. Pages are drawn on the server and work without a script. It reads the store for
// its lists and figures; whatever moves money is the engine's, whoever may come in is access's, what
// is sent is the webhooks' and the letters'.
package admin

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/evidence"
	"dargah/internal/app/mail"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/internal/app/settlement"
	"dargah/internal/app/webhooks"
	"dargah/internal/db"
)

// Store is the database as the admin uses it: it reads.
type Store interface {
	View(ctx context.Context, fn func(*db.Tx) error) error
}

// Options wire the room.
type Options struct {
	Server   *server.Server
	Engine   *payments.Engine
	Access   *access.Access
	Webhooks *webhooks.Hooks
	Mail     *mail.Room
	DB       Store
	Sessions scs.CtxStore
	// Sign signs an evidence file with the installation's key.
	Sign evidence.Sign
	// Settlement holds gateways' files against the books.
	Settlement *settlement.Room
	// Backups says what became of the scheduled backups.
	Backups func(*db.Tx) (Backups, error)
	BaseURL string // public origin without a trailing slash
	Now     func() time.Time
	Log     *slog.Logger
}

// Admin is the room.
type Admin struct {
	Options
	sessions sessions
	days     days
	host     string // of the base URL, the name that authenticator apps show
}

// Route is one address of the admin and what it takes to come there. Tests walk this list: a route
// that is not in it does not exist.
type Route struct {
	Method, Path string
	Right        access.Right // access.None: before one is in
	// Own says that the page is about the person and not about a shop.
	Own bool
	// File is how many bytes of a file come with its form, 0 for none: see server.ReadUpload.
	File int64

	open   func(a *Admin, c echo.Context) error
	handle func(a *Admin, c echo.Context, v *visit) error
}

// Routes lists every address of the admin.
func Routes() []Route {
	var list []Route
	for _, part := range [][]Route{
		gateRoutes(), frontRoutes(), accountRoutes(), listRoutes(), dossierRoutes(), settingsRoutes(), logoRoutes(), hookRoutes(), letterRoutes(), shortcutRoutes(),
		evidenceRoutes(), ruleRoutes(), trialRoutes(), manyRoutes(), sampleRoutes(), customerRoutes(),
		payPageRoutes(), shareRoutes(),
		peopleRoutes(), viewRoutes(),
	} {
		list = append(list, part...)
	}
	return list
}

// Mount hangs the admin on the server.
func Mount(o Options) *Admin {
	a := &Admin{Options: o}
	u, err := url.Parse(o.BaseURL)
	if err == nil {
		a.host = u.Host
	}
	a.sessions = newSessions(o.Sessions, err == nil && u.Scheme == "https", o.Now)
	for _, r := range Routes() {
		handler := a.guard(r)
		o.Server.Echo.Add(r.Method, r.Path, handler)
		if r.Method == http.MethodGet {
			o.Server.Echo.Add(http.MethodHead, r.Path, handler)
		}
	}
	return a
}

// local returns an address of ours to go on to, "/admin" for anything that is not one: a next that
// leads elsewhere would send who just signed in to a stranger's page.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.ContainsAny(next, "\\\r\n\t") {
		return home
	}
	if u.Path != home && !strings.HasPrefix(u.Path, home+"/") || strings.Contains(u.Path, "//") || strings.Contains(u.Path, "..") {
		return home
	}
	return u.RequestURI()
}

const home = "/admin"
