package dbtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// The shell outlives nobody: when this process dies, in whatever way, the kernel sends it TERM; it
// stops the server and takes the directory away.
const keeper = `dir=$1; shift
"$@" >"$dir/log" 2>&1 &
pg=$!
trap 'kill -QUIT $pg; wait $pg; rm -rf "$dir"; exit 0' TERM INT
wait $pg`

// launch makes a cluster and starts its server on a loopback port.
func launch(bin string) (base, missing string, err error) {
	credential, err := Unprivileged()
	if err != nil {
		return "", err.Error(), nil
	}
	dir, err := os.MkdirTemp("", "checkout-postgres-")
	if err != nil {
		return "", "", fmt.Errorf("make a directory: %w", err)
	}
	if credential != nil {
		if err := os.Chown(dir, int(credential.Uid), int(credential.Gid)); err != nil {
			return "", "", fmt.Errorf("give the directory away: %w", err)
		}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-N", "-D", data, "-U", "checkout", "-A", "trust", "-E", "UTF8", "--locale=C")
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: credential}
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", "", errors.Join(fmt.Errorf("initdb: %w: %s", err, out), os.RemoveAll(dir))
	}
	port, err := freePort()
	if err != nil {
		return "", "", errors.Join(err, os.RemoveAll(dir))
	}
	args := []string{
		"-c", keeper, "keeper", dir, filepath.Join(bin, "postgres"), "-D", data,
		"-c", "listen_addresses=127.0.0.1", "-c", "port=" + strconv.Itoa(port), "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300", "-c", "shared_buffers=32MB",
		"-c", "deadlock_timeout=20ms", "-c", "autovacuum=off", "-c", "wal_level=minimal", "-c", "max_wal_senders=0",
	}
	cmd := exec.Command("/bin/sh", args...)
	cmd.Dir = dir
	if _, err := outlivedBy(cmd, credential); err != nil {
		return "", "", errors.Join(fmt.Errorf("start the server: %w", err), os.RemoveAll(dir))
	}
	return fmt.Sprintf("postgres://checkout@127.0.0.1:%d/postgres?sslmode=disable", port), "", nil
}

// outlivedBy starts a process that gets TERM when this one dies, in whatever way. ended is closed behind it.
func outlivedBy(cmd *exec.Cmd, credential *syscall.Credential) (ended chan struct{}, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential, Pdeathsig: syscall.SIGTERM, Setpgid: true}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		// The signal comes when the thread that started the child ends, not the process: this
		// thread stays.
		runtime.LockOSThread()
		started <- cmd.Start()
		_ = cmd.Wait()
		close(ended)
		select {}
	}()
	return ended, <-started
}

// Unprivileged picks the user to run as: PostgreSQL refuses root.
func Unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("running as root, and there is no user postgres or nobody to run the server")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
