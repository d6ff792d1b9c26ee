// Package browsertest_test meets the product as a customer does: the real program, started as a
// person would start it, and a real Chromium. Nothing in here reaches inside; what it asks beside
// the browser it asks through the public API. Without Chromium every test says that it was skipped.
package browsertest_test

import (
	"os"
	"sync"
	"testing"
)

// world is what all tests of one run share: starting a browser and two servers for each would take
// longer than the tests do.
var world struct {
	browser lazy[*browser]
	demo    lazy[*demo]
	away    lazy[*away]
	binary  lazy[string]
	dir     string
}

// lazy starts a thing when the first test asks for it.
type lazy[T any] struct {
	once  sync.Once
	value T
	err   error
	stop  func()
}

func (l *lazy[T]) get(t *testing.T, start func() (T, func(), error)) T {
	t.Helper()
	l.once.Do(func() { l.value, l.stop, l.err = start() })
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.value
}

func (l *lazy[T]) end() {
	if l.stop != nil {
		l.stop()
	}
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "checkout-browser-")
	if err != nil {
		panic(err)
	}
	world.dir = dir
	defer func() { _ = os.RemoveAll(dir) }()
	defer func() {
		world.browser.end()
		world.demo.end()
		world.away.end()
	}()
	return m.Run()
}
