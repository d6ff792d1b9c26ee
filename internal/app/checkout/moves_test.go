package checkout_test

import (
	"fmt"
	"strings"
	"testing"

	"dargah/internal/app/checkout"
)

// The law of CONTRACT §6, written a second time: one row per state, the states it may move to.
const invoiceLaw = `
open        processing review expired canceled
processing  paid review open expired
paid
review      paid open expired
expired     processing review canceled
canceled
`

const attemptLaw = `
created       redirected failed abandoned canceled returned verifying unclaimed needs_review
redirected    returned verifying canceled abandoned unclaimed needs_review
returned      verifying unclaimed needs_review
verifying     paid failed canceled needs_review
paid
failed        returned verifying unclaimed needs_review
canceled      returned verifying unclaimed needs_review
abandoned     returned verifying canceled unclaimed needs_review
unclaimed
needs_review  paid failed
`

func TestInvoice_EveryMove(t *testing.T) {
	law := parse(invoiceLaw)
	if got, want := fmt.Sprint(checkout.InvoiceStatuses()), fmt.Sprint(states(invoiceLaw)); got != want {
		t.Fatalf("the states are %s, want %s", got, want)
	}
	for _, from := range checkout.InvoiceStatuses() {
		for _, to := range checkout.InvoiceStatuses() {
			if got, want := from.CanMove(to), law[string(from)][string(to)]; got != want {
				t.Errorf("%s → %s: %t, want %t", from, to, got, want)
			}
		}
	}
}

func TestAttempt_EveryMove(t *testing.T) {
	law := parse(attemptLaw)
	if got, want := fmt.Sprint(checkout.AttemptStatuses()), fmt.Sprint(states(attemptLaw)); got != want {
		t.Fatalf("the states are %s, want %s", got, want)
	}
	for _, from := range checkout.AttemptStatuses() {
		for _, to := range checkout.AttemptStatuses() {
			if got, want := from.CanMove(to), law[string(from)][string(to)]; got != want {
				t.Errorf("%s → %s: %t, want %t", from, to, got, want)
			}
		}
	}
}

// TestAttempt_SeatAndOut: what holds the seat, and what may still bring money of itself.
func TestAttempt_SeatAndOut(t *testing.T) {
	for _, s := range checkout.AttemptStatuses() {
		seated := s == "verifying" || s == "paid" || s == "needs_review"
		out := s == "created" || s == "redirected" || s == "returned" || s == "verifying"
		if s.Seated() != seated || s.Out() != out {
			t.Errorf("%s: seated %t, out %t", s, s.Seated(), s.Out())
		}
	}
}

// states are the first words of the law's rows.
func states(law string) []string {
	var list []string
	for line := range strings.Lines(law) {
		if words := strings.Fields(line); len(words) > 0 {
			list = append(list, words[0])
		}
	}
	return list
}

func parse(law string) map[string]map[string]bool {
	rows := map[string]map[string]bool{}
	for line := range strings.Lines(law) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		rows[words[0]] = map[string]bool{}
		for _, to := range words[1:] {
			rows[words[0]][to] = true
		}
	}
	return rows
}
