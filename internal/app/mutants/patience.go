package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// mostPatience is how many times its limit a process gets on a machine that does not let it run.
const mostPatience = 20

// patient ends a process's context when its limit has passed, not counting the time in which all the
// machine's processors were others': on a busy machine a test that waits for its turn hangs in nothing.
func patient(ctx context.Context, cancel context.CancelCauseFunc, pid int, limit time.Duration) {
	const look = 250 * time.Millisecond
	tick := time.NewTicker(look)
	defer tick.Stop()
	var spent, kept time.Duration
	for begun := time.Now(); spent < limit && time.Since(begun) < mostPatience*limit; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := keptWaiting(pid)
		spent += max(look-max(now-kept, 0), 0)
		kept = now
	}
	cancel(context.DeadlineExceeded)
}

// keptWaiting is how long the threads of a process have stood in the queue for a processor, as Linux
// tells it; 0 elsewhere.
func keptWaiting(pid int) time.Duration {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	var sum int64
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		var ran, waited, turns int64
		if _, err := fmt.Sscan(string(text), &ran, &waited, &turns); err == nil {
			sum += waited
		}
	}
	return time.Duration(sum)
}
