package admin

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/internal/gateways"
	"dargah/web/templates"
)

func (a *Admin) gatewaysPage(c echo.Context, v *visit) error {
	return a.showGateways(c, v, http.StatusOK, "", nil, nil)
}

// showGateways shows both accounts; wrong are the fields of the one whose form was sent, tried what came of
// trying one.
func (a *Admin) showGateways(c echo.Context, v *visit, status int, sent string, wrong []checkout.FieldError, tried *payments.Trial) error {
	accounts, err := a.Engine.Accounts(c.Request().Context(), v.scope)
	if err != nil {
		return err
	}
	view := templates.GatewayForms{Settings: v.settings("gateways", nil), Try: tryPath}
	if tried != nil {
		view.Tried = v.tryWords(tried)
	}
	for i := range accounts {
		mine := wrong
		if accounts[i].Gateway != sent {
			mine = nil
		}
		view.Forms = append(view.Forms, a.gatewayForm(v, &accounts[i], mine))
		for _, p := range problems(v.l, mine) {
			if p.Field != "" {
				p.Field = accounts[i].Gateway + "-" + p.Field
			}
			view.Problems = append(view.Problems, p)
		}
	}
	return server.Render(c, status, templates.GatewayPage(view))
}

func (a *Admin) gatewayForm(v *visit, acc *payments.AccountView, wrong []checkout.FieldError) templates.GatewayForm {
	l, name := v.l, acc.Gateway
	shown := func(key string) string { // what was sent, when it was wrong
		if wrong != nil && v.form.Has(key) {
			return v.form.Get(key)
		}
		return ""
	}
	f := templates.GatewayForm{
		Name: name, Title: v.brand(name), Text: l.T("admin.gw.text." + name), Action: settingsPath + "/gateways/" + name, UnitText: l.T("admin.gw.unit_text." + name),
		Fresh: v.fresh(a, name+"-"),
	}
	f.Fresh = freshWrong(l, f.Fresh, wrong)
	unit := acc.Settings["amount_unit"]
	if u := shown("amount_unit"); u != "" {
		unit = u
	}
	field := map[string]string{"gardeshpay": "amount", "ghesta": "Amount"}[name]
	for _, u := range []struct{ value, amount string }{{"rial", "2500000"}, {"toman", "250000"}} {
		f.Units = append(f.Units, templates.UnitChoice{
			ID: name + "-" + u.value, Value: u.value, Label: l.T("admin.gw." + u.value), Sample: `"` + field + `": ` + u.amount, Text: l.T("admin.gw.unit_" + u.value + "." + name), On: unit == u.value,
		})
	}
	for _, k := range acc.Keys {
		i := templates.Input{Name: k.Name, ID: name + "-" + k.Name, Label: l.T("admin.gw.key." + k.Name), LTR: true, Value: shown(k.Name)}
		switch {
		case k.Name == "amount_unit":
			continue
		case k.Name == "enabled":
			on := acc.Settings["enabled"] == "true"
			i.Options = []templates.Option{{Value: "true", Label: l.T("admin.gw.on"), On: on}, {Value: "false", Label: l.T("admin.gw.off"), On: !on}}
			f.Enabled = marked(l, []templates.Input{i}, wrong)[0]
			continue
		case k.Secret:
			i.Type, i.Autofill, i.Value, i.Max = "password", "off", "", "1000"
			i.Hint = l.T("admin.gw.secret_none")
			if acc.Secrets[k.Name] {
				i.Hint = l.T("admin.gw.secret_kept", "time", i18n.DateTimeShort(l, acc.UpdatedAt))
			}
		case k.Name == "min_amount" || k.Name == "max_amount":
			n, _ := strconv.ParseInt(acc.Settings[k.Name], 10, 64)
			i.Hint, i.Keyboard = i18n.InWords(l, money.Rial(n)), "numeric"
			if i.Value == "" {
				i.Value = plainToman(money.Rial(n))
			}
		case k.Name == "verify_window":
			i.Short, i.Keyboard, i.Hint = true, "numeric", l.T("admin.gw.window_hint")
			if d, err := time.ParseDuration(acc.Settings[k.Name]); err == nil && i.Value == "" {
				i.Value = strconv.FormatFloat(d.Minutes(), 'f', -1, 64)
			}
		case k.Operator:
			if v.right < access.Operate {
				continue
			}
			if i.Value == "" {
				i.Value = acc.Settings[k.Name]
			}
			f.Addresses = append(f.Addresses, marked(l, []templates.Input{i}, wrong)[0])
			continue
		}
		f.Inputs = append(f.Inputs, marked(l, []templates.Input{i}, wrong)[0])
	}
	f.State = templates.State{Word: l.T("admin.gw.state.off"), Icon: "canceled", Class: "none"}
	switch {
	case v.scope.Live && !acc.Set:
		f.State.Word = l.T("admin.gw.state.new")
	case acc.Settings["enabled"] == "true":
		f.State = templates.State{Word: l.T("admin.gw.state.on"), Icon: "paid", Class: "paid"}
	}
	return f
}

// saveGateway saves what was changed in one account's form. A secret that is left empty stays.
func saveGateway(name string) func(*Admin, echo.Context, *visit) error {
	return func(a *Admin, c echo.Context, v *visit) error {
		ctx := c.Request().Context()
		accounts, err := a.Engine.Accounts(ctx, v.scope)
		if err != nil {
			return err
		}
		values := map[string]string{}
		var wrong []checkout.FieldError
		for i := range accounts {
			if accounts[i].Gateway == name {
				values, wrong = v.changed(&accounts[i])
			}
		}
		status := http.StatusUnprocessableEntity
		if len(wrong) == 0 {
			if wrong, err = a.prove(c, v); err != nil {
				return err
			}
			status = http.StatusForbidden
		}
		if len(wrong) == 0 && len(values) > 0 {
			err = a.Engine.SetAccount(ctx, v.scope, name, values, v.actor(c))
			wrong, status = wrongs(err), http.StatusUnprocessableEntity
			var s *gateways.SettingError
			if errors.As(err, &s) {
				wrong = []checkout.FieldError{{Field: s.Key, Code: "wrong_setting"}}
			}
		}
		if len(wrong) > 0 {
			return a.showGateways(c, v, status, name, wrong, nil)
		}
		if err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, settingsPath+"/gateways?done=changed")
	}
}

// changed are the settings that differ from the account's own, in the words of the engine. What only
// an operator may set is not even read from anybody else's form.
func (v *visit) changed(acc *payments.AccountView) (map[string]string, []checkout.FieldError) {
	values := map[string]string{}
	var wrong []checkout.FieldError
	for _, k := range acc.Keys {
		if !v.form.Has(k.Name) || (k.Operator && v.right < access.Operate) {
			continue
		}
		typed := strings.TrimSpace(v.form.Get(k.Name))
		value, code := typed, ""
		switch {
		case k.Secret && typed == "":
			continue
		case k.Name == "min_amount" || k.Name == "max_amount":
			rial, bad := readToman(typed)
			value, code = strconv.FormatInt(int64(rial), 10), bad
		case k.Name == "verify_window":
			minutes, err := strconv.ParseFloat(i18n.FoldDigits(typed), 64)
			if err != nil || minutes <= 0 || minutes > 24*60 {
				code = "bad_minutes"
			}
			value = (time.Duration(minutes*60) * time.Second).String()
		}
		if code != "" {
			wrong = append(wrong, checkout.FieldError{Field: k.Name, Code: code})
			continue
		}
		first := k.Name == "enabled" && v.scope.Live && !acc.Set // all as it was offered is a choice too
		if k.Secret || first || !sameSetting(k.Name, acc.Settings[k.Name], value) {
			values[k.Name] = value
		}
	}
	return values, wrong
}

func sameSetting(name, a, b string) bool {
	if name == "verify_window" {
		x, errA := time.ParseDuration(a)
		y, errB := time.ParseDuration(b)
		return errA == nil && errB == nil && x == y
	}
	return a == b
}
