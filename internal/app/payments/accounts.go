package payments

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// GatewayNames lists the gateways in the order in which customers and merchants see them.
func GatewayNames() []string { return []string{"gardeshpay", "ghesta"} }

// testKeys are what may be set for a test account (CONTRACT §4): a test payment never leaves the house.
var testKeys = []string{"min_amount", "max_amount", "amount_unit", "verify_window", "enabled"}

// account is a gateway account ready for use: defaults filled in, secrets open.
type account struct {
	key      string // of the circuit breaker
	gateway  gateways.Gateway
	settings gateways.Settings
	set      bool // false: a live account that nobody has set up
}

func (a *account) enabled() bool { return a.set && a.settings["enabled"] == "true" }
func (a *account) unit() string  { return a.settings["amount_unit"] }

func (a *account) window() time.Duration {
	d, err := time.ParseDuration(a.settings["verify_window"])
	if err != nil {
		return 15 * time.Minute // Check refused anything else when it was saved
	}
	return d
}

func (a *account) limits() (low, high money.Rial) {
	l, _ := strconv.ParseInt(a.settings["min_amount"], 10, 64)
	h, _ := strconv.ParseInt(a.settings["max_amount"], 10, 64)
	return money.Rial(l), money.Rial(h)
}

// host is where the customer will go, for a person to read.
func (a *account) host() string {
	from := a.settings["installment_url"]
	if from == "" {
		from = a.settings["token_url"]
	}
	u, err := url.Parse(from)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func (e *Engine) adapter(live bool, name string) (gateways.Gateway, bool) {
	set := e.Test
	if live {
		set = e.Live
	}
	g, ok := set[name]
	return g, ok
}

// account opens a merchant's account for one gateway. A test account needs no row; a live one
// without a row is returned unset.
func (e *Engine) account(tx *db.Tx, sc Scope, name string) (*account, error) {
	g, ok := e.adapter(sc.Live, name)
	if !ok {
		return nil, fmt.Errorf("gateway %q: %w", name, checkout.NotFound)
	}
	a := &account{gateway: g, settings: gateways.Settings{}, set: !sc.Live, key: sc.MerchantID + "/" + name + "/" + strconv.FormatBool(sc.Live)}
	for _, k := range g.Keys() {
		a.settings[k.Name] = k.Default
	}
	row, err := tx.GatewayAccount(sc.MerchantID, sc.Live, name)
	if err != nil && !errors.Is(err, checkout.NotFound) {
		return nil, err
	}
	if err == nil {
		a.set = true
		maps.Copy(a.settings, row.Settings)
		for k, sealed := range row.Sealed {
			open, err := e.Box.Open(sealed, secretPlace(row.ID, k))
			if err != nil {
				return nil, errors.Join(errSealed, fmt.Errorf("open %s of %s: %w", k, row.ID, err))
			}
			a.settings[k] = string(open)
		}
	}
	if !sc.Live {
		for k, v := range e.TestSettings[name] {
			// The simulator's merchants differ only in the unit they were told to use.
			a.settings[k] = strings.ReplaceAll(v, "{amount_unit}", a.unit())
		}
	}
	return a, nil
}

// errSealed: a secret that no key of this installation opens. A verify then counts as not sent, and
// a page shows the method as off.
var errSealed = errors.New("an account's secret cannot be opened")

// secretPlace binds a sealed secret to its row and key, so that it opens nowhere else.
func secretPlace(accountID, key string) string { return "gateway_accounts/" + accountID + "/" + key }

// SetAccount saves settings of one account; what is not named stays. Secrets are sealed before they
// are stored. Errors: Invalid with a *gateways.SettingError inside for a wrong key or value.
func (e *Engine) SetAccount(ctx context.Context, sc Scope, name string, values map[string]string, by checkout.Actor) error {
	g, ok := e.adapter(sc.Live, name)
	if !ok {
		return checkout.WrongField("gateway", "unknown_gateway")
	}
	secret := map[string]bool{}
	for _, k := range g.Keys() {
		secret[k.Name] = k.Secret
	}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		_, known := secret[k]
		if !known || (!sc.Live && !slices.Contains(testKeys, k)) {
			return wrongSetting(&gateways.SettingError{Key: k, Expected: "one of " + strings.Join(settable(g, sc.Live), ", ")})
		}
	}
	return e.DB.Update(ctx, func(tx *db.Tx) error {
		// Two who save at once take turns: what is not named stays.
		if err := tx.LockMerchant(sc.MerchantID); err != nil {
			return err
		}
		row, err := tx.GatewayAccount(sc.MerchantID, sc.Live, name)
		if errors.Is(err, checkout.NotFound) {
			row = &checkout.GatewayAccount{
				ID: checkout.NewID(checkout.PrefixAccount, tx.Now(), e.Random), MerchantID: sc.MerchantID, Live: sc.Live, Gateway: name,
				Settings: map[string]string{}, Sealed: map[string]string{},
			}
		} else if err != nil {
			return err
		}
		acc, err := e.account(tx, sc, name)
		if err != nil {
			return err
		}
		before := maps.Clone(acc.settings)
		maps.Copy(acc.settings, values)
		if err := g.Check(acc.settings); err != nil {
			return wrongSetting(err)
		}
		for _, k := range g.Keys() {
			if k.Required && acc.settings[k.Name] == "" {
				return wrongSetting(&gateways.SettingError{Key: k.Name, Expected: "a value: without it this gateway takes no payment"})
			}
		}
		for k, v := range values {
			if !secret[k] {
				row.Settings[k] = v
				continue
			}
			row.Sealed[k] = e.Box.Seal([]byte(v), secretPlace(row.ID, k))
		}
		row.UpdatedAt = tx.Now()
		if err := tx.SaveGatewayAccount(row); err != nil {
			return err
		}
		return e.recordAccount(tx, row, changedSettings(g, secret, before, acc.settings, values), by)
	})
}

// changedSettings says what a saved form changed. Of a secret, that it was set and no more.
func changedSettings(g gateways.Gateway, secret map[string]bool, before, after, sent map[string]string) []checkout.Change {
	var list []checkout.Change
	for _, k := range g.Keys() {
		_, named := sent[k.Name]
		switch {
		case secret[k.Name] && named && before[k.Name] == "":
			list = append(list, checkout.Change{Field: k.Name, After: checkout.Hidden})
		case secret[k.Name] && named && before[k.Name] != after[k.Name]:
			list = append(list, checkout.Change{Field: k.Name, Before: checkout.Hidden, After: checkout.Hidden})
		case !secret[k.Name] && before[k.Name] != after[k.Name]:
			list = append(list, checkout.Change{Field: k.Name, Before: before[k.Name], After: after[k.Name]})
		}
	}
	return list
}

func (e *Engine) recordAccount(tx *db.Tx, row *checkout.GatewayAccount, changes []checkout.Change, by checkout.Actor) error {
	if len(changes) == 0 {
		return nil
	}
	d := checkout.Deed{
		ID:         checkout.NewID(checkout.PrefixDeed, tx.Now(), e.Random),
		MerchantID: row.MerchantID, Live: row.Live, By: by, Area: checkout.AreaGateway, Kind: "gateway.changed", Object: row.ID, Name: row.Gateway, Changes: changes,
	}
	if row.Live { // no money goes by an account of test mode
		d.Alarm = "gateway_changed"
	}
	return tx.Record(&d)
}

func settable(g gateways.Gateway, live bool) []string {
	if !live {
		return testKeys
	}
	var list []string
	for _, k := range g.Keys() {
		list = append(list, k.Name)
	}
	return list
}

func wrongSetting(err error) error {
	field := "settings"
	var s *gateways.SettingError
	if errors.As(err, &s) {
		field = s.Key
	}
	return &checkout.Error{Kind: checkout.Invalid, Key: "error.invalid", Fields: []checkout.FieldError{{Field: field, Code: "wrong_setting"}}, Err: err}
}
