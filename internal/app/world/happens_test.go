package world_test

// mustHappen is what 2,000 histories must have seen: a history that leads nowhere proves nothing.
var mustHappen = []string{
	"attempt new > created", "attempt created > redirected", "attempt created > failed", "attempt created > abandoned", "attempt created > canceled",
	"attempt created > verifying", "attempt created > returned", "attempt created > unclaimed", "attempt redirected > returned", "attempt redirected > verifying",
	"attempt redirected > canceled", "attempt redirected > abandoned", "attempt redirected > unclaimed", "attempt redirected > needs_review", "attempt returned > verifying",
	"attempt returned > unclaimed", "attempt returned > needs_review", "attempt verifying > paid", "attempt verifying > failed", "attempt verifying > needs_review",
	"attempt failed > verifying", "attempt failed > returned", "attempt failed > unclaimed", "attempt canceled > verifying", "attempt canceled > unclaimed",
	"attempt abandoned > verifying", "attempt abandoned > returned", "attempt abandoned > canceled", "attempt abandoned > unclaimed",
	"attempt needs_review > paid", "attempt needs_review > failed",
	"invoice open > processing", "invoice open > expired", "invoice open > canceled", "invoice open > review", "invoice processing > paid", "invoice processing > open",
	"invoice processing > expired", "invoice processing > review", "invoice review > paid", "invoice review > open", "invoice expired > processing", "invoice expired > canceled",
	"paid: by answer", "paid: by 15 after a lost answer", "paid: by a person", "captured: paid", "captured: a person is asked", "captured: a person decided",
	"review: outcome_unknown", "review: amount_mismatch", "review: invoice_mismatch", "review: reference_used", "review: already_verified", "review: 46",
	"unclaimed: paid", "unclaimed: canceled", "unclaimed: review", "unclaimed: repriced", "unclaimed: after a refusal, and a call that nobody heard",
	"start: done", "start: conflict", "start: invalid", "start: gateway_error", "start: unavailable", "start: outcome unknown",
	"callback: done", "callback: malformed", "callback: unavailable", "edit: done", "edit: conflict", "merchant: done", "merchant: conflict", "merchant: repeats a call",
	"process dies", "process drains", "store closed and opened", "late request arrives", "world: two processes", "world: toman", "world: toman card, short window",
	"fate: " + string(diesAfter), "fate: " + string(diesWithin), "fate: " + string(notWritten), "fate: " + string(unsureThere), "fate: " + string(unsureLost),
	"fate: " + string(unreachable), "fate: " + string(lostBefore), "fate: " + string(says500), "fate: " + string(says401), "fate: " + string(says403),
	"fate: " + string(says429), "fate: " + string(says429far), "fate: " + string(saysPage), "fate: " + string(saysNothing), "fate: " + string(twice),
	"fate: " + string(lostAfter), "fate: " + string(cutAfter), "fate: " + string(pageAfter), "fate: " + string(failAfter), "fate: " + string(dies),
	"forged: a known reference", "forged: a known reference with zeros before it", "forged: an invented reference", "customer: replay_reference",
	"customer: double click", "customer: returns again", "customer: pay_twice", "time: and nothing moves", "time: while all wait", "time: while all work",
	"clock set 20m0s", "clock set -1h0m0s",
}
