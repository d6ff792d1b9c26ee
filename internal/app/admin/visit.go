package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/web/templates"
)

// visit is one request of one who is in.
type visit struct {
	who   access.Who
	l     i18n.Locale
	scope payments.Scope
	shop  checkout.Merchant
	right access.Right // with that shop
	waits int          // how much of the shop's waits for a person
	form  url.Values   // of a POST
	query url.Values   // of the address, each name once
	print []byte       // of what was sent, for a second press of it
	again bool         // it is one, and its first press made the token void
	file  server.Upload
}

// guard is what every request of the admin passes: another site's forms are refused, the language is
// settled, and whoever is not in is led to the door.
func (a *Admin) guard(r Route) echo.HandlerFunc {
	return func(c echo.Context) error {
		server.AllowScripts(c)
		if r.Method != http.MethodGet && a.Server.CrossSite(c.Request()) {
			return server.Fail(c, http.StatusForbidden, server.Way{Home: home, Locale: a.locale(c)})
		}
		if _, err := a.sessions.load(c); err != nil {
			return err
		}
		if r.open != nil {
			return r.open(a, c)
		}
		v, err := a.visit(c, r)
		if errors.Is(err, checkout.Unauthed) {
			return a.door(c)
		}
		if err == nil {
			err = r.handle(a, c, v)
		}
		if err != nil && server.StatusOf(err) < http.StatusInternalServerError {
			return server.Fail(c, server.StatusOf(err), server.Way{Home: home, Locale: a.locale(c)})
		}
		return err
	}
}

// visit says who asks and about which shop, and refuses what is not theirs.
func (a *Admin) visit(c echo.Context, r Route) (*visit, error) {
	ctx := c.Request().Context()
	login := a.sessions.manager.GetString(ctx, keyLogin)
	v := &visit{l: a.locale(c)}
	if login == "" {
		if err := a.secondPress(c, r, v); err != nil {
			return nil, err
		}
		login = v.who.Login.ID
	}
	var err error
	if v.who, err = a.Access.WhoIs(ctx, login); err != nil {
		return nil, err
	}
	a.asPerson(c, v.who.User.ID)
	if v.query, err = server.ParseForm(c.Request().URL.RawQuery); err != nil {
		return nil, echo.NewHTTPError(http.StatusBadRequest)
	}
	// A file is read of who may bring one, after it is known that they may.
	if r.Method != http.MethodGet && v.form == nil && r.File == 0 {
		if err := v.read(c); err != nil {
			return nil, err
		}
	}
	err = a.DB.View(ctx, func(tx *db.Tx) error { return a.place(tx, c, r, v) })
	if err != nil {
		return nil, err
	}
	if !r.Own && v.right < r.Right {
		if v.right == access.None {
			return nil, checkout.NotFound
		}
		return nil, checkout.Forbidden
	}
	if r.File > 0 {
		v.form, v.file, err = server.ReadUpload(c, r.File)
	}
	return v, err
}

// asPerson says to whatever this request calls who calls, and from where.
func (a *Admin) asPerson(c echo.Context, userID string) {
	ctx := c.Request().Context()
	agent := []rune(i18n.CleanText(c.Request().UserAgent()))
	c.SetRequest(c.Request().WithContext(checkout.WithActor(ctx, checkout.Actor{
		Kind: "user", ID: userID, RequestID: server.RequestID(ctx), Address: a.Server.ClientAddr(c).String(), Agent: string(agent[:min(len(agent), maxAgent)]),
	})))
}

// maxAgent is how much of a browser's own word is kept.
const maxAgent = 200

// place settles the shop and the mode: an invoice's own where the address names one, else what the
// login looks at. An invoice of a shop in which this person has no role is not there.
func (a *Admin) place(tx *db.Tx, c echo.Context, r Route, v *visit) error {
	v.scope = payments.Scope{MerchantID: v.who.Login.MerchantID, Live: v.who.Login.Live}
	if mode := v.query.Get("mode"); r.Method == http.MethodGet && (mode == "live" || mode == "test") && strings.HasPrefix(r.Path, listPath) {
		v.scope.Live = mode == "live"
	}
	if strings.HasPrefix(r.Path, listPath+"/:id") {
		inv, err := tx.Invoice(c.Param("id"))
		if err != nil {
			return err
		}
		v.scope = payments.Scope{MerchantID: inv.MerchantID, Live: inv.Live}
		if v.who.Right(inv.MerchantID) == access.None {
			return checkout.NotFound
		}
	}
	if strings.HasPrefix(r.Path, runPath) {
		if err := placeRun(tx, c, v); err != nil {
			return err
		}
	}
	if strings.HasPrefix(r.Path, payPagePath) {
		if err := placePayPage(tx, c, v); err != nil {
			return err
		}
	}
	if strings.HasPrefix(r.Path, settlePath+"/:") {
		if err := placeSettlement(tx, c, v); err != nil {
			return err
		}
	}
	if strings.HasPrefix(r.Path, hookPath) {
		if err := placeEndpoint(tx, c, r, v); err != nil {
			return err
		}
	}
	if v.who.Right(v.scope.MerchantID) == access.None || v.scope.MerchantID == "" {
		v.scope.MerchantID = ""
		shops, err := a.shops(tx, v)
		if err != nil || len(shops) == 0 {
			return err
		}
		v.scope.MerchantID = shops[0].ID
	}
	m, err := tx.Merchant(v.scope.MerchantID)
	if err != nil {
		return err
	}
	v.shop, v.right = *m, v.who.Right(m.ID)
	v.waits, err = tx.CountWaiting(m.ID, v.scope.Live)
	return err
}

// placeEndpoint settles shop and mode by the endpoint in the address. Removing one that is gone is no
// mistake: who presses twice is told that it is gone.
func placeEndpoint(tx *db.Tx, c echo.Context, r Route, v *visit) error {
	e, err := tx.Endpoint(c.Param("endpoint"))
	if errors.Is(err, checkout.NotFound) && r.Path == removeHookPath {
		return nil
	}
	if err != nil {
		return err
	}
	v.scope = payments.Scope{MerchantID: e.MerchantID, Live: e.Live}
	if v.who.Right(e.MerchantID) == access.None {
		return checkout.NotFound
	}
	return nil
}

// shops lists the merchants that this person may see.
func (a *Admin) shops(tx *db.Tx, v *visit) ([]checkout.Merchant, error) {
	all, err := tx.Merchants()
	if err != nil {
		return nil, err
	}
	var list []checkout.Merchant
	for _, m := range all {
		if v.who.Right(m.ID) > access.None {
			list = append(list, m)
		}
	}
	return list, nil
}

// door leads one who is not in to the login, and back afterwards.
func (a *Admin) door(c echo.Context) error {
	to := home + "/login"
	if r := c.Request(); r.Method == http.MethodGet && r.URL.Path != home {
		to += "?next=" + url.QueryEscape(local(r.URL.RequestURI()))
	}
	return c.Redirect(http.StatusSeeOther, to)
}

// locale is the language that the address asks for, which the browser then keeps; else the kept one.
func (a *Admin) locale(c echo.Context) i18n.Locale {
	kept, ok := i18n.ParseLocale(cookie(c, a.sessions.lang))
	if !ok {
		kept = i18n.FA
	}
	l := server.Locale(c, kept)
	if l != kept && c.Request().Method == http.MethodGet && !c.Response().Committed && c.Response().Header().Get("Set-Cookie") == "" {
		a.sessions.setCookie(c, a.sessions.lang, string(l), deviceLife)
	}
	return l
}

// desk fills the frame of a page.
func (v *visit) desk(title, here, self string) templates.Desk {
	d := templates.Desk{
		Sheet: templates.Sheet{L: v.l, Title: title, Switch: self}, Shop: v.shop.Name, ShopLogo: logoOf(v.shop.Logo), Test: !v.scope.Live, Here: here,
		User: v.who.User.Email, Sections: v.sections(), Shortcuts: v.shortcuts(),
	}
	if v.shop.Name != "" {
		d.Title = title + " · " + v.shop.Name
	}
	if v.waits > 0 {
		d.Attention = number(v.l, v.waits)
	}
	if done := v.query.Get("done"); isDone(done) {
		d.Done = v.l.T("admin.done." + done)
	}
	return d
}

func (v *visit) sections() []templates.Section {
	var list []templates.Section
	for _, s := range []struct {
		templates.Section
		right access.Right
	}{
		{templates.Section{Name: "home", Href: home, Icon: "home"}, access.See},
		{templates.Section{Name: "invoices", Href: listPath, Icon: "invoices"}, access.See},
		{templates.Section{Name: "pages", Href: payPagesPath, Icon: "link"}, access.See},
		{templates.Section{Name: "settings", Href: settingsPath, Icon: "settings"}, access.See},
		{templates.Section{Name: "account", Href: home + "/account", Icon: "person"}, access.None},
	} {
		if v.right >= s.right {
			list = append(list, s.Section)
		}
	}
	return list
}
