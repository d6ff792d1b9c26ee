package crashtest_test

import (
	"fmt"
	"slices"
	"strings"

	"dargah/internal/db"
)

// point is one named moment at which the process is killed. docs/testing.md holds this table.
type point struct {
	name string
	// left tells what a dead process leaves behind there.
	left string
	only string // the one engine that passes here; "" is both
	// ways are the cases, with "; " between them: a story, and behind a colon for each start of the
	// server the way to its death (CHECKOUT_CRASH_AT), with " then " between two starts. Without a way
	// it is the point itself. standFor tells what stands in braces.
	ways string
}

// standFor are the words of a way that stand for several.
var standFor = map[string][]string{
	// Every transaction of a payment, by the point that comes before it.
	"{each}": {"create.before", "start.before", "start.answered", "callback.before", "verify.heard"},
	// Those that change an invoice.
	"{step}": {"start.before", "start.answered", "callback.before", "verify.heard"},
	// What the built-in simulator records: the token, the customer's page, the verify.
	"{simulator}": {"start.attempt-stored", "start.token-stored", "verify.before-ask"},
}

const (
	both     = ""
	nothing  = "an open transaction: nothing of it"
	intended = "an open transaction; before it, the intent to verify"
)

// points are those of internal/app/crash, as a payment meets them.
var points = []point{
	{"api.reads", "nothing of the request", both, "pay; shop cancels: api.reads#2; mismatch: api.reads#2"},
	{"create.before", "nothing of the request", both, "pay"},
	{"create.row-in", nothing, both, "pay"},
	{"once.before-key", nothing, both, "pay; shop cancels: cancel.in>once.before-key; mismatch: resolve.invoice-in>once.before-key"},
	{"once.key-in", nothing, both, "pay; shop cancels: cancel.in>once.key-in; mismatch: resolve.invoice-in>once.key-in"},
	{"once.after", "the act and its stored answer, which nobody heard", both, "pay; shop cancels: cancel.in>once.after; mismatch: resolve.invoice-in>once.after"},
	{"api.answers", "the act and its stored answer, which nobody heard", both, "pay; shop cancels: cancel.in>api.answers; mismatch: resolve.invoice-in>api.answers"},
	{"edit.in", nothing, both, "shop edits"},
	{"edit.after", "the changed invoice; the shop heard nothing", both, "shop edits"},
	{"step.invoice-in", nothing, both, "pay: {step}>step.invoice-in; mismatch: resolve.attempt-in>step.invoice-in; expires: expire.in>step.invoice-in"},
	{"step.events-in", nothing, both, "pay: {step}>step.events-in; shop cancels: cancel.in>step.events-in; abandoned: abandon.in>step.events-in"},
	{"cancel.in", nothing, both, "shop cancels"},
	{"refund.in", nothing, both, "shop refunds"},
	{"resolve.attempt-in", nothing, both, "mismatch"},
	{"resolve.invoice-in", nothing, both, "mismatch"},

	{"pages.shows", "what was there: a GET writes nothing", both, "pay; pay: verify.settled>pages.shows"},
	{"start.before", "no attempt", both, "pay"},
	{"start.attempt-in", nothing, both, "pay"},
	{"start.attempt-stored", "the attempt, created; the gateway knows nothing of it", both, "pay"},
	{"gateway.before", "what is intended; no connection", both, "pay: start.attempt-stored>gateway.before; pay: verify.before-ask>gateway.before"},
	{"gateway.connected", "what is intended; connected, nothing sent", both, "pay: start.attempt-stored>gateway.connected; pay: verify.before-ask>gateway.connected"},
	{"gateway.sent", "what is intended; the request has left, nobody will hear the answer", both, "pay: start.attempt-stored>gateway.sent; pay: verify.before-ask>gateway.sent; lost answer: verify.before-ask>gateway.sent"},
	{"gateway.heard", "what is intended; the gateway has acted and answered", both, "pay: start.attempt-stored>gateway.heard; pay: verify.before-ask>gateway.heard; lost answer: verify.before-ask>gateway.heard"},
	{"start.answered", "the attempt, created; a token that nobody will use", both, "pay; refused start"},
	{"start.token-in", nothing, both, "pay"},
	{"start.token-stored", "the attempt, redirected; the customer was not sent", both, "pay"},
	{"start.withdrawn-in", nothing, both, "withdrawn"},
	{"start.failure-in", nothing, both, "refused start"},
	{"start.failure-stored", "the attempt, failed; the customer heard nothing", both, "refused start"},
	{"pages.sends-on", "the attempt, redirected; the customer was not sent", both, "pay"},
	{"pages.shows-again", "the attempt, failed; the customer heard nothing", both, "refused start"},

	{"callback.before", "no claim: the customer resends", both, "pay; two tabs: callback.before#2"},
	{"callback.reference-in", nothing, both, "pay"},
	{"callback.seat-in", nothing, both, "pay"},
	{"seat.intent-in", nothing, both, "pay; lost answer: seat.intent-in#2"},
	{"callback.stored", "the claim and the intent; nothing sent", both, "pay; two tabs: callback.stored#2"},
	{"callback.waits", nothing, both, "two tabs"},
	{"callback.cancel-in", nothing, both, "customer cancels"},
	{"callback.repeat", nothing, both, "reload"},
	{"pages.takes-back", "all that the callback came to; the customer heard nothing", both, "pay; customer cancels; shop cancels"},
	{"pages.rejects", "the rejection, as an event", both, "unreadable return"},
	{"seat.unclaimed-in", nothing, both, "shop cancels; two tabs"},
	{"seat.review-in", intended, both, "mismatch"},
	{"seat.passed-on", intended, both, "seat passed on"},

	{"verify.before-ask", "the claim and the intent; nothing sent", both, "pay; lost answer: verify.before-ask#2; pay: verify.before-ask then verify.before-ask"},
	{"verify.lease-renewed", "the intent under a fresh lease; the gateway has captured", both, "slow answer"},
	{"verify.heard", "the intent; the gateway has captured", both, "pay; lost answer; pay: verify.before-ask then verify.heard; pay: verify.heard then verify.heard"},
	{"verify.answer-in", intended, both, "pay; mismatch"},
	{"pay.attempt-in", intended, both, "pay"},
	{"pay.event-in", intended, both, "pay; mismatch: resolve.attempt-in>pay.event-in"},
	{"verify.settled", "paid, or under review; nobody heard", both, "pay; lost answer; mismatch"},
	{"verify.silence", intended, both, "no answer; no answer: verify.silence#2; lost answer"},
	{"verify.put-off", intended, both, "no answer; refusal taken back"},
	{"verify.refusal-in", intended, both, "refusal taken back; seat passed on"},

	{"worker.before-claim", "a job that is due", both, "pay: verify.before-ask then worker.before-claim; no answer"},
	{"worker.claimed", "a job under a lease", both, "pay: verify.before-ask then worker.claimed; no answer"},
	{"worker.handled", "what the handler wrote", both, "pay: verify.before-ask then worker.handled; no answer"},
	{"resume.before", "a job under a lease", both, "pay: verify.before-ask then resume.before; no answer"},
	{"resume.lease-in", nothing, both, "pay: verify.before-ask then resume.lease-in; no answer"},
	{"resume.after", "the next intent; nothing sent", both, "pay: verify.before-ask then resume.after; no answer"},
	{"resume.put-off-in", nothing, both, "re-ask put off"},
	{"resume.finish-in", nothing, both, "re-ask not needed"},
	{"reask.seat-in", nothing, both, "refusal taken back"},
	{"expire.before", "open, and its hour has come", both, "expires"},
	{"expire.in", nothing, both, "expires"},
	{"abandon.before", "redirected, and its time is over", both, "abandoned"},
	{"abandon.in", nothing, both, "abandoned"},
	{"sweep.one-done", "one swept, the next ones not", both, "expires; abandoned"},

	{"outbox.messages-in", nothing, both, "told; told: verify.answer-in>outbox.messages-in"},
	{"webhook.before-send", "a message under a lease; nothing sent", both, "told; told: verify.settled>webhook.before-send"},
	{"webhook.heard", "a message under a lease; its receiver has heard it", both, "told; told: verify.settled>webhook.heard; told: webhook.heard then webhook.heard"},
	{"webhook.recorded-in", "an open transaction; before it, a message under a lease that its receiver has heard", both, "told"},
	{"webhook.recorded", "the try, on record", both, "told"},

	{"letter.before-send", "a letter under a lease; nothing sent", both, "letters; letters: verify.settled>letter.before-send"},
	{"letter.answered", "a letter under a lease; its server has taken it", both, "letters; letters: letter.answered then letter.answered"},
	{"letter.recorded-in", "an open transaction; before it, a letter under a lease that its server has taken", both, "letters"},
	{"letter.recorded", "the letter, on record as sent", both, "letters"},
	{"run.line-in", nothing, both, "many at once; many at once: run.line-in#27"},
	{"run.some-made", "some of a run's invoices with their letters; the others not", both, "many at once; many at once: run.some-made#2"},

	{"sqlite.before-begin", "what was there", db.SQLite, "pay: {each}>sqlite.before-begin"},
	{"sqlite.begun", "an open transaction: nothing", db.SQLite, "pay: {each}>sqlite.begun"},
	{"sqlite.before-commit", "an open transaction: nothing", db.SQLite, "pay: {each}>sqlite.before-commit"},
	{"sqlite.committed", "the transaction; its caller was not answered", db.SQLite, "pay: {each}>sqlite.committed"},
	{"batch.begun", "of nobody in the batch anything", db.SQLite, "crowd: callback.before>batch.begun"},
	{"batch.between", "of nobody in the batch anything", db.SQLite, "crowd: callback.before>batch.between; crowd: callback.before#3>batch.between#2"},
	{"batch.before-commit", "of nobody in the batch anything", db.SQLite, "crowd: callback.before>batch.before-commit"},
	{"batch.committed", "the acts of all in the batch; none was answered", db.SQLite, "crowd: callback.before>batch.committed; crowd: start.before>batch.committed"},
	{"postgres.begun", "an open transaction: nothing", db.PostgreSQL, "pay: {each}>postgres.begun"},
	{"postgres.before-commit", "an open transaction: nothing", db.PostgreSQL, "pay: {each}>postgres.before-commit; crowd: callback.before#4>postgres.before-commit#3"},
	{"postgres.committed", "the transaction; its caller was not answered", db.PostgreSQL, "pay: {each}>postgres.committed; crowd: callback.before#4>postgres.committed#3"},

	{"migrate.locked", "an empty database", both, "first start"},
	{"migrate.done", "the schema", both, "first start"},
	{"keycheck.before", "the schema, or all that was there", both, "first start; pay: verify.before-ask then keycheck.before"},
	{"keycheck.in", nothing, both, "first start"},
	{"open.key-checked", "the key's mark", both, "first start; pay: verify.before-ask then open.key-checked"},
	{"worker.before-release", "the dead process's leases", db.SQLite, "pay: verify.before-ask then worker.before-release"},
	{"worker.released", "jobs without leases", db.SQLite, "pay: verify.before-ask then worker.released"},
	{"prepare.before", "jobs without leases", both, "first start; pay: verify.before-ask then prepare.before"},
	{"open.prepared", "a house in order, not serving", both, "first start; pay: verify.heard then open.prepared"},
	{"open.listening", "a house in order; connections that nobody answers", both, "first start; pay: verify.heard then open.listening"},
	{"journal.before", "test mode: what the built-in simulator was about to do is not done", both, "test mode: {simulator}>journal.before; test mode: start.token-stored>journal.before#2"},
	{"journal.after", "test mode: the built-in simulator has done it; nobody heard", both, "test mode: {simulator}>journal.after; test mode: start.token-stored>journal.after#2"},
}

// answers are the moments at which a person has just heard an answer; the server is then killed
// from outside.
var answers = []point{
	{"answer.created", "the invoice, of which the shop knows", both, "pay"},
	{"answer.changed", "the changed invoice, of which the shop knows", both, "shop edits"},
	{"answer.canceled", "the canceled invoice, of which the shop knows", both, "shop cancels"},
	{"answer.resolved", "the resolved attempt, of which the shop knows", both, "mismatch"},
	{"answer.shown", "what the page says", both, "pay"},
	{"answer.sent-on", "the customer is on the way to the gateway", both, "pay"},
	{"answer.not-sent", "the customer reads that the gateway does not answer", both, "refused start"},
	{"answer.taken-back", "the customer is on the way to the receipt", both, "pay; customer cancels; shop cancels; mismatch"},
}

// moment is one case of a point.
type moment struct {
	point  point
	story  string
	ways   []string // how each start of the server dies
	strike string   // after which answer it is killed from outside
}

func (m moment) name() string {
	return strings.ReplaceAll(m.point.name+": "+m.story+": "+strings.Join(m.ways, " then "), "/", " ")
}

// moments are all cases of all points.
func moments() []moment {
	var list []moment
	for _, p := range points {
		for _, text := range p.cases() {
			m := moment{point: p}
			var way string
			m.story, way, _ = strings.Cut(text, ": ")
			m.ways = []string{p.name}
			if way != "" {
				m.ways = strings.Split(way, " then ")
			}
			list = append(list, m)
		}
	}
	for _, p := range answers {
		for _, text := range p.cases() {
			list = append(list, moment{point: p, story: text, strike: p.name})
		}
	}
	return list
}

func (p point) cases() []string {
	var list []string
	for text := range strings.SplitSeq(p.ways, "; ") {
		many := []string{text}
		for name, stand := range standFor {
			if strings.Contains(text, name) {
				many = nil
				for _, t := range stand {
					many = append(many, strings.ReplaceAll(text, name, t))
				}
			}
		}
		list = append(list, many...)
	}
	return list
}

// table is the table of docs/testing.md.
func table() string {
	var b strings.Builder
	b.WriteString("| point | what a dead process leaves there | stories |\n| --- | --- | --- |\n")
	for _, p := range slices.Concat(points, answers) {
		where := ""
		if p.only != both {
			where = " (" + p.only + " only)"
		}
		var told []string
		for _, text := range p.cases() {
			story, _, _ := strings.Cut(text, ": ")
			if !slices.Contains(told, story) {
				told = append(told, story)
			}
		}
		fmt.Fprintf(&b, "| `%s`%s | %s | %s |\n", p.name, where, p.left, strings.Join(told, ", "))
	}
	return b.String()
}
