package crashtest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dargah/internal/app"
	"dargah/internal/app/seal"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
	"dargah/internal/gateways/simulator"
)

// lane is one series of cases, one after the other, with vendors of its own: the simulator as a
// process apart, whose ledger outlives every death of the server.
type lane struct {
	vendors string // URL
	secret  string // the installation's key
}

func openLane(t testing.TB) *lane {
	t.Helper()
	cmd := exec.Command(mortal, "simulator", "--addr", "127.0.0.1:0", "--json")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var said struct{ URL string }
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&said); err != nil {
		t.Fatalf("the simulator said no address: %v", err)
	}
	return &lane{vendors: said.URL, secret: seal.NewKey()}
}

// control asks the simulator's control API.
func (l *lane) control(t testing.TB, method, path, body string, into any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, l.vendors+"/control/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := fresh.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("control %s %s: %s %v %s", method, path, resp.Status, err, raw)
	}
	if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
}

func (l *lane) ledger(t testing.TB) (all simulator.Ledger) {
	t.Helper()
	l.control(t, http.MethodGet, "ledger", "", &all)
	return all
}

// databaseURL gives a database. On SQLite, and where the story is about it, without a schema: the
// office or the server makes it.
func databaseURL(t testing.TB, engine string, empty bool) string {
	t.Helper()
	switch {
	case engine == db.SQLite:
		return "sqlite:" + filepath.Join(t.TempDir(), "checkout.db")
	case empty:
		return dbtest.EmptyPostgresURL(t)
	}
	return dbtest.PostgresURL(t)
}

// shop is one installation in a lane: a database, its environment, and a merchant's keys.
type shop struct {
	*lane
	url, addr, base string
	more            []string // further environment
	live, test      string   // API keys
}

func (s *shop) env() []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(),
		"CHECKOUT_ADDR=" + s.addr, "CHECKOUT_BASE_URL=" + s.base, "CHECKOUT_DATABASE_URL=" + s.url, "CHECKOUT_SECRET_KEY=" + s.secret,
	}, s.more...)
}

// furnish makes the merchant, its two gateway accounts and its keys, as the commands do.
func (s *shop) furnish(t testing.TB) {
	t.Helper()
	env := map[string]string{}
	for _, line := range s.env() {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	cfg, err := app.Load(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	office, err := app.OpenOffice(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := office.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := office.CreateMerchant(ctx, app.NewMerchant{Name: "Pottery", Slug: "pottery"}); err != nil {
		t.Fatal(err)
	}
	u := s.vendors
	accounts := map[string]map[string]string{
		"gardeshpay": {"token_url": u + "/provider/payment/getToken", "verify_url": u + "/provider/payment/verify", "redirect_hosts": "127.0.0.1"},
		"ghesta":     {"pay_url": u + "/v2/pay", "verify_url": u + "/v2/pay/verify", "installment_url": u + "/installment/{code}?type=ghesta", "token": "shop"},
	}
	for gateway, settings := range accounts {
		if _, err := office.SetGateway(ctx, "pottery", gateway, true, settings); err != nil {
			t.Fatal(err)
		}
	}
	for _, live := range []bool{true, false} {
		key, err := office.CreateAPIKey(ctx, "pottery", "crash test", live)
		if err != nil {
			t.Fatal(err)
		}
		if live {
			s.live = key.Secret
		} else {
			s.test = key.Secret
		}
	}
}

// books opens the database beside the server, or after it, to read what the API does not show.
func (s *shop) books(t testing.TB, read func(tx *db.Tx) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	store, err := db.Open(ctx, db.Options{URL: s.url})
	if err != nil {
		t.Fatalf("open the books: %v", err)
	}
	if err := store.View(ctx, read); err != nil {
		t.Errorf("read the books: %v", err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// moveClock moves the vendors' clock, and with it the return of money that nobody verified.
func (l *lane) moveClock(t testing.TB, by time.Duration) {
	t.Helper()
	l.control(t, http.MethodPost, "clock", `{"advance":"`+by.String()+`"}`, nil)
}
