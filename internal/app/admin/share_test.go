package admin

import (
	"os"
	"strings"
	"testing"

	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
)

// The button for a letter that somebody else sends: one link for all readers, once as VML for Outlook, once as
// a link for the others, and whatever the shop wrote stays text.
func TestShare_Button(t *testing.T) {
	for name, s := range map[string]shared{
		"testdata/button.fa.html": {link: "https://pay.example.ir/i/VHdMi8UXpTUzSJM2V7gZ9w", amount: 2_500_000, l: i18n.FA},
		"testdata/button.en.html": {link: `https://pay.example.ir/p/x/"><script>`, l: i18n.EN},
	} {
		got := s.mailButton("#0e7490") + "\n"
		if os.Getenv("UPDATE") != "" {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil || string(want) != got {
			t.Errorf("%s is not what it was (%v); look at it, then UPDATE=1 go test ./internal/app/admin -run Share_Button:\n%s", name, err, got)
		}
		if strings.Contains(got, "<script") || strings.Count(got, "<!--[if mso]>") != 1 || strings.Count(got, "<v:roundrect") != strings.Count(got, "</v:roundrect>") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

// The text fits into two parts of an SMS whatever the purpose, ends with the whole link, and is counted as a
// telephone counts it.
func TestShare_Text(t *testing.T) {
	link := "https://pay.example.ir/i/VHdMi8UXpTUzSJM2V7gZ9w"
	for _, purpose := range []string{"x", "سرویس چای‌خوری فیروزه‌ای", strings.Repeat("شهریهٔ کارگاه سفال ", 20), strings.Repeat("🎹", 80)} {
		for _, amount := range []money.Rial{0, 2_500_000, 9_999_999_999_990} {
			s := shared{link: link, purpose: purpose, amount: amount, l: i18n.FA}
			if text := s.text("خانهٔ سفال میبد"); units(text) > smsUnits || !strings.HasSuffix(text, "\n"+link) {
				t.Errorf("%d units: %s", units(text), text)
			}
		}
	}
	if units("سلام") != 4 || units("🎹") != 2 {
		t.Error("a telephone counts otherwise")
	}
}
