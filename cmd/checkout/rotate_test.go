package main_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A new secret key while the server runs: nobody notices, neither who was out at a gateway nor who
// comes with a link that was signed before.
func TestKeyRotate_WithoutStopping(t *testing.T) {
	h := newHouse(t)
	older := "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	newer := strings.TrimSpace(h.must(nil, "key", "new"))
	file := filepath.Join(h.dir, "key")
	give := func(keys string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(keys+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	give(older)
	h.env = append(h.env, "CHECKOUT_SECRET_KEY=", "CHECKOUT_SECRET_KEY_FILE="+file)
	p, base := h.serving()
	h.shop()
	var made struct{ ID, Secret string }
	h.must(&made, "linkkey", "create", "--merchant", "meybod", "--test", "--json")
	query := "amount=2000000&key=" + made.ID + "&reference=A-1"
	mac := hmac.New(sha256.New, []byte(made.Secret))
	mac.Write([]byte("meybod\n" + query))
	link := base + "/l/meybod?" + query + "&sig=" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	payable := func(when string) {
		t.Helper()
		if page := h.read(http.Get(link)); page.status != http.StatusOK || state(page.body) != "payable" {
			t.Errorf("%s: the link is %d %q", when, page.status, state(page.body))
		}
	}
	payable("before")
	var inv invoice
	h.must(&inv, "invoice", "create", "--merchant", "meybod", "--test", "--amount", "2000000", "--json")
	out := h.leave(inv.PaymentURL, "gardeshpay")

	give(newer + "," + older)
	var done struct {
		LinkKeys int      `json:"link_keys"`
		Older    []string `json:"older_keys"`
	}
	h.must(&done, "key", "rotate", "--json")
	if done.LinkKeys != 1 || len(done.Older) != 1 {
		t.Errorf("rotated %+v", done)
	}
	payable("after")
	if end := h.read(http.PostForm(out.at.String(), url.Values{"outcome": {"paid"}})); state(end.body) != "paid" {
		t.Errorf("who was out: %q", state(end.body))
	}
	p.stop()
	give(newer)
	p = h.start("serve")
	p.until("ready again", func() bool { resp, err := http.Get(base + "/readyz"); return err == nil && resp.Body.Close() == nil })
	payable("with the new key alone")

	// Another installation's key in the file changes nothing: the server keeps what it has.
	give(older)
	payable("with a wrong key in the file")
	p.stop()
	h.refused(h.run("serve"), 1, "CHECKOUT_SECRET_KEY")
}

// A server that was given its key without a file cannot learn of a new one: nothing is sealed that it
// could not open.
func TestKeyRotate_ServerWithoutTheNewKey(t *testing.T) {
	h := newHouse(t)
	p, _ := h.serving()
	newer := strings.TrimSpace(h.must(nil, "key", "new"))
	older := "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	h.env = append(h.env, "CHECKOUT_SECRET_KEY="+newer+","+older)
	h.refused(h.run("key", "rotate"), 1, "running server", "start it again")
	p.stop()
	h.must(nil, "key", "rotate")
}
