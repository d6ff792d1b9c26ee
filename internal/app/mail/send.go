package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/crash"
	"dargah/internal/db"
	"dargah/web/templates"
)

const (
	// LettersAtOnce bounds how many conversations a mail server has with us.
	LettersAtOnce = 4
	// recordTries is how often what a server said is written down in vain.
	recordTries = 6
)

// backOffs are how long a letter waits after its first, second … try in vain; the last one stands
// for all that follow, until the letter is of no use any more.
var backOffs = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour}

// longest is the pause of a server that cannot be reached, and of letters that wait for it; they are
// sent for when it is well again.
const longest = 10 * time.Minute

// RunLetter is the handler of the stored job of one letter. It writes down what became of it, and what
// becomes of the job, in one transaction; the worker finds nothing left to do. If we die after the
// server took the letter and before that, it is sent again under the same Message-ID: twice is better
// than never.
func (r *Room) RunLetter(ctx context.Context, job checkout.Job) error {
	l, to, err := r.open(ctx, job.Key)
	if err != nil || l == nil {
		return err // nil: nothing waits, and the worker removes the job
	}
	now := r.Now()
	switch {
	case l.Status != checkout.LetterQueued:
	case to.wait.After(now):
		l.NextAt = to.wait
	default:
		r.trace(ctx, l, func(ctx context.Context) { r.try(ctx, l, to, now) })
	}
	return r.record(ctx, l, job)
}

// open reads a letter that waits, with the links it carries. One that must not leave any more comes
// back closed.
func (r *Room) open(ctx context.Context, id string) (*checkout.Letter, links, error) {
	var l *checkout.Letter
	var to links
	err := r.DB.View(ctx, func(tx *db.Tx) error {
		var err error
		if l, err = tx.Letter(id); err != nil {
			return err
		}
		if l.Status != checkout.LetterQueued {
			l = nil
			return nil
		}
		if to, err = r.address(tx, l); err != nil {
			return err
		}
		return r.picture(tx, l, &to)
	})
	if errors.Is(err, checkout.NotFound) {
		return nil, links{}, nil
	}
	return l, to, err
}

// address finds the links of a letter, and closes one whose time has passed. A request says what is
// asked when it leaves, not what was asked when the outbox was shut.
func (r *Room) address(tx *db.Tx, l *checkout.Letter) (links, error) {
	now := tx.Now()
	if !now.Before(l.Until) {
		closed(l, checkout.LetterWithheld, checkout.ReasonTooLate, now)
		if l.Tries > 0 {
			closed(l, checkout.LetterRefused, checkout.ReasonGaveUp, now)
		}
		return links{}, nil
	}
	if checkout.IsSample(l) {
		return r.sampleLinks(), nil
	}
	to := links{admin: r.BaseURL + adminPath(l)}
	if l.Sealed != "" {
		deed, err := r.Box.Open(l.Sealed, checkout.SealedLetter(l.Key))
		if err != nil {
			closed(l, checkout.LetterRefused, checkout.ReasonBroken, now)
			l.Answer = clean(err.Error())
			return links{}, nil
		}
		to.deed = string(deed)
	}
	if l.InvoiceID == "" {
		return to, nil
	}
	inv, err := tx.Invoice(l.InvoiceID)
	if err != nil {
		return links{}, err
	}
	to.pay = r.BaseURL + "/i/" + inv.Token
	if l.Kind != checkout.LetterRequest && l.Kind != checkout.LetterReminder {
		return to, nil
	}
	if inv.At(now) != checkout.InvoiceOpen || inv.Customer.Email != l.Recipient {
		closed(l, checkout.LetterWithheld, checkout.ReasonOvertaken, now)
		return links{}, nil
	}
	shop := l.Facts.Shop
	l.Facts.Describe(inv, &checkout.Merchant{})
	l.Facts.Shop = shop
	if l.Kind == checkout.LetterReminder {
		return to, r.remind(tx, l, &to)
	}
	return to, nil
}

// closed puts down that a letter waits no more.
func closed(l *checkout.Letter, status checkout.LetterStatus, reason string, at time.Time) {
	l.Status, l.Reason, l.NextAt, l.EndedAt = status, reason, time.Time{}, at
}

// picture finds the shop's picture as it is when the letter leaves. It travels inside the letter: mail
// programs show that one without asking, and it stays when the shop has another.
func (r *Room) picture(tx *db.Tx, l *checkout.Letter, to *links) error {
	if l.MerchantID == "" || l.Status != checkout.LetterQueued {
		return nil
	}
	name, png, err := tx.LogoOf(l.MerchantID)
	if errors.Is(err, checkout.NotFound) {
		return nil
	}
	to.logo, to.png = pictured("cid:"+r.contentID(name), name), png
	return err
}

func pictured(src string, name checkout.LogoName) templates.Picture {
	p := templates.Picture{Src: src}
	p.Width, p.Height = name.Size()
	return p
}

func (r *Room) contentID(name checkout.LogoName) string { return string(name) + "@" + r.host() }

// adminPath is where the merchant's people go on.
func adminPath(l *checkout.Letter) string {
	switch l.Kind {
	case checkout.LetterPaid:
		return "/admin/invoices/" + url.PathEscape(l.InvoiceID)
	case checkout.LetterAttention, checkout.LetterAlert:
		return "/admin/attention"
	case checkout.LetterEndpointDisabled:
		return "/admin/settings/webhooks"
	}
	return "/admin/settings"
}

// try gives the letter to the server, and puts down in it what came of that.
func (r *Room) try(ctx context.Context, l *checkout.Letter, to links, now time.Time) {
	if until := r.resting(now); !until.IsZero() {
		l.Reason, l.NextAt = cmp.Or(l.Reason, checkout.ReasonTrouble), until.Add(scattered(longest))
		return
	}
	message, err := r.compose(ctx, l, to, now)
	if err != nil {
		r.Log.Error("letter not written", slog.String("letter", l.ID), slog.String("kind", string(l.Kind)), slog.Any("error", err))
		closed(l, checkout.LetterRefused, checkout.ReasonBroken, now)
		l.Answer = clean(err.Error())
		return
	}
	crash.At("letter.before-send")
	came, answer := r.give(ctx, l.Recipient, message)
	crash.At("letter.answered")
	ended := r.Now()
	l.Answer = answer
	switch came {
	case taken:
		l.Tries++
		closed(l, checkout.LetterSent, "", ended)
		r.well(ctx)
	case never:
		l.Tries++
		closed(l, checkout.LetterRefused, checkout.ReasonServer, ended)
		r.well(ctx)
	case later:
		l.Tries++
		l.Reason, l.NextAt = checkout.ReasonServer, ended.Add(scattered(backOffs[min(l.Tries, len(backOffs))-1]))
		r.well(ctx)
	case trouble:
		if ctx.Err() != nil {
			return // we are stopping: nothing was wrong with anybody
		}
		l.Tries++
		l.Reason, l.NextAt = checkout.ReasonTrouble, r.unwell(ended)
		r.Log.Warn("mail server trouble", slog.String("letter", l.ID), slog.String("answer", answer), slog.Time("next", l.NextAt))
	}
}

// compose writes the message. A panic in it is this letter's fault alone.
func (r *Room) compose(ctx context.Context, l *checkout.Letter, to links, now time.Time) (message []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic of type %T", p)
		}
	}()
	v := put(l, to, now)
	out, err := render(ctx, v)
	if err != nil {
		return nil, err
	}
	return r.message(l, v, out, to)
}

// record writes down what became of a letter and its job. It is tried again while the store is away:
// the server's word must not be lost to it.
func (r *Room) record(ctx context.Context, l *checkout.Letter, job checkout.Job) error {
	stop := ctx
	ctx = context.WithoutCancel(ctx)
	var err error
	for try := range recordTries {
		if try > 0 {
			select {
			case <-stop.Done():
				return err
			case <-time.After(200 * time.Millisecond << try):
			}
		}
		err = r.DB.Update(ctx, func(tx *db.Tx) error {
			saved, err := tx.SaveLetter(l)
			crash.At("letter.recorded-in")
			if err != nil || !saved {
				return err
			}
			if l.Status == checkout.LetterQueued {
				_, err = tx.PutOffJob(job.Kind, job.Key, job.Fence, l.NextAt, "")
			} else {
				_, err = tx.FinishJob(job.Kind, job.Key, job.Fence)
			}
			return err
		})
		crash.At("letter.recorded")
		if err == nil || !(errors.Is(err, checkout.Unavailable) || errors.Is(err, db.ErrOutcomeUnknown)) {
			return err
		}
	}
	return err
}

// resting is until when nobody knocks at the server, zero when somebody may.
func (r *Room) resting(now time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Before(r.rest) {
		return r.rest
	}
	return time.Time{}
}

// unwell notes that the server was not there for us, and returns when to knock again.
func (r *Room) unwell(now time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bad++
	r.known = false
	pause := min(15*time.Second<<min(r.bad, 10), longest)
	if until := now.Add(scattered(pause)); until.After(r.rest) {
		r.rest = until
	}
	return r.rest
}

// well notes that the server speaks with us. After trouble, and once after each start, those that were
// put off for its sake are sent for.
func (r *Room) well(ctx context.Context) {
	r.mu.Lock()
	fresh := !r.known
	r.known, r.bad, r.rest = true, 0, time.Time{}
	r.mu.Unlock()
	if !fresh {
		return
	}
	err := r.DB.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error { return tx.HastenLetters() })
	if err != nil {
		r.Log.Error("send for letters that wait", slog.Any("error", err))
	}
}
