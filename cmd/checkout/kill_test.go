package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dargah/internal/app/seal"
	"dargah/internal/db/dbtest"
	"dargah/internal/gateways/simulator"
)

// TestKill kills the real server with SIGKILL while a verify is on its way, and right after the
// gateway captured the money, on both gateways and both databases. After the restart the receipt
// must be right, and the money taken once.
func TestKill(t *testing.T) {
	binary := buildOnce(t)
	dbtest.URLs(t, func(t *testing.T, fresh func(t testing.TB) string) {
		for _, gateway := range []string{"gardeshpay", "ghesta"} {
			for _, moment := range []string{"in flight", "captured"} {
				t.Run(gateway+" "+moment, func(t *testing.T) {
					t.Parallel()
					v := newVendors(t)
					s := &process{TB: t, binary: binary, vendors: v, database: fresh(t)}
					s.setUp()
					s.start()
					link := s.invoice()
					callback := s.payAtGateway(link, gateway)

					v.killAt(moment)
					left := make(chan struct{})
					go func() { defer close(left); callback() }() // the browser waits in vain
					<-v.reached
					s.kill()
					<-left
					v.letGo()

					s.start()
					s.untilPaid(link)
					s.books(gateway)
				})
			}
		}
	})
}

// buildOnce builds the real program with the toolchain that runs the test.
var built struct {
	once sync.Once
	path string
	err  error
}

func buildOnce(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "checkout-test")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "checkout")
		out, err := exec.Command("go", "build", "-o", built.path, ".").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("build: %w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// vendors are both simulated gateways on a port, with a barrier before or behind their verify.
type vendors struct {
	*httptest.Server
	sim *simulator.Simulator

	mu      sync.Mutex
	moment  string
	reached chan struct{}
	release chan struct{}
}

func newVendors(t testing.TB) *vendors {
	t.Helper()
	v := &vendors{reached: make(chan struct{}), release: make(chan struct{})}
	v.Server = httptest.NewUnstartedServer(v)
	sim, err := simulator.New(simulator.Options{PublicURL: "http://" + v.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	v.sim = sim
	v.Server.Start()
	t.Cleanup(v.Close)
	return v
}

func (v *vendors) killAt(moment string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.moment = moment
}

func (v *vendors) letGo() { close(v.release) }

func (v *vendors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/verify") {
		v.sim.ServeHTTP(w, r)
		return
	}
	v.mu.Lock()
	moment := v.moment
	v.moment = ""
	v.mu.Unlock()
	switch moment {
	case "in flight":
		close(v.reached)
		<-v.release
		panic(http.ErrAbortHandler)
	case "captured":
		v.sim.ServeHTTP(httptest.NewRecorder(), r)
		close(v.reached)
		<-v.release
		panic(http.ErrAbortHandler)
	}
	v.sim.ServeHTTP(w, r)
}

// process is the real server, started and killed as often as wanted on one database.
type process struct {
	testing.TB
	binary   string
	database string
	vendors  *vendors
	env      []string
	base     string
	key      string
	cmd      *exec.Cmd
	log      bytes.Buffer
}

func (s *process) setUp() {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	s.base = "http://" + addr
	s.env = append(os.Environ(), "CHECKOUT_ADDR="+addr, "CHECKOUT_BASE_URL="+s.base, "CHECKOUT_DATABASE_URL="+s.database, "CHECKOUT_SECRET_KEY="+seal.NewKey())
	s.run("merchant", "create", "--name", "Pottery", "--slug", "pottery")
	u := s.vendors.URL
	s.run("gateway", "set", "--merchant", "pottery", "gardeshpay", "token_url="+u+"/provider/payment/getToken", "verify_url="+u+"/provider/payment/verify", "redirect_hosts=127.0.0.1")
	s.run("gateway", "set", "--merchant", "pottery", "ghesta", "pay_url="+u+"/v2/pay", "verify_url="+u+"/v2/pay/verify", "installment_url="+u+"/installment/{code}?type=ghesta", "token=shop")
	var key struct{ Secret string }
	if err := json.Unmarshal(s.run("apikey", "create", "--merchant", "pottery", "--name", "test", "--json"), &key); err != nil {
		s.Fatal(err)
	}
	s.key = key.Secret
}

func (s *process) run(args ...string) []byte {
	s.Helper()
	cmd := exec.Command(s.binary, args...)
	cmd.Env = s.env
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.Fatalf("checkout %s: %v: %s", strings.Join(args, " "), err, errs.String())
	}
	return out
}

func (s *process) start() {
	s.Helper()
	s.cmd = exec.Command(s.binary, "serve")
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = s.env, &s.log, &s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	cmd := s.cmd
	s.Cleanup(func() {
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
	})
	s.until("ready", func() bool {
		resp, err := http.Get(s.base + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func (s *process) kill() {
	s.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		s.Fatal(err)
	}
	_ = s.cmd.Wait()
}

func (s *process) until(what string, done func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			s.Fatalf("never %s; the server said:\n%s", what, s.log.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *process) api(method, path, body string) map[string]any {
	s.Helper()
	req, err := http.NewRequest(method, s.base+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	var got map[string]any
	if err != nil || resp.StatusCode >= 400 || json.Unmarshal(raw, &got) != nil {
		s.Fatalf("%s %s: %s %v %s", method, path, resp.Status, err, raw)
	}
	return got
}

func (s *process) invoice() string {
	s.Helper()
	return s.api("POST", "/invoices", `{"amount":1500000,"customer":{"name":"سارا","mobile":"09121234567"}}`)["payment_url"].(string)
}

var (
	formAction = regexp.MustCompile(`<form[^>]*method="post"[^>]*action="([^"]*)"`)
	hidden     = regexp.MustCompile(`<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"`)
)

// payAtGateway chooses a gateway, pays there, and returns the browser's way back, not yet taken.
func (s *process) payAtGateway(link, gateway string) func() {
	s.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	post := func(at string, form url.Values) (*http.Response, string) {
		resp, err := client.PostForm(at, form)
		if err != nil {
			s.Fatal(err)
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode >= 400 {
			s.Fatalf("%s: %s %v %s", at, resp.Status, err, raw)
		}
		return resp, string(raw)
	}
	resp, _ := post(link+"/pay", url.Values{"gateway": {gateway}})
	page := resp.Header.Get("Location")
	if _, err := client.Get(page); err != nil { // the customer sees the gateway's page first
		s.Fatal(err)
	}
	resp, body := post(page, url.Values{"outcome": {"paid"}})
	if back := resp.Header.Get("Location"); back != "" {
		return func() { drop(client.Get(back)) }
	}
	form := url.Values{}
	action := formAction.FindStringSubmatch(body)
	if action == nil {
		s.Fatalf("no way back from %s", page)
	}
	for _, field := range hidden.FindAllStringSubmatch(body, -1) {
		form.Set(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	back := html.UnescapeString(action[1])
	return func() { drop(client.PostForm(back, form)) }
}

// drop ends an exchange that the server's death may have cut.
func drop(resp *http.Response, err error) {
	if err == nil {
		_ = resp.Body.Close()
	}
}

func (s *process) untilPaid(link string) {
	s.Helper()
	s.until("paid", func() bool {
		resp, err := http.Get(link)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		return err == nil && bytes.Contains(raw, []byte(`data-state="paid"`))
	})
}

// books hold our side against the gateway's ledger.
func (s *process) books(gateway string) {
	s.Helper()
	list := s.api("GET", "/invoices", "")["data"].([]any)
	if len(list) != 1 {
		s.Fatalf("%d invoices", len(list))
	}
	inv := list[0].(map[string]any)
	payment, _ := inv["payment"].(map[string]any)
	ledger := s.vendors.sim.Ledger()
	if len(ledger.Payments) != 1 || ledger.Payments[0].State != simulator.StateCaptured || ledger.Shop != 1_500_000 {
		s.Errorf("the gateway's ledger: %+v", ledger)
	}
	if inv["status"] != "paid" || payment["gateway"] != gateway || payment["tracking_number"] != ledger.Payments[0].Reference {
		s.Errorf("our books: %v", inv)
	}
	paid := 0
	for _, e := range s.api("GET", "/invoices/"+inv["id"].(string)+"/events", "")["data"].([]any) {
		if e.(map[string]any)["type"] == "invoice.paid" {
			paid++
		}
	}
	if paid != 1 {
		s.Errorf("%d invoice.paid events", paid)
	}
}
