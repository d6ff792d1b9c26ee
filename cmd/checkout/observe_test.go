package main_test

import (
	"database/sql"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"dargah/internal/db/dbtest"
)

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// What a server tells Prometheus of payments, and the operator's program of what needs him, holds no
// secret and nobody's data. Nor do the log, the pages that go wrong, and the list of processes.
func TestObserve_MetricsAlertsAndNoSecrets(t *testing.T) {
	h := newHouse(t)
	told := make(chan map[string]any, 8)
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m map[string]any
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || r.URL.Query().Get("key") != "canary-alert" {
			t.Errorf("told %v at %s: %v", m, r.URL, err)
		}
		told <- m
	}))
	defer listener.Close()
	canaries := map[string]string{
		"secret key": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "smtp password": "canary-smtp", "token": "canary-ghesta",
		"alert key": "canary-alert", "provider token": "canary-provider", "payer": "canary-payer", "mobile": "09120000000",
	}
	traces := newCollector(t)
	h.env = append(h.env, traces.env()...)
	canaries["collector's key"] = "canary otlp"
	at := freeAddr(t)
	files := map[string]string{"CHECKOUT_SMTP_URL": "smtp://user:canary-smtp@127.0.0.1:1", "CHECKOUT_ALERT_URL": listener.URL + "/?key=canary-alert"}
	for name, value := range files {
		path := filepath.Join(h.dir, name)
		if err := os.WriteFile(path, []byte(value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		h.env = append(h.env, name+"_FILE="+path)
	}
	h.env = append(h.env, "CHECKOUT_METRICS_ADDR="+at, "CHECKOUT_MAIL_FROM=pay@example.ir", "CHECKOUT_LOG_LEVEL=debug")
	h.must(nil, "migrate")
	if r := h.runWith("a long enough password\n", "user", "create", "--email", "op@example.ir", "--operator", "--password-stdin"); r.code != 0 {
		t.Fatal(r.err)
	}
	file, err := sql.Open("sqlite", filepath.Join(h.dir, "checkout.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.ExecContext(t.Context(), `INSERT INTO jobs (kind, key, payload, run_at_ms, due_ms, dead_at_ms, created_at_ms) VALUES ('x', 'x', '', 1, 1, 1, 1)`); err != nil {
		t.Fatal(err)
	}
	p, base := h.serving()
	if m := <-told; m["alert"] != "dead_jobs" || m["status"] != "firing" || m["url"] != base+"/admin/attention" {
		t.Errorf("told %v", m)
	}
	var letters int
	if err := file.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM letters WHERE kind = 'alert' AND recipient = 'op@example.ir'`).Scan(&letters); err != nil || letters != 1 {
		t.Errorf("%d letters: %v", letters, err)
	}
	key := h.shop()
	canaries["api key"] = key
	for _, set := range [][]string{{"ghesta", "token=@"}, {"gardeshpay", "provider_token=@"}} {
		path := filepath.Join(h.dir, set[0])
		if err := os.WriteFile(path, []byte(map[string]string{"ghesta": "canary-ghesta", "gardeshpay": "canary-provider"}[set[0]]), 0o600); err != nil {
			t.Fatal(err)
		}
		urls := map[string][]string{"ghesta": {"pay_url=http://127.0.0.1:1/pay", "verify_url=http://127.0.0.1:1/verify"}, "gardeshpay": {"token_url=http://127.0.0.1:1/t", "verify_url=http://127.0.0.1:1/v"}}[set[0]]
		h.must(nil, append([]string{"gateway", "set", "--merchant", "meybod", set[0], set[1] + path}, urls...)...)
	}
	var inv, live invoice
	h.must(&inv, "invoice", "create", "--merchant", "meybod", "--test", "--amount", "2000000", "--customer-name", "canary-payer", "--json")
	h.must(&live, "invoice", "create", "--merchant", "meybod", "--amount", "2000000", "--json")
	canaries["payment link"] = inv.PaymentURL[strings.LastIndex(inv.PaymentURL, "/")+1:]
	if end := h.pay(inv.PaymentURL, "gardeshpay", "paid"); state(end.body) != "paid" {
		t.Fatalf("ended %q", state(end.body))
	}
	var pages strings.Builder
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		pages.WriteString(h.read(http.PostForm(live.PaymentURL+"/pay", map[string][]string{"gateway": {gateway}, "payer_name": {"x"}, "payer_mobile": {"09121111111"}})).body)
	}
	for _, path := range []string{"/nowhere", "/cb/gardeshpay/nothing", "/api/v1/invoices", "/metrics", "/readyz"} {
		pages.WriteString(h.read(http.Get(base + path)).body)
	}
	scrape := func() string {
		resp, err := http.Get("http://" + at + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		raw, _ := io.ReadAll(resp.Body)
		return string(raw)
	}
	metrics := scrape()
	for _, want := range []string{
		`checkout_gateway_calls_total{call="verify",gateway="gardeshpay",mode="test",outcome="paid"} 1`,
		`checkout_gateway_calls_total{call="start",gateway="gardeshpay",mode="live",outcome="trouble"} 1`,
		`checkout_callbacks_total{claim="reference",gateway="gardeshpay"} 1`,
		"checkout_database_up 1", "checkout_oldest_unverified_seconds 0", "checkout_dead_jobs 1", `checkout_alert{alert="review"} 0`, `checkout_alert{alert="dead_jobs"} 1`, "checkout_disk_free_bytes ",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics do not say %s", want)
		}
	}
	if strings.Contains(pages.String(), "checkout_database_up") {
		t.Error("the metrics are public")
	}
	processes, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/cmdline")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	p.stop()
	if len(traces.all()) < 5 {
		t.Errorf("only %d spans", len(traces.all()))
	}
	for what, canary := range canaries {
		for where, text := range map[string]string{"log": p.errs.String(), "metrics": metrics, "pages": strings.ReplaceAll(pages.String(), live.PaymentURL, ""), "processes": string(processes), "traces": traces.raw.String()} {
			if strings.Contains(text, canary) {
				t.Errorf("the %s is in the %s", what, where)
			}
		}
	}
}

// The rules and the dashboard that an operator copies speak of metrics that there are.
func TestObserve_Rules(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		dbtest.Missing(t, "promtool", "apt-get install prometheus")
	}
	out, err := exec.Command("promtool", "check", "rules", "../../docs/prometheus/alerts.yml").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "SUCCESS") {
		t.Errorf("%v\n%s", err, out)
	}
}

// Whoever is woken by an alert finds its part of the runbook behind the alert's own link, and in it what
// customers notice, what to do first, and how to see that it is over.
func TestRunbook(t *testing.T) {
	rules, err := os.ReadFile("../../docs/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	book, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, part := range strings.Split(string(book), "\n## ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		parts[name] = text
	}
	alerts := regexp.MustCompile(`(?s)- alert: (\w+)\n.*?runbook: "docs/runbook\.md#(\w+)"`).FindAllStringSubmatch(string(rules), -1)
	if len(alerts) != strings.Count(string(rules), "- alert:") || len(alerts) < 10 {
		t.Errorf("%d of %d alerts lead to the runbook", len(alerts), strings.Count(string(rules), "- alert:"))
	}
	for _, a := range alerts {
		text, found := parts[a[1]]
		if !found || a[2] != strings.ToLower(a[1]) {
			t.Errorf("%s leads to #%s, and the runbook has no part of that name for it", a[1], a[2])
		}
		for _, mark := range []string{"\n- **Customers**", "\n- **First**", "\n- **Over** "} {
			if found && strings.Count(text, mark) != 1 {
				t.Errorf("%s does not say %q, once", a[1], strings.Trim(mark, "\n- *"))
			}
		}
		delete(parts, a[1])
	}
	for name := range parts {
		t.Errorf("the runbook has a part %s, and there is no such alert", name)
	}
}
