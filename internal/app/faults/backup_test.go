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

// TestF34_RestoreIntoThePast: a backup is put back that does not know what happened since. What was
// being verified is asked about again; who comes back is verified, and the bank's "already verified"
// counts where it proves that it was us, otherwise a person has it; who comes back with an attempt
// that is in no book is kept for a person. No number, at the shop or at the bank, means two things.
func TestF34_RestoreIntoThePast(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		before := h.invoice()
		h.mustTake(h.paidAt(before, gateway))
		h.untilStatus(before, "paid")
		away := h.invoice()
		awayBack := h.paidAt(away, gateway)
		idle := h.invoice()
		asked, askedBack, g := h.asked(gateway)

		file := h.backup()

		g.open()
		h.paidOnce(asked, askedBack.reference)
		h.mustTake(awayBack)
		h.untilStatus(away, "paid")
		idleBack := h.paidAt(idle, gateway)
		h.mustTake(idleBack)
		h.untilStatus(idle, "paid")
		lost := h.invoice()
		lostBack := h.paidAt(lost, gateway)
		h.mustTake(lostBack)
		h.untilStatus(lost, "paid")
		h.oracle()

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

		h.paidOnceBut(asked, askedBack.reference, idleBack, lostBack, awayBack) // nobody came back to it
		h.want(before, "paid", "paid")
		h.want(away, "open", "redirected")
		h.mustTake(awayBack)
		if gateway == "gardeshpay" { // whose answer names our own number and amount
			h.untilStatus(away, "paid")
		} else {
			h.untilStatus(away, "review")
			h.want(away, "review", "needs_review")
		}
		for _, back := range []comeback{idleBack, lostBack, idleBack} {
			if r, err := h.take(back); err != nil || r.status != http.StatusNotFound {
				t.Errorf("a way back to an attempt that is in no book: %v, %v", r, err)
			}
		}
		if n := h.strays(); n != 2 {
			t.Errorf("%d stray callbacks are kept for a person, want 2", n)
		}
		if r := h.get(lost.PaymentURL); r.status != http.StatusNotFound {
			t.Errorf("the link of an invoice that is in no book: %v", r)
		}
		after := h.invoice()
		if n := after.numbered(t); n <= lost.numbered(t) || n != said.NumbersFrom {
			t.Errorf("number %d comes after %d, said was %d", n, lost.numbered(t), said.NumbersFrom)
		}
		h.mustTake(h.paidAt(after, gateway))
		h.untilStatus(after, "paid")
		numbers := map[string]bool{}
		for _, p := range h.bank.sim.Ledger().Payments {
			if numbers[p.Number] {
				t.Errorf("the bank knows number %s twice", p.Number)
			}
			numbers[p.Number] = true
		}
		h.oracle(idleBack, lostBack)
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
