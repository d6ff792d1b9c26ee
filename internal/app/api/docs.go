package api

import (
	"bytes"
	_ "embed" // the page and its sheet are part of the binary
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"dargah/internal/app/i18n"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var docsCSS []byte

// published are the paths below Prefix that need no key.
var published = []string{"/openapi.json", "/docs", "/docs.css"}

// A publication is the document and the page that is made of it: on the server, with no viewer, no script
// and nothing from elsewhere.
type publication struct{ spec, page []byte }

// publish serves the document, the page and its sheet. What never changes while the program runs is
// rendered when it is first asked for, so that no start waits for it.
func (a *API) publish(g *echo.Group, doc *huma.OpenAPI) {
	rendered := sync.OnceValues(func() (publication, error) { return a.renderAll(doc) })
	files := []struct {
		kind string
		body func(publication) []byte
	}{
		{"application/json", func(p publication) []byte { return p.spec }},
		{"text/html; charset=utf-8", func(p publication) []byte { return p.page }},
		{"text/css; charset=utf-8", func(publication) []byte { return docsCSS }},
	}
	for i, f := range files {
		serve := func(c echo.Context) error {
			p, err := rendered()
			if err != nil {
				return err
			}
			h := newExchange(c).out.Header()
			h.Set("Content-Security-Policy", docsPolicy)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Cache-Control", "no-store")
			return c.Blob(http.StatusOK, f.kind, f.body(p))
		}
		g.GET(published[i], serve)
		g.HEAD(published[i], serve)
	}
}

func (a *API) renderAll(doc *huma.OpenAPI) (publication, error) {
	for i := range a.routes {
		a.routes[i].document(doc)
	}
	spec, err := marshalSpec(doc)
	if err != nil {
		return publication{}, err
	}
	page, err := a.renderDocs(doc)
	return publication{spec, page}, err
}

// docsPolicy is narrower than that of the other pages: nothing here is sent or framed.
const docsPolicy = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// docsView is what the page shows.
type docsView struct {
	Title, Base, Text string
	Samples           []docsSample
	Sections          []docsSection
	Kinds             []docsKind
}

type docsSection struct {
	Name, ID, Text string
	Operations     []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary string
	Text                      []string
	Parameters                []docsField
	Members                   []docsField
	Curl, Status, Answer      string
	Refusals                  string
}

type docsField struct {
	Name, Kind, Text string
	Required         bool
}

type docsKind struct {
	ID, Title, Detail string
	Status            int
}

func (a *API) renderDocs(doc *huma.OpenAPI) ([]byte, error) {
	view := docsView{Title: doc.Info.Title, Base: a.BaseURL + Prefix, Text: plain(doc.Info.Description)}
	var err error
	if view.Samples, err = docsSamples(); err != nil {
		return nil, err
	}
	for _, tag := range doc.Tags {
		s := docsSection{Name: tag.Name, ID: strings.ToLower(tag.Name), Text: tag.Description}
		for i := range a.routes {
			if r := &a.routes[i]; slices.Contains(r.op.Tags, tag.Name) {
				op, err := a.describeRoute(doc, r)
				if err != nil {
					return nil, err
				}
				s.Operations = append(s.Operations, op)
			}
		}
		view.Sections = append(view.Sections, s)
	}
	for _, k := range problemKinds {
		view.Kinds = append(view.Kinds, docsKind{
			ID: "problem-" + k.kind, Status: k.status,
			Title: i18n.EN.T("api.problem." + k.kind), Detail: i18n.EN.T(keyPrefix + k.kind),
		})
	}
	t, err := template.New("docs").Parse(docsHTML)
	if err != nil {
		return nil, fmt.Errorf("read docs template: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, view); err != nil {
		return nil, fmt.Errorf("render docs: %w", err)
	}
	return b.Bytes(), nil
}

func (a *API) describeRoute(doc *huma.OpenAPI, r *route) (docsOperation, error) {
	d := docsOperation{
		ID: r.op.OperationID, Method: r.op.Method, Path: r.op.Path, Summary: r.op.Summary,
		Status: strconv.Itoa(r.status) + " " + http.StatusText(r.status),
	}
	for _, part := range strings.Split(r.op.Description, "\n\n") {
		d.Text = append(d.Text, plain(part))
	}
	for _, p := range r.op.Parameters {
		d.Parameters = append(d.Parameters, docsField{p.Name, p.In + ", " + kindOfSchema(p.Schema), plain(p.Description), p.Required})
	}
	if r.takes.typ != nil {
		var err error
		if d.Members, err = bodyFields(doc.Components.Schemas, r.takes.typ.Name()); err != nil {
			return d, err
		}
	}
	var refusals []string
	for _, status := range slices.Sorted(slices.Values(append([]int{401, 403, 429, 503}, r.errors...))) {
		refusals = append(refusals, strconv.Itoa(status))
	}
	d.Refusals = strings.Join(refusals, ", ")
	answer, err := pretty(r.gives.example)
	if err != nil {
		return d, err
	}
	d.Answer = answer
	d.Curl, err = a.curl(r)
	return d, err
}

// bodyFields lists the members of a body in the order of the contract.
func bodyFields(reg huma.Registry, name string) ([]docsField, error) {
	schema := reg.Map()[name]
	if schema == nil {
		return nil, fmt.Errorf("render docs: no schema of %s", name)
	}
	var out []docsField
	for _, member := range membersOf[name] {
		p := schema.Properties[member]
		if p == nil {
			return nil, fmt.Errorf("render docs: %s has no %s", name, member)
		}
		out = append(out, docsField{member, kindOfSchema(p), plain(p.Description), slices.Contains(schema.Required, member)})
	}
	return out, nil
}

// kindOfSchema says a type in a word or two.
func kindOfSchema(s *huma.Schema) string {
	switch {
	case s.Ref != "":
		name := s.Ref[strings.LastIndex(s.Ref, "/")+1:]
		return "object of " + strings.Join(membersOf[name], ", ")
	case len(s.OneOf) > 0:
		return kindOfSchema(s.OneOf[0])
	case len(s.Enum) > 0:
		var words []string
		for _, e := range s.Enum {
			words = append(words, fmt.Sprint(e))
		}
		return strings.Join(words, " | ")
	case s.Type == "array":
		return "list: " + kindOfSchema(s.Items)
	case s.Format == "date-time":
		return "RFC 3339 time"
	default:
		return s.Type
	}
}

// curl is the call as one would type it.
func (a *API) curl(r *route) (string, error) {
	path := r.op.Path
	var filters []string
	for _, p := range r.op.Parameters {
		if p.In == "path" {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", fmt.Sprint(p.Example))
		}
		if p.In == "query" && p.Name == "status" {
			filters = append(filters, "status="+fmt.Sprint(p.Example))
		}
	}
	if len(filters) > 0 {
		path += "?" + strings.Join(filters, "&")
	}
	lines := []string{"curl"}
	if r.op.Method != http.MethodGet {
		lines[0] += " -X " + r.op.Method
	}
	lines[0] += " '" + a.BaseURL + Prefix + path + "'"
	lines = append(lines, `  -H "Authorization: Bearer $CHECKOUT_KEY"`)
	if r.op.Method == http.MethodPost {
		lines = append(lines, `  -H "Idempotency-Key: `+r.op.OperationID+`-1024"`)
	}
	if r.takes.typ != nil {
		raw, err := json.Marshal(r.takes.example)
		if err != nil {
			return "", fmt.Errorf("render example: %w", err)
		}
		lines = append(lines, `  -H "Content-Type: application/json"`, "  -d '"+strings.ReplaceAll(string(raw), "'", `'\''`)+"'")
	}
	return strings.Join(lines, " \\\n"), nil
}

func pretty(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("render example: %w", err)
	}
	return strings.TrimSpace(b.String()), nil
}

// plain drops the marks of code from a text of the document.
func plain(s string) string { return strings.ReplaceAll(s, "`", "") }
