package app

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/evidence"
	"dargah/internal/app/seal"
	"dargah/internal/db"
)

// Verified is what checkout verify-log prints of a file that proved itself.
type Verified struct {
	File     string    `json:"file"`
	Invoice  string    `json:"invoice_id"`
	Number   string    `json:"number"`
	Shop     string    `json:"shop"`
	Status   string    `json:"status"`
	Amount   int64     `json:"amount"`
	Events   int       `json:"events"`
	MadeAt   time.Time `json:"made_at"`
	MadeBy   string    `json:"made_by"`
	Key      string    `json:"key"`
	Ours     bool      `json:"signed_by_this_installation"`
	Compared bool      `json:"compared_with_database"`
	Since    int64     `json:"events_since"` // that the database has beyond those of the file
}

// VerifyOptions are what a file is held against, besides itself.
type VerifyOptions struct {
	Key      string // the public key that must have signed it, "" for any
	Database bool   // compare the events with those of the configured database
}

// VerifyLog reads an evidence file and proves that it was not changed. It needs neither a database nor
// a secret; where the secret key is given, the file must be signed with it.
func VerifyLog(ctx context.Context, getenv func(string) string, path string, o VerifyOptions) (Verified, error) {
	raw, err := readEvidence(path)
	if err != nil {
		return Verified{}, err
	}
	f, err := evidence.Read(raw)
	if err != nil {
		return Verified{}, fmt.Errorf("%s: %w", path, err)
	}
	out := Verified{
		File: path, Invoice: f.Invoice.ID, Number: f.Invoice.Number, Shop: f.Statement.Shop, Status: f.Invoice.Status, Amount: f.Invoice.Amount,
		Events: len(f.Events), MadeAt: f.Statement.MadeAt, MadeBy: f.Statement.MadeBy, Key: base64.RawURLEncoding.EncodeToString(f.Key),
	}
	if o.Key != "" && o.Key != out.Key {
		return out, fmt.Errorf("%s fits in itself, but was signed with the key %s", path, out.Key)
	}
	if getenv("CHECKOUT_SECRET_KEY") == "" && getenv("CHECKOUT_SECRET_KEY_FILE") == "" && !o.Database {
		return out, nil
	}
	cfg, err := Load(getenv)
	if err != nil {
		return out, err
	}
	if cfg.NeedSecretKey() == nil && o.Key == "" {
		if out.Ours, err = signedBy(cfg, f.Key); err != nil {
			return out, err
		}
		if !out.Ours {
			return out, fmt.Errorf("%s fits in itself, but was not signed by this installation: its key is %s", path, out.Key)
		}
	}
	if o.Database {
		out.Since, err = compare(ctx, cfg, f)
		out.Compared = err == nil
	}
	return out, err
}

func readEvidence(path string) (raw []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return io.ReadAll(io.LimitReader(file, evidence.MaxFile+1))
}

func signedBy(cfg Config, key []byte) (bool, error) {
	box, err := seal.New(cfg.SecretKeys...)
	if err != nil {
		return false, fmt.Errorf("read the secret key: %w", err)
	}
	return slices.ContainsFunc(box.Signers(evidence.Domain), func(k []byte) bool { return string(k) == string(key) }), nil
}

// compare holds the file's events against those that the database has, which may be more by now.
func compare(ctx context.Context, cfg Config, f *evidence.Opened) (since int64, err error) {
	store, err := db.Open(ctx, db.Options{URL: cfg.DatabaseURL})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	err = store.View(ctx, func(tx *db.Tx) error {
		inv, err := tx.Invoice(f.Invoice.ID)
		if errors.Is(err, checkout.NotFound) {
			return fmt.Errorf("this database has no invoice %s", f.Invoice.ID)
		}
		if err != nil {
			return err
		}
		events, err := tx.EventsOfInvoice(inv.ID, int64(len(f.Events))+1, len(f.Events)+1)
		if err != nil {
			return err
		}
		slices.Reverse(events)
		hash := ""
		for i := range events {
			if hash = checkout.EventHash(hash, &events[i]); i >= len(f.Events) || hash != f.Events[i].Hash {
				return fmt.Errorf("event %d of the file is not what the database holds", i+1)
			}
		}
		if len(events) != len(f.Events) {
			return fmt.Errorf("the database has %d events of this invoice, and the file %d", inv.EventSeq, len(f.Events))
		}
		since = inv.EventSeq - int64(len(f.Events))
		return nil
	})
	return since, err
}
