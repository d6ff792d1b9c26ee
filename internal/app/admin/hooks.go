package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/server"
	"dargah/internal/app/webhooks"
	"dargah/internal/db"
	"dargah/web/templates"
)

const (
	hooksPath      = settingsPath + "/webhooks"
	hookPath       = hooksPath + "/:endpoint"
	removeHookPath = hookPath + "/remove"
	deliveryPath   = hookPath + "/deliveries/:delivery"
)

func hookRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: hooksPath, Right: access.See, handle: (*Admin).hooksPage},
		{Method: http.MethodPost, Path: hooksPath, Right: access.Rule, handle: (*Admin).addHook},
		{Method: http.MethodGet, Path: hookPath, Right: access.See, handle: (*Admin).hookPage},
		{Method: http.MethodPost, Path: hookPath + "/test", Right: access.Rule, handle: (*Admin).testHook},
		{Method: http.MethodPost, Path: hookPath + "/enable", Right: access.Rule, handle: (*Admin).enableHook},
		{Method: http.MethodPost, Path: hookPath + "/rotate", Right: access.Rule, handle: (*Admin).rotateHook},
		{Method: http.MethodPost, Path: removeHookPath, Right: access.Rule, handle: (*Admin).removeHook},
		{Method: http.MethodGet, Path: deliveryPath, Right: access.See, handle: (*Admin).deliveryPage},
		{Method: http.MethodPost, Path: deliveryPath + "/again", Right: access.Rule, handle: (*Admin).redeliver},
	}
}

// hooked is the scope in the words of the webhooks.
func (v *visit) hooked() webhooks.Scope { return webhooks.Scope(v.scope) }

func (a *Admin) hooksPage(c echo.Context, v *visit) error {
	return a.showHooks(c, v, http.StatusOK, nil, nil)
}

// showHooks lists the endpoints of this mode; made is a new one's secret, shown this once.
func (a *Admin) showHooks(c echo.Context, v *visit, status int, made *templates.Issued, wrong []checkout.FieldError) error {
	l := v.l
	view := templates.Hooks{
		Settings: v.settings("webhooks", wrong), Issued: made, Once: rand.Text(), Fresh: freshWrong(l, v.fresh(a, ""), wrong),
	}
	typed := ""
	if len(wrong) > 0 {
		typed = v.form.Get("url")
	}
	view.URL = marked(l, []templates.Input{{
		Name: "url", Label: l.T("admin.hook.url"), Value: typed, Type: "url", LTR: true, Hint: l.T("admin.hook.url_hint"), Required: true, Max: "2000",
	}}, wrong)[0]
	for _, t := range checkout.WebhookTypes() {
		name := "type_" + t
		view.Types = append(view.Types, templates.Option{Value: name, Label: l.T("admin.hook.type." + t), Note: t, On: len(wrong) > 0 && v.form.Has(name)})
	}
	err := a.DB.View(c.Request().Context(), func(tx *db.Tx) error {
		view.Rows = nil
		list, err := tx.Endpoints(v.scope.MerchantID, v.scope.Live)
		if err != nil {
			return err
		}
		for i := range list {
			r, err := v.hookRow(tx, &list[i])
			if err != nil {
				return err
			}
			view.Rows = append(view.Rows, r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return server.Render(c, status, templates.HooksPage(view))
}

func (v *visit) hookRow(tx *db.Tx, e *checkout.Endpoint) (templates.HookRow, error) {
	r := templates.HookRow{Href: hooksPath + "/" + e.ID, URL: e.URL, Types: v.hookTypes(e)}
	var arrived []checkout.Delivery
	if asksWhether(e) {
		var err error
		if arrived, err = tx.Deliveries(db.DeliveryQuery{EndpointID: e.ID, Status: string(checkout.DeliverySucceeded), Limit: 1}); err != nil {
			return r, err
		}
	}
	waits, err := tx.WaitingDeliveries(e.ID)
	if err != nil {
		return r, err
	}
	r.Waits = v.waiting(waits)
	r.State = v.hookState(e, len(arrived) > 0)
	switch {
	case !e.DisabledAt.IsZero():
		r.Since = v.l.T("admin.hook.why."+e.DisabledWhy) + " · " + v.l.T("admin.queue.since", "time", i18n.DateTimeShort(v.l, e.DisabledAt))
	case !e.FailingSince.IsZero():
		r.Since = v.l.T("admin.queue.since", "time", i18n.DateTimeShort(v.l, e.FailingSince))
	}
	return r, nil
}

func (v *visit) hookTypes(e *checkout.Endpoint) string {
	if len(e.Types) == 0 {
		return v.l.T("admin.hook.all_types")
	}
	return strings.Join(e.Types, ", ")
}

func (v *visit) waiting(n int) string {
	switch {
	case n == 0:
		return v.l.T("admin.hook.waits_none")
	case n >= db.MostCounted:
		return v.l.T("admin.hook.waits_more", "count", number(v.l, db.MostCounted))
	}
	return v.l.T("admin.hook.waits", "count", number(v.l, n))
}

// asksWhether reports whether one must look if anything ever arrived at an endpoint. Where nothing
// failed lately, something did soon enough for a quick answer, or there is little to look at.
func asksWhether(e *checkout.Endpoint) bool { return e.DisabledAt.IsZero() && e.FailingSince.IsZero() }

// hookState is how an endpoint does. Of one at which nothing arrived yet nobody can say that it works.
func (v *visit) hookState(e *checkout.Endpoint, arrived bool) templates.State {
	name, icon, class := "works", "paid", "paid"
	switch {
	case !e.DisabledAt.IsZero():
		name, icon, class = "off", "failed", "loud failed"
	case !e.FailingSince.IsZero():
		name, icon, class = "failing", "warning", "loud wait"
	case !arrived:
		name, icon, class = "new", "circle", "none"
	}
	return templates.State{Word: v.l.T("admin.hook.state." + name), Icon: icon, Class: class}
}

// issued is what a form that makes a secret answers, the second time as well.
type issued struct{ URL, Secret string }

// onceOf makes the presses of one form one act: the same person, the same form, the same words.
func (v *visit) onceOf(act string, words ...string) *webhooks.Once {
	nonce := v.form.Get("once")
	if nonce == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(fmt.Sprintf("%q", append([]string{nonce, act, v.who.User.ID}, words...))))
	hash := hex.EncodeToString(sum[:])
	return &webhooks.Once{Key: "admin/" + hash, Hash: hash, Render: func(result any) (int, []byte, error) {
		made, ok := result.(webhooks.Issued)
		if !ok {
			return 0, nil, fmt.Errorf("a form that makes %T", result)
		}
		body, err := json.Marshal(issued{made.Endpoint.URL, made.Secret})
		return http.StatusOK, body, err
	}}
}

// shown is the secret that was made, now or at the first press.
func shown(made webhooks.Issued, replay *webhooks.Replay) (issued, error) {
	out := issued{made.Endpoint.URL, made.Secret}
	if replay == nil {
		return out, nil
	}
	if err := json.Unmarshal(replay.Body, &out); err != nil {
		return out, fmt.Errorf("read the first answer: %w", err)
	}
	return out, nil
}

// addHook adds an endpoint for one who has just proved who they are, and shows its secret once.
func (a *Admin) addHook(c echo.Context, v *visit) error {
	wrong, err := a.prove(c, v)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return a.showHooks(c, v, http.StatusForbidden, nil, wrong)
	}
	in := webhooks.NewEndpoint{URL: strings.TrimSpace(v.form.Get("url"))}
	for _, t := range checkout.WebhookTypes() {
		if v.form.Has("type_" + t) {
			in.Types = append(in.Types, t)
		}
	}
	if in.URL == "" {
		return a.showHooks(c, v, http.StatusUnprocessableEntity, nil, []checkout.FieldError{{Field: "url", Code: "required"}})
	}
	made, replay, err := a.Webhooks.Create(c.Request().Context(), v.hooked(), in, v.onceOf("add", append(in.Types, in.URL)...))
	wrong = wrongs(err)
	if errors.Is(err, checkout.Conflict) {
		wrong = []checkout.FieldError{{Code: "too_many_endpoints"}}
	}
	if len(wrong) > 0 {
		return a.showHooks(c, v, http.StatusUnprocessableEntity, nil, wrong)
	}
	if err != nil {
		return err
	}
	out, err := shown(made, replay)
	if err != nil {
		return err
	}
	return a.showHooks(c, v, http.StatusOK, &templates.Issued{Title: v.l.T("admin.hook.made", "url", out.URL), Secret: out.Secret}, nil)
}
