package simulator

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// view is everything a page may say. Its methods choose the language.
type view struct {
	EN      bool
	Face    string
	Skin    string // bank or ghesta: two sites that look different from the shop and from each other
	Base    string // where the static files are
	Self    string // where the forms post
	Other   string // this page in the other language
	Shop    string
	Number  string
	Amount  int64 // rial, of the whole payment
	Payable int64 // rial, what the card pays now
	Plan    planView
	OTP     string
	Tries   int
	Problem string
	State   string
	Outcome string
	Used    bool
	Auto    bool
	Targets []target
	Groups  []group
}

type planView struct{ Credit, Financed, Prepaid, Cash int64 }

// group is one fold of the list of outcomes.
type group struct {
	FA, EN string
	Open   bool
	Verify bool
	Items  []item
}

type item struct{ Name, FA, EN string }

// T says it in the page's language.
func (v view) T(fa, en string) string {
	if v.EN {
		return en
	}
	return fa
}

// Lang and Dir are the page's.
func (v view) Lang() string { return v.T("fa", "en") }

// Dir is the direction of the page's language.
func (v view) Dir() string { return v.T("rtl", "ltr") }

// Digits writes a count in the page's digits.
func (v view) Digits(n int) string { return v.N(int64(n)) }

// Ordinal counts from one.
func (v view) Ordinal(i int) string { return v.Digits(i + 1) }

// N groups a number by thousands.
func (v view) N(n int64) string {
	raw := strconv.FormatInt(n, 10)
	var out strings.Builder
	for i, c := range raw {
		if i > 0 && (len(raw)-i)%3 == 0 {
			out.WriteString(v.T("٬", ","))
		}
		if v.EN {
			out.WriteRune(c)
		} else {
			out.WriteRune('۰' + c - '0')
		}
	}
	return out.String()
}

// Money is toman where the amount is whole in toman, which is what people read.
func (v view) Money(rial int64) string {
	if rial%10 != 0 {
		return v.Rial(rial)
	}
	return v.N(rial/10) + v.T(" تومان", " toman")
}

// Rial is the amount as it is booked.
func (v view) Rial(rial int64) string { return v.N(rial) + v.T(" ریال", " rial") }

// self is the address of the customer's page, in the language they read it in. Only the path is given, so
// that the page works under every name the host has.
func (s *Simulator) self(r *http.Request, face string) string {
	query := url.Values{}
	if face == faceGhesta {
		query.Set("type", "ghesta")
	}
	if r.URL.Query().Get("lang") == "en" {
		query.Set("lang", "en")
	}
	return withQuery(s.base+r.URL.EscapedPath(), query)
}

func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

func (s *Simulator) viewOf(r *http.Request, face string, p payment) view {
	v := view{
		EN: r.URL.Query().Get("lang") == "en", Face: face, Skin: "bank", Base: s.base, Self: s.self(r, face),
		Number: p.Number, Amount: p.Amount, Payable: p.Amount, OTP: p.otp, Tries: max(otpTries-p.tries, 0), Groups: groupsFor(face),
	}
	if u := absolute(p.Callback); u != nil {
		v.Shop = u.Host
	}
	if face == faceGhesta {
		plan := planFor(p.Amount)
		v.Payable, v.Plan = plan.payable, planView{plan.credit, plan.financed, plan.prepaid, plan.cash}
		if p.step != stepCard {
			v.Skin = "ghesta"
		}
	}
	query := url.Values{}
	if face == faceGhesta {
		query.Set("type", "ghesta")
	}
	if !v.EN {
		query.Set("lang", "en")
	}
	v.Other = withQuery(s.base+r.URL.EscapedPath(), query)
	return v
}

func groupsFor(face string) []group {
	groups := []group{
		{FA: "نتیجهٔ پرداخت", EN: "How the payment ends", Open: true},
		{FA: "خطا هنگام تأیید (پرداخت می‌شود)", EN: "Trouble at verify (the payment is made)", Verify: true},
	}
	for _, o := range outcomeList {
		if o.faces == nil || slices.Contains(o.faces, face) {
			groups[0].Items = append(groups[0].Items, item{o.name, o.fa, o.en})
		}
	}
	for i := range faults {
		if f := &faults[i]; f.at == phaseVerify && f.fits(vendorOf(face)) {
			groups[1].Items = append(groups[1].Items, item{f.name, f.fa, f.en})
		}
	}
	return groups
}

// pages are read when the first one is shown: a house in which nobody tests needs none.
var pages = sync.OnceValues(parsePages)

// parsePages gives every page its own copy of the layout and the shared parts.
func parsePages() (map[string]*template.Template, error) {
	files, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("list pages: %w", err)
	}
	pages := map[string]*template.Template{}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" || name == "outcomes" {
			continue
		}
		t, err := template.ParseFS(pageFiles, "pages/layout.html", "pages/outcomes.html", file)
		if err != nil {
			return nil, fmt.Errorf("parse page %s: %w", name, err)
		}
		pages[name] = t
	}
	return pages, nil
}

func (s *Simulator) render(w http.ResponseWriter, status int, name string, v view, callback string) {
	var page bytes.Buffer
	parsed, err := pages()
	if err == nil {
		err = parsed[name].ExecuteTemplate(&page, "layout.html", v)
	}
	if err != nil {
		http.Error(w, "page cannot be rendered", http.StatusInternalServerError)
		return
	}
	s.pageHeaders(w, v.Auto, callback)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}

var plainHost = regexp.MustCompile(`^[A-Za-z0-9.-]+(:\d+)?$`)

// pageHeaders: nothing inline, nothing foreign. form-action names every kind of shop, since a browser checks
// each hop of a redirect after a form; an http shop that is not on loopback is added by name.
func (s *Simulator) pageHeaders(w http.ResponseWriter, script bool, callback string) {
	policy := "default-src 'none'; style-src 'self'; font-src 'self'; form-action 'self' https: http://127.0.0.1:* http://localhost:*"
	if u := absolute(callback); u != nil && u.Scheme == "http" && plainHost.MatchString(u.Host) {
		policy += " http://" + u.Host
	}
	policy += "; base-uri 'none'; frame-ancestors 'none'"
	if script {
		policy += "; script-src 'self'"
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Cache-Control", "no-store")
	// As at the vendor: a shop sees which site the customer came from, and nothing of the path.
	h.Set("Referrer-Policy", "origin")
}
