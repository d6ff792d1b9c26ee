package access_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// must is for what cannot be refused here.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// withPasskey is a person at a shop of the installation pay.example.ir, and a device that holds their key.
func (r *room) withPasskey(t *testing.T, slug, role string) (access.Who, access.SignIn, *device) {
	t.Helper()
	r.BaseURL = "https://pay.example.ir"
	w, in := r.login(t, slug, role)
	d := newDevice(t)
	offer := must[string](t)(r.OfferPasskey(t.Context(), &w))
	if err := r.AddPasskey(t.Context(), &w, "phone", d.create(t, offer)); err != nil {
		t.Fatal(err)
	}
	if d.owner != w.User.ID || readAsked(t, offer).RP.ID != "pay.example.ir" {
		t.Fatalf("the offer is %s", offer)
	}
	return w, in, d
}

// did lists the kinds of deeds of a shop, newest first.
func (r *room) did(t *testing.T, merchantID string) (kinds []string) {
	t.Helper()
	err := r.db.View(t.Context(), func(tx *db.Tx) error {
		list, err := tx.Deeds(db.DeedQuery{MerchantID: merchantID, Limit: 100})
		kinds = nil
		for _, d := range list {
			kinds = append(kinds, d.Kind)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return kinds
}

func count(list []string, what string) (n int) {
	for _, s := range list {
		if s == what {
			n++
		}
	}
	return n
}

// atOnce says how many of six succeed; the others must be refused as want.
func atOnce(t *testing.T, want error, do func() error) (n int) {
	t.Helper()
	var mu sync.Mutex
	var wait sync.WaitGroup
	for range 6 {
		wait.Go(func() {
			err := do()
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				n++
			} else if !errors.Is(err, want) {
				t.Errorf("refused as %v", err)
			}
		})
	}
	wait.Wait()
	return n
}

// TestPasskeys shares one database of each kind: the people and shops of each part are its own.
func TestPasskeys(t *testing.T) {
	each(t, func(t *testing.T, r *room) {
		for name, part := range map[string]func(*testing.T, *room){
			"comes in": passkeyComesIn, "twice": passkeyTwice, "refused": passkeyRefused, "copied": passkeyCopied, "removed": passkeyRemoved,
			"in place of password and code": passkeyInPlaceOfPasswordAndCode, "no name": passkeyNoName, "most": passkeyMost,
		} {
			t.Run(name, func(t *testing.T) { part(t, r) })
		}
	})
}

func passkeyComesIn(t *testing.T, r *room) {
	m := r.merchant(t, "comesin")
	w, in, d := r.withPasskey(t, "comesin", "owner")
	ctx := t.Context()
	in.Means = "passkey"
	for range 2 { // a second visit counts one higher
		u := must[checkout.User](t)(r.ByPasskey(ctx, d.get(t, must[string](t)(r.AskPasskey())), in))
		if u.ID != w.User.ID {
			t.Fatalf("it is %s", u.ID)
		}
		must[checkout.Login](t)(r.Begin(ctx, u.ID, in))
		r.now = r.now.Add(time.Minute)
	}
	// A phone that shares its keys never counts; two of its sign-ins are two.
	d.count = ^uint32(0)
	_, _, shared := r.withPasskey(t, "comesin", "staff")
	for range 2 {
		shared.count = ^uint32(0) // get adds one: 0
		must[checkout.User](t)(r.ByPasskey(ctx, shared.get(t, must[string](t)(r.AskPasskey())), in))
	}
	list := must[[]checkout.Passkey](t)(r.Passkeys(ctx, w.User.ID))
	if len(list) != 1 || list[0].Name != "phone" || list[0].SignCount != 2 || !list[0].UsedAt.Equal(r.now.Add(-time.Minute)) {
		t.Errorf("kept: %+v", list)
	}
	if kinds := r.did(t, m.ID); count(kinds, "signin.passkey") != 2 || count(kinds, "account.passkey_added") != 2 {
		t.Errorf("the log tells %v", kinds)
	}
	if offer := readAsked(t, must[string](t)(r.OfferPasskey(ctx, &w))); len(offer.Exclude) != 1 || offer.Exclude[0].ID != list[0].CredentialID {
		t.Errorf("the same device is offered another key: %+v", offer)
	}
}

// An answer counts once, also when it comes six times at the same moment.
func passkeyTwice(t *testing.T, r *room) {
	r.merchant(t, "twice")
	w, in, d := r.withPasskey(t, "twice", "owner")
	ctx := t.Context()
	answer := d.get(t, must[string](t)(r.AskPasskey()))
	if n := atOnce(t, checkout.Unauthed, func() error { _, err := r.ByPasskey(ctx, answer, in); return err }); n != 1 {
		t.Errorf("one answer opened %d times", n)
	}
	if _, err := r.ByPasskey(ctx, answer, in); !errors.Is(err, checkout.Unauthed) {
		t.Errorf("a minute later: %v", err)
	}
	second := newDevice(t)
	answer = second.create(t, must[string](t)(r.OfferPasskey(ctx, &w)))
	if n := atOnce(t, checkout.Invalid, func() error { return r.AddPasskey(ctx, &w, "key", answer) }); n != 1 {
		t.Errorf("one answer was kept %d times", n)
	}
	// The same key under another challenge is somebody's already.
	again := second.create(t, must[string](t)(r.OfferPasskey(ctx, &w)))
	if err := r.AddPasskey(ctx, &w, "key", again); !errors.Is(err, checkout.Invalid) {
		t.Errorf("the same key twice: %v", err)
	}
	thief, _, _ := r.withPasskey(t, "twice", "viewer")
	again = second.create(t, must[string](t)(r.OfferPasskey(ctx, &thief)))
	if err := r.AddPasskey(ctx, &thief, "key", again); !errors.Is(err, checkout.Invalid) {
		t.Errorf("somebody else's key: %v", err)
	}
	if list := must[[]checkout.Passkey](t)(r.Passkeys(ctx, w.User.ID)); len(list) != 2 {
		t.Errorf("%d are kept", len(list))
	}
}

// What a stranger, a forged site, a copied or a stolen key could send.
func passkeyRefused(t *testing.T, r *room) {
	m := r.merchant(t, "refused")
	w, in, d := r.withPasskey(t, "refused", "owner")
	other, _, theirs := r.withPasskey(t, "refused", "staff")
	ctx := t.Context()
	door := func() string { return must[string](t)(r.AskPasskey()) }
	must[checkout.User](t)(r.ByPasskey(ctx, d.get(t, door()), in)) // the count is 1
	late := d.but(func(*device) {}).get(t, door())
	offer := must[string](t)(r.OfferPasskey(ctx, &w))
	again := must[string](t)(r.AskAgain(ctx, &w))
	forged := `{"challenge":"` + b64(make([]byte, 56)) + `"}`
	key := newDevice(t).key
	for name, answer := range map[string]string{
		"nothing":                      "",
		"no JSON":                      "{",
		"too long":                     strings.Repeat(" ", 17<<10) + d.get(t, door()),
		"another site":                 d.but(func(d *device) { d.origin = "https://pay.example.ir.evil.example" }).get(t, door()),
		"http":                         d.but(func(d *device) { d.origin = "http://pay.example.ir" }).get(t, door()),
		"another name":                 d.but(func(d *device) { d.rp = "evil.example" }).get(t, door()),
		"nobody was there":             d.but(func(d *device) { d.flags = 0 }).get(t, door()),
		"the device was not unlocked":  d.but(func(d *device) { d.flags = present }).get(t, door()),
		"another key":                  d.but(func(d *device) { d.key = key }).get(t, door()),
		"an unknown key":               newDevice(t).get(t, door()),
		"another's name on it":         d.but(func(d *device) { d.owner = other.User.ID }).get(t, door()),
		"a challenge of our own make":  d.get(t, forged),
		"a challenge of an offer":      d.get(t, offer),
		"a challenge of a fresh proof": d.get(t, again),
	} {
		if _, err := r.ByPasskey(ctx, answer, in); !errors.Is(err, checkout.Unauthed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, answer := range map[string]string{
		"another login's": d.get(t, must[string](t)(r.AskAgain(ctx, &access.Who{User: w.User, Login: checkout.Login{ID: "lgn_other"}}))),
		"another's":       theirs.get(t, must[string](t)(r.AskAgain(ctx, &other))),
		"another's key":   theirs.get(t, must[string](t)(r.AskAgain(ctx, &w))),
		"the door's":      d.get(t, door()),
	} {
		if err := r.ProveByPasskey(ctx, &w, answer); !errors.Is(err, checkout.Invalid) {
			t.Errorf("fresh by %s: %v", name, err)
		}
	}
	stranger := newDevice(t)
	for name, answer := range map[string]string{
		"another login's offer": stranger.create(t, must[string](t)(r.OfferPasskey(ctx, &access.Who{User: w.User, Login: checkout.Login{ID: "lgn_other"}}))),
		"another's offer":       stranger.create(t, must[string](t)(r.OfferPasskey(ctx, &other))),
		"the door's challenge":  stranger.create(t, strings.Replace(door(), "{", `{"user":{"id":""},`, 1)),
		"another site":          stranger.but(func(d *device) { d.origin = "https://evil.example" }).create(t, must[string](t)(r.OfferPasskey(ctx, &w))),
		"not unlocked":          stranger.but(func(d *device) { d.flags = present }).create(t, must[string](t)(r.OfferPasskey(ctx, &w))),
	} {
		if err := r.AddPasskey(ctx, &w, "key", answer); !errors.Is(err, checkout.Invalid) {
			t.Errorf("kept with %s: %v", name, err)
		}
	}
	if err := r.AddPasskey(ctx, &w, " ", stranger.create(t, must[string](t)(r.OfferPasskey(ctx, &w)))); !errors.Is(err, checkout.Invalid) {
		t.Errorf("without a name: %v", err)
	}
	r.now = r.now.Add(5 * time.Minute)
	if _, err := r.ByPasskey(ctx, late, in); !errors.Is(err, checkout.Unauthed) {
		t.Errorf("five minutes later: %v", err)
	}
	if list := must[[]checkout.Passkey](t)(r.Passkeys(ctx, w.User.ID)); len(list) != 1 || list[0].SignCount != 1 {
		t.Errorf("afterwards there is %+v", list)
	}
	if kinds := r.did(t, m.ID); count(kinds, "signin.passkey_refused") == 0 || count(kinds, "signin.passkey_refused") > 10 {
		t.Errorf("the log tells %v", kinds)
	}
}

// A count that goes back is a copy: refused, told to its person, and the count stays.
func passkeyCopied(t *testing.T, r *room) {
	m := r.merchant(t, "copied")
	w, in, d := r.withPasskey(t, "copied", "owner")
	ctx := t.Context()
	copied := d.but(func(*device) {})
	for range 3 {
		must[checkout.User](t)(r.ByPasskey(ctx, d.get(t, must[string](t)(r.AskPasskey())), in))
	}
	for range 2 {
		if _, err := r.ByPasskey(ctx, copied.get(t, must[string](t)(r.AskPasskey())), in); !errors.Is(err, checkout.Unauthed) {
			t.Errorf("a copy: %v", err)
		}
	}
	if kinds := r.did(t, m.ID); count(kinds, "account.passkey_copied") != 2 {
		t.Errorf("the log tells %v", kinds)
	}
	var letters []checkout.Letter
	err := r.db.View(ctx, func(tx *db.Tx) (err error) {
		letters, err = tx.Letters(db.LetterQuery{MerchantID: m.ID, Live: true, Limit: 50})
		return err
	})
	if err != nil || !slices.ContainsFunc(letters, func(l checkout.Letter) bool { return l.Facts.What == "passkey_copied" && l.Recipient == w.User.Email }) {
		t.Errorf("the letters are %+v, %v", letters, err)
	}
	must[checkout.User](t)(r.ByPasskey(ctx, d.get(t, must[string](t)(r.AskPasskey())), in))
}

// A key that was removed opens nothing, and whoever came in by it is out.
func passkeyRemoved(t *testing.T, r *room) {
	m := r.merchant(t, "removed")
	w, in, d := r.withPasskey(t, "removed", "owner")
	other, _, _ := r.withPasskey(t, "removed", "staff")
	ctx := t.Context()
	elsewhere := must[checkout.Login](t)(r.Begin(ctx, w.User.ID, in))
	waiting := d.get(t, must[string](t)(r.AskPasskey()))
	id := must[[]checkout.Passkey](t)(r.Passkeys(ctx, w.User.ID))[0].ID
	if err := r.DropPasskey(ctx, &other, id); !errors.Is(err, checkout.NotFound) {
		t.Errorf("somebody else took it away: %v", err)
	}
	if n := atOnce(t, checkout.NotFound, func() error { return r.DropPasskey(ctx, &w, id) }); n != 1 {
		t.Errorf("it was taken away %d times", n)
	}
	if _, err := r.ByPasskey(ctx, waiting, in); !errors.Is(err, checkout.Unauthed) {
		t.Errorf("the key that is gone: %v", err)
	}
	if _, err := r.WhoIs(ctx, elsewhere.ID); !errors.Is(err, checkout.Unauthed) {
		t.Errorf("the other login: %v", err)
	}
	if _, err := r.WhoIs(ctx, w.Login.ID); err != nil {
		t.Errorf("this login: %v", err)
	}
	if kinds := r.did(t, m.ID); count(kinds, "account.passkey_removed") != 1 {
		t.Errorf("the log tells %v", kinds)
	}
}

// With a passkey one proves again who one is, and answers in place of a code.
func passkeyInPlaceOfPasswordAndCode(t *testing.T, r *room) {
	r.merchant(t, "inplaceofpas")
	w, in, d := r.withPasskey(t, "inplaceofpas", "owner")
	ctx := t.Context()
	r.now = r.now.Add(access.LoginFresh)
	stale := must[access.Who](t)(r.WhoIs(ctx, w.Login.ID))
	if stale.Fresh(r.now) || !stale.Passkey {
		t.Fatalf("fresh %t, a passkey %t", stale.Fresh(r.now), stale.Passkey)
	}
	ask := must[string](t)(r.AskAgain(ctx, &stale))
	if err := r.ProveByPasskey(ctx, &stale, d.get(t, ask)); err != nil {
		t.Fatal(err)
	}
	if fresh := must[access.Who](t)(r.WhoIs(ctx, w.Login.ID)); !fresh.Fresh(r.now) {
		t.Error("still not fresh")
	}
	secret := must[string](t)(r.OfferedFactor(ctx, w.User.ID))
	code := must[string](t)(totp.GenerateCode(secret, r.now))
	must[[]string](t)(r.ProveFactor(ctx, &w, code))
	_, needs, err := r.CheckPassword(ctx, in)
	if err != nil || !needs {
		t.Fatal(needs, err)
	}
	ask = must[string](t)(r.AskSecond(ctx, w.User.ID))
	if err := r.SecondByPasskey(ctx, w.User.ID, d.get(t, ask), in); err != nil {
		t.Error(err)
	}
	other, _, theirs := r.withPasskey(t, "inplaceofpas", "staff")
	for name, answer := range map[string]string{
		"another's":  theirs.get(t, must[string](t)(r.AskSecond(ctx, other.User.ID))),
		"the door's": d.get(t, must[string](t)(r.AskPasskey())),
		"once more":  d.but(func(*device) {}).get(t, ask),
	} {
		if err := r.SecondByPasskey(ctx, w.User.ID, answer, in); !errors.Is(err, checkout.Unauthed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 20 { // guessing ends soon
		err = r.SecondByPasskey(ctx, w.User.ID, "{}", in)
	}
	if !errors.Is(err, checkout.TooMany) {
		t.Errorf("guessed: %v", err)
	}
}

// Passkeys belong to a name: an address in figures has none, and nothing of them is asked or taken.
func passkeyNoName(t *testing.T, r *room) {
	r.merchant(t, "no-name")
	w, in, d := r.withPasskey(t, "no-name", "owner")
	ctx := t.Context()
	answer := d.get(t, must[string](t)(r.AskPasskey()))
	for _, base := range []string{"", "http://127.0.0.1:8080", "http://[::1]:8080"} {
		r.BaseURL = base
		door, err := r.AskPasskey()
		offer, err2 := r.OfferPasskey(ctx, &w)
		again, err3 := r.AskAgain(ctx, &w)
		if door+offer+again != "" || errors.Join(err, err2, err3) != nil {
			t.Errorf("at %q: %s %s %s %v %v %v", base, door, offer, again, err, err2, err3)
		}
		if _, err := r.ByPasskey(ctx, answer, in); !errors.Is(err, checkout.Unauthed) {
			t.Errorf("at %q: %v", base, err)
		}
	}
}

// A person has twenty at most.
func passkeyMost(t *testing.T, r *room) {
	r.merchant(t, "the-most")
	w, _, _ := r.withPasskey(t, "the-most", "owner")
	var err error
	for range 20 {
		err = r.AddPasskey(t.Context(), &w, "key", newDevice(t).create(t, must[string](t)(r.OfferPasskey(t.Context(), &w))))
	}
	var e *checkout.Error
	if !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Code != "too_many_passkeys" {
		t.Errorf("the 21st: %v", err)
	}
}
