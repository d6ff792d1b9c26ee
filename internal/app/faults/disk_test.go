package faults_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dargah/internal/db/dbtest"
)

// disk is a small file system of its own, seen only by what runs inside of it. It lives as long as
// the test, over any number of lives of the server.
type disk struct {
	t      testing.TB
	dir    string   // as the server sees it
	window string   // as the test sees it
	within []string // what to run the server within
}

// newDisk mounts one. It needs root, or a kernel that lets users have name spaces.
func newDisk(t testing.TB, size string) *disk {
	t.Helper()
	d := &disk{t: t, dir: t.TempDir()}
	line := []string{tool(t, "unshare"), "-m"}
	enter := []string{"-m"}
	if os.Geteuid() != 0 {
		line, enter = append(line, "-U", "-r"), append(enter, "-U", "--preserve-credentials")
	}
	line = append(line, "sh", "-c", `mount -t tmpfs -o size="$1",mode=0777 tmpfs "$0" && echo mounted && exec sleep 3600`, d.dir, size)
	holder := exec.Command(line[0], line[1:]...)
	said, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var why notes
	holder.Stderr = &why
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = holder.Process.Kill(); _ = holder.Wait() })
	if word, _ := bufio.NewReader(said).ReadString('\n'); word != "mounted\n" {
		dbtest.Missing(t, "faults", "no small disk: "+why.String())
	}
	pid := strconv.Itoa(holder.Process.Pid)
	d.window = filepath.Join("/proc", pid, "root", d.dir)
	d.within = append([]string{tool(t, "nsenter"), "-t", pid}, enter...)
	return d
}

// houseOn sets a house up on the disk. Its url is the test's, its variable the server's.
func (d *disk) houseOn(env ...string) *house {
	d.t.Helper()
	h := newHouse(d.t, sqlite(d.t), env...)
	d.take(h)
	return h
}

// take moves a house's database, which nobody uses, to the disk.
func (d *disk) take(h *house) {
	d.t.Helper()
	from := filepath.Dir(file(h.url))
	entries, err := os.ReadDir(from)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(d.window, e.Name()), raw, 0o600)
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
	name := filepath.Base(file(h.url))
	h.url = "sqlite:" + filepath.Join(d.window, name)
	h.set("CHECKOUT_DATABASE_URL", "sqlite:"+filepath.Join(d.dir, name))
}

// lawful is lawful of the database on the disk, which nobody uses now. SQLite would follow the window
// out of the name space, so it gets a copy.
func (d *disk) lawful(h *house) {
	d.t.Helper()
	to := d.t.TempDir()
	name := filepath.Base(file(h.url))
	for _, end := range []string{"", "-wal"} {
		raw, err := os.ReadFile(filepath.Join(d.window, name+end))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name+end), raw, 0o600)
		}
		if err != nil && !(end != "" && os.IsNotExist(err)) {
			d.t.Fatal(err)
		}
	}
	lawful(d.t, "sqlite:"+filepath.Join(to, name))
}

// fill takes all the room there is, and free gives it back.
func (d *disk) fill() {
	d.t.Helper()
	f, err := os.OpenFile(filepath.Join(d.window, "filler"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 4
		} else if err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *disk) free() {
	d.t.Helper()
	if err := os.Remove(filepath.Join(d.window, "filler")); err != nil {
		d.t.Fatal(err)
	}
}

// fillUp takes all the room and then what is left in the database's own files: once the log has no
// place for an invoice, it has none for anything that matters here.
func (d *disk) fillUp(h *house) {
	h.Helper()
	d.fill()
	refused := 0
	for range 2000 {
		var inv invoice
		if err := h.try("POST", "/invoices", fmt.Sprintf(`{"amount":%d}`, amount), &inv); err != nil {
			if refused++; refused == 3 {
				return
			}
			continue
		}
		refused = 0
	}
	h.Fatal("a full disk takes one invoice after another")
}

// tamper spoils system calls of the running server, until the returned func is called. how is
// strace's: fsync,fdatasync:error=EIO.
func (h *house) tamper(how string) (stop func()) {
	h.Helper()
	calls, _, _ := strings.Cut(how, ":")
	cmd := exec.Command(tool(h, "strace"), "-f", "-q", "-p", strconv.Itoa(h.now.cmd.Process.Pid), "-o", "/dev/null", "-e", "trace="+calls, "-e", "inject="+how)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StderrPipe()
	if err != nil {
		h.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, pipe); _ = cmd.Wait(); close(ended) }()
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it lets go of the server first
		<-ended
	})
	h.Cleanup(stop)
	h.until("strace has taken hold", func() bool {
		select {
		case <-ended:
			dbtest.Missing(h, "faults", "strace may not attach to another process")
		default:
		}
		return traced(h.now.cmd.Process.Pid, cmd.Process.Pid)
	})
	return stop
}

// traced says that every thread of a process is traced by another.
func traced(pid, by int) bool {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(tasks) == 0 {
		return false
	}
	for _, task := range tasks {
		raw, err := os.ReadFile(task)
		if err == nil && !strings.Contains(string(raw), fmt.Sprintf("TracerPid:\t%d\n", by)) {
			return false
		}
	}
	return true
}

// TestF23_DatabaseLocked: for two seconds everybody waits and nobody notices. For thirty: customers
// read that it is our fault and when to try again, the page of a callback brings itself again, and
// the claim that came meanwhile is not lost, though nobody brings it again.
func TestF23_DatabaseLocked(t *testing.T) {
	onBoth(t, func(t *testing.T, url, gateway string) {
		h := newHouse(t, url)
		h.boot()
		short, long := h.invoice(), h.invoice()
		shortBack, longBack := h.paidAt(short, gateway), h.paidAt(long, gateway)

		release := lockOut(t, url)
		free := time.AfterFunc(2*time.Second, release)
		defer free.Stop()
		h.mustTake(shortBack)
		h.paidOnce(short, shortBack.reference)

		release = lockOut(t, url)
		began := time.Now()
		free = time.AfterFunc(30*time.Second, release)
		defer free.Stop()
		r, err := h.take(longBack)
		if err != nil || r.status != 503 || r.header.Get("Retry-After") == "" {
			t.Errorf("the callback: %v, %v: want 503 with Retry-After", r, err)
		}
		if gateway == "gardeshpay" && r.header.Get("Refresh") == "" {
			t.Error("the callback's page does not bring itself again")
		}
		if got := h.get(long.PaymentURL).state(); got != "elsewhere" {
			t.Errorf("the page says %q while the claim is not stored", got)
		}
		third := h.invoiceAmong(func() bool { return time.Since(began) < 30*time.Second })
		h.paidOnce(long, longBack.reference)
		h.mustTake(h.paidAt(third, gateway))
		h.untilStatus(third, "paid")
		h.oracle()
		h.stop()
		lawful(t, url)
	})
}

// invoiceAmong asks for an invoice again and again while it is expected to be refused, as a shop's
// program does that heeds Retry-After, and returns the one that it got at last.
func (h *house) invoiceAmong(refused func() bool) (inv invoice) {
	h.Helper()
	h.until("an invoice", func() bool {
		r, err := h.send("POST", h.base+"/api/v1/invoices", strings.NewReader(fmt.Sprintf(`{"amount":%d,"customer":{"name":"سارا","mobile":"09121234567"}}`, amount)),
			"Authorization", "Bearer "+h.key, "Content-Type", "application/json", "Idempotency-Key", "third")
		if err == nil && r.status == 201 {
			return h.try("GET", "/invoices?limit=1", "", &struct{ Data []*invoice }{[]*invoice{&inv}}) == nil
		}
		if err != nil || r.status != 503 || r.header.Get("Retry-After") == "" {
			h.Fatalf("an invoice while the database is locked: %v, %v: want 503 with Retry-After", r, err)
		}
		return !refused() && inv.ID != ""
	})
	return inv
}

// TestF24_DiskFullAtIntent: what cannot be written down is not done. The bank hears nothing, the
// customer reads that it is our fault, the load balancer that we are not ready, the operator why; and
// when there is room again, all goes on without a restart.
func TestF24_DiskFullAtIntent(t *testing.T) {
	t.Parallel()
	d := newDisk(t, "8m")
	h := d.houseOn()
	h.boot(d.within...)
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		inv, paid := h.invoice(), h.invoice()
		back := h.paidAt(paid, gateway)
		d.fillUp(h)
		starts, verifies := len(h.bank.calls(start)), len(h.bank.calls(verify))
		r, err := h.choose(inv, gateway)
		if err != nil || r.status != 503 || r.header.Get("Retry-After") == "" {
			t.Errorf("%s: choose: %v, %v: want 503 with Retry-After", gateway, r, err)
		}
		if r, err = h.take(back); err != nil || r.status != 503 {
			t.Errorf("%s: the callback: %v, %v: want 503", gateway, r, err)
		}
		if h.ready() {
			t.Errorf("%s: ready with a full disk", gateway)
		}
		if s, v := len(h.bank.calls(start)), len(h.bank.calls(verify)); s != starts || v != verifies {
			t.Errorf("%s: the bank heard %d starts and %d verifies that are in no book", gateway, s-starts, v-verifies)
		}
		if !strings.Contains(h.now.said.String(), "database or disk is full") {
			t.Errorf("%s: the operator is not told why", gateway)
		}
		d.free()
		h.untilReady()
		h.paidOnce(paid, back.reference) // kept in memory meanwhile
		back = h.paidAt(inv, gateway)
		h.mustTake(back)
		h.paidOnce(inv, back.reference)
	}
	h.stop()
	d.lawful(h)
}

// TestF25_DiskFullAfterSuccess: the bank said that the money is ours, and it cannot be written down. The
// word is kept in memory and nobody is told that it is paid; with room it is written, and a death
// meanwhile means asking again.
func TestF25_DiskFullAfterSuccess(t *testing.T) {
	t.Parallel()
	for _, dies := range []bool{false, true} {
		for _, gateway := range []string{"gardeshpay", "ghesta"} {
			t.Run(fmt.Sprintf("%s dies %v", gateway, dies), func(t *testing.T) {
				t.Parallel()
				d := newDisk(t, "8m")
				h := d.houseOn()
				h.boot(d.within...)
				inv := h.invoice()
				back := h.paidAt(inv, gateway)
				g := newGate(t)
				h.bank.next(verify, g.after())
				go func() { _, _ = h.take(back) }()
				g.wait(t)
				d.fillUp(h)
				g.open()
				h.until("the answer could not be written", func() bool {
					return strings.Contains(h.now.said.String(), "verify answer not written yet")
				})
				if got := h.get(inv.PaymentURL).state(); got != "confirming" {
					t.Errorf("the page says %q", got)
				}
				if dies {
					h.kill()
				}
				d.free()
				if dies {
					h.boot(d.within...)
				}
				h.paidOnce(inv, back.reference)
				want := 1
				if dies {
					want = 2
				}
				if n := len(h.bank.calls(verify)); n != want {
					t.Errorf("asked %d times, want %d", n, want)
				}
				h.stop()
				d.lawful(h)
			})
		}
	}
}

// TestF26_SyncFails: after a failed fsync nobody knows what is on the disk, and asking again may lie.
// Nothing counts as committed, the server takes no more payments and ends; the next life reads what
// is really there. So it is where only one fails, and the next would not.
func TestF26_SyncFails(t *testing.T) {
	t.Parallel()
	for gateway, times := range map[string]string{"gardeshpay": "", "ghesta": ":when=1"} {
		t.Run(gateway, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, sqlite(t))
			h.boot()
			inv := h.invoice()
			back := h.paidAt(inv, gateway)
			g := newGate(t)
			h.bank.next(verify, g.after())
			go func() { _, _ = h.take(back) }()
			g.wait(t)
			stop := h.tamper("fsync,fdatasync:error=EIO" + times)
			g.open()
			err := h.end()
			stop()
			if code := h.now.cmd.ProcessState.ExitCode(); err == nil || code != 1 {
				t.Errorf("ended with %d (%v), want 1", code, err)
			}
			if !strings.Contains(h.now.said.String(), "disk I/O error") {
				t.Error("the operator is not told why")
			}
			h.boot()
			h.paidOnce(inv, back.reference)
			h.stop()
			lawful(t, h.url)
		})
	}
}

// TestF27_StorageGone: a file that cannot be written, is missing, or is not what it was. The server does
// not start, or says that it is not ready; and it never begins anew on an empty file by itself.
func TestF27_StorageGone(t *testing.T) {
	t.Parallel()
	t.Run("read-only at the start", func(t *testing.T) {
		t.Parallel()
		d := newDisk(t, "8m")
		h := d.houseOn()
		out, err := exec.Command(d.within[0], append(d.within[1:], "mount", "-o", "remount,ro", d.dir)...).CombinedOutput()
		if err != nil {
			t.Fatalf("remount: %v: %s", err, out)
		}
		h.now = h.launch(d.within, "serve")
		if err := h.end(); err == nil || h.now.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(h.now.said.String(), "checkout.db") {
			t.Errorf("ended with %v: %s", err, h.now.said)
		}
	})
	t.Run("read-only while running", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, sqlite(t))
		h.boot()
		inv := h.invoice()
		stop := h.tamper("pwrite64,ftruncate:error=EROFS")
		starts := len(h.bank.calls(start))
		if r, err := h.choose(inv, "gardeshpay"); err != nil || r.status != 503 {
			t.Errorf("choose: %v, %v: want 503", r, err)
		}
		if h.ready() {
			t.Error("ready")
		}
		if n := len(h.bank.calls(start)); n != starts {
			t.Error("the bank heard of an attempt that is in no book")
		}
		stop()
		h.untilReady()
		h.mustTake(h.paidAt(inv, "gardeshpay"))
		h.untilStatus(inv, "paid")
		h.oracle()
	})
	t.Run("missing at the start", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, sqlite(t))
		h.boot()
		h.invoice()
		h.stop()
		aside := file(h.url) + ".aside"
		if err := os.Rename(file(h.url), aside); err != nil {
			t.Fatal(err)
		}
		h.refuses("checkout.db")
		if _, err := os.Stat(file(h.url)); !os.IsNotExist(err) {
			t.Error("an empty database was made in its place")
		}
		if err := os.WriteFile(file(h.url), nil, 0o600); err != nil { // as a failed copy leaves it
			t.Fatal(err)
		}
		h.refuses("checkout.db")
		if err := os.Rename(aside, file(h.url)); err != nil {
			t.Fatal(err)
		}
		h.boot()
		h.oracle()
	})
	t.Run("taken away while running", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, sqlite(t))
		h.boot()
		inv := h.invoice()
		for range 40 { // every reader has its file open by now
			h.get(inv.PaymentURL + "?lang=en")
		}
		if err := os.Rename(file(h.url), file(h.url)+".aside"); err != nil {
			t.Fatal(err)
		}
		h.until("not ready", func() bool { return !h.ready() })
		if err := os.Rename(file(h.url)+".aside", file(h.url)); err != nil {
			t.Fatal(err)
		}
		h.untilReady()
	})
	for what, spoil := range map[string]func([]byte) []byte{
		"no header":  func(raw []byte) []byte { copy(raw, "this is no database at all"); return raw },
		"cut off":    func(raw []byte) []byte { return raw[:len(raw)/2] },
		"torn pages": tear,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, sqlite(t))
			h.boot()
			inv := h.invoice()
			back := h.paidAt(inv, "gardeshpay")
			h.stop()
			raw, err := os.ReadFile(file(h.url))
			if err == nil {
				err = os.WriteFile(file(h.url), spoil(raw), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			h.now = h.launch(nil, "serve")
			h.until("it ends, or says that it is not ready", func() bool {
				select {
				case <-h.now.ended:
					if h.now.cmd.ProcessState.ExitCode() != 1 {
						t.Fatalf("exit %d: %s", h.now.cmd.ProcessState.ExitCode(), h.now.said)
					}
					return true
				default:
				}
				_, _ = h.take(back) // what is torn may show only when somebody reads it
				r, err := h.request("GET", h.base+"/readyz", nil)
				return err == nil && r.status == 503
			})
			if n := len(h.bank.calls(verify)); n > 1 {
				t.Errorf("asked %d times on a broken file", n)
			}
		})
	}
}

// tear flips bytes in every page but the first few, which hold the schema.
func tear(raw []byte) []byte {
	for at := 4096 * 40; at+4096 <= len(raw); at += 4096 {
		for i := range 256 {
			raw[at+i] ^= 0x5a
		}
	}
	return raw
}
