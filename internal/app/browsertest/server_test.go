package browsertest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demo is `checkout demo`: test mode, the built-in simulator, an invoice in every state.
type demo struct {
	URL       string `json:"url"`
	PayableFA string `json:"payable_fa"`
	PayableEN string `json:"payable_en"`
	States    []struct {
		State string `json:"state"`
		URL   string `json:"url"`
	} `json:"states"`
	APIKey   string `json:"api_key"`
	Admin    string `json:"admin"`
	Email    string `json:"admin_email"`
	Password string `json:"admin_password"`
}

// away is `checkout serve` in live mode with the two vendors on another site: the server calls itself
// localhost, `checkout simulator` 127.0.0.1, and for a browser these are as foreign as two domains.
type away struct {
	api       api // of a shop whose gateways answer
	simulator string
	house     household
}

// nobody is an address at which nobody listens.
const nobody = "http://127.0.0.1:1"

// binary builds the program once.
func binary(t *testing.T) string {
	t.Helper()
	return world.binary.get(t, func() (string, func(), error) {
		path := filepath.Join(world.dir, "checkout")
		out, err := exec.Command("go", "build", "-o", path, "dargah/cmd/checkout").CombinedOutput()
		if err != nil {
			return "", nil, fmt.Errorf("build the program: %w\n%s", err, out)
		}
		return path, nil, nil
	})
}

func startDemo(t *testing.T) *demo {
	t.Helper()
	theBrowser(t) // without one nothing else need be started
	program := binary(t)
	return world.demo.get(t, func() (*demo, func(), error) {
		d := &demo{}
		stop, err := spawn(exec.Command(program, "demo", "--json", "--addr", "127.0.0.1:0", "--data", filepath.Join(world.dir, "demo")), d)
		return d, stop, err
	})
}

// state is the link of one of the demo's invoices.
func (d *demo) state(t *testing.T, name string) string {
	t.Helper()
	for _, s := range d.States {
		if s.State == name {
			return s.URL
		}
	}
	t.Fatalf("the demo has no invoice %q", name)
	return ""
}

func (d *demo) api() api { return api{base: d.URL, key: d.APIKey} }

func startAway(t *testing.T) *away {
	t.Helper()
	theBrowser(t)
	program := binary(t)
	return world.away.get(t, func() (*away, func(), error) { return openAway(program) })
}

func openAway(program string) (*away, func(), error) {
	var sim struct{ URL string }
	stopSimulator, err := spawn(exec.Command(program, "simulator", "--json", "--addr", "127.0.0.1:0"), &sim)
	if err != nil {
		return nil, nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, stopSimulator, err
	}
	h := household{program: program, env: append(
		os.Environ(),
		"CHECKOUT_ADDR=127.0.0.1:"+port, "CHECKOUT_BASE_URL=http://localhost:"+port,
		"CHECKOUT_DATABASE_URL=sqlite:"+filepath.Join(world.dir, "away.db"),
		"CHECKOUT_SECRET_KEY="+"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	)}
	key, err := h.shop("saffron", sim.URL)
	if err != nil {
		return nil, stopSimulator, err
	}
	serve := exec.Command(program, "serve")
	serve.Env = h.env
	stopServer, err := spawn(serve, nil)
	stop := func() { stopServer(); stopSimulator() }
	a := &away{api: api{base: "http://localhost:" + port, key: key}, simulator: sim.URL, house: h}
	if err == nil {
		err = ready(a.api.base + "/readyz")
	}
	return a, stop, err
}

// household is what an operator types in a shell.
type household struct {
	program string
	env     []string
}

// shop sets a merchant up whose live gateways are at an address, and returns its API key.
func (h household) shop(slug, vendors string) (string, error) {
	for _, args := range [][]string{
		{"merchant", "create", "--name", "Saffron House", "--slug", slug, "--locale", "en", "--email", "shop@saffron.example"},
		{
			"gateway", "set", "--merchant", slug, "gardeshpay", "redirect_hosts=127.0.0.1",
			"token_url=" + vendors + "/provider/payment/getToken", "verify_url=" + vendors + "/provider/payment/verify",
		},
		{
			"gateway", "set", "--merchant", slug, "ghesta", "token=any", "pay_url=" + vendors + "/v2/pay",
			"verify_url=" + vendors + "/v2/pay/verify", "installment_url=" + vendors + "/installment/{code}?type=ghesta",
		},
	} {
		if err := h.command(nil, args...); err != nil {
			return "", err
		}
	}
	var key struct{ Secret string }
	err := h.command(&key, "apikey", "create", "--merchant", slug, "--name", "browser")
	return key.Secret, err
}

func (h household) command(into any, args ...string) error {
	cmd := exec.Command(h.program, append(args, "--json")...)
	var said bytes.Buffer
	cmd.Env, cmd.Stderr = h.env, &said
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("checkout %s: %w: %s", strings.Join(args[:2], " "), err, &said)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(out, into)
}

// spawn starts a server and, with into, waits for the JSON that it prints when it is ready.
func spawn(cmd *exec.Cmd, into any) (stop func(), err error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
	}
	if into != nil {
		if err := json.NewDecoder(out).Decode(into); err != nil {
			_ = cmd.Process.Kill()
			return nil, fmt.Errorf("checkout %s: %w: %v: %s", cmd.Args[1], err, cmd.Wait(), &said)
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, out)
		ended <- cmd.Wait()
	}()
	return stop, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

func ready(url string) error {
	var last error
	for range 200 {
		resp, err := http.Get(url)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(resp.Status)
		}
		last = err
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the server does not answer: %w", last)
}
