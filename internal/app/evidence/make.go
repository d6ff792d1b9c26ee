package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"dargah/internal/app/checkout"
)

// Case is what a file is made of, read in one snapshot.
type Case struct {
	At         time.Time
	Origin     string
	Merchant   *checkout.Merchant
	Invoice    *checkout.Invoice
	Attempts   []checkout.Attempt // oldest first, as everything here
	Refunds    []checkout.Refund
	Letters    []checkout.Letter
	Deliveries []Told
	Events     []checkout.Event
}

// Told is a delivery, to which address it went, and its tries.
type Told struct {
	checkout.Delivery
	URL     string
	Removed bool // the endpoint, since
	Tries   []checkout.Try
}

// Sign signs a message for Domain and returns the public key and the signature.
type Sign func(message []byte) (public, signature []byte)

// Make writes the file. It refuses a history that does not prove itself: nothing is signed that was
// changed before.
func Make(c *Case, sign Sign) ([]byte, error) {
	f := file{Format: Format}
	events, err := chained(c.Events)
	if err != nil {
		return nil, err
	}
	head, n := "", int64(len(events))
	if n > 0 {
		head = events[n-1].Hash
	}
	if n != c.Invoice.EventSeq || head != c.Invoice.EventHash {
		return nil, fmt.Errorf("evidence of %s: its %d events do not prove themselves", c.Invoice.ID, n)
	}
	s := Statement{
		MadeAt: c.At.UTC(), MadeBy: c.Origin, Merchant: c.Merchant.ID, Shop: c.Merchant.Name, InvoiceID: c.Invoice.ID,
		EventsCount: n, EventsHash: head, Parts: map[string]string{},
	}
	for name, part := range map[string]any{
		"invoice": invoiceOf(c.Invoice), "attempts": attemptsOf(c.Attempts), "refunds": refundsOf(c.Refunds), "letters": lettersOf(c.Letters),
		"deliveries": deliveriesOf(c.Deliveries), "events": events,
	} {
		raw, err := json.Marshal(part)
		if err != nil {
			return nil, fmt.Errorf("evidence of %s: %s: %w", c.Invoice.ID, name, err)
		}
		*f.part(name), s.Parts[name] = raw, sum(raw)
	}
	if f.Statement, err = json.Marshal(s); err != nil {
		return nil, fmt.Errorf("evidence of %s: %w", c.Invoice.ID, err)
	}
	key, signature := sign(f.Statement)
	f.Key, f.Signature = base64.RawURLEncoding.EncodeToString(key), base64.RawURLEncoding.EncodeToString(signature)
	var out bytes.Buffer
	if err := json.Indent(&out, f.line(), "", " "); err != nil {
		return nil, fmt.Errorf("evidence of %s: %w", c.Invoice.ID, err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// line is the file without white space, in the only order that is taken.
func (f *file) line() []byte {
	var b bytes.Buffer
	put := func(name string, raw []byte) {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + name + `":`)
		b.Write(raw)
	}
	text := func(s string) []byte { return []byte(`"` + s + `"`) } // base64url and a constant: nothing to escape
	b.WriteByte('{')
	put("format", text(f.Format))
	put("statement", f.Statement)
	put("key", text(f.Key))
	put("signature", text(f.Signature))
	for _, name := range Parts {
		put(name, *f.part(name))
	}
	b.WriteByte('}')
	return b.Bytes()
}

func sum(raw []byte) string {
	s := sha256.Sum256(raw)
	return hex.EncodeToString(s[:])
}

// chained are the events with the hash of each.
func chained(events []checkout.Event) ([]Event, error) {
	list, hash := make([]Event, 0, len(events)), ""
	for i := range events {
		e := &events[i]
		hash = checkout.EventHash(hash, e)
		data := json.RawMessage(e.Data)
		if !plain(e.Data) {
			raw, err := json.Marshal(e.Data)
			if err != nil {
				return nil, fmt.Errorf("data of event %s: %w", e.ID, err)
			}
			data = raw
		}
		list = append(list, Event{
			Sequence: e.Sequence, ID: e.ID, Type: e.Type, AttemptID: e.AttemptID, Actor: e.Actor, RequestID: e.RequestID,
			GatewayRequestID: e.GatewayID, CreatedAt: e.CreatedAt.UTC(), Data: data, Hash: hash,
		})
	}
	return list, nil
}

// plain reports whether an event's data can stand in the file as they are, and be read out of it to the
// letter: an object without white space and without letters that json.Marshal would write otherwise.
func plain(data string) bool {
	if !strings.HasPrefix(data, "{") || !utf8.ValidString(data) {
		return false
	}
	again, err := json.Marshal(json.RawMessage(data))
	return err == nil && string(again) == data
}

func invoiceOf(inv *checkout.Invoice) Invoice {
	out := Invoice{
		ID: inv.ID, Number: inv.Number, Livemode: inv.Live, Status: string(inv.Status), Amount: int64(inv.Amount), AmountRefunded: int64(inv.AmountRefunded),
		Description: inv.Description, Reference: inv.Reference, Customer: Customer(inv.Customer), Items: []Item{},
		CreatedAt: inv.CreatedAt.UTC(), ExpiresAt: inv.ExpiresAt.UTC(), PaidAt: moment(inv.PaidAt), CanceledAt: moment(inv.CanceledAt),
	}
	for _, item := range inv.Items {
		out.Items = append(out.Items, Item{Title: item.Title, Quantity: item.Quantity, UnitAmount: int64(item.UnitAmount)})
	}
	if inv.Payment != nil {
		out.PaidBy = inv.Payment.AttemptID
	}
	return out
}

func attemptsOf(list []checkout.Attempt) []Attempt {
	out := []Attempt{}
	for i := range list {
		a := &list[i]
		made := Attempt{
			ID: a.ID, Gateway: a.Gateway, Status: string(a.Status), Amount: int64(a.Amount), WireAmount: a.WireAmount, WireUnit: a.Unit,
			OurNumber: a.OurNumber, VerifyHost: a.VerifyHost, TrackingNumber: a.TrackingNumber, RefNumber: a.RefNumber, CardMask: a.CardMask,
			CreatedAt: a.CreatedAt.UTC(), RedirectedAt: moment(a.RedirectedAt), ReturnedAt: moment(a.ReturnedAt), VerifiedAt: moment(a.VerifiedAt),
			VerifyDeadline: moment(a.VerifyDeadline),
		}
		if a.Failure != nil {
			made.Failure = &Failure{Stage: a.Failure.Stage, Code: a.Failure.Code, Message: a.Failure.Message}
		}
		out = append(out, made)
	}
	return out
}

func refundsOf(list []checkout.Refund) []Refund {
	out := []Refund{}
	for _, r := range list {
		out = append(out, Refund{ID: r.ID, Amount: int64(r.Amount), Reason: r.Reason, Actor: r.Actor, CreatedAt: r.CreatedAt.UTC()})
	}
	return out
}

func lettersOf(list []checkout.Letter) []Letter {
	out := []Letter{}
	for i := range list {
		l := &list[i]
		out = append(out, Letter{
			ID: l.ID, Kind: string(l.Kind), To: masked(l.Recipient), Status: string(l.Status), Reason: l.Reason, CreatedAt: l.CreatedAt.UTC(), EndedAt: moment(l.EndedAt),
		})
	}
	return out
}

func deliveriesOf(list []Told) []Delivery {
	out := []Delivery{}
	for i := range list {
		d := &list[i]
		made := Delivery{ID: d.ID, EventID: d.EventID, Type: d.Type, To: host(d.URL), Status: string(d.Status), CreatedAt: d.CreatedAt.UTC(), Tries: []Try{}}
		for _, t := range d.Tries {
			made.Tries = append(made.Tries, Try{At: t.At.UTC(), Status: t.Status, Failure: t.Failure})
		}
		out = append(out, made)
	}
	return out
}

// host is where a webhook went; the rest of its address may be a secret of the shop.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// masked is a mailbox as far as one needs it to know it again.
func masked(address string) string {
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" {
		return ""
	}
	_, n := utf8.DecodeRuneInString(local)
	return local[:n] + "***@" + domain
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
