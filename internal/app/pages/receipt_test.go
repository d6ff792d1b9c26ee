package pages_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"rsc.io/qr"

	"dargah/internal/app/payments"
)

func receipt(t *testing.T, change func(*payments.Page)) string {
	t.Helper()
	engine := &fake{page: paid("gardeshpay")}
	if change != nil {
		change(&engine.page)
	}
	return do(serve(t, engine), request(http.MethodGet, link, "")).Body.String()
}

// The drawn code is, module by module, the code of the receipt's own address, with its three finder
// patterns and a light margin around it.
func TestReceipt_QR(t *testing.T) {
	m := regexp.MustCompile(`<svg class="qr" viewBox="(-\d+) -\d+ (\d+) (\d+)"[^>]*><path fill="currentColor" d="([^"]*)"`).FindStringSubmatch(receipt(t, nil))
	if m == nil {
		t.Fatal("no code on the receipt")
	}
	want, err := qr.Encode(baseURL+link, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	if m[1] != "-2" || m[2] != strconv.Itoa(want.Size+4) || m[3] != m[2] {
		t.Errorf("viewBox %s %s %s for %d modules", m[1], m[2], m[3], want.Size)
	}
	dark := map[[2]int]bool{}
	runs := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)
	if rest := runs.ReplaceAllString(m[4], ""); rest != "" {
		t.Fatalf("the path holds %q", rest)
	}
	for _, run := range runs.FindAllStringSubmatch(m[4], -1) {
		x, _ := strconv.Atoi(run[1])
		y, _ := strconv.Atoi(run[2])
		n, _ := strconv.Atoi(run[3])
		for i := range n {
			dark[[2]int{x + i, y}] = true
		}
	}
	for y := range want.Size {
		for x := range want.Size {
			if dark[[2]int{x, y}] != want.Black(x, y) {
				t.Fatalf("module %d,%d is wrong", x, y)
			}
		}
	}
	for _, corner := range [][2]int{{0, 0}, {want.Size - 7, 0}, {0, want.Size - 7}} {
		for i := range 7 {
			x, y := corner[0], corner[1]
			if !dark[[2]int{x + i, y}] || !dark[[2]int{x, y + i}] || !dark[[2]int{x + 3, y + 3}] || dark[[2]int{x + 1, y + 1}] {
				t.Fatalf("no finder pattern at %v", corner)
			}
		}
	}
}

// The way back to the shop keeps the shop's own query and adds what CONTRACT §9 says; an address that
// is no web page gives no button.
func TestReceipt_ReturnURL(t *testing.T) {
	id := "inv_01jq2m8x3k7v5c9d1f4g6h8j2"
	for given, want := range map[string]string{
		"https://shop.example/":             "https://shop.example/?invoice_id=" + id + "&amp;status=paid",
		"https://shop.example/a?x=1&y=%20z": "https://shop.example/a?x=1&amp;y=%20z&amp;invoice_id=" + id + "&amp;status=paid",
		"https://shop.example/a#top":        "https://shop.example/a?invoice_id=" + id + "&amp;status=paid#top",
		"":                                  "",
		"javascript:alert(1)":               "",
		"//evil.example":                    "",
	} {
		body := receipt(t, func(p *payments.Page) { p.Invoice.ReturnURL = given })
		got := ""
		if m := regexp.MustCompile(`<a class="button" href="([^"]*)"`).FindStringSubmatch(body); m != nil {
			got = m[1]
		}
		if got != want {
			t.Errorf("%q leads to %q, want %q", given, got, want)
		}
	}
}

// A receipt is shown around: it names the shop and the payment, and nothing of who paid.
func TestReceipt_SaysEnoughAndNoMore(t *testing.T) {
	body := receipt(t, func(p *payments.Page) {
		p.Invoice.Customer.Name, p.Invoice.Customer.Mobile, p.Invoice.Customer.Email = "سارا نادری", "09121234567", "sara@example.com"
		p.Attempts[0].PayerName, p.Attempts[0].PayerMobile, p.Attempts[0].CardHash = "سارا نادری", "09121234567", "ABCDEF0123"
		p.Attempts[0].CallbackToken, p.Attempts[0].GatewayToken, p.Attempts[0].OurNumber = callbackToken, "gwtoken", "12345678901234567890"
	})
	for _, must := range []string{
		"خانهٔ سفال میبد", "meybodpottery.ir", `href="tel:+983532354120"`, "پرداخت شد", "پنجشنبه ۹ مهر ۱۴۰۵، ۱۸:۰۲", "1 Oct 2026, 18:02 Tehran",
		`datetime="2026-10-01T18:02:11+03:30"`, "۲٬۷۰۵٬۰۰۰", "۲۷٬۰۵۰٬۰۰۰", "دو میلیون و هفتصد و پنج هزار تومان", `<bdi class="ltr">603799******1234</bdi>`,
		"بانک ملی", `<bdi class="ltr">740218839451</bdi>`, `<bdi class="ltr">8841027365</bdi>`, `<bdi class="ltr">1217</bdi>`, "کارت بانکی، گردش‌پی",
	} {
		if !strings.Contains(body, must) {
			t.Errorf("the receipt lacks %q", must)
		}
	}
	for _, never := range []string{"سارا", "0912", "۰۹۱۲", "sara@", "ABCDEF", callbackToken, "gwtoken", "12345678901234567890"} {
		if strings.Contains(body, never) {
			t.Errorf("the receipt tells %q", never)
		}
	}
}

// The last attempt need not be the one that paid.
func TestReceipt_AttemptState(t *testing.T) {
	body := receipt(t, func(p *payments.Page) { p.Attempts = append(p.Attempts, attempt("ghesta", "unclaimed")) })
	if !strings.Contains(body, `data-state="paid" data-attempt-state="unclaimed"`) || !strings.Contains(body, "قسطا پول آن را") {
		t.Errorf("the receipt hides an unclaimed payment:\n%s", body)
	}
}
