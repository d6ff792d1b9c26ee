package mail_test

import (
	"strings"
	"testing"

	"dargah/internal/app/checkout"
)

// An endpoint that says that it is gone did not fail for days: the letter tells which of the two it was.
func TestEndpoint_SaysWhy(t *testing.T) {
	for why, word := range map[string]string{checkout.DisabledGone: "(410)", checkout.DisabledFailing: "for days"} {
		letter := checkout.Letter{Kind: checkout.LetterEndpointDisabled, Live: true, Facts: checkout.LetterFacts{Name: "https://shop.example/hook", Why: why}}
		got, _ := sample{"endpoint-" + why, letter}.written(t, "en")
		if !strings.Contains(got.Text, word) || !strings.Contains(got.Text, "https://shop.example/hook") {
			t.Errorf("%s: %s", why, got.Text)
		}
	}
}
