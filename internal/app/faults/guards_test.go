package faults_test

import (
	"strings"
	"sync"
	"testing"

	"dargah/internal/db/dbtest"
)

// TestGuards_PaysWithout: on a database that speaks PostgreSQL's language and has neither advisory locks nor
// timelines (here they pretend and refuse, as CockroachDB's do), and on which every transaction is serializable,
// two servers are served, say once what is missing, and are paid through both gateways. What only the locks
// make safe is refused.
func TestGuards_PaysWithout(t *testing.T) {
	t.Parallel()
	a := newHouse(t, dbtest.Lacking(t, dbtest.Serializable(t, dbtest.PostgresURL(t)), "pretend"))
	b := *a
	b.set("CHECKOUT_ADDR", freePort(t))
	b.shop = &shop{TB: t, base: a.base, key: a.key, bank: a.bank, client: through(func() string { return b.getenv("CHECKOUT_ADDR") }), pause: a.pause, most: a.most}
	a.boot()
	b.boot()
	for _, gateway := range []string{"gardeshpay", "ghesta"} {
		inv := a.invoice()
		back := a.paidAt(inv, gateway)
		var both sync.WaitGroup
		for _, h := range []*house{a, &b} {
			both.Go(func() { h.mustTake(back) })
		}
		both.Wait()
		a.paidOnce(inv, back.reference)
	}
	r := a.launch(nil, "restore", a.backup(), "--force")
	<-r.ended
	if r.err == nil || !strings.Contains(r.said.String(), "checkout db copy") {
		t.Errorf("restored under servers: %v: %s", r.err, r.said)
	}
	for _, h := range []*house{a, &b} {
		said := h.now.said.String()
		h.stop()
		if strings.Count(said, "this database has no advisory locks, so that nothing keeps a restore") != 1 || strings.Count(said, "no timeline, so that a standby") != 1 {
			t.Errorf("it said\n%s", said)
		}
	}
	lawful(t, a.url)
}
