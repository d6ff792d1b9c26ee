package checkout_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
)

// TestInvoice_TimePasses: to the millisecond, an invoice is payable before its expiry and no more at
// it. Only an open one expires by itself.
func TestInvoice_TimePasses(t *testing.T) {
	end := time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)
	for _, s := range checkout.InvoiceStatuses() {
		inv := checkout.Invoice{Status: s, ExpiresAt: end}
		for after, passed := range map[time.Duration]bool{-time.Millisecond: false, 0: true, time.Millisecond: true} {
			now := end.Add(after)
			at, resting := s, checkout.InvoiceOpen
			if passed {
				resting = checkout.InvoiceExpired
			}
			if passed && s == checkout.InvoiceOpen {
				at = checkout.InvoiceExpired
			}
			if got := inv.At(now); got != at {
				t.Errorf("a %s invoice %s after its expiry is %q, want %q", s, after, got, at)
			}
			if got := inv.Resting(now); got != resting {
				t.Errorf("a %s invoice falls back to %q %s after its expiry, want %q", s, got, after, resting)
			}
		}
	}
}

// TestError: people read by the key, programs by the kind, the log by the text; a cause stays visible.
func TestError(t *testing.T) {
	cause := io.ErrUnexpectedEOF
	e := &checkout.Error{Kind: checkout.Unavailable, Key: "error.unavailable", Err: cause}
	for what, err := range map[string]error{"plain": e, "wrapped": fmt.Errorf("read: %w", e)} {
		if !errors.Is(err, checkout.Unavailable) || errors.Is(err, checkout.Internal) || !errors.Is(err, cause) {
			t.Errorf("%s: the kind or the cause is not seen: %v", what, err)
		}
		if got := checkout.KindOf(err); got != checkout.Unavailable {
			t.Errorf("%s: the kind is %q", what, got)
		}
	}
	if got, want := e.Error(), "unavailable: error.unavailable: unexpected EOF"; got != want {
		t.Errorf("the log reads %q, want %q", got, want)
	}
	for _, c := range []struct {
		err  error
		want checkout.Kind
	}{
		{nil, ""},
		{io.EOF, checkout.Internal},
		{fmt.Errorf("read attempt: %w", checkout.NotFound), checkout.NotFound},
		{checkout.Fail(checkout.Conflict, "error.not_open"), checkout.Conflict},
	} {
		if got := checkout.KindOf(c.err); got != c.want {
			t.Errorf("the kind of %v is %q, want %q", c.err, got, c.want)
		}
	}
	if f := checkout.Fail(checkout.Conflict, "error.not_open"); f.Key != "error.not_open" || errors.Is(f, checkout.NotFound) || !errors.Is(f, checkout.Conflict) {
		t.Errorf("a plain failure: %+v", f)
	}
	w := checkout.WrongField("amount", "required")
	if w.Kind != checkout.Invalid || w.Key != "error.invalid" || len(w.Fields) != 1 || w.Fields[0] != (checkout.FieldError{Field: "amount", Code: "required"}) {
		t.Errorf("a wrong field: %+v", w)
	}
	if got, want := w.Error(), "invalid: error.invalid amount=required"; got != want {
		t.Errorf("a wrong field reads %q, want %q", got, want)
	}
	if got := checkout.NotFound.Error(); got != "not_found" {
		t.Errorf("a kind reads %q", got)
	}
}

// TestActor: as it stands in events for ever.
func TestActor(t *testing.T) {
	for want, a := range map[string]checkout.Actor{
		"system":    {},
		"customer":  {Kind: "customer", RequestID: "req"},
		"key:key_1": {Kind: "key", ID: "key_1"},
	} {
		if got := a.String(); got != want {
			t.Errorf("%+v stands as %q, want %q", a, got, want)
		}
	}
}

// TestIDs_Made: from known time and randomness the ids are known, bit for bit: what sorts is the
// time, and not one random bit is lost.
func TestIDs_Made(t *testing.T) {
	at := time.UnixMilli(0x0123456789ab)
	random := []byte{0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe, 0x0f, 0x1e, 0x2d, 0x3c, 0x4b, 0x5a, 0x69, 0x78}
	// 48 bits of time and 77 of randomness, five to a letter.
	if got, want := checkout.NewID(checkout.PrefixAttempt, at, bytes.NewReader(random)), "att_"+crockford(0x0123456789ab, random); got != want {
		t.Errorf("id %q, want %q", got, want)
	}
	if got, want := checkout.NewToken(bytes.NewReader(random)), "EDJUdpi63P4PHi08S1ppeA"; got != want {
		t.Errorf("token %q, want %q", got, want)
	}
	// 0x1032547698badcfe = 1167088121787636990.
	if got, want := checkout.NewNumber(bytes.NewReader(random)), "11167088121787636990"; got != want {
		t.Errorf("number %q, want %q", got, want)
	}
	// The largest: 18446744073709551615 less 10^19, so that nineteen digits hold it.
	if got, want := checkout.NewNumber(bytes.NewReader(bytes.Repeat([]byte{0xff}, 8))), "18446744073709551615"; got != want {
		t.Errorf("number %q, want %q", got, want)
	}
	if got, want := checkout.NewNumber(bytes.NewReader(make([]byte, 8))), "10000000000000000000"; got != want {
		t.Errorf("number %q, want %q", got, want)
	}
}

// crockford writes the time and the randomness bit by bit.
func crockford(ms uint64, random []byte) string {
	var bits []byte
	for i := 47; i >= 0; i-- {
		bits = append(bits, byte(ms>>i&1))
	}
	for _, b := range random[:10] {
		for i := 7; i >= 0; i-- {
			bits = append(bits, b>>i&1)
		}
	}
	var s strings.Builder
	for i := 0; i+5 <= 125; i += 5 {
		n := 0
		for _, bit := range bits[i : i+5] {
			n = n<<1 | int(bit)
		}
		s.WriteByte("0123456789abcdefghjkmnpqrstvwxyz"[n])
	}
	return s.String()
}

// TestIDs_NoRandomness: a source that fails would make two equal tokens: nothing goes on.
func TestIDs_NoRandomness(t *testing.T) {
	for what, make := range map[string]func(io.Reader) string{
		"id":     func(r io.Reader) string { return checkout.NewID("inv_", time.UnixMilli(1), r) },
		"token":  checkout.NewToken,
		"number": checkout.NewNumber,
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was made without randomness", what)
				}
			}()
			make(strings.NewReader("short"))
		}()
	}
}
