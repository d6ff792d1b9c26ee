package static_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every letter of our own words stands in the two small fonts, so no page of ours loads a large one for
// what we say.
func TestFonts_OurWordsNeedTheSmallOnes(t *testing.T) {
	sheet, err := os.ReadFile("css/base.css")
	if err != nil {
		t.Fatal(err)
	}
	type span struct{ first, last rune }
	var small []span
	for _, face := range strings.Split(string(sheet), "@font-face")[1:] {
		if !strings.Contains(face, "persian.woff2") && !strings.Contains(face, "plain.woff2") {
			continue
		}
		for _, m := range regexp.MustCompile(`U\+([0-9A-F]+)(?:-([0-9A-F]+))?`).FindAllStringSubmatch(face, -1) {
			first, err := strconv.ParseInt(m[1], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			last := first
			if m[2] != "" {
				if last, err = strconv.ParseInt(m[2], 16, 32); err != nil {
					t.Fatal(err)
				}
			}
			small = append(small, span{rune(first), rune(last)})
		}
	}
	seen := 0
	for _, name := range []string{"fa", "en"} {
		raw, err := os.ReadFile("../../internal/app/i18n/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var words map[string]string
		if err := json.Unmarshal(raw, &words); err != nil {
			t.Fatal(err)
		}
		for key, text := range words {
		letters:
			for _, r := range text {
				seen++
				for _, s := range small {
					if r >= s.first && r <= s.last {
						continue letters
					}
				}
				if r != '\n' {
					t.Errorf("%s of %s has %q (%U), which is in no small font", key, name, r, r)
				}
			}
		}
	}
	if seen < 10_000 {
		t.Errorf("only %d letters were looked at", seen)
	}
}
