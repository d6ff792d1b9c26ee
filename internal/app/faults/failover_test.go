package faults_test

import (
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// cluster is a PostgreSQL server of the test's own.
type cluster struct {
	t    testing.TB
	bin  string
	dir  string
	addr string
	user *syscall.Credential
	cmd  *exec.Cmd
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	dbtest.NeedPostgres(t)
	c := &cluster{t: t, bin: dbtest.Programs(), addr: freePort(t)}
	if real, err := filepath.EvalSymlinks(filepath.Join(c.bin, "initdb")); err == nil {
		c.bin = filepath.Dir(real) // where all of them are
	}
	for _, name := range []string{"initdb", "postgres", "pg_basebackup"} {
		if _, err := os.Stat(filepath.Join(c.bin, name)); c.bin == "" || err != nil {
			dbtest.Missing(t, "faults", "no "+name)
		}
	}
	var err error
	if c.user, err = dbtest.Unprivileged(); err != nil {
		dbtest.Missing(t, "faults", err.Error())
	}
	if c.dir, err = os.MkdirTemp("", "checkout-cluster-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.kill(); _ = os.RemoveAll(c.dir) })
	if c.user != nil {
		if err := os.Chown(c.dir, int(c.user.Uid), int(c.user.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *cluster) run(name string, args ...string) {
	c.t.Helper()
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = c.dir, &syscall.SysProcAttr{Credential: c.user}
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// start starts the server and waits until it answers.
func (c *cluster) start() {
	c.t.Helper()
	host, port, _ := net.SplitHostPort(c.addr)
	c.cmd = exec.Command(filepath.Join(c.bin, "postgres"), "-D", c.data(), "-c", "listen_addresses="+host, "-c", "port="+port, "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "max_connections=120", "-c", "shared_buffers=16MB", "-c", "wal_level=replica", "-c", "max_wal_senders=4", "-c", "hot_standby=on", "-c", "wal_retrieve_retry_interval=200ms")
	said := &notes{}
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = c.dir, said, said
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.user, Pdeathsig: syscall.SIGQUIT}
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	(&shop{TB: c.t, pause: 50 * time.Millisecond, most: patience}).until("PostgreSQL answers: "+said.String(), func() bool {
		d, err := sql.Open("pgx", c.url("postgres"))
		if err != nil {
			return false
		}
		defer func() { _ = d.Close() }()
		return d.Ping() == nil
	})
}

// kill ends the server as a machine that loses its power.
func (c *cluster) kill() {
	if c.cmd == nil || c.cmd.ProcessState != nil {
		return
	}
	// The postmaster's death ends its children; SIGQUIT is its own word for "at once, without a checkpoint".
	_ = c.cmd.Process.Signal(syscall.SIGQUIT)
	_ = c.cmd.Wait()
}

func (c *cluster) url(name string) string {
	return fmt.Sprintf("postgres://checkout@%s/%s?sslmode=disable", c.addr, name)
}

// TestF41_Failover: PostgreSQL's primary dies, and its asynchronous standby, which does not have the
// last payments, takes its place while the server runs on. It is as after a restore into the past, and
// no number is given out twice, though nobody told the server what happened.
func TestF41_Failover(t *testing.T) {
	t.Parallel()
	primary, standby := newCluster(t), newCluster(t)
	primary.run("initdb", "-N", "-D", primary.data(), "-U", "checkout", "-A", "trust", "-E", "UTF8", "--locale=C")
	primary.start()
	replication, through := newLine(t, primary.url("postgres"))
	u, err := url.Parse(through)
	if err != nil {
		t.Fatal(err)
	}
	standby.run("pg_basebackup", "-h", u.Hostname(), "-p", u.Port(), "-U", "checkout", "-D", standby.data(), "-R", "-X", "stream", "-c", "fast")
	standby.start()

	type place struct {
		*house
		gateway string
		line    *line
		past    *past
	}
	var houses []*place
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		exec := other(t, primary.url("postgres"))
		if _, err := exec.Exec("CREATE DATABASE " + gateway); err != nil {
			t.Fatal(err)
		}
		l, address := newLine(t, primary.url(gateway))
		migrateURL(t, address)
		houses = append(houses, &place{house: newHouse(t, address), gateway: gateway, line: l})
	}
	each := func(do func(p *place)) {
		var all sync.WaitGroup
		for _, p := range houses {
			all.Go(func() { do(p) })
		}
		all.Wait()
	}
	for _, p := range houses {
		p.boot()
		p.past = p.known(p.gateway)
	}
	wal := func(c *cluster, query string) (lsn string) {
		if err := other(t, c.url("postgres")).QueryRow(query).Scan(&lsn); err != nil {
			t.Fatal(err)
		}
		return lsn
	}
	at := wal(primary, `SELECT CAST(pg_current_wal_lsn() AS TEXT)`)
	houses[0].until("the standby has it", func() bool {
		return wal(standby, `SELECT CAST(pg_last_wal_replay_lsn() >= '`+at+`' AS TEXT)`) == "true"
	})
	replication.lead("")
	for _, p := range houses {
		p.unknown(p.past, p.gateway)
	}

	primary.kill()
	if r, err := houses[0].send(http.MethodGet, houses[0].base+"/readyz", nil); err == nil && r.status == http.StatusOK {
		t.Error("ready without a database")
	}
	// A balancer may lead to the standby before it is promoted: nobody may be let on it then.
	each(func(p *place) { p.line.lead(standby.addr) })
	if r, err := houses[0].send(http.MethodGet, houses[0].base+"/readyz", nil); err == nil && r.status == http.StatusOK {
		t.Error("ready on a standby")
	}
	if _, err := other(t, standby.url("postgres")).Exec("SELECT pg_promote()"); err != nil {
		t.Fatal(err)
	}
	each(func(p *place) {
		p.untilReady()
		p.goesOn(p.past, p.gateway)
		before := p.invoice()
		p.stop()
		p.boot()
		if n := p.invoice().numbered(t); n != before.numbered(t)+1 {
			t.Errorf("the next start began another series: %d after %s", n, before.Number)
		}
		p.stop()
		lawful(t, p.url)
	})
}

// migrateURL makes the schema.
func migrateURL(t testing.TB, address string) {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{URL: address, CreateIfEmpty: true})
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		t.Fatal(strings.TrimSpace(err.Error()))
	}
}
