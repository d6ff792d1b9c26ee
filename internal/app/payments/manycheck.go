package payments

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// NewRun is a file as it was read.
type NewRun struct {
	Name, Unit string
	Lines      []checkout.RunRow // Line, Ask, and Problems that were found while reading
}

// CheckRun stores a file with what is wrong with each of its lines, and makes nothing of it yet. Until all
// lines are stored nobody sees it.
func (e *Engine) CheckRun(ctx context.Context, sc Scope, in NewRun, by checkout.Actor) (checkout.Run, error) {
	r := checkout.Run{MerchantID: sc.MerchantID, Live: sc.Live, Actor: by.String(), Name: in.Name, Unit: in.Unit, Status: checkout.RunReading, Letters: true, Total: len(in.Lines)}
	if len(in.Lines) == 0 {
		return r, checkout.WrongField("file", "run_empty")
	}
	if len(in.Lines) > MaxRun {
		return r, checkout.WrongField("file", "run_long")
	}
	err := e.DB.Update(ctx, func(tx *db.Tx) error {
		m, err := tx.Merchant(sc.MerchantID)
		if err != nil {
			return err
		}
		r.ID, r.CreatedAt = checkout.NewID(checkout.PrefixRun, tx.Now(), e.Random), tx.Now()
		e.judgeLines(sc, &r, in.Lines, m.Locale)
		return tx.InsertRun(&r)
	})
	if err != nil {
		return r, err
	}
	for at := 0; at < len(in.Lines); at += storedAtOnce {
		part := in.Lines[at:min(at+storedAtOnce, len(in.Lines))]
		err := e.DB.Update(ctx, func(tx *db.Tx) error {
			made, err := madeBefore(tx, part)
			if err != nil {
				return err
			}
			for i := range part {
				if part[i].Status == checkout.RowReady && made[part[i].Same] {
					part[i].Status = checkout.RowDouble
				}
			}
			return tx.InsertRunRows(part)
		})
		if err != nil {
			return r, err
		}
	}
	count(&r, in.Lines)
	r.Status = checkout.RunChecked
	return r, e.DB.Update(ctx, func(tx *db.Tx) error { return tx.SaveRun(&r) })
}

// madeBefore tells what of these lines was asked, and made, lately.
func madeBefore(tx *db.Tx, lines []checkout.RunRow) (map[string]bool, error) {
	var same []string
	for i := range lines {
		if lines[i].Status == checkout.RowReady && !lines[i].MayDouble {
			same = append(same, lines[i].Same)
		}
	}
	return tx.MadeBefore(same, tx.Now().Add(-sameFor))
}

// judgeLines says of each line whether an invoice could be made of it, as if each were asked for alone,
// and which ask the same as one above.
func (e *Engine) judgeLines(sc Scope, r *checkout.Run, lines []checkout.RunRow, locale string) {
	seen := map[string]bool{}
	for i := range lines {
		l := &lines[i]
		l.RunID, l.Status = r.ID, checkout.RowReady
		if l.Ask.Locale == "" {
			l.Ask.Locale = locale
		}
		read := l.Problems
		for _, w := range e.wrongLine(r.CreatedAt, sc, &l.Ask) {
			if !slices.ContainsFunc(read, func(p checkout.FieldError) bool { return p.Field == w.Field }) {
				l.Problems = append(l.Problems, w)
			}
		}
		if len(l.Problems) > 0 {
			l.Status = checkout.RowWrong
			continue
		}
		l.Same = sameness(sc, &l.Ask)
		if seen[l.Same] {
			l.Status = checkout.RowDouble
		}
		seen[l.Same] = true
	}
}

func count(r *checkout.Run, lines []checkout.RunRow) {
	for i := range lines {
		switch l := &lines[i]; l.Status {
		case checkout.RowWrong:
			r.Wrong++
		case checkout.RowDouble:
			r.Doubles++
		default:
			r.Fine++
			r.FineRial += l.Ask.Amount // at most 20,000 of 10^13: far from the end
			if l.Ask.Email != "" {
				r.Addressed++
			}
		}
	}
}

// wrongLine is what validate says of a line; it cleans the line's texts in passing.
func (e *Engine) wrongLine(now time.Time, sc Scope, ask *checkout.RunAsk) []checkout.FieldError {
	inv := checkout.Invoice{
		MerchantID: sc.MerchantID, Live: sc.Live, Amount: ask.Amount, Description: ask.Description, Reference: ask.Reference,
		Customer: checkout.Customer{Name: ask.Name, Mobile: ask.Mobile, Email: ask.Email}, Gateways: GatewayNames(), Locale: ask.Locale, ExpiresAt: expiryOf(ask, now),
	}
	err := validate(&inv, now)
	ask.Description, ask.Reference = inv.Description, inv.Reference
	ask.Name, ask.Mobile, ask.Email = inv.Customer.Name, inv.Customer.Mobile, inv.Customer.Email
	var wrong *checkout.Error
	if errors.As(err, &wrong) {
		return wrong.Fields
	}
	return nil
}

// sameness is what makes two lines ask the same: the customer, the amount, the reference, what it is for.
func sameness(sc Scope, a *checkout.RunAsk) string {
	who := strings.ToLower(a.Email) + "\n" + a.Mobile
	if who == "\n" {
		who = a.Name
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{
		sc.MerchantID, strconv.FormatBool(sc.Live), who, strconv.FormatInt(int64(a.Amount), 10), a.Reference, a.Description,
	}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// expiryOf is when the link of a line dies, zero for as usual.
func expiryOf(a *checkout.RunAsk, now time.Time) time.Time {
	switch {
	case !a.ExpiresAt.IsZero():
		return a.ExpiresAt
	case a.Days != 0:
		return now.Add(time.Duration(a.Days) * 24 * time.Hour)
	}
	return now.Add(linkLife)
}
