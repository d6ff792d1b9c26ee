package attacks_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/draw"
	"image/png"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"dargah/internal/app/logo"
)

const logoPath = "/admin/settings/logo"

// A shop's picture is drawn by us: nothing of a file that is a picture and something else too is ever
// served, no drawing that runs programs comes in, no picture that fills the memory is unpacked, and only an
// owner changes it.
func TestLogo_Uploads(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house, s *shop) {
		img := image.NewNRGBA(image.Rect(0, 0, 200, 200))
		for i := range img.Pix {
			img.Pix[i] = byte(i / 1600)
		}
		var good bytes.Buffer
		if err := png.Encode(&good, img); err != nil {
			t.Fatal(err)
		}
		both := append(bytes.Clone(good.Bytes()), "<html><script>alert(document.cookie)</script>PK\x03\x04"...)
		p := h.person(s.slug, "owner", false).signIn()
		inv := s.invoice(price)
		src := regexp.MustCompile(`src="(/logo/[^"]+)"`)
		shown := func() string {
			t.Helper()
			m := src.FindStringSubmatch(h.get(inv.path()).body)
			if m == nil {
				return ""
			}
			return m[1]
		}
		if shown() != "" {
			t.Fatal("a shop has a picture that gave none")
		}
		for name, raw := range map[string][]byte{
			"svg":    []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`),
			"html":   []byte("<script>alert(1)</script>"),
			"gifar":  append([]byte("GIF89a"), "\x00\x00\x00\x00<script>alert(1)</script>"...),
			"pixels": claims(bytes.Clone(good.Bytes()), 60_000, 60_000),
			"empty":  {},
		} {
			a := p.give(logoPath, name+".png", raw)
			if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `id="file-error"`) || shown() != "" {
				t.Errorf("%s: %d", name, a.status)
			}
		}
		if a := p.give(logoPath, "x.png", make([]byte, logo.MaxFile+(64<<10))); a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("too large: %d", a.status)
		}
		if a := p.send(logoPath); a.status != http.StatusUnsupportedMediaType {
			t.Errorf("no file: %d", a.status)
		}
		for _, role := range []string{"staff", "viewer"} {
			if a := h.person(s.slug, role, false).signIn().give(logoPath, "x.png", good.Bytes()); a.status != http.StatusForbidden {
				t.Errorf("%s: %d", role, a.status)
			}
		}

		name := `"><script>alert(1)</script>.svg`
		for range 2 { // the same press twice
			if a := p.give(logoPath, name, both); a.status != http.StatusSeeOther {
				t.Fatalf("%d %.300s", a.status, a.body)
			}
		}
		first := shown()
		a := h.get(first) // by anybody
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "image/png" || a.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(a.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", first, a.status, a.header)
		}
		// In the admin it stands at the top of the side bar, with words, and only where there is one: a phone
		// shows none, and must not load what it does not show.
		side := regexp.MustCompile(`<p class="brand"><img class="logo" loading="lazy" src="` + regexp.QuoteMeta(first) + `" width="\d+" height="36" alt="[^"]+">`)
		if page := p.open("/admin/invoices"); !side.MatchString(page.body) || strings.Contains(page.body, `class="mark"`) {
			t.Error("the side bar does not show the picture, or a letter beside it")
		}
		size, err := png.DecodeConfig(strings.NewReader(a.body))
		if err != nil || size.Width != logo.MaxHeight || len(a.body) > logo.MaxBytes || strings.Contains(a.body, "script") || strings.Contains(a.body, "PK\x03\x04") {
			t.Errorf("%d bytes of %v: %v", len(a.body), size, err)
		}
		// Another one takes its place, and a second press of "remove" finds nothing to do.
		draw.Draw(img, image.Rect(20, 20, 60, 60), image.White, image.Point{}, draw.Src)
		good.Reset()
		if err := png.Encode(&good, img); err != nil {
			t.Fatal(err)
		}
		if a := p.give(logoPath, "next.png", good.Bytes()); a.status != http.StatusSeeOther {
			t.Fatalf("%d", a.status)
		}
		if second := shown(); second == first || second == "" || h.get(first).status != http.StatusNotFound || h.get(second).status != http.StatusOK {
			t.Errorf("%s after %s", second, first)
		}
		for range 2 {
			if a := p.send(logoPath+"/remove", "x", "1"); a.status != http.StatusSeeOther {
				t.Errorf("remove: %d", a.status)
			}
		}
		if shown() != "" || strings.Contains(p.open("/admin/invoices").body, "/logo/") {
			t.Error("the picture is still there")
		}
		if audit := p.open("/admin/settings/audit").body; strings.Count(audit, "132×132") < 3 || strings.Contains(audit, "<script>alert") {
			t.Error("the log does not tell of it")
		}
	})
}

// claims writes another size into a PNG.
func claims(raw []byte, w, h uint32) []byte {
	binary.BigEndian.PutUint32(raw[16:], w)
	binary.BigEndian.PutUint32(raw[20:], h)
	binary.BigEndian.PutUint32(raw[29:], crc32.ChecksumIEEE(raw[12:29]))
	return raw
}
