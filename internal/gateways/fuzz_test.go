package gateways_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"dargah/internal/gateways"
)

// The card number that these targets hide somewhere, as it may be written.
var writtenCards = []string{
	"6037991234567890", "6037 9912 3456 7890", "6037-9912-3456-7890", "6037.9912.3456.7890", "6037\u00a09912\u00a03456\u00a07890", "6037 - 9912 - 3456 - 7890", "6037\u200c9912\u200c3456\u200c7890",
	"۶۰۳۷۹۹۱۲۳۴۵۶۷۸۹۰", "٦٠٣٧ ٩٩١٢ ٣٤٥٦ ٧٨٩٠", "６０３７９９１２３４５６７８９０", "6037۹۹۱۲۳۴۵۶7890",
}

// FuzzHiddenCard: a card number between letters is masked, whatever stands around it, in every way
// in which a vendor's text is kept.
func FuzzHiddenCard(f *testing.F) {
	for i := range writtenCards {
		f.Add(uint8(i), `{"message":"`, `","x":1}`)
		f.Add(uint8(i), "1234 ", " 5678")
		f.Add(uint8(i), `{"cardNumber":"`, `"`)
		f.Add(uint8(i), "", "")
	}
	redact := gateways.NewRedactor([]string{"s3cretvalue"}, "code")
	f.Fuzz(func(t *testing.T, which uint8, before, after string) {
		written := writtenCards[int(which)%len(writtenCards)]
		// Letters, so that no digit beside it makes it longer; four groups may begin a group earlier.
		text := before + "م" + written + "م" + after
		form, err := gateways.ParseForm(url.Values{"message": {text}, "m" + text: {text}})
		kept := []string{redact.Body([]byte(text)), redact.Text(text, 500), redact.Identifier(text), redact.Field("message", text), redact.Field("refnumber", text)}
		if err == nil {
			for name, value := range form.Record(redact, "message") {
				kept = append(kept, name, value)
			}
		}
		for _, k := range kept {
			if strings.Contains(k, written) {
				t.Fatalf("%q is kept as %q", text, k)
			}
		}
	})
}

// FuzzMaskCard: what comes out of any card field shows ten digits at most, and nothing but digits
// and stars.
func FuzzMaskCard(f *testing.F) {
	for _, seed := range append(writtenCards, "603799******1234", "6037-99**-****-1234", "6037xxxx1234", "", "null", "<b>", "\u200e6037") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := gateways.MaskCard(s)
		digits := 0
		for _, c := range got {
			if c >= '0' && c <= '9' {
				digits++
			} else if c != '*' {
				t.Fatalf("%q became %q", s, got)
			}
		}
		if digits > 10 || len(got) > 24 {
			t.Fatalf("%q became %q", s, got)
		}
		if again := gateways.MaskCard(got); again != got {
			t.Fatalf("%q is not stable: %q", got, again)
		}
	})
}

// FuzzParseObject holds the reader against encoding/json: what it takes is one object, read the same,
// in which no name stands twice at any depth and none of ours in another case.
func FuzzParseObject(f *testing.F) {
	for _, seed := range []string{
		`{"amount":1}`, `{"amount":1,"amount":2}`, `{"Amount":1}`, `{"a":{"b":1,"b":2}}`, `{"a":[{"b":1,"\u0062":2}]}`, `{}x`, "\ufeff{}", `[]`, `null`, `{"amount":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a":1e400}`, `{"ſuccess":true}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := gateways.ParseObject(body, "amount", "success")
		var loose map[string]json.RawMessage
		d := json.NewDecoder(bytes.NewReader(body))
		looseErr := d.Decode(&loose)
		if err != nil {
			// And nothing else is refused.
			for name := range loose {
				if looseErr != nil || name != "amount" && strings.EqualFold(name, "amount") || name != "success" && strings.EqualFold(name, "success") {
					return
				}
			}
			if loose != nil && json.Valid(body) && utf8.Valid(body) && !twice(body) {
				t.Fatalf("refused %q: %v", body, err)
			}
			return
		}
		if looseErr != nil || loose == nil || len(o) != len(loose) || d.More() || !utf8.Valid(body) {
			t.Fatalf("took %q: %v", body, looseErr)
		}
		for name, raw := range loose {
			if !bytes.Equal(o[name], raw) {
				t.Fatalf("%q: %s is %q and %q", body, name, o[name], raw)
			}
			for _, own := range []string{"amount", "success"} {
				if name != own && strings.EqualFold(name, own) {
					t.Fatalf("took %q with %q", body, name)
				}
			}
		}
		if twice(body) {
			t.Fatalf("took %q with a member twice", body)
		}
		for _, raw := range o {
			if n, ok := gateways.Integer(raw); ok {
				text := strings.Trim(string(raw), `"`)
				if s, isText := gateways.Text(raw); isText {
					text = s
				}
				if want, err := strconv.ParseInt(text, 10, 64); err != nil || want != n || strings.ContainsAny(text, ".eE+ ") {
					t.Fatalf("%q reads as %d", raw, n)
				}
			}
		}
	})
}

// twice looks for a repeated name by decoding every object into a list of pairs.
func twice(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	type level struct {
		names  map[string]bool // nil in an array
		isName bool
	}
	var stack []level
	for {
		tok, err := d.Token()
		if err != nil {
			return false
		}
		top := len(stack) - 1
		if delim, ok := tok.(json.Delim); ok && (delim == '}' || delim == ']') {
			stack = stack[:top]
			if top--; top >= 0 {
				stack[top].isName = stack[top].names != nil
			}
			continue
		}
		if top >= 0 && stack[top].names != nil && stack[top].isName {
			name, _ := tok.(string)
			if stack[top].names[name] {
				return true
			}
			stack[top].names[name], stack[top].isName = true, false
			continue
		}
		switch tok {
		case json.Delim('{'):
			stack = append(stack, level{names: map[string]bool{}, isName: true})
		case json.Delim('['):
			stack = append(stack, level{})
		default:
			if top >= 0 {
				stack[top].isName = stack[top].names != nil
			}
		}
	}
}

// FuzzRedirectHosts: with any list of hosts, a customer is sent to one of the list or below one, as
// the standard library's reading of the address has it, and by TLS unless it is this machine.
func FuzzRedirectHosts(f *testing.F) {
	for _, seed := range [][2]string{
		{"https://ipg.gardeshpay.ir/r", "gardeshpay.ir"},
		{"https://a.b.c.ir/r", "b.c.ir, x.ir"},
		{"http://127.0.0.1:9/r", "127.0.0.1"},
		{"https://pay.example.ir:8443/s", "pay.example.ir:8443"},
		{"https://evilgardeshpay.ir", "gardeshpay.ir"},
		{"https://gardeshpay.ir.evil.tld", "gardeshpay.ir"},
		{"https://x", "x"},
		{"https://[::1]/", "::1"},
		{"https://ir/", ",,ir"},
		{"https://a.-b/", "-b"},
	} {
		f.Add(seed[0], seed[1], false)
		f.Add(seed[0], seed[1], true)
	}
	f.Fuzz(func(t *testing.T, base, hosts string, onLoopback bool) {
		got, err := gateways.JoinRedirect(base, "tok", hosts, onLoopback)
		if err != nil {
			return
		}
		u, err := url.Parse(got)
		if err != nil || u.User != nil || u.Fragment != "" || u.RawQuery != "" || !strings.HasSuffix(u.Path, "/tok") {
			t.Fatalf("sends to %q: %v", got, err)
		}
		host, within := strings.ToLower(u.Hostname()), false
		for name := range strings.SplitSeq(strings.ToLower(hosts), ",") {
			name = strings.Trim(strings.TrimSpace(name), "[]")
			within = within || (name != "" && (host == name || strings.ToLower(u.Host) == name || strings.HasSuffix(host, "."+name)))
		}
		if !within {
			t.Fatalf("%q is not on %q", got, hosts)
		}
		if local := gateways.Loopback(host); u.Scheme != "https" && (!local || !onLoopback) || local && !onLoopback {
			t.Fatalf("sends to %q", got)
		}
	})
}

// FuzzSettings: an address or a list of hosts that is saved means to us what it means to net/url,
// and leads nowhere without TLS but to this machine.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{
		"https://api.payping.ir/v2/pay", "http://127.0.0.1:9090/x", "http://127.0.0.1.evil.tld/", "https://a@b/", "https://x/#", "//x", "https://x:0/", "gardeshpay.ir, x.ir", "*.x.ir", "15m", "1h99999h", "-1s", "rial", "10000", "010", "9999999999999", "true", "s3cret\n", " x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		s := gateways.Settings{"k": value}
		if gateways.CheckURL(s, "k") == nil {
			u, err := url.Parse(value)
			if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" || len(value) > 2048 {
				t.Fatalf("saved %q: %v", value, err)
			}
			if u.Scheme != "https" && (u.Scheme != "http" || !gateways.Loopback(u.Hostname())) {
				t.Fatalf("saved %q", value)
			}
			for i := range len(value) {
				if value[i] <= ' ' || value[i] > '~' || value[i] == '\\' {
					t.Fatalf("saved %q", value)
				}
			}
		}
		for _, local := range []bool{false, true} {
			if gateways.CheckHosts(s, "k", local) != nil {
				continue
			}
			for name := range strings.SplitSeq(value, ",") {
				name = strings.ToLower(strings.TrimSpace(name))
				if gateways.Loopback(name) {
					if !local {
						t.Fatalf("saved loopback %q", value)
					}
				} else if !strings.Contains(name, ".") || strings.ContainsAny(name, ":/@*\\ %?#") || len(name) > 253 {
					t.Fatalf("saved %q", value)
				}
			}
		}
		if gateways.CheckCredential(s, "k") == nil && (strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) || strings.TrimSpace(value) != value || len(value) > 512) {
			t.Fatalf("saved the credential %q", value)
		}
		for _, key := range []string{"amount_unit", "verify_window", "min_amount", "max_amount", "enabled"} {
			common := gateways.Settings{"amount_unit": "rial", "verify_window": "15m", "min_amount": "1", "max_amount": "9999999999999", "enabled": "true"}
			common[key] = value
			if gateways.CheckCommon(common) != nil {
				continue
			}
			n, err := strconv.ParseInt(value, 10, 64)
			d, notTime := time.ParseDuration(value)
			switch {
			case key == "amount_unit" && value != "rial" && value != "toman", key == "enabled" && value != "true" && value != "false",
				key == "verify_window" && (notTime != nil || d < time.Second), strings.HasSuffix(key, "_amount") && (err != nil || n < 1 || n > 9_999_999_999_999 || strings.ContainsFunc(value, func(c rune) bool { return c < '0' || c > '9' })):
				t.Fatalf("saved %s=%q", key, value)
			}
		}
	})
}

// FuzzResponseHeaders: how long a gateway may make us wait is bounded and never negative, and its
// request id is printable whatever it sent.
func FuzzResponseHeaders(f *testing.F) {
	for _, seed := range [][3]string{
		{"120", "", "req-1"}, {"-1", "", "\x00\x1b[2J"}, {"99999999999999999999", "", strings.Repeat("x", 1000)}, {"Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:27:00 GMT", "\u202e"}, {" 5 ", "", ""}, {"Wed, 21 Oct 2526 07:28:00 GMT", "Wed, 21 Oct 2026 07:27:00 GMT", ""},
	} {
		f.Add(429, seed[0], seed[1], seed[2])
		f.Add(200, seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, status int, after, date, id string) {
		r := gateways.Response{Status: status, Header: http.Header{"Retry-After": {after}, "Date": {date}, "X-Paypingrequest-Id": {id}}}
		wait := r.RetryAfter()
		if wait < 0 || wait > 24*time.Hour || (wait != 0 && status != 429 && status != 503) {
			t.Fatalf("%d %q: wait %s", status, after, wait)
		}
		if n, err := strconv.ParseUint(after, 10, 16); err == nil && status == 429 && wait != min(time.Duration(n)*time.Second, 24*time.Hour) {
			t.Fatalf("%q: wait %s", after, wait)
		}
		got := r.RequestID()
		if len(got) > 128 || strings.ContainsFunc(got, func(c rune) bool { return c <= ' ' || c > '~' || unicode.IsControl(c) }) {
			t.Fatalf("%q became %q", id, got)
		}
		answer := gateways.Evidence(r, errors.New(id), gateways.NewRedactor(nil))
		if answer.Outcome != gateways.Unknown || !answer.Sent || !answer.Unheard {
			t.Fatalf("an error is evidence of %+v", answer)
		}
	})
}
