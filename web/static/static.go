// Package static holds what a page loads besides itself: style sheets, the font, the mark, the
// admin's script.
// Everything is embedded, named by the hash of its content, compressed when it is first asked for
// and served as immutable. It knows no page and no merchant; an accent colour is a word to it.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"
)

//go:embed css img js fonts/*.woff2
var files embed.FS

// prefix is where the files are mounted.
const prefix = "/static/"

// The style sheets, each of several sources: a page loads one. The admin's rules never reach a
// customer's slow line.
var bundles = map[string][]string{
	"checkout.css": {"css/base.css", "css/parts.css", "css/checkout.css", "css/print.css"},
	"admin.css":    {"css/base.css", "css/parts.css", "css/admin.css", "css/print.css"},
}

// types is the closed list of what is served, by extension.
var types = map[string]string{
	".css":   "text/css; charset=utf-8",
	".woff2": "font/woff2",
	".svg":   "image/svg+xml",
	".png":   "image/png",
	".js":    "text/javascript; charset=utf-8",
}

// An asset is one file as it is sent.
type asset struct {
	kind string
	body []byte
	gzip func() []byte // gives nil when compressing does not pay
}

// A shelf is every asset, by name and by hashed path. Read-only after it is built.
type shelf struct {
	paths  map[string]string // "checkout.css" → "/static/1f2e3d4c/checkout.css"
	assets map[string]*asset // by path
	base   string            // the checkout's sheet before an accent is added
	hash   string            // of that sheet and of the rules that make accents
}

// all is built when the first page asks, so that no command and no start waits for it; a broken embed
// shows in the first test that runs.
var all = sync.OnceValue(mustBuild)

// Path returns the hashed address of a file ("admin.css", "vazirmatn-arabic.woff2", "mark.svg"), or
// "" for a name that is not there.
func Path(name string) string { return all().paths[name] }

func mustBuild() *shelf {
	s, err := build()
	if err != nil {
		panic("static: " + err.Error())
	}
	return s
}

func build() (*shelf, error) {
	s := &shelf{paths: map[string]string{}, assets: map[string]*asset{}}
	for _, dir := range []string{"fonts", "img", "js"} {
		entries, err := files.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", dir, err)
		}
		for _, e := range entries {
			body, err := files.ReadFile(dir + "/" + e.Name())
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", e.Name(), err)
			}
			s.add(e.Name(), body)
		}
	}
	for name, sources := range bundles {
		var sheet strings.Builder
		for _, source := range sources {
			body, err := files.ReadFile(source)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", source, err)
			}
			sheet.Write(body)
		}
		text, err := s.link(squeeze(sheet.String()))
		if err != nil {
			return nil, fmt.Errorf("build %s: %w", name, err)
		}
		s.add(name, []byte(text))
		if name == "checkout.css" {
			s.base = text
			s.hash = hash([]byte(text + Accent("#0e7490").sheet() + Accent("#ffd400").sheet()))
		}
	}
	return s, nil
}

func (s *shelf) add(name string, body []byte) {
	p := prefix + hash(body) + "/" + name
	s.paths[name] = p
	s.assets[p] = newAsset(name, body)
}

func newAsset(name string, body []byte) *asset {
	a := &asset{kind: types[path.Ext(name)], body: body, gzip: func() []byte { return nil }}
	if ext := path.Ext(name); ext != ".woff2" && ext != ".png" { // these are compressed already
		a.gzip = sync.OnceValue(func() []byte {
			if z := compress(body); len(z) < len(body)*9/10 {
				return z
			}
			return nil
		})
	}
	return a
}

// link replaces url(name) by the hashed address of the file, so that a new font is a new address.
func (s *shelf) link(sheet string) (string, error) {
	var missing string
	address := regexp.MustCompile(`url\(([^)"]+)\)`)
	out := address.ReplaceAllStringFunc(sheet, func(m string) string {
		name := path.Base(address.FindStringSubmatch(m)[1])
		if s.paths[name] == "" {
			missing = name
		}
		return "url(" + s.paths[name] + ")"
	})
	if missing != "" {
		return "", fmt.Errorf("url(%s): no such file", missing)
	}
	return out, nil
}

// squeeze drops comments and the white space that no rule needs. The sheets hold no string with
// braces, semicolons or comment signs in it; a test reads them back.
func squeeze(sheet string) string {
	out := make([]byte, 0, len(sheet))
	last := byte('{') // what was written last; nothing stands before the first rule
	for space := false; sheet != ""; {
		if strings.HasPrefix(sheet, "/*") {
			_, sheet, _ = strings.Cut(sheet, "*/")
			continue
		}
		c := sheet[0]
		sheet = sheet[1:]
		if strings.IndexByte(" \t\r\n\f", c) >= 0 {
			space = true
			continue
		}
		if space && strings.IndexByte("{};,", c) < 0 && strings.IndexByte("{};,:", last) < 0 {
			out = append(out, ' ')
		}
		if c == '}' && last == ';' {
			out = out[:len(out)-1]
		}
		out = append(out, c)
		space, last = false, c
	}
	return string(out)
}

func hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:6])
}

func compress(body []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return body
	}
	if _, err := w.Write(body); err != nil {
		return body
	}
	if err := w.Close(); err != nil {
		return body
	}
	return b.Bytes()
}
