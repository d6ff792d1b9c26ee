package attacks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dargah/internal/app"
	"dargah/internal/app/evidence"
)

// An invoice's history as one file: it proves itself, holds no link and no token, is the shop's own,
// grows with the invoice, and the database agrees with it.
func TestEvidence(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house, s *shop) {
		o := s.began("gardeshpay").pays()
		o.returns()
		s.ends(o.inv, "paid")
		p := h.person(s.slug, "viewer", false).signIn()
		path := "/admin/invoices/" + o.inv.ID + "/evidence"
		a := p.open(path + "/file.json")
		if a.status != http.StatusOK || !strings.Contains(a.header.Get("Content-Disposition"), "evidence-"+s.slug+"-") {
			t.Fatalf("%d %v", a.status, a.header)
		}
		f, err := evidence.Read([]byte(a.body))
		if err != nil {
			t.Fatal(err)
		}
		if f.Invoice.ID != o.inv.ID || f.Invoice.Status != "paid" || len(f.Attempts) != 1 || f.Attempts[0].TrackingNumber == "" || len(f.Events) < 6 {
			t.Errorf("%+v", f)
		}
		for _, never := range []string{o.inv.PaymentURL, o.inv.PaymentURL[strings.LastIndex(o.inv.PaymentURL, "/")+1:]} {
			if strings.Contains(a.body, never) {
				t.Errorf("the file holds %s", never)
			}
		}
		page := p.open(path)
		if page.status != http.StatusOK || !strings.Contains(page.body, f.Statement.EventsHash) || !strings.Contains(page.body, "verify-log") {
			t.Errorf("the page: %d", page.status)
		}
		var key struct{ Key string }
		if err := json.Unmarshal([]byte(h.get("/admin/evidence-key").body), &key); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "evidence.json")
		if err := os.WriteFile(file, []byte(a.body), 0o600); err != nil {
			t.Fatal(err)
		}
		nobody := func(string) string { return "" }
		if v, err := app.VerifyLog(context.Background(), nobody, file, app.VerifyOptions{Key: key.Key}); err != nil || v.Events != len(f.Events) {
			t.Errorf("%+v %v", v, err)
		}
		// What happens afterwards is no change of what happened before.
		owner := h.person(s.slug, "owner", false).signIn()
		if a := owner.send("/admin/invoices/"+o.inv.ID+"/refund", "amount", "100", "reason", "returned goods"); a.status != http.StatusSeeOther {
			t.Fatalf("refund: %d", a.status)
		}
		env := func(name string) string { return h.env[name] }
		v, err := app.VerifyLog(context.Background(), env, file, app.VerifyOptions{Database: true})
		if err != nil || !v.Ours || !v.Compared || v.Since != 1 {
			t.Errorf("%+v %v", v, err)
		}
		later := p.open(path + "/file.json")
		if g, err := evidence.Read([]byte(later.body)); err != nil || len(g.Events) != len(f.Events)+1 || len(g.Refunds) != 1 {
			t.Errorf("after a refund: %v", err)
		}
		if bytes.Contains([]byte(later.body), []byte("callback_token")) {
			t.Error("a token is in the file")
		}
	})
}
