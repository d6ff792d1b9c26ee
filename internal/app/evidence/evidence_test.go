package evidence_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/evidence"
)

var update = flag.Bool("update", false, "write the golden file anew")

// house is a signing key that stays the same from run to run.
var house = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func signed(message []byte) (public, signature []byte) {
	return house.Public().(ed25519.PublicKey), ed25519.Sign(house, message)
}

// story is an invoice with everything that a file can hold.
func story() *evidence.Case {
	at := time.UnixMilli(1_795_000_000_123)
	inv := &checkout.Invoice{
		ID: "inv_06epz6r5c8g4hnqk2vt0s9wxy", MerchantID: "mer_1", Live: true, Number: "1001", Status: checkout.InvoicePaid, Amount: 1_500_000,
		Description: "سفارش ۱۰۲۴ <b>", Reference: "R-1", Customer: checkout.Customer{Name: "نگار", Mobile: "09121234567", Email: "negar@example.com"},
		Items: []checkout.Item{{Title: "دفتر", Quantity: 2, UnitAmount: 750_000}}, CreatedAt: at, ExpiresAt: at.Add(time.Hour), PaidAt: at.Add(time.Minute),
		Payment: &checkout.Payment{AttemptID: "att_1"},
	}
	c := &evidence.Case{
		At: at.Add(time.Hour), Origin: "https://pay.example.ir", Merchant: &checkout.Merchant{ID: "mer_1", Name: "سفال"}, Invoice: inv,
		Attempts: []checkout.Attempt{
			{ID: "att_1", Gateway: "gardeshpay", Status: checkout.AttemptPaid, Amount: 1_500_000, WireAmount: 1_500_000, Unit: "rial", OurNumber: "42", TrackingNumber: "9812", RefNumber: "1402", CardMask: "603799******1234", CreatedAt: at, ReturnedAt: at},
			{ID: "att_0", Gateway: "ghesta", Status: checkout.AttemptFailed, Failure: &checkout.Failure{Stage: "verify", Code: "7", Message: "ناموفق"}, CreatedAt: at},
		},
		Refunds:    []checkout.Refund{{ID: "rfd_1", Amount: 10, Reason: "برگشت", Actor: "user:usr_1", CreatedAt: at}},
		Letters:    []checkout.Letter{{ID: "let_1", Kind: checkout.LetterReceipt, Recipient: "negar@example.com", Status: checkout.LetterSent, CreatedAt: at, EndedAt: at}},
		Deliveries: []evidence.Told{{Delivery: checkout.Delivery{ID: "dlv_1", EventID: "evt_1", Type: "invoice.paid", Status: checkout.DeliverySucceeded, CreatedAt: at}, URL: "https://shop.example/secret/path", Tries: []checkout.Try{{Attempt: 1, At: at, Status: 200}}}},
	}
	for i, kind := range []string{checkout.EventInvoiceCreated, checkout.EventVerifyAsked, checkout.EventVerifyAnswered, checkout.EventInvoicePaid} {
		e := checkout.Event{
			ID: "evt_" + string(rune('1'+i)), InvoiceID: inv.ID, Sequence: int64(i + 1), Type: kind, Actor: "system", RequestID: "req_1", GatewayID: "0HN",
			Data: `{"body":{"success":true,"amount":1500000},"http_status":200}`, CreatedAt: at.Add(time.Duration(i) * time.Second),
		}
		if i == 1 {
			e.Data = `{ "odd" : "<script>" }` // not as json.Marshal writes it: kept to the letter all the same
		}
		c.Events = append(c.Events, e)
		inv.EventHash = checkout.EventHash(inv.EventHash, &e)
		inv.EventSeq = e.Sequence
	}
	return c
}

func made(t testing.TB) []byte {
	t.Helper()
	raw, err := evidence.Make(story(), signed)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The layout stays: a file of today is read by the program of in ten years.
func TestMake_Golden(t *testing.T) {
	const path = "testdata/evidence.json"
	raw := made(t)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o750), os.WriteFile(path, raw, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, want) {
		t.Errorf("the file is not %s (-update writes it anew, under a new format name):\n%s", path, raw)
	}
}

// A file proves itself, and says what it was made of; no secret and no script is in it.
func TestRead_WhatMakeWrote(t *testing.T) {
	raw := made(t)
	o, err := evidence.Read(raw)
	if err != nil {
		t.Fatal(err)
	}
	if o.Invoice.Number != "1001" || o.Invoice.Customer.Name != "نگار" || len(o.Events) != 4 || len(o.Attempts) != 2 || o.Refunds[0].Amount != 10 || o.Statement.EventsHash != story().Invoice.EventHash ||
		o.Letters[0].To != "n***@example.com" || o.Deliveries[0].To != "shop.example" || !bytes.Equal(o.Key, house.Public().(ed25519.PublicKey)) {
		t.Errorf("%+v", o)
	}
	for _, never := range []string{"secret/path", "negar@example.com\",\"status", "<script>", "<b>"} {
		if bytes.Contains(raw, []byte(never)) {
			t.Errorf("the file holds %s", never)
		}
	}
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		t.Fatal(err)
	}
	if _, err := evidence.Read(line.Bytes()); err != nil {
		t.Errorf("white space is free: %v", err)
	}
}

// Every byte that means something is changed, and some of them to every kind of other byte, taken out
// and doubled: none of it passes. What changes only white space between members means nothing.
func TestRead_EveryByteCounts(t *testing.T) {
	raw := made(t)
	var whole bytes.Buffer
	if err := json.Compact(&whole, raw); err != nil {
		t.Fatal(err)
	}
	tried := 0
	try := func(changed []byte, what string, at int) {
		t.Helper()
		var line bytes.Buffer
		if err := json.Compact(&line, changed); err == nil && bytes.Equal(line.Bytes(), whole.Bytes()) {
			return
		}
		tried++
		if _, err := evidence.Read(changed); err == nil {
			t.Fatalf("byte %d %s passes: …%s…", at, what, changed[max(0, at-30):min(len(changed), at+30)])
		} else if !errors.Is(err, evidence.ErrChanged) && !errors.Is(err, evidence.ErrNotEvidence) {
			t.Fatalf("byte %d %s: %v", at, what, err)
		}
	}
	for i := range raw {
		others := []byte{raw[i] ^ 1}
		if i%7 == 0 {
			others = append(others, raw[i]^0x20, raw[i]^0x80, '0', 'A', '"', ' ')
		}
		for _, other := range others {
			if other != raw[i] {
				changed := bytes.Clone(raw)
				changed[i] = other
				try(changed, "changed", i)
			}
		}
		if i%7 > 0 {
			continue
		}
		try(append(bytes.Clone(raw[:i]), raw[i+1:]...), "taken out", i)
		try(append(append(bytes.Clone(raw[:i+1]), raw[i]), raw[i+1:]...), "doubled", i)
	}
	if tried < whole.Len() {
		t.Fatalf("only %d changes were tried on %d bytes", tried, whole.Len())
	}
}

// Changes of more than a byte, as somebody would make them who knows the layout.
func TestRead_Forgeries(t *testing.T) {
	var line bytes.Buffer
	if err := json.Compact(&line, made(t)); err != nil {
		t.Fatal(err)
	}
	whole := line.String()
	event := func(s string, n int) (start, end int) {
		for range n {
			start = strings.Index(s[end:], `{"sequence":`) + end
			end = start + 1
		}
		next := strings.Index(s[end:], `,{"sequence":`)
		if next < 0 {
			return start, strings.LastIndex(s, "]}")
		}
		return start, end + next
	}
	cut := func(n int) string {
		from, to := event(whole, n)
		s := whole[:from] + whole[to:]
		return strings.NewReplacer(",,{", ",{", "},]", "}]", "[,{", "[{").Replace(s)
	}
	swapped := func() string {
		f1, t1 := event(whole, 2)
		f2, t2 := event(whole, 3)
		return whole[:f1] + whole[f2:t2] + whole[t1:f2] + whole[f1:t1] + whole[t2:]
	}
	for name, c := range map[string]struct{ text, says string }{
		"an amount":                {strings.Replace(whole, `"amount":1500000,"wire`, `"amount":9500000,"wire`, 1), "attempts"},
		"a word of the gateway":    {strings.Replace(whole, `"success":true`, `"success":false`, 1), "event 1"},
		"a later word":             {replaceLast(whole, `"success":true`, `"success":false`), "event 4"},
		"the first event":          {cut(1), "event 1"},
		"an event between":         {cut(3), "event 3"},
		"the last event":           {cut(4), "event 4"},
		"two events":               {swapped(), "event 2"},
		"another format":           {strings.Replace(whole, evidence.Format, "dargah-evidence/2", 1), "format"},
		"a second invoice":         {strings.Replace(whole, `"invoice":{`, `"invoice":{"id":"x"},"invoice":{`, 1), ""},
		"a member more":            {strings.Replace(whole, `{"format"`, `{"note":"paid","format"`, 1), ""},
		"something behind":         {whole + `{}`, ""},
		"half of it":               {whole[:len(whole)/2], ""},
		"nothing":                  {"", ""},
		"a number in its place":    {strings.Replace(whole, `"number":"1001"`, `"number":1001`, 1), "invoice"},
		"the refunds are emptied":  {strings.Replace(whole, whole[strings.Index(whole, `"refunds":[`):strings.Index(whole, `"letters":[`)], `"refunds":[],`, 1), "refunds"},
		"another spelling of text": {strings.Replace(whole, "نگار", `\u0646گار`, 1), "invoice"},
	} {
		if c.text == whole {
			t.Fatalf("%s: nothing was changed", name)
		}
		_, err := evidence.Read([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want word of %q", name, err, c.says)
		}
	}
	// Who signs anew has another key, and that is what a reader compares.
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
	raw, err := evidence.Make(story(), func(m []byte) ([]byte, []byte) { return other.Public().(ed25519.PublicKey), ed25519.Sign(other, m) })
	if err != nil {
		t.Fatal(err)
	}
	if o, err := evidence.Read(raw); err != nil || bytes.Equal(o.Key, house.Public().(ed25519.PublicKey)) {
		t.Errorf("%v", err)
	}
}

func replaceLast(s, old, with string) string {
	i := strings.LastIndex(s, old)
	return s[:i] + with + s[i+len(old):]
}

// Nothing is signed whose history does not prove itself.
func TestMake_RefusesABrokenHistory(t *testing.T) {
	for name, spoil := range map[string]func(*evidence.Case){
		"an event is missing": func(c *evidence.Case) { c.Events = c.Events[1:] },
		"an event was edited": func(c *evidence.Case) { c.Events[1].Data = `{}` },
		"the head is another": func(c *evidence.Case) { c.Invoice.EventHash = "x" },
	} {
		c := story()
		spoil(c)
		if _, err := evidence.Make(c, signed); err == nil {
			t.Errorf("%s: it was signed", name)
		}
	}
}

// FuzzRead: whatever is read under our key is what we wrote, to the letter.
func FuzzRead(f *testing.F) {
	raw := made(f)
	f.Add(raw)
	f.Add([]byte(`{"format":"dargah-evidence/1"}`))
	f.Add(raw[:len(raw)/2])
	f.Add(bytes.Replace(raw, []byte("1001"), []byte("1002"), 1))
	f.Add([]byte("[]"))
	var whole bytes.Buffer
	if err := json.Compact(&whole, raw); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := evidence.Read(data)
		if err != nil || !bytes.Equal(o.Key, house.Public().(ed25519.PublicKey)) {
			return
		}
		var line bytes.Buffer
		if err := json.Compact(&line, data); err != nil || !bytes.Equal(line.Bytes(), whole.Bytes()) {
			t.Errorf("a forgery passes: %q", data)
		}
	})
}
