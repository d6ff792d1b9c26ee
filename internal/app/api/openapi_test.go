package api_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/api"
)

// shelf is the API with nothing behind it: what needs no key works.
func shelf(t *testing.T) *echo.Echo {
	t.Helper()
	e := echo.New()
	api.Mount(e, api.Options{
		Keys: access.New(access.Options{}), BaseURL: "https://pay.example.ir", Log: slog.New(slog.DiscardHandler),
	})
	return e
}

func fetch(t *testing.T, h http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return rec
}

type document map[string]any

func openDocument(t *testing.T, h http.Handler) document {
	t.Helper()
	rec := fetch(t, h, http.MethodGet, "/api/v1/openapi.json")
	if rec.Code != 200 || !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") {
		t.Fatalf("openapi.json: %d %s", rec.Code, rec.Header().Get("Content-Type"))
	}
	var d document
	if err := json.Unmarshal(rec.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// at walks into the document.
func at(t *testing.T, v any, path ...string) any {
	t.Helper()
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok || m[p] == nil {
			t.Fatalf("no %s in %s", p, strings.Join(path, "."))
		}
		v = m[p]
	}
	return v
}

// operations calls fn with every operation of the document.
func (d document) operations(t *testing.T, fn func(path, method string, op map[string]any)) {
	t.Helper()
	n := 0
	for path, item := range at(t, map[string]any(d), "paths").(map[string]any) {
		for method, op := range item.(map[string]any) {
			n++
			fn(path, strings.ToUpper(method), op.(map[string]any))
		}
	}
	if n < 9 {
		t.Fatalf("only %d operations", n)
	}
}

func TestOpenAPI_Document(t *testing.T) {
	d := openDocument(t, shelf(t))
	if v := at(t, map[string]any(d), "openapi").(string); !strings.HasPrefix(v, "3.1.") {
		t.Errorf("openapi %s", v)
	}
	at(t, map[string]any(d), "info", "title")
	at(t, map[string]any(d), "info", "version")
	at(t, map[string]any(d), "components", "securitySchemes", "bearer")
	server := at(t, map[string]any(d), "servers").([]any)[0]
	if url := at(t, server, "url"); url != "https://pay.example.ir/api/v1" {
		t.Errorf("server %v", url)
	}
	for ref := range refs(map[string]any(d)) {
		name, ok := strings.CutPrefix(ref, "#/components/schemas/")
		if !ok || at(t, map[string]any(d), "components", "schemas", name) == nil {
			t.Errorf("$ref %s leads nowhere", ref)
		}
	}
}

func refs(v any) map[string]bool {
	found := map[string]bool{}
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if s, ok := inner.(string); ok && k == "$ref" {
				found[s] = true
			}
			for r := range refs(inner) {
				found[r] = true
			}
		}
	case []any:
		for _, inner := range v {
			for r := range refs(inner) {
				found[r] = true
			}
		}
	}
	return found
}

func TestOpenAPI_Operations(t *testing.T) {
	d := openDocument(t, shelf(t))
	ids := map[string]bool{}
	d.operations(t, func(path, method string, op map[string]any) {
		where := method + " " + path
		for _, must := range []string{"operationId", "summary", "description", "tags", "responses"} {
			if op[must] == nil {
				t.Errorf("%s: no %s", where, must)
			}
		}
		id, _ := op["operationId"].(string)
		if ids[id] {
			t.Errorf("%s: operationId %s twice", where, id)
		}
		ids[id] = true
		success := false
		for status, r := range at(t, op, "responses").(map[string]any) {
			if at(t, r, "description") == "" {
				t.Errorf("%s: %s says nothing", where, status)
			}
			kind := "application/problem+json"
			if status[0] == '2' {
				kind, success = "application/json", true
			}
			d.checkMedia(t, where+" "+status, at(t, r, "content", kind))
		}
		if !success || at(t, op, "responses", "401") == nil || at(t, op, "responses", "429") == nil {
			t.Errorf("%s: a success, a 401 and a 429 must be described", where)
		}
		if body, ok := op["requestBody"]; ok {
			d.checkMedia(t, where+" body", at(t, body, "content", "application/json"))
		} else if method != http.MethodGet && method != http.MethodDelete {
			t.Errorf("%s: no body", where)
		}
		checkParameters(t, where, path, method, op)
	})
}

func checkParameters(t *testing.T, where, path, method string, op map[string]any) {
	t.Helper()
	once := false
	var inPath []string
	list, _ := op["parameters"].([]any)
	for _, p := range list {
		name := at(t, p, "name").(string)
		at(t, p, "schema", "type")
		at(t, p, "description")
		if p.(map[string]any)["example"] == nil {
			t.Errorf("%s: parameter %s has no example", where, name)
		}
		if at(t, p, "in") == "path" {
			inPath = append(inPath, "{"+name+"}")
		}
		once = once || name == "Idempotency-Key"
	}
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, "{") && !slices.Contains(inPath, part) {
			t.Errorf("%s: %s is not described", where, part)
		}
	}
	if once != (method == http.MethodPost) {
		t.Errorf("%s: Idempotency-Key described: %t", where, once)
	}
}

// checkMedia wants a schema and an example that fits it.
func (d document) checkMedia(t *testing.T, where string, media any) {
	t.Helper()
	schema, example := at(t, media, "schema").(map[string]any), at(t, media, "example")
	for _, fault := range d.validate(schema, example, "") {
		t.Errorf("%s: the example does not fit its schema: %s", where, fault)
	}
}

// validate is as much of JSON Schema as our document uses.
func (d document) validate(s map[string]any, v any, path string) []string {
	if ref, ok := s["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/components/schemas/")
		target, ok := d["components"].(map[string]any)["schemas"].(map[string]any)[name].(map[string]any)
		if !ok {
			return []string{path + ": no schema " + name}
		}
		return d.validate(target, v, path)
	}
	if list, ok := s["oneOf"].([]any); ok {
		fits := 0
		for _, one := range list {
			if len(d.validate(one.(map[string]any), v, path)) == 0 {
				fits++
			}
		}
		if fits != 1 {
			return []string{fmt.Sprintf("%s: fits %d of oneOf", path, fits)}
		}
		return nil
	}
	if faults := checkType(s, v, path); faults != nil {
		return faults
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, v) {
		return []string{fmt.Sprintf("%s: %v is not in %v", path, v, enum)}
	}
	switch v := v.(type) {
	case map[string]any:
		return d.validateObject(s, v, path)
	case []any:
		var faults []string
		for i, item := range v {
			faults = append(faults, d.validate(s["items"].(map[string]any), item, fmt.Sprintf("%s[%d]", path, i))...)
		}
		return faults
	}
	return nil
}

func checkType(s map[string]any, v any, path string) []string {
	var types []any
	switch typ := s["type"].(type) {
	case nil:
		return nil
	case string:
		types = []any{typ}
	case []any:
		types = typ
	}
	is := "null"
	switch v := v.(type) {
	case map[string]any:
		is = "object"
	case []any:
		is = "array"
	case string:
		is = "string"
	case bool:
		is = "boolean"
	case float64:
		if is = "number"; v == float64(int64(v)) {
			is = "integer"
		}
	}
	if !slices.Contains(types, any(is)) {
		return []string{fmt.Sprintf("%s: %s is none of %v", path, is, types)}
	}
	return nil
}

func (d document) validateObject(s, v map[string]any, path string) []string {
	var faults []string
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			faults = append(faults, fmt.Sprintf("%s: %v is missing", path, name))
		}
	}
	props, _ := s["properties"].(map[string]any)
	for name, inner := range v {
		switch p := props[name].(type) {
		case map[string]any:
			faults = append(faults, d.validate(p, inner, path+"."+name)...)
		default:
			if extra, ok := s["additionalProperties"].(map[string]any); ok {
				faults = append(faults, d.validate(extra, inner, path+"."+name)...)
			} else if s["additionalProperties"] == false {
				faults = append(faults, path+"."+name+": not described")
			}
		}
	}
	return faults
}

// What the document says of a body is what is read of it.
func TestOpenAPI_BodiesAreThoseRead(t *testing.T) {
	d := openDocument(t, shelf(t))
	for name, members := range api.Members {
		var described []string
		if len(members) == 0 {
			continue // a body without members has no properties either
		}
		for p := range at(t, map[string]any(d), "components", "schemas", name, "properties").(map[string]any) {
			described = append(described, p)
		}
		slices.Sort(described)
		read := slices.Sorted(slices.Values(members))
		if !slices.Equal(described, read) {
			t.Errorf("%s: described %v, read %v", name, described, read)
		}
		if at(t, map[string]any(d), "components", "schemas", name).(map[string]any)["additionalProperties"] != false {
			t.Errorf("%s: unknown members are not refused in the document", name)
		}
	}
}

func TestOpenAPI_EveryOperationIsServed(t *testing.T) {
	h := shelf(t)
	openDocument(t, h).operations(t, func(path, method string, _ map[string]any) {
		rec := fetch(t, h, method, "/api/v1"+strings.ReplaceAll(path, "{id}", "inv_x"))
		if rec.Code != http.StatusUnauthorized {
			t.Errorf("%s %s without a key: %d", method, path, rec.Code)
		}
	})
}

func TestDocs(t *testing.T) {
	h := shelf(t)
	rec := fetch(t, h, http.MethodGet, "/api/v1/docs")
	page := rec.Body.String()
	if rec.Code != 200 || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("docs: %d %s", rec.Code, rec.Header().Get("Content-Type"))
	}
	if csp := rec.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	for _, banned := range []string{"<script", "<style", " style=", " onclick", "src=", "javascript:"} {
		if strings.Contains(page, banned) {
			t.Errorf("the page holds %q", banned)
		}
	}
	for part := range strings.SplitSeq(page, `href="`) {
		address, _, _ := strings.Cut(part, `"`)
		if strings.Contains(address, "//") {
			t.Errorf("the page leads to %s", address)
		}
	}
	openDocument(t, h).operations(t, func(path, method string, op map[string]any) {
		if !strings.Contains(page, `id="`+op["operationId"].(string)+`"`) || !strings.Contains(page, "<code>"+path+"</code>") {
			t.Errorf("%s %s is not on the page", method, path)
		}
	})
	for _, want := range []string{"curl", "https://pay.example.ir/api/v1/invoices", "Idempotency-Key", "problem-invalid"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	css := fetch(t, h, http.MethodGet, "/api/v1/docs.css")
	if css.Code != 200 || !strings.HasPrefix(css.Header().Get("Content-Type"), "text/css") || strings.Contains(css.Body.String(), "url(") {
		t.Errorf("docs.css: %d %s", css.Code, css.Header().Get("Content-Type"))
	}
	head := fetch(t, h, http.MethodHead, "/api/v1/docs")
	if head.Code != 200 {
		t.Errorf("HEAD of the page: %d", head.Code)
	}
}

func TestLostPaths(t *testing.T) {
	h := shelf(t)
	tests := []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/api/v1", 404, ""},
		{"GET", "/api/v1/", 404, ""},
		{"GET", "/api/v1/nothing", 404, ""},
		{"GET", "/api/v1/invoices/", 404, ""},
		{"GET", "/api/v1/invoices/inv_x/nothing", 404, ""},
		{"GET", "/api/v1/Invoices", 404, ""},
		{"DELETE", "/api/v1/invoices", 405, "POST, GET, HEAD"},
		{"PUT", "/api/v1/invoices/inv_x", 405, "GET, HEAD, PATCH"},
		{"OPTIONS", "/api/v1/invoices", 405, "POST, GET, HEAD"},
		{"GET", "/api/v1/invoices/inv_x/cancel", 405, "POST"},
		{"BREW", "/api/v1/attempts", 405, "GET, HEAD"},
		{"POST", "/api/v1/openapi.json", 405, "GET, HEAD"},
		{"DELETE", "/api/v1/docs", 405, "GET, HEAD"},
	}
	for _, tt := range tests {
		rec := fetch(t, h, tt.method, tt.path)
		if rec.Code != tt.status || rec.Header().Get("Allow") != tt.allow || rec.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d, Allow %q, %s", tt.method, tt.path, rec.Code, rec.Header().Get("Allow"), rec.Header().Get("Content-Type"))
		}
		if rec.Header().Get("X-Request-Id") == "" {
			t.Errorf("%s %s: no X-Request-ID", tt.method, tt.path)
		}
		var p map[string]any
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || p["status"] != float64(tt.status) || p["detail"] == "" {
			t.Errorf("%s %s: %s", tt.method, tt.path, rec.Body)
		}
	}
}

// TestOpenAPI_Valid holds the document against two validators that know nothing of us, where .ci/run
// has installed them (CHECKOUT_TEST_OPENAPI is a folder of node modules).
func TestOpenAPI_Valid(t *testing.T) {
	modules := os.Getenv("CHECKOUT_TEST_OPENAPI")
	if modules == "" {
		t.Skip("CHECKOUT_TEST_OPENAPI is not set")
	}
	file := filepath.Join(t.TempDir(), "openapi.json")
	if err := os.WriteFile(file, fetch(t, shelf(t), http.MethodGet, "/api/v1/openapi.json").Body.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, run := range [][]string{
		{"@seriousme/openapi-schema-validator/bin/validate-api-cli.js", file},
		{"@redocly/cli/bin/cli.js", "lint", "--extends=spec", file},
	} {
		run[0] = filepath.Join(modules, run[0])
		cmd := exec.CommandContext(t.Context(), "node", run...)
		cmd.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true", "CI=true")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", run[0], err, out)
		}
	}
}
