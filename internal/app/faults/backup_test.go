package faults_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"dargah/internal/app"
	"dargah/internal/db/dbtest"
)

// command runs one of the program's commands beside the house, or after it, and expects it to succeed.
func (h *house) command(into any, args ...string) {
	h.Helper()
	r := h.launch(nil, append([]string{"--json"}, args...)...)
	<-r.ended
	if r.err != nil {
		h.Fatalf("%v: %v: %s", args, r.err, r.said)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(r.said.String()), into); err != nil {
			h.Fatalf("%v said %s: %v", args, r.said, err)
		}
	}
}

// backup makes one while the house lives.
func (h *house) backup() (path string) {
	h.Helper()
	path = filepath.Join(h.TempDir(), "checkout.backup")
	h.command(nil, "backup", path)
	return path
}

// strays counts what is kept under attention because its attempt is not in the books.
func (h *house) strays() int64 {
	h.Helper()
	return number(h.TB, h.url, "SELECT COUNT(*) FROM stray_callbacks WHERE closed_at_ms IS NULL")
}

func (i invoice) numbered(t testing.TB) int64 {
	t.Helper()
	n, err := strconv.ParseInt(i.Number, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// asked starts a payment whose verify the bank has processed and not yet answered.
func (h *house) asked(gateway string) (inv invoice, back comeback, g *gate) {
	h.Helper()
	inv = h.invoice()
	back = h.paidAt(inv, gateway)
	g = newGate(h.TB)
	h.bank.next(verify, g.after())
	go func() { _, _ = h.take(back) }()
	g.wait(h.TB)
	return inv, back, g
}

// past is a shop at a moment, and what happens after it.
type past struct {
	// What a backup of the moment, or a standby that was cut off, knows.
	before, away, idle, asked invoice
	awayBack, askedBack       comeback
	gate                      *gate // the bank has processed the verify of asked, and does not answer yet
	// What it does not.
	lost               invoice
	idleBack, lostBack comeback
}

// known brings a shop to the moment: one has paid, one is at the bank, one has done nothing, one is being
// verified.
func (h *house) known(gateway string) *past {
	h.Helper()
	p := &past{before: h.invoice()}
	h.mustTake(h.paidAt(p.before, gateway))
	h.untilStatus(p.before, "paid")
	p.away = h.invoice()
	p.awayBack = h.paidAt(p.away, gateway)
	p.idle = h.invoice()
	p.asked, p.askedBack, p.gate = h.asked(gateway)
	return p
}

// unknown is what happens after it: all of them pay, and one who came later.
func (h *house) unknown(p *past, gateway string) {
	h.Helper()
	p.gate.open()
	h.paidOnce(p.asked, p.askedBack.reference)
	h.mustTake(p.awayBack)
	h.untilStatus(p.away, "paid")
	p.idleBack = h.paidAt(p.idle, gateway)
	h.mustTake(p.idleBack)
	h.untilStatus(p.idle, "paid")
	p.lost = h.invoice()
	p.lostBack = h.paidAt(p.lost, gateway)
	h.mustTake(p.lostBack)
	h.untilStatus(p.lost, "paid")
	h.oracle()
}

// goesOn holds what must be true when the moment is all that is left. It returns the first number that
// was given out again.
func (h *house) goesOn(p *past, gateway string) int64 {
	h.Helper()
	h.paidOnceBut(p.asked, p.askedBack.reference, p.idleBack, p.lostBack, p.awayBack) // nobody came back to it
	h.want(p.before, "paid", "paid")
	h.want(p.away, "open", "redirected")
	h.mustTake(p.awayBack)
	if gateway == "gardeshpay" { // whose answer names our own number and amount
		h.untilStatus(p.away, "paid")
	} else {
		h.untilStatus(p.away, "review")
		h.want(p.away, "review", "needs_review")
	}
	for _, back := range []comeback{p.idleBack, p.lostBack, p.idleBack} {
		if r, err := h.take(back); err != nil || r.status != http.StatusNotFound {
			h.Errorf("a way back to an attempt that is in no book: %v, %v", r, err)
		}
	}
	if n := h.strays(); n != 2 {
		h.Errorf("%d stray callbacks are kept for a person, want 2", n)
	}
	if r := h.get(p.lost.PaymentURL); r.status != http.StatusNotFound {
		h.Errorf("the link of an invoice that is in no book: %v", r)
	}
	after := h.invoice()
	n := after.numbered(h)
	if n <= p.lost.numbered(h) {
		h.Errorf("number %d comes after %s", n, p.lost.Number)
	}
	h.mustTake(h.paidAt(after, gateway))
	h.untilStatus(after, "paid")
	numbers := map[string]bool{}
	for _, p := range h.bank.sim.Ledger().Payments {
		if numbers[p.Number] {
			h.Errorf("the bank knows number %s twice", p.Number)
		}
		numbers[p.Number] = true
	}
	h.oracle(p.idleBack, p.lostBack)
	return n
}

// TestF34_RestoreIntoThePast: a backup is put back that does not know what happened since. What was
// being verified is asked about again; who comes back is verified, and the bank's "already verified"
// counts where it proves that it was us, otherwise a person has it; who comes back with an attempt
// that is in no book is kept for a person. No number, at the shop or at the bank, means two things.
func TestF34_RestoreIntoThePast(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		p := h.known(gateway)
		file := h.backup()
		h.unknown(p, gateway)
		refused := h.launch(nil, "restore", "--force", file)
		<-refused.ended
		if refused.err == nil || !strings.Contains(refused.said.String(), "another server is running") {
			t.Errorf("restored under a server: %v %s", refused.err, refused.said)
		}
		h.kill()
		var said struct {
			NumbersFrom int64 `json:"numbers_from"`
			Chains      int64
		}
		h.command(&said, "restore", "--force", file)
		if said.Chains != 4 {
			t.Errorf("%d histories are back", said.Chains)
		}
		h.boot()
		if n := h.goesOn(p, gateway); n != said.NumbersFrom {
			t.Errorf("numbers begin with %d, said was %d", n, said.NumbersFrom)
		}
		h.stop()
		lawful(t, url)
	})
}

// whole says which of two backups a database holds, all of it: by the number of its invoices, when
// everything in it is right.
func (h *house) whole() int {
	h.Helper()
	cfg := h.config()
	b, err := app.MakeBackup(h.Context(), cfg, filepath.Join(h.TempDir(), "look"), false)
	if err != nil {
		h.Fatalf("the database is not whole: %v", err)
	}
	return int(b.Tables["invoices"])
}

// TestF34_RestoreInterrupted: the process that restores is killed at one system call after another; what
// is there is the old database or the new one, and the next restore goes through.
func TestF34_RestoreInterrupted(t *testing.T) {
	t.Parallel()
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		t.Parallel()
		strace := tool(t, "strace")
		h := newHouse(t, fresh(t), "GOMAXPROCS=1")
		h.boot()
		h.invoice()
		one := h.backup()
		h.invoice()
		two := h.backup()
		h.stop()
		now := 2
		ends := map[string]int{}
		calls := []string{"pwrite64", "write", "fsync", "openat", "linkat", "unlinkat", "renameat"}
		if file(h.url) == "" {
			calls = []string{"pwrite64", "write", "fsync", "read"}
		}
		for _, call := range calls {
			at := []int{1, 2 + rand.IntN(3), 5 + rand.IntN(20), 25 + rand.IntN(100)}
			for _, k := range at {
				other := map[int]string{1: two, 2: one}[now]
				r := h.launch([]string{strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, k)}, "restore", "--force", other)
				<-r.ended
				switch was := h.whole(); {
				case was != 1 && was != 2:
					t.Fatalf("killed at %s %d: %d invoices", call, k, was)
				case r.err == nil && was == now:
					t.Fatalf("killed at %s %d: it ended well, and the old data are there", call, k)
				case r.err == nil:
					ends["not killed"]++
					now = was
				case was == now:
					ends["old"]++
				default:
					ends["new"]++
					now = was
				}
			}
		}
		t.Logf("what was found: %v", ends)
		if ends["old"] < 5 {
			t.Error("hardly anything was interrupted")
		}
		h.command(nil, "restore", "--force", one)
		h.boot()
		h.mustTake(h.paidAt(h.invoice(), "ghesta"))
		h.atRest()
		h.stop()
		lawful(t, h.url)
	})
}

// TestF35_BackupWhileWriting: backups are made one after the other while customers pay. Each is whole,
// and the books of one moment; nobody notices that they are made.
func TestF35_BackupWhileWriting(t *testing.T) {
	t.Parallel()
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		t.Parallel()
		h := newHouse(t, fresh(t))
		h.boot()
		c := h.bring(6, true)
		var files []string
		for range 4 {
			time.Sleep(rand.N(200 * time.Millisecond))
			files = append(files, h.backup())
		}
		c.disperse()
		h.atRest()
		h.oracle()
		h.stop()
		lawful(t, h.url)
		last := 0
		for i, from := range files {
			later := *h
			later.url = "sqlite:" + filepath.Join(t.TempDir(), "restored.db")
			later.set("CHECKOUT_DATABASE_URL", later.url)
			later.command(nil, "restore", from)
			lawful(t, later.url)
			n := later.whole()
			if n < last {
				t.Errorf("backup %d has %d invoices, the one before it %d", i, n, last)
			}
			last = n
		}
		if last == 0 {
			t.Error("nobody paid while the backups were made")
		}
		t.Logf("%d backups, the last one of %d invoices; %d at the end", len(files), last, c.invoices.Load())
	})
}
