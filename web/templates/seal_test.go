package templates_test

import (
	"encoding/json"
	"os"
	"testing"

	"dargah/web/templates"
)

// The strings were drawn by the design's own seal.js under node: the two must not drift apart, or a
// receipt would change its face between a picture and the page.
func TestSeal_AsDesigned(t *testing.T) {
	raw, err := os.ReadFile("testdata/seals.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]string
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) < 50 {
		t.Fatalf("only %d seals to compare with", len(want))
	}
	faces := map[string]bool{}
	for id, path := range want {
		got := templates.Seal(id)
		if got != path {
			t.Errorf("Seal(%q)\n got %s\nwant %s", id, got, path)
		}
		if len(got) > 2000 {
			t.Errorf("Seal(%q) is %d bytes", id, len(got))
		}
		faces[got] = true
	}
	if len(faces) < 50 {
		t.Errorf("%d ids share %d faces", len(want), len(faces))
	}
}
