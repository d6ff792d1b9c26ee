package browsertest_test

import (
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// What a customer's hands do: open an address, press with the mouse, type, walk by keyboard, go back.

// goTo opens an address and waits until its page stands.
func (b *tab) goTo(address string) {
	b.t.Helper()
	b.leaving(func() {
		got, err := chromedp.Call(b.ctx, page.Navigate, page.NavigateParams{URL: address})
		if err != nil || got.ErrorText != "" {
			b.t.Fatalf("open %s: %v %s", address, err, got.ErrorText)
		}
	})
}

// leaving does something that leads to another page, and waits until that page stands.
func (b *tab) leaving(act func()) {
	b.t.Helper()
	ask[any](b, "document.left = true; null")
	act()
	b.until("another page", "!document.left && document.readyState === 'complete' && location.protocol !== 'about:'")
}

// until waits for an expression to be true. A page that is just leaving answers with an error; it is
// asked again.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(15 * time.Millisecond) {
		if ok, err := try[bool](b, expression); err == nil && ok {
			return
		}
	}
	where, _ := try[string](b, "location.href + '\\n' + document.body.innerText")
	b.t.Fatalf("waited in vain for %s at %s", what, where)
}

// press presses what a selector names, where a finger would, with the mouse. Anything that lies over
// it gets the press instead, as in life.
func (b *tab) press(selector string) {
	b.t.Helper()
	type spot struct{ X, Y float64 }
	at, err := try[*spot](b, fmt.Sprintf(`(() => {
		const e = document.querySelector(%s);
		if (!e) return null;
		e.scrollIntoView({block: 'center', behavior: 'instant'});
		const r = e.getBoundingClientRect();
		return {X: r.x + r.width / 2, Y: r.y + r.height / 2};
	})()`, quote(selector)))
	if err != nil || at == nil {
		b.t.Fatalf("nothing to press at %s: %v\n%s", selector, err, b.text())
	}
	b.do(chromedp.MouseClickXY(at.X, at.Y))
}

// submit presses what leads to another page.
func (b *tab) submit(selector string) {
	b.t.Helper()
	b.leaving(func() { b.press(selector) })
}

// fill puts text into a field by pressing it and typing.
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	b.press(selector)
	b.until("the field", "document.activeElement === document.querySelector("+quote(selector)+")")
	b.do(chromedp.KeyEvent(text))
}

// key presses keys on whatever has the focus.
func (b *tab) key(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// tabTo walks by the Tab key until the focus is on what a selector names, and checks on the way that
// the place of the focus can be seen.
func (b *tab) tabTo(selector string) {
	b.t.Helper()
	var way []string
	for range 60 {
		b.key("\t")
		type place struct {
			There, Seen bool
			Name        string
		}
		p := ask[place](b, fmt.Sprintf(`(() => {
			const e = document.activeElement, s = getComputedStyle(e);
			return {There: e.matches(%s), Seen: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2,
				Name: e.tagName + '#' + e.id + '.' + e.className + ' ' + (e.name || '') + ' ' + e.value};
		})()`, quote(selector)))
		way = append(way, p.Name)
		if p.There && !p.Seen {
			b.t.Errorf("the focus on %s cannot be seen", p.Name)
		}
		if p.There {
			return
		}
	}
	b.t.Fatalf("the Tab key never reaches %s; it came by %q", selector, way)
}

// back is the browser's Back button.
func (b *tab) back() {
	b.t.Helper()
	got, err := chromedp.Call(b.ctx, page.GetNavigationHistory, cdp.Empty{})
	if err != nil || got.CurrentIndex < 1 {
		b.t.Fatalf("there is no page to go back to: %v", err)
	}
	to := got.Entries[got.CurrentIndex-1]
	if _, err := chromedp.Call(b.ctx, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: to.ID}); err != nil {
		b.t.Fatal(err)
	}
	// A page that Chromium kept frozen comes back without loading.
	b.until("the page before", "location.href === "+quote(to.URL)+" && document.readyState === 'complete'")
}

// reload is the browser's Reload button.
func (b *tab) reload() {
	b.t.Helper()
	b.leaving(func() {
		if _, err := chromedp.Call(b.ctx, page.Reload, page.ReloadParams{}); err != nil {
			b.t.Fatal(err)
		}
	})
}

// address is where the tab is.
func (b *tab) address() string { return ask[string](b, "location.href") }

// text is what can be read on the page.
func (b *tab) text() string { return ask[string](b, "document.body.innerText") }

// has reports whether the page holds what a selector names, and shows it.
func (b *tab) has(selector string) bool {
	return ask[bool](b, `[...document.querySelectorAll(`+quote(selector)+`)].some(e => e.checkVisibility())`)
}

// state is what the page says to machines.
func (b *tab) state() string {
	return ask[string](b, `document.querySelector('main')?.dataset.state ?? ''`)
}

// stands fails unless the page is the payment link in this state and language.
func (b *tab) stands(state, attempt, locale string) {
	b.t.Helper()
	type now struct{ State, Attempt, Lang, Dir string }
	got := ask[now](b, `(() => { const m = document.querySelector('main'), h = document.documentElement;
		return {State: m?.dataset.state ?? '', Attempt: m?.dataset.attemptState ?? '', Lang: h.lang, Dir: h.dir} })()`)
	want := now{state, attempt, locale, "rtl"}
	if locale == "en" {
		want.Dir = "ltr"
	}
	if got != want {
		b.t.Fatalf("the page is %+v, want %+v\n%s\n%s", got, want, b.address(), b.text())
	}
}

// stepsOn waits until the focus is on what a selector names; the browser puts it there with its first
// frame, a moment after the page is loaded.
func (b *tab) stepsOn(selector string) {
	b.t.Helper()
	b.until("the focus on "+selector, "document.activeElement.matches("+quote(selector)+")")
}
