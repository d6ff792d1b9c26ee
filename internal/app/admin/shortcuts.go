package admin

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

const keyboardPath = home + "/keyboard"

func shortcutRoutes() []Route {
	return []Route{{Method: http.MethodGet, Path: keyboardPath, Right: access.See, handle: (*Admin).keyboardPage}}
}

func (a *Admin) keyboardPage(c echo.Context, v *visit) error {
	return server.Render(c, http.StatusOK, templates.ShortcutsPage(templates.Shortcuts{
		Desk: v.desk(v.l.T("admin.keyboard.title"), "", keyboardPath),
	}))
}

// shortcuts are the keys that this person may press: first what is done on a page, then where to go.
func (v *visit) shortcuts() []templates.Shortcut {
	if v.right < access.See {
		return nil
	}
	var list []templates.Shortcut
	for _, s := range []struct {
		key, name, href string
		right           access.Right
	}{
		{"/", "search", "", access.See},
		{"j", "down", "", access.See},
		{"k", "up", "", access.See},
		{"e", "export", "", access.See},
		{"n", "new", listPath + "/new", access.Work},
		{"g h", "home", home, access.See},
		{"g r", "attention", home + "/attention", access.See},
		{"g i", "invoices", listPath, access.See},
		{"g w", "webhooks", hooksPath, access.See},
		{"g s", "settings", settingsPath, access.See},
		{"g a", "account", accountPath, access.See},
		{"?", "help", "", access.See},
	} {
		if v.right >= s.right {
			list = append(list, templates.Shortcut{Key: s.key, Text: v.l.T("admin.keyboard." + s.name), Href: s.href})
		}
	}
	return list
}
