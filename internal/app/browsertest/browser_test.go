package browsertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"dargah/internal/db/dbtest"
)

// patience is how long the browser may take for one thing. It ends a hanging test, no more.
const patience = 40 * time.Second

// browser is the one Chromium of the run; every tab has cookies, cache and history of its own.
type browser struct{ ctx context.Context }

func theBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "google-chrome", "chromium-browser"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		dbtest.Missing(t, "browser", "no chromium and no google-chrome in PATH")
	}
	return world.browser.get(t, func() (*browser, func(), error) { return openBrowser(path) })
}

func openBrowser(path string) (*browser, func(), error) {
	options := append(
		chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("disable-gpu", true),
		// Nothing but our pages: no calls home, no QUIC, no updates.
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true), chromedp.Flag("font-render-hinting", "none"),
	)
	alloc, stopAll := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(alloc)
	end := func() { stop(); stopAll() }
	if err := chromedp.Do(ctx); err != nil {
		return nil, end, fmt.Errorf("start %s: %w", path, err)
	}
	return &browser{ctx}, end, nil
}

// screen is how a customer looks at us.
type screen struct {
	locale  string // fa or en
	width   int64
	dark    bool
	scripts bool
}

func (s screen) String() string {
	name := fmt.Sprintf("%s-%d", s.locale, s.width)
	if s.dark {
		name += "-dark"
	}
	return name
}

// height goes with a width: a phone, a tablet, a desk.
func (s screen) height() int64 {
	if s.width < 600 {
		return 780
	}
	return 800
}

// tab is one tab of a customer. It remembers what the browser complained about and asked for.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string
	requests   []*request
	byID       map[network.RequestID]*request
}

// request is one request of a page and what its answer weighed on the wire.
type request struct {
	url   string
	font  bool
	bytes float64
}

// open opens a tab in a session that nobody used before.
func open(t *testing.T, s screen) *tab {
	t.Helper()
	return openTab(t, theBrowser(t).ctx, s, chromedp.WithNewBrowserContext())
}

// beside opens another tab in the same session.
func (b *tab) beside(s screen) *tab {
	b.t.Helper()
	return openTab(b.t, b.ctx, s)
}

func openTab(t *testing.T, parent context.Context, s screen, options ...chromedp.ContextOption) *tab {
	t.Helper()
	b := &tab{t: t, byID: map[network.RequestID]*request{}}
	ctx, cancel := chromedp.NewContext(parent, append(options, chromedp.WithListener(b.hear))...)
	t.Cleanup(cancel)
	b.ctx = ctx
	b.do(func(ctx context.Context, tg *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !s.scripts})
		return chromedp.Void{}, err
	})
	b.resize(s.width, s.height())
	b.scheme(s.dark)
	return b
}

// hear keeps the browser's complaints and requests. It runs in the loop that reads the tab's messages.
func (b *tab) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *log.EventEntryAdded:
		if loud(e.Entry) {
			b.complaints = append(b.complaints, fmt.Sprintf("%s %s: %s (%s)", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, fmt.Sprintf("console.%s", e.Type))
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, "exception: "+e.ExceptionDetails.Text)
	case *network.EventRequestWillBeSent:
		r := &request{url: e.Request.URL, font: e.Type == network.ResourceTypeFont}
		if !strings.HasPrefix(r.url, "data:") {
			b.requests = append(b.requests, r)
			b.byID[e.RequestID] = r
		}
	case *network.EventLoadingFinished:
		if r := b.byID[e.RequestID]; r != nil {
			r.bytes = e.EncodedDataLength
		}
	}
}

// loud leaves out what is no fault of a page: its own status (a page that says "no such link" is a
// 404), and Chromium's remark that scripts are off, which is what these tests are about.
func loud(e *log.Entry) bool {
	return !strings.HasPrefix(e.Text, "Failed to load resource: the server responded with a status of") &&
		!strings.Contains(e.Text, "Blocked script execution")
}

// quiet fails when the browser complained: a console error, a breach of the policy.
func (b *tab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the browser complains: %s", c)
	}
	b.complaints = nil
}

// asked returns the requests since the tab was opened.
func (b *tab) asked() []request {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]request, 0, len(b.requests))
	for _, r := range b.requests {
		list = append(list, *r)
	}
	return list
}

func (b *tab) resize(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

// scheme chooses the light or the dark scheme; nothing moves.
func (b *tab) scheme(dark bool) {
	b.t.Helper()
	value := "light"
	if dark {
		value = "dark"
	}
	// Without a medium: "screen" would hold on paper too.
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: value}, {Name: "prefers-reduced-motion", Value: "reduce"},
		},
	}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// ask evaluates an expression in the page; it works with scripts off, being no script of the page.
func ask[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := try[T](b, expression)
	if err != nil {
		b.t.Fatalf("%v\nin %s", err, expression)
	}
	return v
}

func try[T any](b *tab, expression string) (T, error) {
	var v T
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	yes := true
	got, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, ReturnByValue: &yes, AwaitPromise: &yes})
	switch {
	case err != nil:
		return v, err
	case got.ExceptionDetails != nil:
		text := got.ExceptionDetails.Text
		if o := got.ExceptionDetails.Exception; o != nil {
			text += " " + o.Description
		}
		return v, errors.New(text)
	case len(got.Result.Value) == 0:
		return v, nil // undefined
	}
	return v, json.Unmarshal(got.Result.Value, &v)
}

// quote writes a string as an expression.
func quote(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string is always JSON
	}
	return string(raw)
}
