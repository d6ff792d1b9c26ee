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
		InvoiceID: "inv_1", Sequence: 17, AttemptID: "att_1", Type: "invoice.paid", Actor: "gateway", RequestID: "r\n1", GatewayID: "g\n\n2",
		Data: `{"a":1}`, CreatedAt: time.UnixMilli(1_790_000_000_123),
	}
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if got, want := checkout.EventHash("before", &e), hash("before\ninv_1\n17\ninvoice.paid\natt_1\ngateway\nr 1\ng  2\n1790000000123\n{\"a\":1}"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestParseActor is the other way of String.
func TestParseActor(t *testing.T) {
	for text, want := range map[string]checkout.Actor{
		"system": {}, "customer": {Kind: "customer"}, "gateway": {Kind: "gateway"}, "user:usr_1": {Kind: "user", ID: "usr_1"}, "key:key_1": {Kind: "key", ID: "key_1"},
	} {
		kind, id := checkout.ParseActor(text)
		if got := (checkout.Actor{Kind: kind, ID: id}); got != want || got.String() != text {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
}
