package pages_test

import (
	"net/http"
	"strings"
	"testing"

	"dargah/internal/app/checkout"
)

// A shop's picture is served to everybody, for good, as the picture that it is; and it stands on every
// page of the shop, with its size, and with no words of its own: the name stands beside it.
func TestLogo(t *testing.T) {
	engine := &fake{page: payable(), open: workshop(nil)}
	engine.page.Merchant.Logo, engine.open.Merchant.Logo = pictureName, pictureName
	s := serve(t, engine)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		w := do(s, request(method, pictureName.Path(), ""))
		h := w.Header()
		if w.Code != http.StatusOK || h.Get("Content-Type") != "image/png" || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Cache-Control") != "public, max-age=31536000, immutable" || h.Get("Set-Cookie") != "" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d %v", method, w.Code, h)
		}
	}
	img := `<img class="logo" src="` + pictureName.Path() + `" width="132" height="44" alt="">`
	for _, path := range []string{link, "/p/meybod/workshop"} {
		w := do(s, request(http.MethodGet, path, ""))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), img) || strings.Contains(w.Body.String(), `class="mark"`) {
			t.Errorf("%s: %d without the picture\n%s", path, w.Code, w.Body)
		}
	}
	// The page that is kept for a crowd is drawn anew when the shop takes another picture.
	engine.page.Merchant.Logo = checkout.NameLogo("aa", 44, 44)
	if w := do(s, request(http.MethodGet, link, "")); !strings.Contains(w.Body.String(), `src="/logo/aa-44x44.png" width="44" height="44"`) {
		t.Error("the old picture stands there still")
	}
	engine.page = paid("gardeshpay")
	engine.page.Merchant.Logo = pictureName
	if w := do(s, request(http.MethodGet, link, "")); !strings.Contains(w.Body.String(), img) {
		t.Error("the receipt is without the picture")
	}
}
