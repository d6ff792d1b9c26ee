package access

import (
	"context"
	"slices"
	"unicode/utf8"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/db"
)

const (
	// MaxViews is how many lists one person may give a name at one shop.
	MaxViews = 30
	// MaxViewName is how long a name may be, in letters.
	MaxViewName  = 40
	maxViewQuery = 1000
)

// SaveView gives a list of invoices a name, for one person at one shop. Errors: Invalid (name).
func (a *Access) SaveView(ctx context.Context, userID, merchantID, name, query string) error {
	name, err := viewName(name)
	if err != nil {
		return err
	}
	if len(query) > maxViewQuery {
		return checkout.WrongField("name", "too_long")
	}
	v := checkout.SavedView{ID: checkout.NewID(checkout.PrefixView, a.Now(), a.Random), UserID: userID, MerchantID: merchantID, Name: name, Query: query, CreatedAt: a.Now()}
	return a.changeViews(ctx, userID, merchantID, name, "", func(tx *db.Tx, have int) error {
		if have >= MaxViews {
			return checkout.WrongField("name", "too_many_views")
		}
		return tx.InsertView(&v)
	})
}

// RenameView gives a person's view another name. Errors: NotFound, Invalid (name).
func (a *Access) RenameView(ctx context.Context, userID, merchantID, id, name string) error {
	name, err := viewName(name)
	if err != nil {
		return err
	}
	return a.changeViews(ctx, userID, merchantID, name, id, func(tx *db.Tx, _ int) error { return tx.RenameView(userID, merchantID, id, name) })
}

// changeViews does one thing to a person's views while nobody else does, if the name is free.
func (a *Access) changeViews(ctx context.Context, userID, merchantID, name, self string, change func(tx *db.Tx, have int) error) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error {
		if err := tx.LockUser(userID); err != nil {
			return err
		}
		list, err := tx.Views(userID, merchantID)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(v checkout.SavedView) bool { return v.ID != self && v.Name == name }) {
			return checkout.WrongField("name", "view_exists")
		}
		return change(tx, len(list))
	})
}

// DeleteView takes a person's view away. Errors: NotFound.
func (a *Access) DeleteView(ctx context.Context, userID, merchantID, id string) error {
	return a.DB.Update(ctx, func(tx *db.Tx) error { return tx.DeleteView(userID, merchantID, id) })
}

func viewName(typed string) (string, error) {
	name := i18n.CleanText(typed)
	switch {
	case name == "":
		return "", checkout.WrongField("name", "required")
	case utf8.RuneCountInString(name) > MaxViewName:
		return "", checkout.WrongField("name", "too_long")
	case i18n.LuhnCard(name):
		return "", checkout.WrongField("name", "card_number")
	}
	return name, nil
}
