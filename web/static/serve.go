package static

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// maxAccents bounds what strangers can make us keep by asking for colours.
const maxAccents = 128

// accents holds the checkout's sheet and the links' picture in the colours that were asked for.
var accents = struct {
	sync.Mutex
	sheets map[string]*asset
}{sheets: map[string]*asset{}}

// Checkout returns the address of the customer's sheet in a merchant's accent ("#rrggbb"; "" or
// anything else is the house's turquoise). The colour is part of the sheet, because a page may ask
// for two files only and the policy of our pages allows no style beside the sheet.
func Checkout(accent string) string {
	if !IsAccent(accent) {
		return all().paths["checkout.css"]
	}
	return prefix + all().hash + "/checkout-" + strings.ToLower(accent[1:]) + ".css"
}

// Handler serves the files. An address with another hash is not found: what a page asks for is
// always of its own build.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	a := all().assets[r.URL.Path]
	if a == nil {
		a = tinted(r.URL.Path)
	}
	if a == nil {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	body := a.body
	if z := a.gzip(); z != nil {
		h.Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = z
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // the browser has gone; nothing is lost
}

// tinted returns what is made of an accent when it is asked for, at an address made by Checkout or by
// Card, nil for any other.
func tinted(path string) *asset {
	name, ours := strings.CutPrefix(path, prefix+all().hash+"/")
	if !ours {
		return nil
	}
	for _, k := range []struct {
		before, after string
		make          func(colour string) *asset
	}{
		{"checkout-", ".css", func(colour string) *asset {
			return newAsset("checkout.css", []byte(all().base+Accent("#"+colour).sheet()))
		}},
		{"card-", ".png", func(colour string) *asset { return newAsset("card.png", drawCard("#"+colour)) }},
	} {
		colour, ok := strings.CutPrefix(name, k.before)
		colour, whole := strings.CutSuffix(colour, k.after)
		if ok && whole && IsAccent("#"+colour) && colour == strings.ToLower(colour) {
			return keptAsset(name, func() *asset { return k.make(colour) })
		}
	}
	return nil
}

// keptAsset makes an asset once.
func keptAsset(name string, fresh func() *asset) *asset {
	accents.Lock()
	defer accents.Unlock()
	if a := accents.sheets[name]; a != nil {
		return a
	}
	if len(accents.sheets) >= maxAccents { // which one goes does not matter: it is made again in a millisecond
		for k := range accents.sheets {
			delete(accents.sheets, k)
			break
		}
	}
	a := fresh()
	accents.sheets[name] = a
	return a
}
