//go:build crashpoints && unix

package crash

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// where is the way to the point at which this process dies: CHECKOUT_CRASH_AT holds names with ">"
// between them. Each is waited for after the one before it was passed, and the last one kills; a
// name with #3 behind it is passed at the third time.
type where struct {
	mu   sync.Mutex
	left []step
}

type step struct {
	name  string
	times int
}

var path = sync.OnceValue(func() *where {
	w := &where{}
	for part := range strings.SplitSeq(os.Getenv("CHECKOUT_CRASH_AT"), ">") {
		name, count, _ := strings.Cut(strings.TrimSpace(part), "#")
		times, err := strconv.Atoi(count)
		if err != nil {
			times = 1
		}
		if name != "" {
			w.left = append(w.left, step{name, times})
		}
	}
	return w
})

// At kills the process with SIGKILL when the point is the one at which it is to die. Nothing is
// flushed, closed or rolled back; the line on stderr tells the runner that it was this point.
func At(point string) {
	w := path()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.left) == 0 || w.left[0].name != point {
		return
	}
	if w.left[0].times--; w.left[0].times > 0 {
		return
	}
	if w.left = w.left[1:]; len(w.left) > 0 {
		return
	}
	_, _ = os.Stderr.WriteString("killed at " + point + "\n")
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until the signal is there, this goroutine does not take another step
}
