package browsertest_test

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"net/url"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// A merchant makes a payment page, a customer says how much and hears it in words while typing, pays and is
// thanked; the page's link leaves the admin by every way of the share kit.
func TestPayPage(t *testing.T) {
	d := startDemo(t)
	desk := open(t, screen{locale: "fa", width: 1280, scripts: true})
	desk.signIn(d, "fa")
	desk.goTo(d.URL + "/admin/pages/new")
	for _, f := range [][2]string{{"slug", "piano"}, {"title", "کلاس پیانو"}, {"thanks", "خوش آمدید."}, {"min", "10000"}, {"max", "50000000"}, {"stock", "3"}} {
		desk.fill("#"+f[0], f[1])
	}
	desk.submit("main form button.button")
	link := ask[string](desk, "document.querySelector('#link').value")
	if !strings.HasSuffix(link, "/piano") {
		t.Fatalf("the link is %q at %s\n%s", link, desk.address(), desk.text())
	}
	desk.shared(t, link, "")

	b := open(t, screen{locale: "fa", width: 390, scripts: true})
	b.goTo(link)
	b.press(card)
	b.fill("#amount", "۲۵۰۰۰۰")
	b.until("the words", "document.querySelector('#amount-reads').innerText.includes('دویست و پنجاه هزار تومان')")
	b.fill("#amount", "0")
	b.until("ten times", "document.querySelector('#amount-reads').innerText.includes('دو میلیون و پانصد هزار تومان')")
	b.axe("page-typed")
	b.picture("page-typed-phone", "fa")
	b.submit("#once")
	b.submit(bankPays)
	b.receipt("fa")
	if text := b.text(); !strings.Contains(text, "خوش آمدید.") || !strings.Contains(text, "۲٬۵۰۰٬۰۰۰") {
		t.Errorf("the receipt:\n%s", text)
	}
	b.quiet()
	b.alone(d.URL)

	// The same without a script, and what is wrong with it.
	plain := open(t, screen{locale: "en", width: 390})
	plain.goTo(link + "?lang=en")
	plain.press(card)
	plain.fill("#amount", "5")
	plain.submit("#once")
	if text := plain.text(); !strings.Contains(text, "five toman") || !strings.Contains(text, "10,000") || !plain.has("#once") {
		t.Errorf("too little:\n%s", text)
	}
	plain.picture("page-wrong-phone", "en")

	inv := d.api().create(t, usual("fa").with("description", strings.Repeat("سرویس چای‌خوری ", 12)))
	desk.goTo(d.URL + "/admin/invoices/" + inv.ID + "/share")
	desk.shared(t, inv.Link, "۱٬۲۸۰٬۰۰۰")
	desk.axe("share")
	desk.picture("admin-share-desktop", "fa")
	desk.quiet()
	ask[any](desk, "document.querySelectorAll('a[target]').forEach(a => a.removeAttribute('target'))")
	desk.submit("a[href$='/slip']")
	desk.onOneSheet(scene{name: "slip"}, "fa")
	desk.resize(390, 800)
	desk.picture("slip-phone", "fa")
	if text := desk.text(); !strings.Contains(text, inv.Link) || !strings.Contains(text, "۱٬۲۸۰٬۰۰۰") || strings.Contains(text, "نگار") {
		t.Errorf("the slip:\n%s", text)
	}
}

// shared checks every way by which a link leaves; toman is what it asks.
func (b *tab) shared(t *testing.T, link, toman string) {
	t.Helper()
	if got := ask[string](b, "document.querySelector('#link').value"); got != link {
		t.Errorf("the link is %s, want %s", got, link)
	}
	text := ask[string](b, "document.querySelectorAll('textarea')[0].value")
	if n := ask[int](b, "document.querySelectorAll('textarea')[0].value.length"); n > 134 || !strings.HasSuffix(text, "\n"+link) || strings.Contains(text, "نگار") {
		t.Errorf("%d units of text: %s", n, text) // two parts of an SMS in Persian, 67 each
	}
	ways := ask[[]string](b, "[...document.querySelectorAll('a[rel~=noreferrer]')].map(a => a.href)")
	hosts := []string{"t.me/share/url", "ble.ir/share/url", "eitaa.com/share/url", "rubika.ir/share", "wa.me/"}
	for i, way := range ways {
		to, err := url.Parse(way)
		said := to.Query().Get("url") + to.Query().Get("text")
		if err != nil || i >= len(hosts) || to.Host+to.Path != hosts[i] || strings.Count(said, link) != 1 || strings.Contains(said, "نگار") {
			t.Errorf("%s says %s", way, said)
		}
	}
	if len(ways) != len(hosts) {
		t.Errorf("ways %v", ways)
	}
	for _, kind := range []string{"svg", "png"} {
		raw := ask[string](b, `(async () => {
			const img = new Image();
			img.src = document.querySelector('a[href$="qr.`+kind+`"]').href;
			await img.decode();
			const c = document.createElement('canvas');
			c.width = c.height = 600;
			const x = c.getContext('2d');
			x.imageSmoothingEnabled = false;
			x.fillStyle = '#fff';
			x.fillRect(0, 0, 600, 600);
			const by = 600 / Math.max(img.naturalWidth, img.naturalHeight);
			x.drawImage(img, 0, 0, img.naturalWidth * by, img.naturalHeight * by);
			return c.toDataURL('image/png').split(',')[1];
		})()`)
		if got := readCode(t, raw); got != link {
			t.Errorf("the code as %s reads %q, want %s", kind, got, link)
		}
	}
	code := ask[string](b, "document.querySelectorAll('textarea')[1].value")
	if strings.Count(code, `href="`+link+`"`) != 2 || !strings.Contains(code, "<v:roundrect") || strings.Contains(code, "نگار") {
		t.Errorf("the button: %s", code)
	}
	if !strings.Contains(text, toman) || !strings.Contains(code, toman) {
		t.Errorf("no amount %s in %s", toman, text)
	}
}

// readCode reads a QR code in a picture as a telephone would.
func readCode(t *testing.T, raw string) string {
	t.Helper()
	body, err := base64.StdEncoding.DecodeString(raw)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	seen, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	got, err := qrcode.NewQRCodeReader().Decode(seen, nil)
	if err != nil {
		t.Errorf("nothing can read the code: %v", err)
		return ""
	}
	return got.GetText()
}
