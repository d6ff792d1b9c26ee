package dbtest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Pooler starts a PgBouncer in transaction mode before a database of this package's server, with few
// connections, so that they are lent to others again and again. It gives the URL through it.
func Pooler(t testing.TB, direct string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer"
	}
	if !executable(program) {
		Missing(t, "pgbouncer", "there is no pgbouncer here")
	}
	credential, err := Unprivileged()
	if err != nil {
		Missing(t, "pgbouncer", err.Error())
	}
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "checkout-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf("[databases]\n* = host=%s port=%s user=%s\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port=%d\nunix_socket_dir=\n"+
		"auth_type=any\npool_mode=transaction\ndefault_pool_size=4\nmax_client_conn=400\nserver_reset_query_always=0\n", u.Hostname(), u.Port(), u.User.Username(), port)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-q", file)
	cmd.Dir = dir
	ended, err := outlivedBy(cmd, credential)
	if err != nil {
		t.Fatalf("start pgbouncer: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", at)
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("pgbouncer does not answer: %v", err)
		}
	}
	u.Host = at
	return u.String()
}
