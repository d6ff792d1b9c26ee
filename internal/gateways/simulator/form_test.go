package simulator

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	maskShape = regexp.MustCompile(`^[0-9]{6}[*]{6}[0-9]{4}$`)
	testCard  = regexp.MustCompile(`^[0-9]{6}0{8}[0-9]{2}$`)
)

// FuzzCard: the card form takes numbers that no bank issues, in any of three scripts, and gives back
// a mask of theirs; of every other number nothing comes out.
func FuzzCard(f *testing.F) {
	for _, seed := range []string{
		"card=6037990000000000&cvv2=123&month=1&year=08&pin2=12345", "card=6037+9900+0000+0000&cvv2=1234&month=12&year=08&pin2=123456", "card=6037991234567893&cvv2=123&month=1&year=08&pin2=12345", "card=%DB%B6037990000000000", "card=6037990000000001&cvv2=123&month=1&year=08&pin2=12345", "card=&cvv2=%00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		values, _ := url.ParseQuery(raw)
		form := map[string]string{}
		for name := range values {
			form[name] = values.Get(name)
		}
		mask, err := cardMask(form)
		if err != nil {
			if mask != "" || strings.ContainsAny(err.Error(), "0123456789") {
				t.Fatalf("%q: %q beside %v", raw, mask, err)
			}
			return
		}
		number := strings.NewReplacer(" ", "", "-", "").Replace(folded(form["card"]))
		if !maskShape.MatchString(mask) || !testCard.MatchString(number) || mask != number[:6]+"******"+number[12:] {
			t.Fatalf("%q became %q", raw, mask)
		}
	})
}

// folded writes Persian and Arabic digits as ASCII ones.
func folded(s string) string {
	for i := range 10 {
		s = strings.NewReplacer(string(rune('۰'+i)), strconv.Itoa(i), string(rune('٠'+i)), strconv.Itoa(i)).Replace(s)
	}
	return s
}

// FuzzMembers: an amount that the simulator reads is one that encoding/json reads digit for digit,
// and a text is the text.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{"1500000", `"1500000"`, "1e3", "-1", "1.0", `"\u0031"`, "null", "true", "01", `"01"`, "9223372036854775808", `" 1"`, ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		var value any
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.UseNumber()
		if err := d.Decode(&value); err != nil {
			return
		}
		said := ""
		switch v := value.(type) {
		case json.Number:
			said = v.String()
		case string:
			said = v
		}
		trimmed := json.RawMessage(strings.TrimSpace(string(raw)))
		for _, quoted := range []bool{false, true} {
			n, ok := whole(trimmed, quoted)
			if _, isText := value.(string); ok && isText && !quoted {
				t.Fatalf("%q is a number", raw)
			}
			if want, err := strconv.ParseInt(said, 10, 64); ok && (err != nil || want != n || n < 0) {
				t.Fatalf("%q reads as %d", raw, n)
			}
		}
		if s, ok := text(trimmed); ok && value != nil && s != said {
			t.Fatalf("%q reads as %q", raw, s)
		}
	})
}
