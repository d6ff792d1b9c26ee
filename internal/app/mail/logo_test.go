package mail_test

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	stdmail "net/mail"
	"strings"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// A letter carries the shop's picture as it is when the letter leaves, and shows it out of itself. Its text
// is the same as without.
func TestSend_Logo(t *testing.T) {
	d, c := onOne(t)
	p := newPostbox(t, postboxOptions{tls: true})
	k := newDesk(t, d, c, p.here)
	send := func(key string, logo checkout.LogoName, png string) []byte {
		t.Helper()
		k.update(func(tx *db.Tx) error { return tx.SetLogo(k.inv.MerchantID, logo, []byte(png)) })
		id := k.write(checkout.LetterReceipt, key, nil)
		k.work()
		if l := k.letter(id); l.Status != checkout.LetterSent {
			t.Fatalf("%+v", l)
		}
		all := p.got()
		return all[len(all)-1].raw
	}
	_, bare := read(t, send("evt_1/receipt", "", ""))
	raw := send("evt_2/receipt", "9f86d0-396x132", "\x89PNG picture")
	m, err := stdmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/related" {
		t.Fatalf("%s: %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	first, err := parts.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	inner, err := io.ReadAll(first)
	if err != nil {
		t.Fatal(err)
	}
	_, words := read(t, append([]byte("Content-Type: "+first.Header.Get("Content-Type")+"\r\n\r\n"), inner...))
	const id = "9f86d0-396x132@example.ir"
	if !strings.Contains(words["text/html"], `<img src="cid:`+id+`" width="120" height="40" alt=""`) {
		t.Errorf("the letter does not show the picture:\n%s", words["text/html"])
	}
	if words["text/plain"] != bare["text/plain"] {
		t.Error("the text is another")
	}
	picture, err := parts.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	if h := picture.Header; h.Get("Content-Id") != "<"+id+">" || !strings.HasPrefix(h.Get("Content-Type"), "image/png") || !strings.HasPrefix(h.Get("Content-Disposition"), "inline") {
		t.Errorf("%v", h)
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Errorf("something else travels with it: %v", err)
	}
	// One that waited while the picture was taken away goes without.
	if again := send("evt_3/receipt", "", ""); bytes.Contains(again, []byte("image/png")) {
		t.Error("the picture is still there")
	}
}
