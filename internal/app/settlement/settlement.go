// Package settlement holds what a gateway says it settled against what we recorded: it reads the
// gateway's own file, and finds what is only there, only here, or of another amount. It changes nothing
// of money; what it finds is kept with the period.
package settlement

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/sheet"
	"dargah/internal/db"
)

// Store is the database as this room uses it.
type Store interface {
	View(ctx context.Context, fn func(*db.Tx) error) error
	Update(ctx context.Context, fn func(*db.Tx) error) error
}

// Room takes files and holds them against the books. One at a time, so that the memory it takes is
// that of one file, whoever uploads at once.
type Room struct {
	DB     Store
	Random io.Reader
	turn   chan struct{}
}

// New returns the room.
func New(store Store, random io.Reader) *Room {
	return &Room{DB: store, Random: random, turn: make(chan struct{}, 1)}
}

const (
	// piece is how much of a file one row holds, before base64.
	piece = 180 << 10
	// draftLife is how long an upload that nobody matched is kept.
	draftLife = 24 * time.Hour
	// maxPeriod bounds the days that are compared at once.
	maxPeriod = 100 * 24 * time.Hour
	maxName   = 120
	maxHeader = 30 // lines before the one that names the columns
)

// Upload is a file and what it is said to be about.
type Upload struct {
	MerchantID string
	Live       bool
	Gateway    string
	FileName   string
	UserID     string
	Raw        []byte
	From, To   time.Time // the first moment, and the first one after it
	Again      bool      // though the same file was taken before
}

// Take stores a file for matching. When the same file was taken before, that one is returned with
// checkout.Conflict, and nothing is stored unless the upload says that it is meant.
func (r *Room) Take(ctx context.Context, u Upload) (*checkout.Settlement, error) {
	if err := u.check(); err != nil {
		return nil, err
	}
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	defer r.leave()
	if _, _, err := head(u.Raw, true); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(u.Raw)
	s := &checkout.Settlement{
		MerchantID: u.MerchantID, Live: u.Live, Gateway: u.Gateway, FileName: name(u.FileName), FileHash: hex.EncodeToString(sum[:]),
		UserID: u.UserID, From: u.From, To: u.To,
	}
	var before *checkout.Settlement
	err := r.DB.Update(ctx, func(tx *db.Tx) error {
		var err error
		if before, err = tx.SettlementOfFile(u.MerchantID, u.Live, s.FileHash); err != nil {
			return err
		}
		if before != nil && !u.Again {
			return checkout.Conflict
		}
		s.ID, s.CreatedAt = checkout.NewID(checkout.PrefixSettlement, tx.Now(), r.Random), tx.Now()
		if err := errors.Join(tx.DropDrafts(u.MerchantID, u.Live, tx.Now().Add(-draftLife)), tx.InsertSettlement(s)); err != nil {
			return err
		}
		part := 0
		for chunk := range slices.Chunk(u.Raw, piece) {
			if err := tx.InsertSettlementFile(s.ID, part, base64.StdEncoding.EncodeToString(chunk)); err != nil {
				return err
			}
			part++
		}
		return nil
	})
	if errors.Is(err, checkout.Conflict) && before != nil {
		return before, err
	}
	return s, err
}

func (u *Upload) check() error {
	e := &checkout.Error{Kind: checkout.Invalid, Key: "error.invalid"}
	wrong := func(field, code string) { e.Fields = append(e.Fields, checkout.FieldError{Field: field, Code: code}) }
	if len(u.Raw) == 0 {
		wrong("file", "required")
	}
	if u.From.IsZero() {
		wrong("from", "required")
	}
	if u.To.IsZero() {
		wrong("to", "required")
	}
	switch {
	case u.From.IsZero() || u.To.IsZero():
	case !u.From.Before(u.To):
		wrong("to", "range_order")
	case u.To.Sub(u.From) > maxPeriod:
		wrong("to", "sheet_period")
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// name is a file's name for people, without the folders that some browsers send with it.
func name(s string) string {
	s = strings.TrimSpace(i18n.CleanText(s[strings.LastIndexAny(s, `/\`)+1:]))
	if r := []rune(s); len(r) > maxName {
		s = string(r[:maxName])
	}
	return s
}

func (r *Room) enter(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Room) leave() { <-r.turn }

// wrongFile turns what Read says into the sentence beside the field.
func wrongFile(err error) error {
	if code := sheet.Code(err); code != "" {
		return checkout.WrongField("file", code)
	}
	return err
}

var errEnough = errors.New("enough was read")

// head finds the line that names the columns, and some lines behind it. whole reads the file to its
// end, so that one that cannot be read is refused while its person is there.
func head(raw []byte, whole bool) (heading []string, sample [][]string, err error) {
	var list [][]string
	n := 0
	err = sheet.Read(raw, func(_ int, cells []string) error {
		if n++; len(list) < maxHeader+sampleLines {
			list = append(list, slices.Clone(cells))
		} else if !whole {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, nil, wrongFile(err)
	}
	at, heading := Heading(list[:min(len(list), maxHeader)])
	if at < 0 || n <= at+1 {
		return nil, nil, checkout.WrongField("file", "sheet_empty")
	}
	rest := list[at+1:]
	return heading, rest[:min(len(rest), sampleLines)], nil
}

const sampleLines = 4

// Draft is what a person sees who says what stands where.
type Draft struct {
	Heading []string
	Sample  [][]string
	Columns Columns // proposed, or remembered
	Ready   bool    // they were said for this account before, and this file has them all
}

// Open reads the beginning of a draft's file.
func (r *Room) Open(ctx context.Context, s *checkout.Settlement) (Draft, error) {
	var d Draft
	if err := r.enter(ctx); err != nil {
		return d, err
	}
	defer r.leave()
	raw, err := r.file(ctx, s)
	if err != nil {
		return d, err
	}
	if d.Heading, d.Sample, err = head(raw, false); err != nil {
		return d, err
	}
	d.Columns = Guess(d.Heading)
	var kept string
	if err := r.DB.View(ctx, func(tx *db.Tx) (err error) {
		kept, err = tx.SettlementColumns(s.MerchantID, s.Live, s.Gateway)
		return err
	}); err != nil || kept == "" {
		return d, err
	}
	var known Columns
	if err := json.Unmarshal([]byte(kept), &known); err != nil {
		return d, err
	}
	if known.Ready(d.Heading) {
		d.Columns, d.Ready = known, true
	}
	return d, nil
}

func (r *Room) file(ctx context.Context, s *checkout.Settlement) ([]byte, error) {
	var raw []byte
	err := r.DB.View(ctx, func(tx *db.Tx) error {
		raw = raw[:0]
		return tx.SettlementFile(s.ID, func(data string) error {
			b, err := base64.StdEncoding.DecodeString(data)
			raw = append(raw, b...)
			return err
		})
	})
	if err == nil && len(raw) == 0 {
		err = checkout.NotFound
	}
	return raw, err
}
