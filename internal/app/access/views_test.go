package access_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// TestViews: a person's own names for lists, at one shop: each name once, thirty at most however many
// are saved at once, and nobody changes another's.
func TestViews(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		ctx := t.Context()
		m, other := r.merchant(t, "pottery"), r.merchant(t, "glass")
		var who []checkout.User
		for _, email := range []string{"a@example.com", "b@example.com"} {
			u, err := r.CreateUser(ctx, access.NewUser{Email: email, Password: "a long password of ours", Merchant: "pottery", Role: "viewer"})
			if err != nil {
				t.Fatal(err)
			}
			who = append(who, u)
		}
		list := func(user, merchant string) (names []string, all []checkout.SavedView) {
			t.Helper()
			err := r.db.View(ctx, func(tx *db.Tx) (err error) { all, err = tx.Views(user, merchant); return err })
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range all {
				names = append(names, v.Name+"?"+v.Query)
			}
			return names, all
		}
		wrong := func(err error, code string) {
			t.Helper()
			var e *checkout.Error
			if !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0] != (checkout.FieldError{Field: "name", Code: code}) {
				t.Errorf("%v, want %s", err, code)
			}
		}
		save := func(user, merchant, name string) error { return r.SaveView(ctx, user, merchant, name, "status=open") }
		for _, at := range [][2]string{{who[0].ID, m.ID}, {who[1].ID, m.ID}, {who[0].ID, other.ID}} {
			if err := save(at[0], at[1], "  Open\u202e "); err != nil {
				t.Fatal(err)
			}
			wrong(save(at[0], at[1], "Open"), "view_exists")
		}
		wrong(save(who[0].ID, m.ID, " "), "required")
		wrong(save(who[0].ID, m.ID, strings.Repeat("ی", access.MaxViewName+1)), "too_long")
		wrong(save(who[0].ID, m.ID, "6037991234567893"), "card_number")
		names, all := list(who[0].ID, m.ID)
		if fmt.Sprint(names) != "[Open?status=open]" {
			t.Fatalf("views %q", names)
		}
		for _, err := range []error{
			r.RenameView(ctx, who[1].ID, m.ID, all[0].ID, "Mine"), r.RenameView(ctx, who[0].ID, other.ID, all[0].ID, "Mine"),
			r.DeleteView(ctx, who[1].ID, m.ID, all[0].ID), r.DeleteView(ctx, who[0].ID, other.ID, all[0].ID),
		} {
			if !errors.Is(err, checkout.NotFound) {
				t.Errorf("another's view: %v", err)
			}
		}
		for range 2 {
			if err := r.RenameView(ctx, who[0].ID, m.ID, all[0].ID, "Still open"); err != nil {
				t.Fatal(err)
			}
		}
		if err := save(who[0].ID, m.ID, "Second"); err != nil {
			t.Fatal(err)
		}
		wrong(r.RenameView(ctx, who[0].ID, m.ID, all[0].ID, "Second"), "view_exists")
		var at sync.WaitGroup
		for i := range access.MaxViews + 5 {
			at.Go(func() { _ = save(who[0].ID, m.ID, fmt.Sprint("more ", i)) })
		}
		at.Wait()
		wrong(save(who[0].ID, m.ID, "one more"), "too_many_views")
		if names, _ := list(who[0].ID, m.ID); len(names) != access.MaxViews {
			t.Errorf("%d views", len(names))
		}
		if err := r.DeleteView(ctx, who[0].ID, m.ID, all[0].ID); err != nil {
			t.Fatal(err)
		}
		if err := r.DeleteView(ctx, who[0].ID, m.ID, all[0].ID); !errors.Is(err, checkout.NotFound) {
			t.Errorf("twice: %v", err)
		}
		if names, _ := list(who[1].ID, m.ID); fmt.Sprint(names) != "[Open?status=open]" {
			t.Errorf("the other's views: %q", names)
		}
	})
}
