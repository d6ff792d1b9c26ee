package browsertest_test

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"dargah/internal/db/dbtest"
)

// axeEnv is the path of axe.min.js, which is not in the repository: its licence is another.
const axeEnv = "CHECKOUT_TEST_AXE"

// axeSource reads axe-core once; "" without it.
var axeSource = sync.OnceValue(func() string {
	raw, err := os.ReadFile(os.Getenv(axeEnv))
	if err != nil {
		return ""
	}
	return string(raw)
})

// TestAxe_IsThere says aloud that pages were looked at without axe.
func TestAxe_IsThere(t *testing.T) {
	if !strings.Contains(axeSource(), "axe.run") {
		dbtest.Missing(t, "browser", axeEnv+" is not the path of axe-core's axe.min.js; TestPages ran without it")
	}
}

// axe lets axe-core look at the page with everything unfolded, by all its rules unless some are named.
func (b *tab) axe(where string, rules ...string) {
	b.t.Helper()
	if axeSource() == "" {
		return
	}
	if !ask[bool](b, "typeof axe === 'object'") {
		ask[any](b, axeSource()+"; null")
	}
	type finding struct {
		ID, Help string
		Nodes    []string
	}
	options, least := `{resultTypes: ['violations']}`, 10
	if len(rules) > 0 {
		options, least = `{resultTypes: ['violations'], runOnly: ['`+strings.Join(rules, "', '")+`']}`, len(rules)
	}
	found := ask[[]finding](b, `(async () => {
		const folded = [...document.querySelectorAll('details:not([open])')];
		folded.forEach(d => d.open = true);
		const r = await axe.run(document, `+options+`);
		folded.forEach(d => d.open = false);
		if (r.passes.length < `+strconv.Itoa(least)+`) throw new Error('axe looked at almost nothing');
		return r.violations.map(v => ({ID: v.id, Help: v.help, Nodes: v.nodes.map(n => n.html + ' — ' + n.failureSummary)}));
	})()`)
	for _, f := range found {
		b.t.Errorf("axe (%s): %s: %s\n%s", where, f.ID, f.Help, strings.Join(f.Nodes, "\n"))
	}
}
