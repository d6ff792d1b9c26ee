package api_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"dargah/internal/db/dbtest"
)

// TestSamples runs the programs that the docs page shows against a running server, where their
// language is on this machine.
func TestSamples(t *testing.T) {
	h := open(t)
	srv := httptest.NewServer(h)
	defer srv.Close()
	page := fetch(t, shelf(t), http.MethodGet, "/api/v1/docs").Body.String()
	for language, run := range map[string][]string{"sh": {"bash"}, "go.txt": {"go", "run"}, "php": {"php"}, "py": {"python3"}, "mjs": {"node"}} {
		t.Run(language, func(t *testing.T) {
			tools := []string{run[0]}
			if language == "sh" {
				tools = append(tools, "curl", "openssl")
			}
			for _, tool := range tools {
				if _, err := exec.LookPath(tool); err != nil {
					dbtest.Missing(t, "languages", "there is no "+tool+" here")
				}
			}
			slug := "shop-" + strings.TrimSuffix(language, ".txt")
			h.merchant(slug)
			p := programs{t, page, run, language, append(os.Environ(), "CHECKOUT_URL="+srv.URL, "CHECKOUT_KEY="+h.key(slug, true), "WEBHOOK_SECRET="+hookSecret)}
			made, err := p.execute("create", "")
			at := strings.Index(made, "inv_")
			if err != nil || at < 0 || !strings.Contains(made, "https://pay.example/i/") {
				t.Fatalf("create: %v\n%s", err, made)
			}
			status, err := p.execute("status", "", made[at:at+29])
			if err != nil || !strings.Contains(status, "open") {
				t.Errorf("status: %v\n%s", err, status)
			}
			if _, err := p.execute("status", "", "inv_06epz6r5c8g4hnqk2vt0s9wxy"); err == nil && language != "sh" { // curl is told nothing of statuses
				t.Error("the status of nothing")
			}
			p.webhook()
		})
	}
}

var hookSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of twenty-four bytes and more"))

type programs struct {
	*testing.T
	page     string
	command  []string
	language string
	env      []string
}

// execute runs a program as the page shows it.
func (p *programs) execute(name, stdin string, args ...string) (string, error) {
	p.Helper()
	code, err := os.ReadFile(filepath.Join("samples", name+"."+p.language))
	if err != nil {
		p.Fatal(err)
	}
	if !strings.Contains(html.UnescapeString(p.page), string(code)) {
		p.Errorf("%s is not on the page", name)
	}
	file := filepath.Join(p.TempDir(), name+"."+strings.TrimSuffix(p.language, ".txt"))
	if err := os.WriteFile(file, code, 0o600); err != nil {
		p.Fatal(err)
	}
	cmd := exec.CommandContext(p.Context(), p.command[0], append(append(p.command[1:len(p.command):len(p.command)], file), args...)...)
	cmd.Env, cmd.Stdin = p.env, bytes.NewReader([]byte(stdin))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// webhook lets the program judge: a true signature, also beside another one, and what is not.
func (p *programs) webhook() {
	const body = `{"type":"invoice.paid","data":{"description":"سفارش ۱۰۲۴ \\ <&>"}}` + "\n"
	now, old := strconv.FormatInt(time.Now().Unix(), 10), strconv.FormatInt(time.Now().Add(-6*time.Minute).Unix(), 10)
	sign := func(timestamp string) string {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hookSecret, "whsec_"))
		if err != nil {
			p.Fatal(err)
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("evt_1." + timestamp + "." + body))
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	for _, tt := range []struct {
		name, body, timestamp, signatures string
		genuine                           bool
	}{
		{"genuine", body, now, sign(now), true},
		{"beside another", body, now, "v1,AAAA " + sign(now), true},
		{"another body", body + " ", now, sign(now), false},
		{"old", body, old, sign(old), false},
	} {
		out, err := p.execute("webhook", tt.body, "evt_1", tt.timestamp, tt.signatures)
		if (err == nil && strings.TrimSpace(out) == "genuine") != tt.genuine {
			p.Errorf("%s: %v %s", tt.name, err, out)
		}
	}
}
