package pages_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"dargah/internal/app/checkout"
)

var preview = regexp.MustCompile(`<meta property="og:[a-z]+" content="[^"]*"`)

// Who pays stands in no preview, neither of the link in any state nor of a payment page, whatever the shop
// wrote into its description, and in whatever spelling; a purpose that names nobody stays.
func TestPreview_NeverNamesWhoPays(t *testing.T) {
	who := checkout.Customer{Name: "نگار احمدی", Mobile: "09121234567", Email: "Negar@Example.com"}
	for text, shown := range map[string]bool{
		"کارگاه مهر":                     true,
		"سفارش ۱۰۲۴":                     true,
		"صورتحساب نگار":                  false,
		"برای خانم احمدي":                false,
		"تماس ۰۹۱۲ ۱۲۳ ۴۵۶۷":             false,
		"call +98 (912) 123-4567":        false,
		"invoice of negar@example.com":   false,
		"invoice of NEGAR@EXAMPLE.COM !": false,
	} {
		for _, s := range scenes() {
			if s.path == "/i/nobody" || s.path == "/help" || s.name == "foreign" {
				continue
			}
			for _, own := range []bool{true, false} { // the shop knows the customer, or the attempt's form did
				page := s
				page.page.Invoice.Description, page.page.Invoice.Items = text, nil
				page.page.Attempts = append([]checkout.Attempt(nil), s.page.Attempts...)
				if own {
					page.page.Invoice.Customer = who
				} else if len(page.page.Attempts) == 0 || strings.Contains(text, "@") {
					continue
				} else {
					page.page.Attempts[0].PayerName, page.page.Attempts[0].PayerMobile = who.Name, who.Mobile
				}
				status, _, body := show(t, page, "fa")
				heads := strings.Join(preview.FindAllString(body, -1), "\n")
				if heads == "" {
					if status == http.StatusOK {
						t.Errorf("%s: no preview", s.name)
					}
					continue
				}
				for _, secret := range []string{"نگار", "احمد", "1234567", "۴۵۶۷", "123-4567", "@", "0912", "۰۹۱۲"} {
					if strings.Contains(heads, secret) {
						t.Errorf("%s, %q: the preview holds %s:\n%s", s.name, text, secret, heads)
					}
				}
				if s.path == "" && strings.Contains(heads, text) != shown {
					t.Errorf("%s: %q shown %t, want %t", s.name, text, !shown, shown)
				}
			}
		}
	}
}
