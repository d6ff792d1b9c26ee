package wire_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/wire"
)

var update = flag.Bool("update", false, "write the golden files")

var moment = time.Date(2026, 11, 22, 13, 0, 0, 125_000_000, time.FixedZone("Tehran", 12600))

// full has every field set, secrets too, so that a shape that leaks one shows it.
func full() checkout.Invoice {
	return checkout.Invoice{
		ID: "inv_1", MerchantID: "mer_1", Live: true, Number: "1001", Token: "TOKEN", Status: checkout.InvoicePaid,
		Amount: 1_500_000, AmountRefunded: 100, Description: "<سفارش> & ۱۰۲۴", Reference: "1024",
		Customer: checkout.Customer{Name: "سارا", Mobile: "09121234567", Email: "a@example.com"},
		Items:    []checkout.Item{{Title: "دفتر", Quantity: 2, UnitAmount: 750_000}}, Gateways: []string{"gardeshpay", "ghesta"},
		ReturnURL: "https://shop.example/?a=1&b=2", Locale: "fa", Metadata: map[string]string{"k": "v"}, SendEmail: true,
		CreatedAt: moment, ExpiresAt: moment.AddDate(0, 0, 7), PaidAt: moment.Add(time.Minute),
		Payment: &checkout.Payment{
			AttemptID: "att_1", Gateway: "ghesta", RefNumber: "0740", TrackingNumber: "0740", CardMask: "603799******1234",
			Amount: 1_500_000, PaidAt: moment.Add(time.Minute), Manual: true,
		},
		AttemptCount: 3, EventSeq: 9, EventHash: "HASH",
	}
}

func fullAttempt() checkout.Attempt {
	return checkout.Attempt{
		ID: "att_1", InvoiceID: "inv_1", MerchantID: "mer_1", Live: true, Gateway: "ghesta", Status: checkout.AttemptNeedsReview,
		Amount: 1_500_000, WireAmount: 150_000, Unit: "toman", VerifyURL: "https://VERIFY", VerifyHost: "VERIFY", Window: time.Minute,
		OurNumber: "OURNUMBER", CallbackToken: "CALLBACK", GatewayToken: "GATEWAY", PayerName: "PAYER", PayerMobile: "09120000000",
		TrackingNumber: "0740", RefNumber: "0740", CardMask: "603799******1234", CardHash: "CARDHASH",
		Failure: &checkout.Failure{Stage: "verify", Code: "15", Message: "قبلا تایید شده"}, CreatedAt: moment, ReturnedAt: moment.Add(time.Second),
		VerifiedAt: moment.Add(2 * time.Second), VerifyDeadline: moment.Add(15 * time.Minute),
	}
}

func TestShapes(t *testing.T) {
	inv, bare := full(), checkout.Invoice{ID: "inv_2", Number: "1002", Status: checkout.InvoiceOpen, Amount: 1, Locale: "en", CreatedAt: moment.Truncate(time.Second), ExpiresAt: moment}
	mail := checkout.Invoice{ID: "inv_3", Customer: checkout.Customer{Email: "a@example.com"}, CreatedAt: moment, ExpiresAt: moment}
	a, bareAttempt := fullAttempt(), checkout.Attempt{ID: "att_2", Status: checkout.AttemptCreated, CreatedAt: moment}
	event := checkout.Event{
		ID: "evt_1", InvoiceID: "inv_1", AttemptID: "att_1", Sequence: 7, Type: checkout.EventVerifyAnswered,
		Actor: "gateway", RequestID: "req_1", GatewayID: "0HN7", Data: `{"code":"15","body":"<&>"}`, CreatedAt: moment,
	}
	golden(t, "invoice.json", wire.NewInvoice(&inv, "https://pay.example/i/x"), wire.NewInvoice(&bare, "https://pay.example/i/y"), wire.NewInvoice(&mail, ""))
	golden(t, "attempt.json", wire.NewAttempt(&a), wire.NewAttempt(&bareAttempt))
	refund := checkout.Refund{
		ID: "rfd_1", InvoiceID: "inv_1", Live: true, Amount: 500_000, Refunded: 600_000, Reason: "برگشت <یک> دفتر", Actor: "key:key_1", CreatedAt: moment,
	}
	golden(t, "refund.json", wire.NewRefund(&refund), wire.NewRefund(&checkout.Refund{ID: "rfd_2", CreatedAt: moment}))
	golden(t, "event.json", wire.NewEvent(&event), wire.NewEvent(&checkout.Event{ID: "evt_2", Actor: "system", CreatedAt: moment}))
}

// golden compares shapes with a file, and looks for what must never be in one.
func golden(t *testing.T, name string, shapes ...any) {
	t.Helper()
	var got bytes.Buffer
	for _, s := range shapes {
		raw, err := wire.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsRune(raw, '\n') || strings.Contains(string(raw), `\u003c`) || strings.Contains(string(raw), `\u0026`) {
			t.Errorf("not one plain line: %s", raw)
		}
		if err := json.Indent(&got, raw, "", "  "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
	}
	for _, secret := range []string{"TOKEN", "HASH", "CALLBACK", "GATEWAY", "OURNUMBER", "VERIFY", "PAYER", "mer_1", "send_email"} {
		if strings.Contains(got.String(), secret) {
			t.Errorf("%s tells %s", name, secret)
		}
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s: run with -update and read the difference\n%s", name, got.String())
	}
}

func BenchmarkInvoice(b *testing.B) {
	inv := full()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.Marshal(wire.NewInvoice(&inv, "https://pay.example/i/x")); err != nil {
			b.Fatal(err)
		}
	}
}
