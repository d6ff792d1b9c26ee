package mail

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
)

// Sample is a letter of a shop as a customer would get it, with facts that nobody lives by: for a person to
// look at. NotFound for a kind that there is not.
func (r *Room) Sample(ctx context.Context, shop *checkout.Merchant, kind checkout.LetterKind, locale string) (Rendered, error) {
	now := r.Now()
	l, err := sample(shop, kind, locale, now)
	if err != nil {
		return Rendered{}, err
	}
	to := r.sampleLinks()
	if path := shop.Logo.Path(); path != "" {
		to.logo = pictured(path, shop.Logo)
	}
	return render(ctx, put(l, to, now))
}

// SendSample puts a sample into the outbox, to one who asked for it: it goes the way that all letters go, so
// it shows whether that way is open. One mailbox gets so many a day, like of all letters that ask.
func (r *Room) SendSample(ctx context.Context, shop *checkout.Merchant, live bool, kind checkout.LetterKind, locale, to string) error {
	l, err := sample(shop, kind, locale, r.Now())
	if err != nil {
		return err
	}
	l.Live, l.Recipient = live, to
	err = r.DB.Update(ctx, func(tx *db.Tx) error {
		l.ID = checkout.NewID(checkout.PrefixLetter, tx.Now(), rand.Reader)
		l.Key = checkout.SampleKey + l.ID
		_, err := tx.EnqueueLetter(l)
		return err
	})
	if err == nil && l.Reason == checkout.ReasonLimit {
		err = checkout.Fail(checkout.TooMany, "error.too_many_letters")
	}
	return err
}

// sampleLinks lead to nothing of anybody's.
func (r *Room) sampleLinks() links {
	help := r.BaseURL + "/help"
	return links{pay: help, admin: r.BaseURL + "/admin", deed: help, stop: help}
}

// sample is a letter of that kind.
func sample(shop *checkout.Merchant, kind checkout.LetterKind, locale string, now time.Time) (*checkout.Letter, error) {
	lang, ok := i18n.ParseLocale(locale)
	if !slices.Contains(checkout.LetterKinds(), kind) || !ok {
		return nil, checkout.NotFound
	}
	l := &checkout.Letter{MerchantID: shop.ID, Kind: kind, Key: checkout.SampleKey, Locale: string(lang)}
	l.Facts = checkout.LetterFacts{
		Shop: checkout.ShopOf(shop), Customer: lang.T("letter.sample.customer"), Number: "1024", Reference: "MP-1024",
		Items: []checkout.Item{
			{Title: lang.T("letter.sample.item1"), Quantity: 1, UnitAmount: 19_800_000},
			{Title: lang.T("letter.sample.item2"), Quantity: 2, UnitAmount: 3_200_000},
		},
		Amount: 26_200_000, Gateways: []string{"gardeshpay", ghesta}, ExpiresAt: now.Add(7 * 24 * time.Hour),
		Gateway: "gardeshpay", RefNumber: "140507091234", TrackingNumber: "8841027365", CardMask: "603799******1234", At: now, Deadline: now.Add(15 * time.Minute),
	}
	f := &l.Facts
	switch kind {
	case checkout.LetterUnconfirmed, checkout.LetterAttention, checkout.LetterUnpaid:
		f.What, f.Why = "review", checkout.CodeUnknownOutcome
	case checkout.LetterReturning:
		f.What, f.Why, f.Gateway = "unclaimed", "paid", ghesta
	case checkout.LetterInvitation:
		f.By, f.Role, f.ExpiresAt = lang.T("letter.sample.customer"), "staff", now.Add(72*time.Hour)
	case checkout.LetterPasswordReset:
		f.Name, f.ExpiresAt = "you@example.com", now.Add(time.Hour)
	case checkout.LetterSecurity:
		f.What, f.By, f.Name = "apikey_created", lang.T("letter.sample.customer"), "WordPress"
	case checkout.LetterEndpointDisabled:
		f.Name = "https://shop.example/hooks/dargah"
	}
	return l, nil
}

// marks a sample for what it is.
func (w *writer) sampled() {
	if checkout.IsSample(w.Letter) {
		w.page.Sample = true
		w.page.Subject = w.l.T("letter.sample.subject", "subject", w.page.Subject)
	}
}
