package checkout

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
)

// EventHash is the SHA-256 of an event and of the hash of the one before it ("" for the first),
// base64url. No field but the last can hold a line break, so that two different events never hash
// the same text. Only the last hash of an invoice is stored, with the invoice: it proves them all.
func EventHash(before string, e *Event) string {
	text := strings.Join([]string{
		before, e.InvoiceID, strconv.FormatInt(e.Sequence, 10), e.Type, e.AttemptID, e.Actor,
		line(e.RequestID), line(e.GatewayID), strconv.FormatInt(e.CreatedAt.UnixMilli(), 10), e.Data,
	}, "\n")
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func line(s string) string { return strings.ReplaceAll(s, "\n", " ") }
