package faults_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/db/dbtest"
)

// TestF39_TwoServersOnOneFile: the second one says who is there and ends, under whatever name the file
// is known to it, and the first one does not notice. Commands work beside it. Of several that start at
// one moment one serves; a dead one is in nobody's way.
func TestF39_TwoServersOnOneFile(t *testing.T) {
	t.Parallel()
	h := newHouse(t, sqlite(t))
	h.boot()
	inv := h.invoice()
	back := h.paidAt(inv, "ghesta")
	link := filepath.Join(t.TempDir(), "by-another-name.db")
	if err := os.Symlink(file(h.url), link); err != nil {
		t.Fatal(err)
	}
	g := newGate(t)
	h.bank.next(verify, g.after())
	late := make(chan struct{})
	go func() { defer close(late); h.mustTake(back) }()
	g.wait(t) // the first one has a verify out: leases that a second start would void
	for _, at := range []string{h.url, "sqlite:" + link} {
		second := *h
		second.set("CHECKOUT_ADDR", freePort(t))
		second.set("CHECKOUT_DATABASE_URL", at)
		second.refuses("another server is running on this database")
	}
	h.account("ghesta", map[string]string{"verify_window": "14m"}) // a command
	g.open()
	<-late
	h.paidOnce(inv, back.reference)
	if n := len(h.bank.calls(verify)); n != 1 {
		t.Errorf("asked %d times", n)
	}
	h.kill()

	var runs []*run
	for range 4 {
		one := *h
		one.set("CHECKOUT_ADDR", freePort(t))
		runs = append(runs, one.launch(nil, "serve"))
	}
	living := func() (n int) {
		for _, r := range runs {
			select {
			case <-r.ended:
			default:
				n++
			}
		}
		return n
	}
	h.until("one of four serves", func() bool { return living() <= 1 })
	time.Sleep(300 * time.Millisecond) // the last one would have ended as the others did
	if n := living(); n != 1 {
		t.Errorf("%d of four serve", n)
	}
	for _, r := range runs {
		r.kill()
	}
	h.boot()
	h.paidOnce(inv, back.reference)
	h.stop()
	lawful(t, h.url)
}

// line is the way to a PostgreSQL server, which may be cut: at a COMMIT, just before the server hears
// it or when it has done it and nobody hears, or as a whole.
type line struct {
	net.Listener
	server  string
	commits atomic.Int64 // so far
	cutAt   atomic.Int64 // the number of the COMMIT, 0 for none
	heard   atomic.Bool  // the server hears that COMMIT
	cuts    atomic.Int64

	mu    sync.Mutex
	down  bool // nobody gets through
	conns map[net.Conn]bool
}

// newLine stands between a database and whoever uses the address it returns.
func newLine(t testing.TB, address string) (*line, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &line{Listener: l, server: u.Host, conns: map[net.Conn]bool{}}
	t.Cleanup(func() { _ = l.Close(); s.lead("") })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(client)
		}
	}()
	u.Host = l.Addr().String()
	return s, u.String()
}

// lead cuts what is connected, and leads who comes from now on to another server, "" for none.
func (s *line) lead(server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server, s.down = server, server == ""
	for c := range s.conns {
		_ = c.Close()
	}
}

// arm cuts the line at the n-th COMMIT from now.
func (s *line) arm(n int64, heard bool) {
	s.heard.Store(heard)
	s.cutAt.Store(s.commits.Load() + n)
}

func (s *line) hold(conns ...net.Conn) (free func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range conns {
		s.conns[c] = true
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, c := range conns {
			_ = c.Close()
			delete(s.conns, c)
		}
	}
}

func (s *line) serve(client net.Conn) {
	s.mu.Lock()
	at, down := s.server, s.down
	s.mu.Unlock()
	if down {
		_ = client.Close()
		return
	}
	server, err := net.Dial("tcp", at)
	if err != nil {
		_ = client.Close()
		return
	}
	defer s.hold(client, server)()
	var mute atomic.Bool
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer func() { _ = client.Close() }()
		buf := make([]byte, 32<<10)
		for {
			n, err := server.Read(buf)
			if n > 0 && mute.Load() {
				return // the answer to COMMIT: it is done, and nobody hears
			}
			if _, werr := client.Write(buf[:n]); err != nil || werr != nil {
				return
			}
		}
	}()
	buf := make([]byte, 32<<10)
	for {
		n, err := client.Read(buf)
		if n > 0 && bytes.Contains(buf[:n], []byte("commit\x00")) && s.commits.Add(1) == s.cutAt.Load() {
			s.cuts.Add(1)
			if s.heard.Load() {
				mute.Store(true)
				_, _ = server.Write(buf[:n])
				<-gone
			}
			return
		}
		if _, werr := server.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// TestF40_CutAtCommit: the connection to PostgreSQL is lost at each COMMIT of a payment in turn, before
// the server heard it and after it had done it; then at a random one again and again, under load.
// Nobody takes an unknown outcome for a no: what stands is read again, customers and programs come
// again, and each payment is one.
func TestF40_CutAtCommit(t *testing.T) {
	t.Parallel()
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		for _, heard := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s heard %v", gateway, heard), func(t *testing.T) {
				t.Parallel()
				direct := dbtest.PostgresURL(t)
				cutter, through := newLine(t, direct)
				h := newHouse(t, direct)
				h.set("CHECKOUT_DATABASE_URL", through)
				h.boot()
				const commits = 6 // of one payment, and one more
				c := h.bring(0, false)
				for n := int64(1); n <= commits; n++ {
					cutter.arm(n, heard)
					inv, ok := c.ask(fmt.Sprintf("cut-%d", n))
					if !ok {
						t.Fatalf("cut %d: no invoice", n)
					}
					page, ok := c.leaveFor(inv, gateway)
					if !ok {
						t.Fatalf("cut %d: never at the gateway", n)
					}
					back, err := c.settle(page, "paid")
					if err != nil {
						t.Fatal(err)
					}
					h.until("the way back is answered", func() bool {
						r, err := h.take(back)
						return err == nil && r.status == http.StatusSeeOther
					})
					h.untilStatus(inv, "paid")
				}
				c.disperse()
				h.oracle()
				if cuts := cutter.cuts.Load(); cuts < commits-1 {
					t.Errorf("the line was cut %d times", cuts)
				}
				if list := all[invoice](h.shop, "/invoices?"); len(list) != commits {
					t.Errorf("%d invoices were made under %d keys", len(list), commits)
				}

				c = h.bring(4, false)
				for cut := cutter.cuts.Load(); cut < 40; cut++ {
					cutter.arm(1+rand.Int64N(12), heard)
					h.until("cut", func() bool { return cutter.cuts.Load() > cut })
				}
				c.disperse()
				h.atRest()
				h.oracle()
				h.stop()
				lawful(t, direct)
			})
		}
	}
}
