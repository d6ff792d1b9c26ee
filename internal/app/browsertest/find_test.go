package browsertest_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// download presses a link that leads to a file, and returns what the browser stored.
func (b *tab) download(selector string) []byte {
	b.t.Helper()
	dir := b.t.TempDir()
	_, err := chromedp.Call(b.ctx, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID, DownloadPath: dir,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.press(selector)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		list, err := os.ReadDir(dir)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, f := range list {
			if strings.HasSuffix(f.Name(), ".crdownload") || strings.HasPrefix(f.Name(), ".") {
				continue
			}
			content, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				b.t.Fatal(err)
			}
			return content
		}
	}
	b.t.Fatalf("%s gave no file", selector)
	return nil
}

// onScreen are number and amount of every invoice of the list, page by page.
func (b *tab) onScreen() (rows []string) {
	b.t.Helper()
	for {
		rows = append(rows, ask[[]string](b, `[...document.querySelectorAll('.list tbody tr')].map(r =>
			r.querySelector('td:nth-child(3) small bdi').textContent + ' ' + r.querySelector('td.money a').firstChild.textContent.replace(/[^0-9]/g, ''))`)...)
		if !b.has("a[rel=next]") {
			return rows
		}
		b.submit("a[rel=next]")
	}
}

// TestAdmin_FindAndExport: without a script, on a phone, an invoice is found by what its customer says,
// in Persian digits; a filtered list is one with its file; and a list gets a name.
func TestAdmin_FindAndExport(t *testing.T) {
	d := startDemo(t)
	inv := d.api().create(t, usual("fa").with("amount", 98_765_430).with("reference", "FX-5577").with("customer", map[string]string{"name": "کیانا یکتا", "mobile": "09355550011", "email": "kiana@example.com"}))
	b := open(t, screen{locale: "en", width: 390})
	b.signIn(d, "en")
	for _, typed := range []string{"۰۹۳۵ ۵۵۵ ۰۰۱۱", "۹٬۸۷۶٬۵۴۳ تومان", "٩٨٧٦٥٤٣٠", "كيانا يكتا", "KIANA@example.com", "fx-۵۵۷۷"} {
		b.goTo(d.URL + "/admin/invoices")
		b.fill("#q", typed)
		b.submit("[role=search] button")
		if !strings.HasSuffix(b.address(), "/admin/invoices/"+inv.ID) {
			t.Errorf("%q leads to %s", typed, b.address())
		}
	}
	list := "/admin/invoices?range=7d&status=open"
	b.goTo(d.URL + list)
	file := b.download("a[href*='export.csv']")
	text, ok := strings.CutPrefix(string(file), "\ufeff")
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || !ok || len(lines) < 2 {
		t.Fatalf("the file (mark %t): %v, %.200q", ok, err, text)
	}
	var want []string
	for _, line := range lines[1:] {
		want = append(want, line[0]+" "+line[2])
	}
	if got := b.onScreen(); !slices.Equal(got, want) {
		t.Errorf("on the screen %q, in the file %q", got, want)
	}
	b.goTo(d.URL + list)
	b.press("form.saver summary, details:has(form.saver) > summary")
	b.fill("#view-name", "Open, this week")
	b.submit("form.saver button")
	if got := ask[string](b, "document.querySelector('.tabs [aria-current=page]').textContent"); got != "Open, this week" || !strings.Contains(b.address(), "status=open") {
		t.Errorf("the view is %q at %s", got, b.address())
	}
	b.picture("invoices-saved", "en")
	b.goTo(d.URL + "/admin/invoices")
	b.submit(".tabs a[href*='range=7d&status=open']")
	if got := b.onScreen(); !slices.Equal(got, want) {
		t.Errorf("under its name %q, want %q", got, want)
	}
	b.submit(".tabs a[href$='/views']")
	b.press(".saved summary")
	b.picture("views", "en")
	b.submit(".saved form[action$='/delete'] button")
	if b.has(".saved li") {
		t.Error("a view that was deleted is there")
	}
	b.quiet()
}
