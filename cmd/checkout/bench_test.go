package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dargah/internal/db/dbtest"
)

// BenchmarkServe drives the program as it is built, over real connections and with every write on disk:
// customers walk the whole way, from the shop's call to the receipt. Reported are payments a second, the
// server's own CPU for one, and its memory afterwards. The customers and the bank run in this process,
// on the same processors.
func BenchmarkServe(b *testing.B) {
	b.Run("customers=64", func(b *testing.B) { newParlour(b).walk(b, 64) })
	b.Run("customers=1", func(b *testing.B) { newParlour(b).walk(b, 1) })
	b.Run("gateway=50ms", func(b *testing.B) {
		p := newParlour(b)
		p.bank.delay = 50 * time.Millisecond
		p.walk(b, 64)
	})
	// Beside them go 64 customers of another shop, whose gateway takes calls and never answers, and who
	// come again a second after they were told so: to compare with customers=64.
	for _, call := range []string{"token", "verify"} {
		b.Run("hanging="+call, func(b *testing.B) {
			p := newParlour(b)
			p.hang(b, call, 64)
			p.walk(b, 64)
		})
	}
}

// BenchmarkStart is from the start of the program to its first answer that it is ready.
// CHECKOUT_BENCH_INVOICES says how many invoices it finds (10,000 without it; a million need 2 GB).
func BenchmarkStart(b *testing.B) {
	count := 10_000
	if n, err := strconv.Atoi(os.Getenv("CHECKOUT_BENCH_INVOICES")); err == nil {
		count = n
	}
	// All within the last days, so that nothing has expired meanwhile.
	const days = 6 * 24 * time.Hour
	h := benchHouse(b)
	h.set("CHECKOUT_DATABASE_URL", dbtest.Grown(b, count, time.Now().Add(-days), max(time.Millisecond, days/time.Duration(count))))
	h.serve(b).stop(b) // the first start settles the schema and the key
	b.ResetTimer()
	for range b.N {
		s := h.serve(b)
		b.StopTimer()
		s.stop(b)
		b.StartTimer()
	}
}

// benchHome is an installation.
type benchHome struct {
	dir string
	env []string
}

func benchHouse(b *testing.B) *benchHome {
	dir := b.TempDir()
	h := &benchHome{dir: dir, env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}}
	h.set("CHECKOUT_SECRET_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	h.set("CHECKOUT_DATABASE_URL", "sqlite:"+filepath.Join(dir, "checkout.db"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	h.set("CHECKOUT_ADDR", l.Addr().String())
	h.set("CHECKOUT_BASE_URL", "http://"+l.Addr().String())
	return h
}

func (h *benchHome) set(name, value string) { h.env = append(h.env, name+"="+value) }

func (h *benchHome) run(b *testing.B, args ...string) string {
	b.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Env = h.dir, h.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// benchServer is the program while it serves.
type benchServer struct {
	cmd  *exec.Cmd
	base string
}

// serve starts the program and waits for its first 200.
func (h *benchHome) serve(b *testing.B) *benchServer {
	b.Helper()
	said, err := os.Create(filepath.Join(h.dir, "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer said.Close()
	s := &benchServer{cmd: exec.Command(binary, "serve")}
	s.cmd.Dir, s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = h.dir, h.env, said, said
	for _, pair := range h.env {
		if base, ok := strings.CutPrefix(pair, "CHECKOUT_BASE_URL="); ok {
			s.base = base
		}
	}
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	for limit := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		resp, err := http.Get(s.base + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return s
			}
		}
		if time.Now().After(limit) {
			_ = s.cmd.Process.Kill()
			log, _ := os.ReadFile(said.Name())
			b.Fatalf("never ready: %v\n%s", err, log)
		}
	}
}

func (s *benchServer) stop(b *testing.B) {
	b.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		b.Fatal(err)
	}
}

// cpu is what the program has used so far, 0 where /proc does not tell.
func (s *benchServer) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text)[strings.LastIndexByte(string(text), ')')+1:])
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // in ticks of 1/100 s
}

// memory is what the program holds, in MiB.
func (s *benchServer) memory() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.Atoi(strings.Fields(string(text))[1])
	return float64(pages*os.Getpagesize()) / (1 << 20)
}

// parlour is a house that serves, with one shop and its bank.
type parlour struct {
	home   *benchHome
	server *benchServer
	bank   *benchBank
	key    string
	client *http.Client
}

func newParlour(b *testing.B) *parlour {
	p := &parlour{home: benchHouse(b), client: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	p.bank, p.key = p.shop(b, "shop")
	p.server = p.home.serve(b)
	b.Cleanup(func() { p.server.stop(b) })
	return p
}

// shop makes a merchant with a live key and a bank of his own.
func (p *parlour) shop(b *testing.B, slug string) (*benchBank, string) {
	bank := newBenchBank(b)
	p.home.run(b, "merchant", "create", "--name", slug, "--slug", slug)
	var made struct{ Secret string }
	if err := json.Unmarshal([]byte(p.home.run(b, "apikey", "create", "--merchant", slug, "--name", "bench", "--json")), &made); err != nil {
		b.Fatal(err)
	}
	p.home.run(b, "gateway", "set", "--merchant", slug, "gardeshpay", "token_url="+bank.url+"/token", "verify_url="+bank.url+"/verify", "redirect_hosts=127.0.0.1")
	return bank, made.Secret
}

// walk is the benchmark: so many customers, b.N payments.
func (p *parlour) walk(b *testing.B, customers int) {
	pay := func(payments int) {
		var left atomic.Int64
		left.Store(int64(payments))
		var all sync.WaitGroup
		for range customers {
			all.Go(func() {
				for left.Add(-1) >= 0 && !b.Failed() {
					if err := p.pay(p.key); err != nil {
						b.Error(err)
					}
				}
			})
		}
		all.Wait()
	}
	pay(customers) // warm
	before := p.server.cpu()
	b.ResetTimer()
	pay(b.N)
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "payments/s")
	b.ReportMetric(float64((p.server.cpu()-before).Microseconds())/float64(b.N), "server-cpu-us/payment")
	b.ReportMetric(p.server.memory(), "server-MiB")
}

// hang brings another shop and its customers, whose gateway never answers one of its calls.
func (p *parlour) hang(b *testing.B, call string, customers int) {
	bank, key := p.shop(b, "hanging-"+call)
	bank.hangs.Store(&call)
	stop := make(chan struct{})
	var all sync.WaitGroup
	b.Cleanup(func() {
		none := ""
		bank.hangs.Store(&none)
		close(bank.wake)
		close(stop)
		all.Wait()
	})
	for range customers {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = p.pay(key) // it ends in a page that says that the bank is being asked, or in none
					// Whoever reads that takes a moment. Without it, once the bank is not asked any more and its
					// customers are told so at once, they would be 64 more who want all of the processors.
					time.Sleep(time.Second)
				}
			}
		})
	}
	time.Sleep(time.Second)
}

// pay is one customer's whole journey.
func (p *parlour) pay(key string) error {
	_, raw, err := p.do("POST", p.server.base+"/api/v1/invoices", `{"amount":1500000,"gateways":["gardeshpay"]}`,
		"Authorization", "Bearer "+key, "Content-Type", "application/json")
	if err != nil {
		return err
	}
	var made struct {
		PaymentURL string `json:"payment_url"`
	}
	if err := json.Unmarshal(raw, &made); err != nil {
		return err
	}
	if _, _, err := p.do("GET", made.PaymentURL, ""); err != nil {
		return err
	}
	at, _, err := p.do("POST", made.PaymentURL+"/pay", url.Values{"gateway": {"gardeshpay"}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	for err == nil && at != "" {
		if strings.HasPrefix(at, "/") {
			at = p.server.base + at
		}
		if at, raw, err = p.do("GET", at, ""); err == nil && at == "" && !strings.Contains(string(raw), `data-state="paid"`) {
			return fmt.Errorf("the journey did not end in a receipt: %.300s", raw)
		}
	}
	return err
}

func (p *parlour) do(method, at, body string, header ...string) (string, []byte, error) {
	req, err := http.NewRequest(method, at, strings.NewReader(body))
	if err != nil {
		return "", nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 400 {
		err = fmt.Errorf("%s %s: %s: %.200s", method, at, resp.Status, raw)
	}
	return resp.Header.Get("Location"), raw, err
}

// benchBank speaks the card gateway's documented form; whoever comes has paid.
type benchBank struct {
	url   string
	delay time.Duration
	hangs atomic.Pointer[string] // the call that gets no answer
	wake  chan struct{}          // closed: those that hang go home
	seq   atomic.Int64
	live  sync.Map
}

type benchPayment struct {
	Amount        int64  `json:"amount"`
	InvoiceNumber string `json:"invoiceNumber"`
	Callback      string `json:"callback"`
}

func newBenchBank(b *testing.B) *benchBank {
	k := &benchBank{wake: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", k.token)
	mux.HandleFunc("GET /start/{token}", k.start)
	mux.HandleFunc("POST /verify", k.verify)
	server := httptest.NewServer(mux)
	b.Cleanup(server.Close)
	k.url = server.URL
	return k
}

// think is how long a call takes.
func (k *benchBank) think(r *http.Request, call string) {
	time.Sleep(k.delay)
	if hangs := k.hangs.Load(); hangs != nil && *hangs == call {
		select {
		case <-r.Context().Done():
		case <-k.wake:
		}
	}
}

func (k *benchBank) token(w http.ResponseWriter, r *http.Request) {
	var p benchPayment
	_ = json.NewDecoder(r.Body).Decode(&p)
	k.think(r, "token")
	token := fmt.Sprintf("T%d", k.seq.Add(1))
	k.live.Store(token, p)
	fmt.Fprintf(w, `{"success":true,"message":"","data":{"url":"http://%s/start","token":%q}}`, r.Host, token)
}

func (k *benchBank) start(w http.ResponseWriter, r *http.Request) {
	v, _ := k.live.Load(r.PathValue("token"))
	p, _ := v.(benchPayment)
	http.Redirect(w, r, p.Callback+"?trackingNumber="+r.PathValue("token")+"&invoiceNumber="+p.InvoiceNumber, http.StatusSeeOther)
}

func (k *benchBank) verify(w http.ResponseWriter, r *http.Request) {
	var in struct {
		TrackingNumber string `json:"trackingNumber"`
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	k.think(r, "verify")
	v, _ := k.live.Load(in.TrackingNumber)
	p, _ := v.(benchPayment)
	fmt.Fprintf(w, `{"success":true,"message":"","amount":%d,"verifiedBefore":false,"data":{"cardNumber":"603799******1234","refNumber":"R%s","message":"","invoiceNumber":%q,"invoiceDate":"2026-10-01T18:02:11"}}`,
		p.Amount, in.TrackingNumber, p.InvoiceNumber)
}
