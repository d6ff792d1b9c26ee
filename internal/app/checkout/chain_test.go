package checkout_test

import (
	"crypto/sha256"
	"encoding/base64"
	"testing"
	"time"

	"dargah/internal/app/checkout"
)

// TestEventHash: what an exported history proves itself by is the text that the documents tell, and
// nothing of an event may change without it.
func TestEventHash(t *testing.T) {
	e := checkout.Event{
		InvoiceID: "inv_1", Sequence: 7, AttemptID: "att_1", Type: "invoice.paid", Actor: "gateway", RequestID: "r\n1", GatewayID: "g\n\n2",
		Data: `{"a":1}`, CreatedAt: time.UnixMilli(1_790_000_000_123),
	}
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if got, want := checkout.EventHash("before", &e), hash("before\ninv_1\n7\ninvoice.paid\natt_1\ngateway\nr 1\ng  2\n1790000000123\n{\"a\":1}"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
