package crashtest_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// kill -9 keeps the pages that the kernel holds, so it cannot tell a commit that is on disk from one
// that only looks so. Durability is shown by order: in what strace sees of the real process, the
// fsync behind a write has ended before the first byte of what relies on it leaves.

// TestOrder_DurableBeforeItIsActedOn follows one payment on each gateway and each database.
func TestOrder_DurableBeforeItIsActedOn(t *testing.T) {
	needStrace(t)
	t.Run(db.PostgreSQL+" is there", func(t *testing.T) { dbtest.NeedPostgres(t) })
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		for _, gateway := range []string{"gardeshpay", "ghesta"} {
			t.Run(engine+" "+gateway, func(t *testing.T) {
				t.Parallel()
				trace, laws := recordPayment(t, engine, gateway)
				for _, wrong := range breaches(trace, laws) {
					t.Error(wrong)
				}
			})
		}
	}
}

// needStrace skips the test, or fails it where faults are required, when no process can be traced.
func needStrace(t *testing.T) {
	t.Helper()
	out, err := exec.Command("strace", "-f", "-qq", "-o", os.DevNull, "true").CombinedOutput()
	if err != nil {
		dbtest.Missing(t, "faults", fmt.Sprintf("strace cannot trace: %v %s", err, out))
	}
}

// recordPayment runs one payment under strace and returns what was seen, and what must hold for it.
func recordPayment(t *testing.T, engine, gateway string) ([]call, []law) {
	l := openLane(t)
	addr, base := freeBase(t)
	file := filepath.Join(t.TempDir(), "trace")
	w := &world{T: t, gateway: gateway, engine: engine}
	w.shop = &shop{lane: l, url: databaseURL(t, engine, false), addr: addr, base: base}
	w.furnish(t)
	if engine == db.PostgreSQL {
		forgetful(t, w.url)
	}
	w.server = &server{TB: t, env: w.env(), base: base, under: func(int) []string { return traced(file, engine) }}
	w.server.start()
	w.server.await()

	inv := w.create("order-1")
	back := w.pay(inv, "paid")
	w.finish(inv, back)
	w.api("GET", "/invoices/"+inv.ID, "", "", 200, nil)
	w.server.stop()

	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	trace, err := readTrace(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	f := w.facts(inv)
	at, err := url.Parse(l.vendors)
	if err != nil {
		t.Fatal(err)
	}
	f.gatewayPort = at.Port()
	return trace, f.laws(engine, w.url)
}

// forgetful makes a PostgreSQL database answer a COMMIT before it is on disk, unless a connection asks
// for better.
func forgetful(t *testing.T, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if _, err := admin.Exec("ALTER DATABASE " + strings.TrimPrefix(u.Path, "/") + " SET synchronous_commit = off"); err != nil {
		t.Fatal(err)
	}
}

// traced is the command before a program whose system calls are to be written down. -D makes the
// program itself our child, so that signals reach it and not strace.
func traced(file, engine string) []string {
	calls := "trace=write,pwrite64,writev,pwritev,sendto,sendmsg,fsync,fdatasync,sync_file_range"
	if engine == db.PostgreSQL {
		calls += ",read,recvfrom"
	}
	return []string{"strace", "-D", "-f", "-qq", "--seccomp-bpf", "-yy", "-s", "20000", "-e", calls, "-e", "signal=none", "-o", file}
}

// facts are what one payment was about: the words by which its writes and messages are known.
type facts struct {
	invoice, link, number, token, reference string
	callback                                string
	gatewayPort                             string
	events                                  map[string]string // what each type's event says; nil in the recordings, which name the types
}

// event is a word by which the row of an event of one type is known: the store writes types as codes.
func (f facts) event(kind string) string {
	if f.events == nil {
		return kind
	}
	return f.events[kind]
}

func (w *world) facts(inv *invoice) facts {
	w.Helper()
	f := facts{invoice: inv.ID, link: inv.Link[strings.LastIndex(inv.Link, "/")+1:]}
	w.books(w, func(tx *db.Tx) error {
		list, err := tx.AttemptsOfInvoice(inv.ID)
		if err != nil {
			return err
		}
		a := list[0]
		if a.Status != checkout.AttemptPaid {
			w.Fatalf("the payment ended %s", a.Status)
		}
		f.number, f.token, f.reference, f.callback = a.OurNumber, a.GatewayToken, a.TrackingNumber, a.CallbackToken
		events, err := tx.EventsOfInvoice(inv.ID, 0, 100)
		f.events = map[string]string{}
		for _, e := range events {
			f.events[e.Type] = e.Data
		}
		return err
	})
	return f
}

// laws are what must hold of one payment, whatever the gateway.
func (f facts) laws(engine, database string) []law {
	s := store{engine: engine}
	if engine == db.SQLite {
		s.name = strings.TrimPrefix(database, "sqlite:") + "-wal"
	} else if u, err := url.Parse(database); err == nil {
		s.name = u.Port()
	}
	gateway := func(words ...string) message { return message{to: f.gatewayPort, words: words} }
	said := func(words ...string) message { return message{words: words} }
	return []law{
		{"the invoice, before the shop is told of it", s, []string{f.invoice, f.event(checkout.EventInvoiceCreated)}, said("HTTP/1.1 201", f.invoice), true},
		{"the attempt, before the gateway is asked for a token", s, []string{f.number, f.event(checkout.EventAttemptCreated)}, gateway("POST /", f.number, f.callback), true},
		{"the gateway's token, before the customer is sent on", s, []string{f.token, f.event(checkout.EventAttemptRedirected)}, said("HTTP/1.1 303", f.token), true},
		{"the claim and the intent, before verify is asked", s, []string{f.reference, f.event(checkout.EventCallbackReceived), f.event(checkout.EventVerifyAsked)}, gateway("POST /", "/verify ", f.reference), true},
		{"the claim, before the customer is sent to the link", s, []string{f.reference, f.event(checkout.EventVerifyAsked)}, said("HTTP/1.1 303", "Location: /i/"+f.link), true},
		{"the settlement, before the customer is sent to the link, if that waited for it", s, []string{f.event(checkout.EventInvoicePaid)}, said("HTTP/1.1 303", "Location: /i/"+f.link), false},
		{"the settlement, before a page says that it is paid", s, []string{f.event(checkout.EventInvoicePaid)}, said(`data-state="paid"`), true},
		{"the settlement, before the API says that it is paid", s, []string{f.event(checkout.EventInvoicePaid)}, said("HTTP/1.1 200", f.invoice, `"status":"paid"`), true},
	}
}

// TestOrder_ASloppyStoreIsSeen holds the checker against recorded payments: with synchronous=FULL and
// with synchronous_commit=on no law is broken; with NORMAL, and with a connection that left
// synchronous_commit off, every one is.
func TestOrder_ASloppyStoreIsSeen(t *testing.T) {
	f := facts{invoice: "inv_1", link: "LINK", number: "NUMBER", token: "TOKEN", reference: "REFERENCE", callback: "CALLBACK", gatewayPort: "9090"}
	for _, recorded := range []struct {
		file, engine, database string
		sloppy                 bool
	}{
		{"sqlite-full", db.SQLite, "sqlite:/data/checkout.db", false},
		{"sqlite-normal", db.SQLite, "sqlite:/data/checkout.db", true},
		{"postgres-on", db.PostgreSQL, "postgres://checkout@127.0.0.1:5432/shop", false},
		{"postgres-off", db.PostgreSQL, "postgres://checkout@127.0.0.1:5432/shop", true},
	} {
		t.Run(recorded.file, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("testdata", recorded.file+".strace"))
			if err != nil {
				t.Fatal(err)
			}
			laws := f.laws(recorded.engine, recorded.database)
			wrong := breachesIn(t, string(raw), laws)
			switch {
			case recorded.sloppy && len(wrong) != len(laws):
				t.Errorf("%d of %d laws were seen to be broken: %q", len(wrong), len(laws), wrong)
			case !recorded.sloppy && len(wrong) > 0:
				t.Errorf("a good payment is blamed: %q", wrong)
			}
		})
	}
}

// TestOrder_AMissingWaitIsSeen takes waits out of a good payment, and each law has one that breaks it.
func TestOrder_AMissingWaitIsSeen(t *testing.T) {
	f := facts{invoice: "inv_1", link: "LINK", number: "NUMBER", token: "TOKEN", reference: "REFERENCE", callback: "CALLBACK", gatewayPort: "9090"}
	for file, given := range map[string]struct{ engine, database, wait string }{
		"sqlite-full": {db.SQLite, "sqlite:/data/checkout.db", "fsync("},
		"postgres-on": {db.PostgreSQL, "postgres://checkout@127.0.0.1:5432/shop", `COMMIT\0`},
	} {
		raw, err := os.ReadFile(filepath.Join("testdata", file+".strace"))
		if err != nil {
			t.Fatal(err)
		}
		laws := f.laws(given.engine, given.database)
		lines := strings.SplitAfter(string(raw), "\n")
		var waits []int
		for i, line := range lines {
			if strings.Contains(line, given.wait) {
				waits = append(waits, i)
			}
		}
		seen := map[string]bool{}
		for i := range waits {
			// A later wait makes good for a missing one, unless a message was faster: so take out runs.
			for j := i; j < len(waits); j++ {
				rest := slices.Clone(lines)
				for _, at := range waits[i : j+1] {
					rest[at] = ""
				}
				for _, wrong := range breachesIn(t, strings.Join(rest, ""), laws) {
					what, _, _ := strings.Cut(wrong, ":")
					seen[what] = true
				}
			}
		}
		for _, l := range laws {
			if !seen[l.what] {
				t.Errorf("%s: no missing wait breaks the law about %s", file, l.what)
			}
		}
	}
}

func breachesIn(t *testing.T, raw string, laws []law) []string {
	t.Helper()
	trace, err := readTrace(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return breaches(trace, laws)
}
