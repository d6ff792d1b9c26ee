package faults_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dargah/internal/app"
	"dargah/internal/app/seal"
)

// house is one installation: a database, its environment, and the real program on it, started and
// killed as often as wanted.
type house struct {
	*shop
	url string // of the database, as a command beside the server sees it
	env []string
	now *run // nil when nothing runs

	last *run // the latest life, for its last words
}

// newHouse sets an installation up on a migrated database, with both gateways at a bank of its own.
// env are further variables, name by value.
func newHouse(t testing.TB, address string, env ...string) *house {
	t.Helper()
	h := &house{shop: &shop{TB: t, bank: newBank(t), client: browser(network()), pause: 20 * time.Millisecond, most: patience}, url: address}
	port := freePort(t)
	h.base = "http://" + port
	own := append([]string{
		"CHECKOUT_ADDR=" + port, "CHECKOUT_BASE_URL=" + h.base, "CHECKOUT_DATABASE_URL=" + address,
		"CHECKOUT_SECRET_KEY=" + seal.NewKey(), "CHECKOUT_LOG_LEVEL=warn",
	}, env...)
	h.env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + os.TempDir()}, own...)
	h.key = furnish(t, h.config(), h.bank.url)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server said:\n%s", h.lastWords())
		}
	})
	return h
}

// config is the house's environment as its commands read it.
func (h *house) config() app.Config {
	h.Helper()
	cfg, err := app.Load(h.getenv)
	if err != nil {
		h.Fatal(err)
	}
	return cfg
}

func (h *house) getenv(name string) string {
	value := ""
	for _, v := range h.env { // the last one counts
		if rest, ok := strings.CutPrefix(v, name+"="); ok {
			value = rest
		}
	}
	return value
}

// set changes a variable for the next start.
func (h *house) set(name, value string) { h.env = append(h.env, name+"="+value) }

// furnish makes a merchant with a live key and both gateways, as the commands do.
func furnish(t testing.TB, cfg app.Config, bank string) (key string) {
	t.Helper()
	ctx := context.Background()
	o, err := app.OpenOffice(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	if _, err := o.CreateMerchant(ctx, app.NewMerchant{Name: "Pottery", Slug: "pottery"}); err != nil {
		t.Fatal(err)
	}
	for gateway, values := range map[string]map[string]string{
		"gardeshpay": {
			"token_url": bank + "/provider/payment/getToken", "verify_url": bank + "/provider/payment/verify", "redirect_hosts": "127.0.0.1",
		},
		"ghesta": {
			"pay_url": bank + "/v2/pay", "verify_url": bank + "/v2/pay/verify", "installment_url": bank + "/installment/{code}?type=ghesta", "token": "shop",
		},
	} {
		if _, err := o.SetGateway(ctx, "pottery", gateway, true, values); err != nil {
			t.Fatal(err)
		}
	}
	made, err := o.CreateAPIKey(ctx, "pottery", "faults", true)
	if err != nil {
		t.Fatal(err)
	}
	return made.Secret
}

// freePort is an address on loopback that was free a moment ago. It lies below the range from which
// outgoing connections take theirs: one of those must not sit on it while the house is dead.
func freePort(t testing.TB) string {
	t.Helper()
	for range 200 {
		at := net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(12_000)))
		if l, err := net.Listen("tcp", at); err == nil {
			_ = l.Close()
			return at
		}
	}
	t.Fatal("no free port")
	return ""
}

// run is one life of the program.
type run struct {
	cmd   *exec.Cmd
	said  *notes
	ended chan struct{}
	err   error // of Wait, once ended is closed
}

// notes are what a process wrote.
type notes struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.buf.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.buf.String()
}

// launch runs checkout with arguments, inside another program when within names one.
func (h *house) launch(within []string, args ...string) *run {
	h.Helper()
	line := append(append(append([]string{}, within...), program(h.TB)), args...)
	r := &run{cmd: exec.Command(line[0], line[1:]...), said: &notes{}, ended: make(chan struct{})}
	r.cmd.Env, r.cmd.Stdout, r.cmd.Stderr = h.env, r.said, r.said
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		h.Fatal(err)
	}
	go func() { r.err = r.cmd.Wait(); close(r.ended) }()
	h.Cleanup(r.kill)
	h.last = r
	return r
}

// kill is SIGKILL for the process and for what it runs inside of.
func (r *run) kill() {
	_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
	<-r.ended
}

// boot starts the server and waits until it is ready.
func (h *house) boot(within ...string) {
	h.Helper()
	h.now = h.launch(within, "serve")
	h.untilReady()
}

func (h *house) untilReady() {
	h.Helper()
	h.until("ready", func() bool {
		select {
		case <-h.now.ended:
			h.Fatalf("the server ended: %v\n%s", h.now.err, h.now.said)
		default:
		}
		return h.ready()
	})
}

// ready asks as a load balancer does.
func (h *house) ready() bool {
	r, err := h.request(http.MethodGet, h.base+"/readyz", nil)
	return err == nil && r.status == http.StatusOK
}

// kill ends the server as a power cut would, but for the page cache.
func (h *house) kill() {
	h.Helper()
	h.now.kill()
	h.now = nil
}

// stop asks politely and expects a clean end.
func (h *house) stop() {
	h.Helper()
	if err := h.now.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		h.Fatal(err)
	}
	if err := h.end(); err != nil {
		h.Errorf("did not end well: %v\n%s", err, h.now.said)
	}
	h.now = nil
}

// end waits for the end of the present life and returns how it was.
func (h *house) end() error {
	h.Helper()
	select {
	case <-h.now.ended:
	case <-time.After(patience):
		h.Fatalf("the server does not end; it said:\n%s", h.now.said)
	}
	return h.now.err
}

// refuses starts the server where it must not start: exit 1 and one line that holds the words.
func (h *house) refuses(words ...string) {
	h.Helper()
	h.now = h.launch(nil, "serve")
	err := h.end()
	code := h.now.cmd.ProcessState.ExitCode()
	for _, word := range words {
		if !strings.Contains(h.now.said.String(), word) {
			h.Errorf("it does not say %q: %s", word, h.now.said)
		}
	}
	if code != 1 {
		h.Errorf("exit %d (%v), want 1: %s", code, err, h.now.said)
	}
	h.now = nil
}

// lastWords is the end of what the latest life wrote.
func (h *house) lastWords() string {
	if h.last == nil {
		return "the server was never started"
	}
	said := h.last.said.String()
	if len(said) > 1500 {
		said = "…" + said[len(said)-1500:]
	}
	return said
}
