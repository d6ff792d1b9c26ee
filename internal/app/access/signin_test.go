package access_test

import (
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

func (r *room) login(t *testing.T, slug, role string) (access.Who, access.SignIn) {
	t.Helper()
	in := access.SignIn{Email: role + "@" + slug + ".example", Password: "correct horse", Address: netip.MustParseAddr("192.0.2.1"), Agent: "Mozilla/5.0 \u202e (X11; Linux)"}
	if _, err := r.CreateUser(t.Context(), access.NewUser{Email: in.Email, Password: in.Password, Merchant: slug, Role: role}); err != nil {
		t.Fatal(err)
	}
	u, code, err := r.CheckPassword(t.Context(), in)
	if err != nil || code {
		t.Fatal(code, err)
	}
	l, err := r.Begin(t.Context(), u.ID, in)
	if err != nil {
		t.Fatal(err)
	}
	w, err := r.WhoIs(t.Context(), l.ID)
	if err != nil {
		t.Fatal(err)
	}
	return w, in
}

func TestSignIn_RightsAndEnds(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		m, other := r.merchant(t, "pottery"), r.merchant(t, "glass")
		for role, right := range map[string]access.Right{"viewer": access.See, "staff": access.Work, "owner": access.Rule} {
			w, _ := r.login(t, "pottery", role)
			if w.Right(m.ID) != right || w.Right(other.ID) != access.None || w.Right("") != access.None || w.Login.MerchantID != m.ID || w.Login.Live {
				t.Errorf("%s: %v here, %v there, looks at %+v", role, w.Right(m.ID), w.Right(other.ID), w.Login)
			}
		}
		w, in := r.login(t, "glass", "owner")
		second, err := r.Begin(t.Context(), w.User.ID, in)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.LookAt(t.Context(), w.Login.ID, other.ID, true); err != nil {
			t.Fatal(err)
		}
		list, err := r.Logins(t.Context(), w.User.ID)
		if err != nil || len(list) != 2 {
			t.Fatalf("%d logins, %v", len(list), err)
		}
		if err := r.SignOut(t.Context(), "usr_somebody", second.ID); !errors.Is(err, checkout.NotFound) {
			t.Errorf("somebody else ended it: %v", err)
		}
		for i, want := range []error{nil, checkout.NotFound} {
			if err := r.SignOut(t.Context(), w.User.ID, second.ID); !errors.Is(err, want) {
				t.Errorf("time %d: %v", i, err)
			}
		}
		if _, err := r.WhoIs(t.Context(), second.ID); !errors.Is(err, checkout.Unauthed) {
			t.Errorf("after its end: %v", err)
		}
		if err := r.ChangePassword(t.Context(), &w, "another correct horse"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.CheckPassword(t.Context(), in); !errors.Is(err, checkout.Unauthed) {
			t.Errorf("the old password: %v", err)
		}
		r.now = r.now.Add(access.LoginIdle)
		if _, err := r.WhoIs(t.Context(), w.Login.ID); !errors.Is(err, checkout.Unauthed) {
			t.Errorf("after half an hour of nothing: %v", err)
		}
	})
}

// TestSecondFactor: a code and a recovery code count once, however many ask at the same moment.
func TestSecondFactor(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		r.merchant(t, "pottery")
		w, in := r.login(t, "pottery", "owner")
		secret, err := r.OfferedFactor(t.Context(), w.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := r.OfferedFactor(t.Context(), w.User.ID); again != secret || err != nil {
			t.Errorf("offered again: %s, %v", again, err)
		}
		code := func() string {
			c, err := totp.GenerateCode(secret, r.now)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		if _, _, err := r.CheckPassword(t.Context(), in); err != nil {
			t.Errorf("an offered factor is asked for: %v", err)
		}
		recovery, err := r.ProveFactor(t.Context(), &w, code())
		if err != nil || len(recovery) != 10 {
			t.Fatalf("%d codes, %v", len(recovery), err)
		}
		if _, err := r.OfferedFactor(t.Context(), w.User.ID); !errors.Is(err, checkout.Conflict) {
			t.Errorf("offered beside one in force: %v", err)
		}
		if _, needed, err := r.CheckPassword(t.Context(), in); !needed || err != nil {
			t.Errorf("needed %t, %v", needed, err)
		}
		err = r.db.View(t.Context(), func(tx *db.Tx) error {
			u, err := tx.User(w.User.ID)
			if err == nil && u.TOTPSealed == secret {
				t.Error("the secret lies open")
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		r.now = r.now.Add(time.Minute)
		if n := r.crowd(t, w.User.ID, code()); n != 1 {
			t.Errorf("one code opened %d times", n)
		}
		r.now = r.now.Add(20 * time.Minute)
		if n := r.crowd(t, w.User.ID, recovery[0]); n != 1 {
			t.Errorf("one recovery code opened %d times", n)
		}
		if left, err := r.RecoveryCodes(t.Context(), w.User.ID); left != 9 || err != nil {
			t.Errorf("%d left, %v", left, err)
		}
		if err := r.DropFactor(t.Context(), &w); err != nil {
			t.Fatal(err)
		}
		if _, needed, err := r.CheckPassword(t.Context(), in); needed || err != nil {
			t.Errorf("after it was dropped: needed %t, %v", needed, err)
		}
	})
}

func (r *room) crowd(t *testing.T, user, code string) (opened int) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := r.CheckCode(t.Context(), user, code, access.SignIn{})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				opened++
			case !errors.Is(err, checkout.Unauthed):
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	return opened
}
