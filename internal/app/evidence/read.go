package evidence

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"dargah/internal/app/checkout"
)

// MaxFile bounds what is read: a history of the longest invoice is far below it.
const MaxFile = 64 << 20

// What is wrong with a file.
var (
	// ErrNotEvidence says that the file is not of this kind, or not whole.
	ErrNotEvidence = errors.New("this is not an evidence file, or not the whole of one")
	// ErrChanged says that something was changed after it was made.
	ErrChanged = errors.New("the file was changed after it was made")
)

// Opened is a file that proved itself.
type Opened struct {
	Statement  Statement
	Key        []byte // whose it says it is; whether one believes in that key is the reader's to decide
	Invoice    Invoice
	Attempts   []Attempt
	Refunds    []Refund
	Letters    []Letter
	Deliveries []Delivery
	Events     []Event
}

// Read reads a file and checks all of it: the chain of events first, so that the first one that does
// not fit has a name, then every part against the statement, then the signature. It needs nothing but
// the file.
func Read(raw []byte) (*Opened, error) {
	if len(raw) > MaxFile {
		return nil, fmt.Errorf("it has over %d bytes: %w", MaxFile, ErrNotEvidence)
	}
	f, err := parse(raw)
	if err != nil {
		return nil, err
	}
	o := &Opened{}
	if err := strict(f.Statement, &o.Statement); err != nil {
		return nil, fmt.Errorf("its statement: %w", err)
	}
	for name, into := range map[string]any{
		"invoice": &o.Invoice, "attempts": &o.Attempts, "refunds": &o.Refunds, "letters": &o.Letters, "deliveries": &o.Deliveries, "events": &o.Events,
	} {
		if err := strict(*f.part(name), into); err != nil {
			return nil, fmt.Errorf("its %s: %w", name, err)
		}
	}
	if err := o.chain(); err != nil {
		return nil, err
	}
	for _, name := range Parts {
		if o.Statement.Parts[name] != sum(*f.part(name)) {
			return nil, fmt.Errorf("the part %q is not what was signed: %w", name, ErrChanged)
		}
	}
	if len(o.Statement.Parts) != len(Parts) || o.Statement.InvoiceID != o.Invoice.ID {
		return nil, fmt.Errorf("the statement is about something else: %w", ErrChanged)
	}
	o.Key, err = base64.RawURLEncoding.Strict().DecodeString(f.Key)
	if err != nil || len(o.Key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("its key is none: %w", ErrNotEvidence)
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(f.Signature)
	if err != nil || !ed25519.Verify(o.Key, f.Statement, signature) {
		return nil, fmt.Errorf("the signature does not fit: %w", ErrChanged)
	}
	return o, nil
}

// parse takes the file apart. Its members stand once each and in the order in which Make writes them,
// so that no second "invoice" can be shown to a person while the first is checked; only white space is
// free.
func parse(raw []byte) (*file, error) {
	var f file
	if err := strict(raw, &f); err != nil {
		return nil, err
	}
	if f.Format != Format {
		return nil, fmt.Errorf("its format is %.40q, this program reads %s: %w", f.Format, Format, ErrNotEvidence)
	}
	if strings.ContainsAny(f.Key+f.Signature, "\"\\") {
		return nil, ErrNotEvidence
	}
	for _, part := range append([]string{""}, Parts...) {
		to := &f.Statement
		if part != "" {
			to = f.part(part)
		}
		if len(*to) == 0 {
			return nil, ErrNotEvidence
		}
		compact, err := compacted(*to)
		if err != nil {
			return nil, err
		}
		*to = compact
	}
	compact, err := compacted(raw)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(compact, f.line()) {
		return nil, fmt.Errorf("a member is there twice, or in another place: %w", ErrChanged)
	}
	return &f, nil
}

func compacted(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNotEvidence, err)
	}
	return b.Bytes(), nil
}

func strict(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w (%w)", ErrNotEvidence, err)
	}
	return nil
}

// chain hashes the events anew, each with the hash of the one before it.
func (o *Opened) chain() error {
	hash := ""
	for i := range o.Events {
		e := &o.Events[i]
		if e.Sequence != int64(i+1) {
			return fmt.Errorf("event %d does not fit: number %d stands in its place: %w", i+1, e.Sequence, ErrChanged)
		}
		data := string(e.Data)
		if strings.HasPrefix(data, `"`) {
			if err := json.Unmarshal(e.Data, &data); err != nil {
				return fmt.Errorf("event %d: %w (%w)", i+1, ErrNotEvidence, err)
			}
		}
		next := checkout.EventHash(hash, &checkout.Event{
			InvoiceID: o.Invoice.ID, AttemptID: e.AttemptID, Sequence: e.Sequence, Type: e.Type, Actor: e.Actor,
			RequestID: e.RequestID, GatewayID: e.GatewayRequestID, Data: data, CreatedAt: e.CreatedAt,
		})
		if next != e.Hash {
			return fmt.Errorf("event %d (%s, %s) does not fit: %w", e.Sequence, e.Type, e.CreatedAt.UTC().Format(time.RFC3339), ErrChanged)
		}
		hash = next
	}
	if int64(len(o.Events)) != o.Statement.EventsCount || hash != o.Statement.EventsHash {
		return fmt.Errorf("event %d is missing or was added at the end: %w", min(int64(len(o.Events)), o.Statement.EventsCount)+1, ErrChanged)
	}
	return nil
}
