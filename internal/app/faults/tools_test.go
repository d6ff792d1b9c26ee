package faults_test

import (
	"context"
	"database/sql"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dargah/internal/db/dbtest"
)

// file is the path of an SQLite URL, "" of a PostgreSQL one.
func file(address string) string {
	path, ok := strings.CutPrefix(address, "sqlite:")
	if !ok {
		return ""
	}
	return path
}

// other opens a database as another program would. Its connections never outlive the test.
func other(t testing.TB, address string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", address
	if path := file(address); path != "" {
		driver, dsn = "sqlite", "file:"+filepath.ToSlash(path)+"?mode=rw"
	}
	d, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// lockOut keeps everybody else from writing until the returned func is called. Readers go on.
func lockOut(t testing.TB, address string) (release func()) {
	t.Helper()
	conn, err := other(t, address).Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{"BEGIN", "LOCK TABLE invoices IN EXCLUSIVE MODE"}
	if file(address) != "" {
		lines = []string{"PRAGMA busy_timeout = 60000", "BEGIN EXCLUSIVE"}
	}
	for _, line := range lines {
		if _, err := conn.ExecContext(context.Background(), line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	release = sync.OnceFunc(func() {
		if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			t.Errorf("let go of the database: %v", err)
		}
		_ = conn.Close()
	})
	t.Cleanup(release)
	return release
}

// number reads one number with another program's eyes.
func number(t testing.TB, address, query string, args ...any) (n int64) {
	t.Helper()
	d := other(t, address)
	defer func() { _ = d.Close() }()
	if err := d.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// deaf is an address where nobody takes a connection: whoever calls waits for the handshake, and not
// one byte of his is heard, until hear puts somebody there.
type deaf struct {
	t      testing.TB
	addr   string
	socket net.Listener
	filled []net.Conn
}

func newDeaf(t testing.TB) *deaf {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	// The shortest queue there is; once it is full, the kernel drops what knocks.
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "deaf")
	l, err := net.FileListener(f)
	_ = f.Close()
	if err != nil {
		t.Fatal(err)
	}
	d := &deaf{t: t, addr: l.Addr().String(), socket: l}
	t.Cleanup(func() { _ = l.Close(); d.hangUp() })
	for range 64 {
		c, err := net.DialTimeout("tcp", d.addr, 300*time.Millisecond)
		if err != nil {
			return d
		}
		d.filled = append(d.filled, c)
	}
	t.Fatal("the queue of a socket that accepts nothing never fills")
	return nil
}

func (d *deaf) url() string { return "http://" + d.addr }

func (d *deaf) hangUp() {
	for _, c := range d.filled {
		_ = c.Close()
	}
	d.filled = nil
}

// hear puts a handler there.
func (d *deaf) hear(h http.Handler) {
	d.hangUp()
	srv := &httptest.Server{Listener: d.socket, Config: &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}}
	srv.Start()
	d.t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
}

// cut is a browser whose line is cut at the very first byte of an answer; at is called then. The
// server has done everything by that time, and nobody heard.
func cut(at func()) *http.Client {
	once := sync.OnceFunc(at)
	return browser(&http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return mute{c, once}, err
	}})
}

type mute struct {
	net.Conn
	at func()
}

func (m mute) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p[:min(len(p), 1)])
	if n > 0 {
		m.at()
		_ = m.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// through is a browser that reaches the house's origin at another address: another instance, or a
// balancer.
func through(address func() string) *http.Client {
	return browser(&http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address())
	}})
}

// sqlite is the URL of a new, migrated file.
func sqlite(t testing.TB) string {
	t.Helper()
	return dbtest.SQLiteURL(t)
}
