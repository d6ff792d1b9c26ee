package i18n

import (
	"strings"
	"testing"
	"unicode"
)

func TestHostText(t *testing.T) {
	for address, want := range map[string]string{
		"https://www.meybodpottery.ir/shop?x=1": "www.meybodpottery.ir",
		"https://MEYBOD.ir:8443":                "meybod.ir",
		"https://سفال.ایران/":                   "سفال.ایران",
		"https://shop.xn--mgba3a4f16a":          "shop.ایران",
		"https://аррӏе.com/":                    "xn--80ak6aa92e.com",     // all of it Cyrillic
		"https://mеllat.ir":                     "xn--mllat-zwe.ir",       // one letter Cyrillic
		"https://bank-سفال.ir":                  "xn--bank--hdh7frf2a.ir", // Latin and Persian
		"https://bank.ir\u202e":                 "bank.xn--ir-h4t",
		"javascript:alert(1)":                   "",
		"bank.ir":                               "",
		"":                                      "",
	} {
		if got := HostText(address); got != want {
			t.Errorf("%s is shown as %q, want %q", address, got, want)
		}
	}
}

// Whatever is typed as an address, no letter of another script than ours stands in what is shown of it.
func FuzzHostText(f *testing.F) {
	for _, s := range []string{"https://аррӏе.com", "https://سفال.ایران", "https://xn--80ak6aa92e.com", "https://ｂank.ir", "https://bank。ir", "https://[::1]:80", "//a\u202eb.ir", "https://xn--a.ir", "https://ß.ir"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := HostText(s)
		if strings.ContainsFunc(got, func(r rune) bool {
			return r > unicode.MaxASCII && !unicode.Is(unicode.Arabic, r) && r != '\u200c' && !unicode.IsDigit(r)
		}) || CleanText(got) != got {
			t.Fatalf("%q is shown as %q", s, got)
		}
	})
}
