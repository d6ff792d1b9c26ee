package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// Backup is what checkout backup prints.
type Backup struct {
	File    string           `json:"file"`
	Schema  int64            `json:"schema"`
	Tables  map[string]int64 `json:"tables"` // rows
	Rial    map[string]int64 `json:"rial"`   // sums of money
	Chains  int64            `json:"chains"` // histories that prove themselves
	Events  int64            `json:"events"`
	Rows    int64            `json:"rows"`
	KeySeen bool             `json:"key_checked"` // the key of this database was tried on it
}

// MakeBackup writes one moment of the database to a file, beside a server or not.
func MakeBackup(ctx context.Context, cfg Config, file string, replace bool) (b Backup, err error) {
	store, err := db.Open(ctx, db.Options{URL: cfg.DatabaseURL})
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if b.File, err = filepath.Abs(file); err != nil {
		return b, err
	}
	contents, err := store.Backup(ctx, b.File, replace, b.look(ctx, cfg))
	if errors.Is(err, db.ErrExists) {
		return b, fmt.Errorf("%w (--force to replace it)", err)
	}
	b.note(contents)
	return b, err
}

func (b *Backup) note(c db.Contents) { b.Tables, b.Rial, b.Rows = c.Rows, c.Rial, c.Total() }

// look is what the database cannot judge itself: whether the histories prove themselves, and whether
// our key opens what is sealed.
func (b *Backup) look(ctx context.Context, cfg Config) func(*db.DB) error {
	return func(archive *db.DB) (err error) {
		if b.Schema, _, err = archive.SchemaState(ctx); err != nil {
			return err
		}
		if b.KeySeen, err = opens(ctx, archive, cfg); err != nil {
			return err
		}
		b.Chains, b.Events, err = chains(ctx, archive)
		return err
	}
}

// chains counts the histories that prove themselves; one that does not is an error.
func chains(ctx context.Context, store *db.DB) (histories, events int64, err error) {
	err = store.View(ctx, func(tx *db.Tx) error {
		histories, events = 0, 0
		return tx.EachChain(func(c *db.Chain) error {
			histories++
			events += int64(len(c.Events))
			return proves(c)
		})
	})
	return histories, events, err
}

// proves holds an invoice's events against the head that its row holds.
func proves(c *db.Chain) error {
	hash := ""
	for i := range c.Events {
		e := &c.Events[i]
		if e.Sequence != int64(i+1) {
			return fmt.Errorf("invoice %s: event %d is missing", c.InvoiceID, i+1)
		}
		hash = checkout.EventHash(hash, e)
	}
	if c.Head != int64(len(c.Events)) || c.Hash != hash {
		return fmt.Errorf("invoice %s: its %d events do not prove themselves", c.InvoiceID, len(c.Events))
	}
	return nil
}

// opens tries our key on the word that was sealed when the database was made. False: there is no key,
// or no such word yet.
func opens(ctx context.Context, store *db.DB, cfg Config) (bool, error) {
	if cfg.NeedSecretKey() != nil {
		return false, nil
	}
	box, err := cfg.box()
	if err != nil {
		return false, err
	}
	var sealed string
	err = store.View(ctx, func(tx *db.Tx) (err error) {
		sealed, err = tx.Setting(keyCheck)
		return err
	})
	if errors.Is(err, checkout.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, tryKey(box, sealed)
}

// Restored is what checkout restore prints.
type Restored struct {
	Backup
	Database string `json:"database"` // the engine
	Numbers  int64  `json:"numbers_from"`
	Aside    string `json:"old_data,omitempty"`
}

// Restore puts a backup in the place of the database, which no server may hold. identity is a file of
// private keys that opens one that age has encrypted; "" when there is none.
func Restore(ctx context.Context, cfg Config, file, identity string, replace bool) (r Restored, err error) {
	if r.File, err = filepath.Abs(file); err != nil {
		return r, err
	}
	plain, forget, err := decrypted(r.File, identity)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, forget()) }()
	done, err := db.Restore(ctx, db.RestoreOptions{From: plain, URL: cfg.DatabaseURL, Replace: replace, Check: r.look(ctx, cfg)})
	switch {
	case errors.Is(err, db.ErrHasData) && !replace:
		return r, fmt.Errorf("%w (--force to replace it; make a backup of it first)", err)
	case errors.Is(err, db.ErrServed):
		return r, fmt.Errorf("%w: stop it first", err)
	case err != nil:
		return r, err
	}
	r.note(done.Contents)
	r.Database, r.Numbers, r.Aside = done.Engine, done.Series, done.Aside
	return r, nil
}

// Copied is what checkout db copy prints.
type Copied struct {
	Tables map[string]int64 `json:"tables"`
	Rial   map[string]int64 `json:"rial"`
	Rows   int64            `json:"rows"`
	Before int64            `json:"rows_before"` // that an earlier run, which ended on its way, had brought
	Chains int64            `json:"chains"`      // histories that prove themselves in the copy
	Events int64            `json:"events"`
	// Served says that a server held the source meanwhile.
	Served bool `json:"source_served"`
	// Unguarded says that of one end, or of both, nobody can know whether a server holds it.
	Unguarded bool `json:"unguarded"`
}

// CopyDatabase copies a whole database into an empty one, of whichever engine, or goes on with such a copy.
func CopyDatabase(ctx context.Context, from, to string) (out Copied, err error) {
	c, err := db.Copy(ctx, from, to, func(copied *db.DB) (err error) {
		out.Chains, out.Events, err = chains(ctx, copied)
		return err
	})
	out.Tables, out.Rial, out.Rows, out.Before, out.Served = c.Rows, c.Rial, c.Total(), c.Before, c.Served
	out.Unguarded = c.Unguarded
	return out, err
}
