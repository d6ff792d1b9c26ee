package browsertest_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/admin"
	"dargah/internal/app/pages"
	"dargah/internal/app/server"
)

// unseen are the addresses that are no page, or whose page is looked at elsewhere, and why.
var unseen = map[string]string{
	"/admin/account/passkey/again":               "JSON, for the page's script",
	"/admin/login/passkey":                       "JSON, for the page's script",
	"/admin/evidence-key":                        "JSON, for programs",
	"/admin/invoices/:id/evidence/file.json":     "a file",
	"/admin/invoices/export.csv":                 "a file",
	"/admin/invoices/export.xlsx":                "a file",
	"/admin/settings/audit/export.csv":           "a file",
	"/admin/settlements/:settlement/export.csv":  "a file",
	"/admin/settlements/:settlement/export.xlsx": "a file",
	"/admin/many/sample.csv":                     "a file",
	"/admin/many/:run/result.csv":                "a file",
	"/admin/many/:run/result.xlsx":               "a file",
	"/admin/invoices/:id/qr.svg":                 "a picture",
	"/admin/invoices/:id/qr.png":                 "a picture",
	"/admin/pages/:page/qr.svg":                  "a picture",
	"/admin/pages/:page/qr.png":                  "a picture",
	"/logo/:file":                                "a picture",
	"/admin/settings/letters/sample":             "a letter as its reader sees it: the letters' own pictures are looked at where they are written",
	"/admin/setup/:token":                        "there is one only on an empty database: TestFirstDay looks at it",
	"/l/:merchant":                               "the page of /i/:token before its invoice exists",
	"/cb/gardeshpay/:token":                      "a redirect",
}

// shows is the route that the page comes of; "" of what a form answers, which counts for none.
func (p desk) shows() string {
	if p.route != "" || p.show != nil {
		return p.route
	}
	path, _, _ := strings.Cut(p.path, "?")
	return path
}

func (s scene) shows() string {
	if s.route != "" {
		return s.route
	}
	return "/i/:token"
}

// comesOf reports whether an address is of a route.
func comesOf(address, route string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	at, want := strings.Split(u.Path, "/"), strings.Split(route, "/")
	return slices.EqualFunc(at, want, func(a, w string) bool { return a == w || (strings.HasPrefix(w, ":") && a != "") })
}

// Every page that the program has is looked at, by axe and in pictures; one that comes new without a scene
// fails here.
func TestScenes_EveryRoute(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range append(desks(&demo{}), moreDesks(&demo{})...) {
		seen[p.shows()] = true
	}
	delete(seen, "")
	for _, s := range scenes(&demo{}, &away{}) {
		seen[s.shows()] = true
	}
	var routes []string
	for _, r := range admin.Routes() {
		if r.Method == http.MethodGet {
			routes = append(routes, r.Path)
		}
	}
	s, err := server.New(server.Options{BaseURL: "https://pay.example.ir", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	pages.Mount(s, readerOnly{}, "https://pay.example.ir", time.Now)
	for _, r := range s.Echo.Routes() {
		if r.Method == http.MethodGet && strings.HasPrefix(r.Path, "/") && !machines[r.Path] && !strings.HasPrefix(r.Path, "/static/") {
			routes = append(routes, r.Path)
		}
	}
	for _, r := range routes {
		if !seen[r] && unseen[r] == "" {
			t.Errorf("nobody looks at %s: it needs a scene, or a reason in unseen", r)
		}
		if seen[r] && unseen[r] != "" {
			t.Errorf("%s has a scene and a reason why it has none", r)
		}
	}
	for r := range unseen {
		if !slices.Contains(routes, r) {
			t.Errorf("unseen names %s, which does not exist", r)
		}
	}
	for r := range seen {
		if !slices.Contains(routes, r) {
			t.Errorf("a scene is of %s, which does not exist", r)
		}
	}
	if len(routes) < 60 {
		t.Errorf("only %d routes", len(routes))
	}
}

// machines are addresses of the server itself.
var machines = map[string]bool{"/healthz": true, "/readyz": true, "/robots.txt": true, "/favicon.ico": true}
