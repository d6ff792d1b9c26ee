package crashtest_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

var crashNumbered = flag.Bool("crash.numbered", false, "TestNumbered: every system call of one payment, not a sample of them")

// numbered are the system calls at whose k-th entry the server is killed. Go writes to sockets with
// write; SQLite's pages go out with pwrite64.
var numbered = map[string][]string{
	db.SQLite:     {"pwrite64", "fsync", "write", "connect"},
	db.PostgreSQL: {"write", "read", "connect"},
}

// mostCalls is more than any thread of the server makes in one story.
const mostCalls = 2000

// series are the kills of one system call, from the first on until the server outlives the story.
type series struct{ engine, gateway, call string }

func (s series) String() string { return s.engine + " " + s.gateway + " " + s.call }

// TestNumbered needs no names: strace kills the server as it enters its k-th pwrite64, fsync, write or
// connect, from the empty database over the migration to the receipt. strace counts by thread, so the
// server gets one processor and k goes up until nothing dies any more. A plain run takes a sample,
// another one each day; -crash.numbered takes every k.
func TestNumbered(t *testing.T) {
	needStrace(t)
	t.Run(db.PostgreSQL+" is there", func(t *testing.T) { dbtest.NeedPostgres(t) })
	todo := make(chan series, 64)
	for engine, calls := range numbered {
		for _, call := range calls {
			for _, gateway := range []string{"gardeshpay", "ghesta"} {
				todo <- series{engine, gateway, call}
			}
		}
	}
	close(todo)
	var lanes sync.WaitGroup
	var mu sync.Mutex
	kills := 0
	for range *crashLanes {
		l := openLane(t)
		lanes.Go(func() {
			for s := range todo {
				n := l.playSeries(t, s)
				mu.Lock()
				kills += n
				mu.Unlock()
			}
		})
	}
	lanes.Wait()
	t.Logf("killed at %d numbered system calls", kills)
	if kills == 0 {
		t.Error("nothing was ever killed")
	}
}

// playSeries returns how often the server died.
func (l *lane) playSeries(t *testing.T, s series) (kills int) {
	first, last := 1, mostCalls
	if !*crashNumbered {
		if (s.gateway == "ghesta") != ((time.Now().YearDay()+len(s.call))%2 == 0) {
			return 0 // its turn is tomorrow
		}
		first = 1 + (time.Now().YearDay()*7+len(s.call)*3)%12
		if s.call == "connect" {
			first = 1 + time.Now().YearDay()%2 // no thread connects often
		}
		last = first
	}
	for k := first; k <= last; k++ {
		died, ran := false, false
		t.Run(fmt.Sprintf("%s %d", s, k), func(t *testing.T) {
			ran = true
			l.playNumbered(t, s, k, &died)
		})
		if died {
			kills++
		} else if ran { // -run may have left it out
			break
		}
	}
	return kills
}

func (l *lane) playNumbered(t *testing.T, s series, k int, died *bool) {
	story := stories["first start"]
	addr, base := freeBase(t)
	file := filepath.Join(t.TempDir(), "trace")
	w := &world{T: t, gateway: s.gateway, engine: s.engine}
	w.shop = &shop{lane: l, url: databaseURL(t, s.engine, story.empty), addr: addr, base: base, more: []string{"GOMAXPROCS=1"}}
	w.server = &server{TB: t, env: w.env(), base: base, anywhere: true, under: func(start int) []string {
		if start > 0 {
			return nil
		}
		return []string{"strace", "-D", "-f", "-qq", "-e", "trace=" + s.call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", s.call, k), "-e", "signal=none", "-o", file}
	}}
	w.tellOnFailure()
	defer func() {
		deaths, _ := w.server.died()
		*died = len(deaths) > 0
	}()
	before := len(l.ledger(t).Payments)
	w.server.start()
	w.server.await()
	w.furnish(t)
	story.run(w)
	w.judge(before, story.ends)
	if !w.server.stop() { // it died over its last checkpoint
		w.server.start()
		w.server.await()
		w.judge(before, story.ends)
		w.server.stop()
	}
	w.soundFile()
	if t.Failed() {
		raw, _ := os.ReadFile(file)
		lines := strings.Split(string(raw), "\n")
		t.Logf("the last calls were:\n%s", strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
}
