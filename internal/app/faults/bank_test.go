package faults_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/gateways/simulator"
)

// The two calls of a gateway.
const (
	start  = "start"
	verify = "verify"
)

// call is what the bank heard.
type call struct {
	phase     string
	gateway   string
	number    string // ours: invoiceNumber or clientRefId, at start
	reference string // the bank's: trackingNumber or refid, at verify
	body      string
}

// deed is what the bank does about one call; serve answers it as the vendor would.
type deed func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc)

// bank is both vendors with a ledger, and with deeds on request. It is the only part of a row that
// does not belong to us, and the only witness of where the money is.
type bank struct {
	sim *simulator.Simulator
	url string

	mu     sync.Mutex
	heard  []call
	queue  map[string][]deed // for the next calls of a phase, in order
	always map[string]deed   // for those after them
}

// newBank puts the vendors on a port. now is their clock, the machine's when nil.
func newBank(t testing.TB) *bank {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := bankAt(t, "http://"+l.Addr().String(), nil)
	srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: b, ReadHeaderTimeout: time.Minute}}
	srv.Start()
	t.Cleanup(func() {
		srv.CloseClientConnections() // whom a deed keeps hanging
		srv.Close()
	})
	return b
}

func bankAt(t testing.TB, url string, now func() time.Time) *bank {
	t.Helper()
	sim, err := simulator.New(simulator.Options{PublicURL: url, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return &bank{sim: sim, url: url, queue: map[string][]deed{}, always: map[string]deed{}}
}

// next makes deeds of the next calls of a phase, in order.
func (b *bank) next(phase string, deeds ...deed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue[phase] = append(b.queue[phase], deeds...)
}

// every makes one deed of all calls of a phase from now on; nil ends it.
func (b *bank) every(phase string, d deed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.always[phase] = d
}

// calls are those heard in a phase, in order.
func (b *bank) calls(phase string) []call {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []call
	for _, c := range b.heard {
		if c.phase == phase {
			list = append(list, c)
		}
	}
	return list
}

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := readCall(r)
	if c.phase == "" {
		b.sim.ServeHTTP(w, r)
		return
	}
	b.mu.Lock()
	b.heard = append(b.heard, c)
	d := b.always[c.phase]
	if q := b.queue[c.phase]; len(q) > 0 {
		d, b.queue[c.phase] = q[0], q[1:]
	}
	b.mu.Unlock()
	if d == nil {
		d = answers
	}
	d(w, r, b.sim.ServeHTTP)
}

// readCall reads a call of ours and leaves its body for the vendor.
func readCall(r *http.Request) call {
	var c call
	switch path := strings.TrimSuffix(r.URL.Path, "/"); {
	case r.Method != http.MethodPost:
		return c
	case strings.HasSuffix(path, "/provider/payment/getToken"):
		c.phase, c.gateway = start, "gardeshpay"
	case strings.HasSuffix(path, "/provider/payment/verify"):
		c.phase, c.gateway = verify, "gardeshpay"
	case path == "/v2/pay":
		c.phase, c.gateway = start, "ghesta"
	case path == "/v2/pay/verify":
		c.phase, c.gateway = verify, "ghesta"
	default:
		return c
	}
	raw, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(raw))
	var said map[string]any
	_ = json.Unmarshal(raw, &said)
	text := func(names ...string) string {
		for key, v := range said {
			for _, name := range names {
				if s, ok := v.(string); ok && strings.EqualFold(key, name) {
					return s
				}
			}
		}
		return ""
	}
	c.body, c.number, c.reference = string(raw), text("invoiceNumber", "clientRefId"), text("trackingNumber", "refId")
	return c
}

// answers is what a healthy vendor does.
func answers(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) { serve(w, r) }

// resets closes the connection before anything is processed.
func resets(http.ResponseWriter, *http.Request, http.HandlerFunc) { panic(http.ErrAbortHandler) }

// losesAnswer processes the call and closes the connection without a word.
func losesAnswer(_ http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	serve(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// hangs never answers; nothing is processed.
func hangs(_ http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// says answers with a status and a body of its own; nothing is processed.
func says(status int, body string) deed {
	return func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// gate is where a call waits until the test opens it: the moment in which a row strikes.
type gate struct {
	reached chan struct{}
	open    func()
	opened  chan struct{}
}

func newGate(t testing.TB) *gate {
	g := &gate{reached: make(chan struct{}), opened: make(chan struct{})}
	g.open = sync.OnceFunc(func() { close(g.opened) })
	t.Cleanup(g.open) // a test that failed leaves nobody waiting
	return g
}

// before waits with the call unprocessed, after with the answer in hand; then both do d.
func (g *gate) before(d deed) deed {
	return func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		close(g.reached)
		<-g.opened
		d(w, r, serve)
	}
}

// after processes the call, waits, and then answers.
func (g *gate) after() deed {
	return func(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
		answer := httptest.NewRecorder()
		serve(answer, r)
		close(g.reached)
		<-g.opened
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}
}

// wait is until the call has come to the gate.
func (g *gate) wait(t testing.TB) {
	t.Helper()
	select {
	case <-g.reached:
	case <-time.After(patience):
		t.Fatal("no call came to the gate")
	}
}

// payment is the ledger's line with that reference.
func (b *bank) payment(reference string) simulator.Payment {
	for _, p := range b.sim.Ledger().Payments {
		if p.Reference == reference {
			return p
		}
	}
	return simulator.Payment{}
}
