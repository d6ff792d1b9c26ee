package pages_test

import (
	"net/http"
	"testing"

	"dargah/internal/app/checkout"
)

const (
	chrome  = "Mozilla/5.0 (Linux; Android 14; SM-A546E) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36"
	firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
	oldSafe = "Mozilla/5.0 (iPhone; CPU iPhone OS 13_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0.4 Mobile/15E148 Safari/604.1"
	inApp   = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/20B82"
	mini    = "Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; fa) Presto/2.12.423 Version/12.16"
	cubot   = "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36"
	wanted  = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
)

// heads are what a request brings, name after name.
type heads []string

func asked(agent string, more ...string) heads {
	return append(heads{"User-Agent", agent, "Accept", wanted, "Accept-Language", "fa-IR,fa;q=0.9"}, more...)
}

func fetched(agent, site string, more ...string) heads {
	return append(asked(agent, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-Site", site), more...)
}

// Who has looked at a link, as far as a request tells: people in their browsers, and not what fetches
// links for them or before them.
func TestLooked_ByWhom(t *testing.T) {
	for name, h := range map[string]heads{
		"typed or from a mail program":   fetched(chrome, "none", "Sec-Fetch-User", "?1"),
		"from a messenger's page":        fetched(firefox, "cross-site"),
		"an iPhone":                      fetched(iphone, "none"),
		"an iPhone of 2019":              asked(oldSafe),
		"inside an iPhone's messenger":   asked(inApp),
		"Opera Mini":                     asked(mini),
		"a phone whose maker is CUBOT":   fetched(cubot, "none"),
		"a telephone's other old Chrome": asked("Mozilla/5.0 (Linux; Android 7.0; SM-G930F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/71.0.3578.99 Mobile Safari/537.36"),
	} {
		if got := looksOf(t, http.MethodGet, payable().Invoice, h); got != 1 {
			t.Errorf("%s: counted %d times", name, got)
		}
	}
	for name, h := range map[string]heads{
		"nothing said":                    {},
		"a program":                       asked("curl/8.5.0"),
		"a program in disguise":           asked(chrome), // a browser of this age would say more
		"Firefox in disguise":             asked(firefox),
		"Safari in disguise":              asked(iphone),
		"no page wanted":                  {"User-Agent", oldSafe, "Accept", "*/*", "Accept-Language", "fa"},
		"no language":                     {"User-Agent", oldSafe, "Accept", wanted},
		"prefetch":                        fetched(chrome, "none", "Sec-Purpose", "prefetch;prerender"),
		"an older prefetch":               fetched(chrome, "none", "Purpose", "prefetch"),
		"Safari's preview":                fetched(iphone, "none", "X-Purpose", "preview"),
		"Firefox's prefetch":              fetched(firefox, "cross-site", "X-Moz", "prefetch"),
		"a part":                          fetched(chrome, "none", "Range", "bytes=0-1023"),
		"a frame":                         asked(chrome, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site", "cross-site"),
		"a picture":                       asked(chrome, "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image", "Sec-Fetch-Site", "cross-site"),
		"a script":                        asked(chrome, "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty", "Sec-Fetch-Site", "same-site"),
		"from our own page":               fetched(chrome, "same-origin"), // the other language; the merchant, from the admin
		"a searcher":                      asked("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/131.0.0.0 Safari/537.36"),
		"Telegram's preview":              asked("TelegramBot (like TwitterBot)"),
		"WhatsApp's preview":              asked("WhatsApp/2.23.20.0 A"),
		"Facebook's preview":              asked("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"),
		"Skype's preview":                 asked("Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5"),
		"Bing's preview, all else said":   fetched("Mozilla/5.0 (iPhone; CPU iPhone OS 7_0 like Mac OS X) BingPreview/1.0b", "none"),
		"a mail scanner":                  asked("Mozilla/5.0 (Windows NT 10.0) Safelinks"),
		"Outlook looks ahead":             asked("Mozilla/4.0 (compatible; ms-office; MSOffice 16)"),
		"a browser that nobody looks at":  fetched("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36", "none"),
		"a mail scanner with a browser's": asked("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15 Barracuda"),
	} {
		if got := looksOf(t, http.MethodGet, payable().Invoice, h); got != 0 {
			t.Errorf("%s: counted %d times", name, got)
		}
	}
	person := fetched(chrome, "none")
	if got := looksOf(t, http.MethodHead, payable().Invoice, person); got != 0 {
		t.Errorf("HEAD: counted %d times", got)
	}
	for status, want := range map[checkout.InvoiceStatus]int{
		checkout.InvoiceOpen: 1, checkout.InvoiceExpired: 1, checkout.InvoiceCanceled: 1, checkout.InvoiceReview: 1,
		checkout.InvoicePaid: 0, checkout.InvoiceProcessing: 0, // the page comes back by itself
	} {
		inv := payable().Invoice
		inv.Status = status
		if got := looksOf(t, http.MethodGet, inv, person); got != want {
			t.Errorf("%s: counted %d times, want %d", status, got, want)
		}
	}
}

func looksOf(t *testing.T, method string, inv checkout.Invoice, h heads) int {
	t.Helper()
	engine := &fake{page: payable()}
	engine.page.Invoice = inv
	r := request(method, link, "")
	for i := 0; i < len(h); i += 2 {
		r.Header.Set(h[i], h[i+1])
	}
	if w := do(serve(t, engine), r); w.Code != http.StatusOK || w.Header().Get("Set-Cookie") != "" {
		t.Fatalf("%d, %v", w.Code, w.Header())
	}
	return len(engine.looked)
}
