package gateways

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// What a name, a reference, a token and a plain address are stands here as patterns; the code reads them
// by hand, because it does so at every payment and no start should wait until patterns are compiled.
func TestShapes(t *testing.T) {
	shapes := []struct {
		name    string
		pattern *regexp.Regexp
		is      func(string) bool
	}{
		{"host name", regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`), HostName},
		{"plain address", regexp.MustCompile(`^[A-Za-z0-9._~:/%+=,;!$*\[\]-]+$`), plainURL},
		{"reference", regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`), func(s string) bool { return unreserved(s, maxReference) }},
		{"token", regexp.MustCompile(`^[A-Za-z0-9._~-]{1,256}$`), func(s string) bool { return unreserved(s, maxToken) }},
	}
	long := func(n int) string { return strings.Repeat("a", n) }
	texts := []string{
		"", ".", "a", "a.b", "a.b.", ".a.b", "a..b", "-a.b", "a-.b", "a.-b", "a.b-", "a-b.c-d", "1.2", "1.2a", "1.a2", "A.b", "a.B",
		"a.b\n", "\na.b", "a.ک", "a_b.c", long(62) + ".a", long(63) + ".a", long(64) + ".a", "a." + long(63), "a." + long(64),
		long(64), long(65), long(256), long(257), "K.a", "a b",
	}
	for c := range 256 { // every byte, alone, first, within and last
		s := string([]byte{byte(c)})
		texts = append(texts, s, s+"a.b", "a"+s+"a.b", "a.b"+s, "a.b"+s+"c")
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		b := make([]byte, random.IntN(8))
		for i := range b {
			b[i] = "ab0-.A_:\n"[random.IntN(9)]
		}
		texts = append(texts, string(b))
	}
	for _, shape := range shapes {
		for _, text := range texts {
			if got, want := shape.is(text), shape.pattern.MatchString(text); got != want {
				t.Errorf("%s %q: %t, the pattern says %t", shape.name, text, got, want)
			}
		}
	}
}
