package attacks_test

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"image"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pquerna/otp/totp"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// passkeyDeeds take a device that signs; the rooms that have one hold them.
var passkeyDeeds = map[string]string{
	"account.passkey_added": "../access/passkeys_test.go", "account.passkey_removed": "../access/passkeys_test.go", "account.passkey_copied": "../access/passkeys_test.go",
	"signin.passkey": "../access/passkeys_test.go", "signin.passkey_refused": "../access/passkeys_test.go",
}

// deedScene is something that somebody does, and what the log must tell of it: once, by whom, on what,
// and of nothing else beside what goes with it.
type deedScene struct {
	kind string
	do   func() *person // who did it
	on   func() string  // the id of what it was done to
	name string         // how the row calls that, in Persian; "" for nothing
	with []string       // kinds that go with it
	// house: it stands in the installation's log.
	house bool
}

func (h *house) houseDeeds() []checkout.Deed {
	h.Helper()
	var list []checkout.Deed
	err := h.app.Mail.DB.View(context.Background(), func(tx *db.Tx) (err error) {
		list, err = tx.Deeds(db.DeedQuery{Limit: 1000})
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

// Every kind of deed that can be recorded was done by somebody: on the busy day of TestAudit_EveryDeed,
// or in a scene here. A kind that is added without one fails.
func (s *shop) everyKind(owner *person) {
	s.Helper()
	token, err := s.app.Access.NewSetup(s.Context()) // there is one only as long as nobody operates the house
	if err != nil {
		s.Fatal(err)
	}
	(&person{house: s.house, cookies: map[string]string{}}).send("/admin/setup/"+token, "name", "First", "slug", "first", "email", "first@example.com", "password", password)
	operator := s.person("", "", true).signIn()
	operator.send("/admin/look", "merchant", s.scope.MerchantID, "mode", "live")
	for _, scene := range append(s.moneyDeeds(owner), s.accessDeeds(owner, operator)...) {
		log := s.deeds
		if scene.house {
			log = s.houseDeeds
		}
		before := len(log())
		by := scene.do()
		var got []checkout.Deed
		for _, d := range log()[before:] {
			switch {
			case d.Kind == scene.kind:
				got = append(got, d)
			case !slices.Contains(scene.with, d.Kind):
				s.Errorf("%s left a %s too: %+v", scene.kind, d.Kind, d)
			}
		}
		if len(got) != 1 {
			s.Errorf("%s stands there %d times", scene.kind, len(got))
			continue
		}
		d := got[0]
		if on := scene.on(); d.Object != on || d.By.Kind != "user" || d.By.ID != by.id || d.By.Address == "" || d.By.RequestID == "" {
			s.Errorf("%s: on %q by %+v, want on %q by %s", d.Kind, d.Object, d.By, on, by.id)
		}
		page := "/admin/settings/audit?lang=fa&area=" + d.Area
		if scene.house {
			page += "&of=house"
		}
		row, _, _ := strings.Cut(operator.open(page).body[strings.Index(operator.open(page).body, `<ol class="deeds">`):], "</li>")
		if !strings.Contains(row, by.email) || !strings.Contains(row, scene.name) {
			s.Errorf("%s: the row says %s", d.Kind, row)
		}
	}
	known := checkout.DeedKinds()
	seen := map[string]bool{}
	for _, d := range append(s.deeds(), s.houseDeeds()...) {
		seen[d.Kind] = true
		if !slices.Contains(known, d.Kind) {
			s.Errorf("%s is recorded and has no words", d.Kind)
		}
	}
	for _, kind := range known {
		if file := passkeyDeeds[kind]; file != "" {
			if raw, err := os.ReadFile(file); err != nil || !bytes.Contains(raw, []byte(strconv.Quote(kind))) {
				s.Errorf("nothing tests %s: %v", kind, err)
			}
		} else if !seen[kind] {
			s.Errorf("nobody did %s", kind)
		}
	}
	s.wordsOf(operator, known)
}

// wordsOf demands that every kind has words in both languages.
func (s *shop) wordsOf(p *person, kinds []string) {
	s.Helper()
	for _, lang := range []string{"fa", "en"} {
		raw, err := os.ReadFile("../i18n/" + lang + ".json")
		if err != nil {
			s.Fatal(err)
		}
		for _, kind := range kinds {
			if !bytes.Contains(raw, []byte(`"admin.deed.`+kind+`": "`)) {
				s.Errorf("%s has no words in %s", kind, lang)
			}
		}
		for _, of := range []string{"", "&of=house"} {
			if file := p.open("/admin/settings/audit/export.csv?lang=" + lang + of).body; strings.Contains(file, "admin.deed.") || strings.Contains(file, "کار دیگر") || strings.Contains(file, "Other (") {
				s.Errorf("the file of %s has a deed without words", lang)
			}
		}
	}
}

// moneyDeeds are about invoices and what was paid for them.
func (s *shop) moneyDeeds(p *person) []deedScene {
	paid := s.began("gardeshpay").pays()
	paid.returns()
	s.ends(paid.inv, "paid")
	late := s.began("gardeshpay").pays()
	if a := p.send("/admin/invoices/" + late.inv.ID + "/cancel"); a.status != http.StatusSeeOther {
		s.Fatalf("cancel: %d", a.status)
	}
	late.returns()
	odd := s.began("gardeshpay").pays()
	s.bank.answers(odd.ref, &reply{body: verified(price+10, true, odd.number)}) // a yes about another amount
	odd.returns()
	s.ends(odd.inv, "review")
	s.bank.answers(odd.ref, &reply{status: 503})
	open := s.invoice(price)
	made := ""
	file := "name,email,amount,description\r\n" // long enough that it can be stopped
	for i := range 1_000 {
		file += fmt.Sprintf("Customer %d,,150000,a bowl\r\n", i)
	}
	brought := p.bring("rial", file)
	run, isRun := strings.CutPrefix(brought.location(), "/admin/many/")
	if !isRun {
		s.Fatalf("a file: %d %.600s", brought.status, brought.body)
	}
	of := func(o *out, act string) string {
		return "/admin/invoices/" + o.inv.ID + "/" + act + "/" + s.attempts(o.inv)[0].ID
	}
	fixed := func(id string) func() string { return func() string { return id } }
	send := func(path string, pairs ...string) func() *person {
		return func() *person {
			if a := p.send(path, pairs...); a.status != http.StatusSeeOther || strings.Contains(a.location(), "trouble=") {
				s.Errorf("%s: %d %s %.400s", path, a.status, a.location(), a.body)
			}
			return p
		}
	}
	return []deedScene{
		{kind: "invoice.created", on: func() string { return made }, name: "صورتحساب", do: func() *person {
			a := p.send("/admin/invoices/new", "amount", "150000", "gateway_gardeshpay", "on", "locale", "fa", "description", "a bowl")
			made, _, _ = strings.Cut(strings.TrimPrefix(a.location(), "/admin/invoices/"), "?")
			made, _, _ = strings.Cut(made, "/")
			return p
		}},
		{kind: "invoice.updated", on: fixed(open.ID), name: "/admin/invoices/" + open.ID, do: send("/admin/invoices/"+open.ID+"/edit", "amount", "150000", "gateway_gardeshpay", "on", "locale", "fa", "description", "two bowls")},
		{kind: "invoice.refunded", on: fixed(paid.inv.ID), name: "/admin/invoices/" + paid.inv.ID, do: send("/admin/invoices/"+paid.inv.ID+"/refund", "amount", "100000", "reason", "a crack")},
		{kind: "attempt.resolved", on: fixed(late.inv.ID), name: "/admin/invoices/" + late.inv.ID, do: send(of(late, "close"), "note", "given back")},
		{kind: "verify.asked", on: fixed(odd.inv.ID), name: "/admin/invoices/" + odd.inv.ID, do: send(of(odd, "ask"))},
		// What comes of it is told by each invoice's own history, and not a thousand times here.
		{kind: "run.started", on: fixed(run), name: "/admin/many/" + run, do: send("/admin/many/" + run + "/start")},
		{kind: "run.stopped", on: fixed(run), name: "/admin/many/" + run, do: send("/admin/many/" + run + "/stop")},
		{kind: "attempt.resolved", on: fixed(odd.inv.ID), name: "/admin/invoices/" + odd.inv.ID, do: send(of(odd, "resolve"), "outcome", "failed", "note", "the bank says no")},
	}
}

// accessDeeds are about the shop, those who come in, and how.
func (s *shop) accessDeeds(p, operator *person) []deedScene {
	stray, hook := "", s.mustHook("https://127.0.0.1:1/")
	mia := s.person(s.slug, "staff", false)
	joined := &person{house: s.house, email: "joins@example.com", password: password, cookies: map[string]string{}}
	var codes []string
	id := func(who *person) func() string { return func() string { return who.id } }
	return []deedScene{
		{kind: "shop.changed", on: func() string { return s.scope.MerchantID }, name: "نشان فروشگاه", do: func() *person {
			var file bytes.Buffer
			if err := png.Encode(&file, image.NewNRGBA(image.Rect(0, 0, 200, 100))); err != nil {
				s.Fatal(err)
			}
			if a := p.give(logoPath, "x.png", file.Bytes()); a.status != http.StatusSeeOther {
				s.Errorf("logo: %d", a.status)
			}
			return p
		}},
		{kind: "webhook.enabled", on: func() string { return hook.ID }, name: "https://127.0.0.1:1/", do: func() *person {
			err := s.app.Mail.DB.Update(s.Context(), func(tx *db.Tx) error {
				e, err := tx.Endpoint(hook.ID)
				if err == nil {
					_, err = tx.DisableEndpoint(e, checkout.DisabledGone)
				}
				return err
			})
			if err != nil {
				s.Fatal(err)
			}
			for range 2 { // the second press changes nothing
				p.send("/admin/settings/webhooks/" + hook.ID + "/enable")
			}
			return p
		}},
		{kind: "stray.closed", house: true, on: func() string { return stray }, name: "گردش‌پی", do: func() *person {
			s.get("/cb/gardeshpay/" + s.app.Mail.Box.Token("callback/gardeshpay", [16]byte{9}) + "?trackingNumber=740218839451&invoiceNumber=7")
			stray = regexp.MustCompile(`str_[0-9a-z]+`).FindString(operator.open("/admin/attention").body)
			operator.send("/admin/attention/stray", "id", stray)
			return operator
		}},
		{kind: "account.factor_on", on: id(mia), with: []string{"signin.password"}, do: func() *person {
			key := regexp.MustCompile(`<code class="ltr">([A-Z2-7 ]+)</code>`).FindStringSubmatch(mia.signIn().open("/admin/account/factor").body)
			code, err := totp.GenerateCode(strings.ReplaceAll(key[1], " ", ""), s.clock.now())
			if err != nil {
				s.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`<code class="ltr">([^<]+)</code>`).FindAllStringSubmatch(mia.send("/admin/account/factor", "code", code).body, -1) {
				codes = append(codes, m[1])
			}
			return mia
		}},
		{kind: "account.recovery_used", on: id(mia), with: []string{"signin.code"}, do: func() *person {
			lost := mia.elsewhere()
			lost.try(mia.email, mia.password)
			if a := lost.send("/admin/login", "code", codes[0]); a.status != http.StatusSeeOther {
				s.Errorf("a recovery code: %d", a.status)
			}
			return mia
		}},
		{kind: "account.password_set", on: id(mia), name: mia.email, do: func() *person {
			operator.send("/admin/settings/people/role", "user", mia.id, "act", "reset", "new_password", "handed over by word")
			return operator
		}},
		{kind: "account.reset_asked", on: id(mia), do: func() *person {
			mia.elsewhere().send("/admin/forgot", "email", mia.email)
			return mia
		}},
		{kind: "account.password_reset", on: id(mia), with: []string{"account.recovery_used"}, do: func() *person {
			if a := s.post(s.resetLink(), fields("new_password", password, "code", codes[1])); a.status != http.StatusSeeOther {
				s.Errorf("a new password: %d %.300s", a.status, a.body)
			}
			return mia
		}},
		{kind: "person.joined", on: id(joined), name: joined.email, with: []string{"person.invited", "signin.joined"}, do: func() *person {
			link := shownLink.FindStringSubmatch(p.send("/admin/settings/people/invite", "email", joined.email, "role", access.RoleViewer).body)
			if link == nil {
				s.Fatal("no link that invites")
			}
			joined.send(link[1], "password", joined.password)
			for _, m := range s.members() {
				if m.Email == joined.email {
					joined.id = m.ID
				}
			}
			return joined
		}},
	}
}

var deedShape = regexp.MustCompile(`^[a-z]+\.[a-z_]+$`)

// The list of kinds is the code's own: each that is written down anywhere stands in it.
func TestAudit_ListOfKinds(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	kindOf := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if kind, err := strconv.Unquote(lit.Value); err == nil && deedShape.MatchString(kind) {
				found[kind] = true
			}
		}
	}
	writers := []string{"shopDeed", "recordRun", "recordOf", "refusedAt", "revoke", "join", "passwordDeed", "recordPage", "recordEndpoint"}
	for _, name := range files {
		room := filepath.Base(filepath.Dir(name))
		if strings.HasSuffix(name, "_test.go") || !slices.Contains([]string{"access", "payments", "webhooks"}, room) {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if sel, ok := n.Type.(*ast.SelectorExpr); !ok || sel.Sel.Name != "Deed" {
					break
				}
				for _, e := range n.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok {
						if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "Kind" {
							kindOf(kv.Value)
						}
					}
				}
			case *ast.AssignStmt: // kind := "…", d.Kind, d.Alarm = "…", "…"
				for i, to := range n.Lhs {
					name := ""
					switch to := to.(type) {
					case *ast.Ident:
						name = to.Name
					case *ast.SelectorExpr:
						name = to.Sel.Name
					}
					if strings.EqualFold(name, "kind") && i < len(n.Rhs) {
						kindOf(n.Rhs[i])
					}
				}
			case *ast.CallExpr:
				name := ""
				switch f := n.Fun.(type) {
				case *ast.Ident:
					name = f.Name
				case *ast.SelectorExpr:
					name = f.Sel.Name
				}
				if slices.Contains(writers, name) {
					for _, arg := range n.Args {
						kindOf(arg)
					}
				}
			}
			return true
		})
	}
	kinds := checkout.DeedKinds()
	for kind := range found {
		if !slices.Contains(kinds, kind) {
			t.Errorf("%s is written down and stands in no list", kind)
		}
	}
	if len(found) < 39 {
		t.Errorf("only %d kinds were found in the code: how they are written has changed", len(found))
	}
}
