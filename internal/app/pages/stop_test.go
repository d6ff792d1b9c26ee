package pages_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// Mail servers fetch, follow and HEAD every address in a letter: nothing happens. A press on the button,
// or a mail program's one click (RFC 8058), ends the reminders; a press on the other lets them come again.
func TestStop(t *testing.T) {
	f := &fake{page: payable()}
	h := serve(t, f)
	at := "/m/" + stopToken
	send := func(method, path, kind, body string, heads ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, baseURL+path, strings.NewReader(body))
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		for i := 0; i < len(heads); i += 2 {
			r.Header.Set(heads[i], heads[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	const form = "application/x-www-form-urlencoded"
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, q := range []string{"", "?act=stop", "?List-Unsubscribe=One-Click", "?lang=en"} {
			if w := send(method, at+q, "", ""); w.Code != http.StatusOK || f.stopped {
				t.Fatalf("%s %s: %d, stopped %t", method, q, w.Code, f.stopped)
			}
		}
	}
	for _, lang := range []string{"fa", "en"} {
		f.stopped = false
		golden(t, "testdata/stop-ask."+lang+".html", send(http.MethodGet, at+"?lang="+lang, "", "").Body.String())
		f.stopped = true
		golden(t, "testdata/stop-done."+lang+".html", send(http.MethodGet, at+"?lang="+lang, "", "").Body.String())
		f.stopped = false
	}
	again := func() {
		t.Helper()
		if w := send(http.MethodPost, at, form, "act=again"); w.Code != http.StatusSeeOther || f.stopped {
			t.Fatalf("again: %d, stopped %t", w.Code, f.stopped)
		}
	}
	boundary := "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n"
	for _, one := range [][2]string{
		{form, "act=stop"},
		{form, "List-Unsubscribe=One-Click"},
		{"multipart/form-data; boundary=x", boundary},
	} {
		w := send(http.MethodPost, at, one[0], one[1], "Origin", "https://mail.example", "Sec-Fetch-Site", "cross-site")
		if w.Code != http.StatusSeeOther || !f.stopped || w.Header().Get("Location") != at || w.Header().Get("Set-Cookie") != "" {
			t.Fatalf("%s: %d, stopped %t", one[0], w.Code, f.stopped)
		}
		if w := send(http.MethodPost, at, form, "act=again", "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden || !f.stopped {
			t.Fatalf("another site lets them come again: %d", w.Code)
		}
		again()
	}
	for name, one := range map[string][4]string{
		"another kind":     {at, "application/json", "{}", "415"},
		"no kind":          {at, "", "", "415"},
		"another part":     {at, "multipart/form-data; boundary=x", strings.ReplaceAll(boundary, "One-Click", "Two"), "400"},
		"no boundary":      {at, "multipart/form-data", boundary, "400"},
		"a field twice":    {at, form, "act=stop&act=again", "400"},
		"too long":         {at, form, "act=" + strings.Repeat("x", 17<<10), "413"},
		"nobody's token":   {"/m/c3RvcA", form, "act=stop", "404"},
		"no token of ours": {"/m/../i", form, "act=stop", "404"},
	} {
		if w := send(http.MethodPost, one[0], one[1], one[2]); one[3] != strconv.Itoa(w.Code) || f.stopped {
			t.Errorf("%s: %d, want %s", name, w.Code, one[3])
		}
	}
	if w := send(http.MethodGet, "/m/c3RvcA", "", ""); w.Code != http.StatusNotFound {
		t.Errorf("nobody's page: %d", w.Code)
	}
}
