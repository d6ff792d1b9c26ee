package attacks_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"dargah/internal/app/access"
	"dargah/internal/app/admin"
	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
)

// T61: every route of the admin, asked by everybody there is. The list is the program's own, so that a
// route which is added tomorrow is asked as well.
func TestT61_EveryRouteByEverybody(t *testing.T) {
	h := open(t, nil)
	b := newBank(t)
	mine, theirs := h.shop(b), h.shop(b)
	out := mine.began("gardeshpay")
	inv := out.inv
	att := mine.attempts(inv)[0].ID
	people := map[string]*person{
		"nobody":   {house: h, cookies: map[string]string{}},
		"viewer":   h.person(mine.slug, "viewer", false).signIn(),
		"staff":    h.person(mine.slug, "staff", false).signIn(),
		"owner":    h.person(mine.slug, "owner", false).signIn(),
		"stranger": h.person(theirs.slug, "owner", false).signIn(),
		"operator": h.person("", "", true).signIn(),
	}
	rights := map[string]access.Right{"viewer": access.See, "staff": access.Work, "owner": access.Rule, "operator": access.Operate}
	asked := 0
	for _, r := range admin.Routes() {
		if r.Right == access.None || strings.HasPrefix(r.Path, "/admin/account") || strings.HasPrefix(r.Path, "/admin/log") {
			continue // before one is in, or about oneself
		}
		path := strings.NewReplacer(":id", inv.ID, ":attempt", att).Replace(r.Path)
		if strings.Contains(path, ":") {
			path = fill(t, h, mine, path)
		}
		for name, p := range people {
			asked++
			a := p.ask(r.Method, path, url.Values{})
			door := a.status == http.StatusSeeOther && strings.HasPrefix(a.location(), "/admin/login")
			refused := a.status == http.StatusForbidden || a.status == http.StatusNotFound
			what := name + ": " + r.Method + " " + path
			switch {
			case name == "nobody":
				if !door {
					t.Errorf("%s: %d %s", what, a.status, a.location())
				}
			case name == "stranger" && strings.Contains(r.Path, ":"):
				if a.status != http.StatusNotFound {
					t.Errorf("%s: %d, want 404", what, a.status)
				}
			case name == "stranger":
				if strings.Contains(a.body, inv.ID) || strings.Contains(a.body, mine.slug+"<") || a.status >= 500 {
					t.Errorf("%s: %d tells of another shop", what, a.status)
				}
			case r.Own || rights[name] >= r.Right:
				// An empty form may be wrong, and a proof may be missing; the way in is open.
				if door || a.status == http.StatusNotFound || a.status >= 500 || (refused && !strings.Contains(a.body, `name="password"`)) {
					t.Errorf("%s: %d %.300s", what, a.status, a.body)
				}
			default:
				if a.status != http.StatusForbidden {
					t.Errorf("%s: %d, want 403", what, a.status)
				}
			}
		}
	}
	if asked < 60 {
		t.Errorf("only %d questions were asked", asked)
	}
}

var pagesMade atomic.Int64

// fill is for routes that name something else of a shop than an invoice: each gets an endpoint of its
// own, with a delivery.
func fill(t *testing.T, _ *house, s *shop, path string) string {
	t.Helper()
	if strings.Contains(path, ":page") {
		slug := fmt.Sprintf("page-%d", pagesMade.Add(1))
		p, err := s.app.Engine.CreatePayPage(t.Context(), s.scope, payments.PageWords{Slug: slug, Title: "A seat", Amount: price, Locale: "fa"})
		if err != nil {
			t.Fatal(err)
		}
		path = strings.ReplaceAll(path, ":page", p.ID)
	}
	if strings.Contains(path, ":endpoint") {
		// Nobody listens there, and nobody is asked where it is.
		e := s.mustHook("https://127.0.0.1:1/")
		path = strings.NewReplacer(":endpoint", e.ID, ":delivery", s.probe(e).ID).Replace(path)
	}
	if strings.Contains(path, ":run") {
		path = strings.ReplaceAll(path, ":run", s.run().ID)
	}
	if strings.Contains(path, ":settlement") {
		path = strings.ReplaceAll(path, ":settlement", s.settlement())
	}
	if strings.Contains(path, ":") {
		t.Errorf("%s names something that this test does not know", path)
	}
	return path
}

// run is a file of one customer, as somebody brought it.
func (s *shop) run() checkout.Run {
	s.Helper()
	in := payments.NewRun{Name: "customers.csv", Unit: "rial", Lines: []checkout.RunRow{{Line: 2, Ask: checkout.RunAsk{Name: "Sara", Email: "sara@example.com", Amount: price}}}}
	r, err := s.app.Engine.CheckRun(context.Background(), s.scope, in, checkout.Actor{})
	if err != nil {
		s.Fatal(err)
	}
	return r
}
