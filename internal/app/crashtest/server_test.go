package crashtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take before a crash test gives up: a liveness limit for a slow
// and loaded machine, not a measurement.
const patience = 3 * time.Minute

// logBuffer is what a process wrote, readable while it writes.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// server is the real server under a supervisor that starts it again whenever it was killed, as an
// operating system would. Each start but the last ones gets a point at which to die.
type server struct {
	testing.TB
	env  []string
	base string
	log  logBuffer

	// under is the command before the program at its n-th start, such as strace's; nil for none.
	under func(start int) []string
	// anywhere allows one death by SIGKILL at a place that has no name.
	anywhere bool

	mu       sync.Mutex
	starts   int
	ways     []string // CHECKOUT_CRASH_AT of the first starts, in their order
	deaths   []string // where it died
	cmd      *exec.Cmd
	began    time.Time // of the process that runs now
	told     int       // how much of the log earlier processes wrote
	byHand   bool      // the next death is ours, from outside
	stopping bool
	broken   error
	gone     chan struct{} // closed when the supervisor has ended
}

// freeBase picks an address. Ports below the range from which outgoing connections take theirs: one
// of those must not sit on it while the server is dead.
func freeBase(t testing.TB) (addr, base string) {
	t.Helper()
	for range 200 {
		addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(12_000)))
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr, "http://" + addr
		}
	}
	t.Fatal("no free port")
	return "", ""
}

// start begins to supervise. ready comes later: see await.
func (s *server) start() {
	s.Helper()
	s.stopping = false
	s.gone = make(chan struct{})
	go s.supervise()
	s.Cleanup(s.kill)
}

func (s *server) supervise() {
	defer close(s.gone)
	for {
		cmd, err := s.launch()
		if err != nil {
			s.setBroken(err)
			return
		}
		if cmd == nil {
			return
		}
		if !s.buried(cmd, cmd.Wait()) {
			return
		}
	}
}

func (s *server) launch() (*exec.Cmd, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil, nil
	}
	args := []string{mortal, "serve"}
	if s.under != nil {
		args = append(s.under(s.starts), args...)
	}
	s.starts++
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = s.env
	if len(s.ways) > 0 {
		cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], "CHECKOUT_CRASH_AT="+s.ways[0])
	}
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.cmd, s.began = cmd, time.Now()
	return cmd, cmd.Start()
}

// buried notes how a process ended, and says whether the next one is to be started.
func (s *server) buried(cmd *exec.Cmd, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	var exit *exec.ExitError
	killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	point := s.lastWord()
	switch {
	case killed && s.byHand:
		s.byHand = false
		s.deaths = append(s.deaths, "from outside")
		return true
	case killed && len(s.ways) > 0 && endOf(s.ways[0]) == point:
		s.ways = s.ways[1:]
		s.deaths = append(s.deaths, point)
		return true
	case killed && s.anywhere:
		s.anywhere = false
		s.deaths = append(s.deaths, "somewhere")
		return true
	}
	s.broken = fmt.Errorf("the server ended by itself: %v", err)
	return false
}

// lastWord is the point at which the process that just ended said that it dies. Another goroutine may
// have logged a line behind it.
func (s *server) lastWord() string {
	said := s.log.String()[s.told:]
	s.told += len(said)
	for line := range strings.Lines(said) {
		if point, dies := strings.CutPrefix(line, "killed at "); dies {
			return strings.TrimSpace(point)
		}
	}
	return ""
}

// endOf is the point at which a way ends.
func endOf(way string) string {
	last := way[strings.LastIndex(way, ">")+1:]
	name, _, _ := strings.Cut(last, "#")
	return name
}

func (s *server) setBroken(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

// await waits until the server answers, after a start or a death.
func (s *server) await() {
	s.Helper()
	s.until("ready", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/readyz", nil)
		if err != nil {
			s.Fatal(err)
		}
		resp, err := fresh.Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// fresh connects anew each time: a connection to a dead process says nothing about the next one.
var fresh = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	Timeout:       patience,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// until waits for a condition; instead tells what is true when it never comes.
func (s *server) until(what string, done func() bool, instead ...func() string) {
	s.Helper()
	var waited time.Duration
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
		s.mu.Lock()
		broken := s.broken
		s.mu.Unlock()
		if broken != nil {
			s.Fatal(broken)
		}
		// A pause in which nothing ran, this test neither (a laptop that slept), is no wait.
		waited += min(time.Since(began), time.Second)
		began = time.Now()
		if waited > patience {
			said := ""
			for _, tell := range instead {
				said += "; " + tell()
			}
			s.Fatalf("not %s within %s%s", what, patience, said)
		}
	}
}

// strike kills the server from outside.
func (s *server) strike() {
	s.Helper()
	s.mu.Lock()
	s.byHand = true
	cmd, before := s.cmd, len(s.deaths)
	s.mu.Unlock()
	if err := cmd.Process.Kill(); err != nil {
		s.Fatal(err)
	}
	s.until("dead", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.deaths) > before
	})
	s.await()
}

// born is when the process that runs now was started.
func (s *server) born() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.began
}

// died tells where it has died so far, and whether it is still to die.
func (s *server) died() (deaths []string, ahead int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.deaths...), len(s.ways)
}

// stop ends the server as an operator does, with SIGTERM. False: it was killed over it, as it may be
// where a death is allowed anywhere.
func (s *server) stop() bool {
	s.Helper()
	s.end(syscall.SIGTERM)
	status, _ := s.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if s.anywhere && status.Signaled() && status.Signal() == syscall.SIGKILL {
		s.anywhere = false
		s.deaths = append(s.deaths, "somewhere")
		return false
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.Errorf("after SIGTERM: exit %d", code)
	}
	return true
}

func (s *server) kill() { s.end(syscall.SIGKILL) }

func (s *server) end(sig os.Signal) {
	s.mu.Lock()
	s.stopping = true
	cmd := s.cmd
	s.mu.Unlock()
	if cmd != nil && cmd.Process != nil {
		_ = cmd.Process.Signal(sig)
	}
	<-s.gone
}
