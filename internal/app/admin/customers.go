package admin

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/web/templates"
)

const (
	customersPath = settingsPath + "/customers"
	// mostOfOne is how many invoices of one customer a file holds.
	mostOfOne = 2_000
)

func customerRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: customersPath, Right: access.See, handle: (*Admin).customersPage},
		{Method: http.MethodPost, Path: customersPath, Right: access.Rule, handle: (*Admin).saveKeeping},
		{Method: http.MethodPost, Path: customersPath + "/export", Right: access.Rule, handle: (*Admin).exportCustomer},
	}
}

func (a *Admin) customersPage(c echo.Context, v *visit) error {
	r, err := a.Engine.Rules(c.Request().Context(), v.scope.MerchantID)
	if err != nil {
		return err
	}
	return a.showCustomers(c, v, http.StatusOK, customersTyped{days: strconv.Itoa(r.ForgetDays)})
}

// customersTyped is what stands in the forms of the page, and what was wrong in the one that was sent.
type customersTyped struct {
	days, who, form string // form: keep or one
	wrong           []checkout.FieldError
}

func (a *Admin) showCustomers(c echo.Context, v *visit, status int, t customersTyped) error {
	l, days, wrong := v.l, t.days, t.wrong
	view := templates.Customers{
		Settings: v.settings("customers", fieldsOf(t.form+"-", wrong)), KeepAction: customersPath, FindAction: customersPath + "/export",
		KeepFresh: v.fresh(a, "keep-"), FindFresh: v.fresh(a, "one-"),
	}
	switch t.form {
	case "keep":
		view.KeepFresh = freshWrong(l, view.KeepFresh, wrong)
	case "one":
		view.FindFresh = freshWrong(l, view.FindFresh, wrong)
	}
	keep := templates.Input{Name: "forget_days", Label: l.T("admin.customers.days")}
	for _, n := range withKept([]int{0, 30, 90, 180, 365, 730}, days) {
		label := l.T("admin.customers.for_ever")
		if n > 0 {
			label = l.T("admin.form.days", "count", number(l, n))
		}
		keep.Options = append(keep.Options, templates.Option{Value: strconv.Itoa(n), Label: label, On: days == strconv.Itoa(n)})
	}
	inputs := marked(l, []templates.Input{keep, {
		Name: "who", Label: l.T("admin.customers.who"), Value: t.who, LTR: true, Required: true, Max: "254",
	}}, wrong)
	view.Keep, view.Who = inputs[0], inputs[1]
	return server.Render(c, status, templates.CustomersPage(view))
}

// saveKeeping is for one who has just proved who they are: what is forgotten does not come back.
func (a *Admin) saveKeeping(c echo.Context, v *visit) error {
	typed := strings.TrimSpace(v.form.Get("forget_days"))
	days, err := strconv.Atoi(typed)
	if err != nil {
		return a.showCustomers(c, v, http.StatusUnprocessableEntity, customersTyped{days: "0", form: "keep", wrong: []checkout.FieldError{{Field: "forget_days", Code: "bad_number"}}})
	}
	wrong, err := a.prove(c, v)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return a.showCustomers(c, v, http.StatusForbidden, customersTyped{days: typed, form: "keep", wrong: wrong})
	}
	err = a.Engine.SetRules(c.Request().Context(), v.scope.MerchantID, func(r *checkout.Rules) { r.ForgetDays = days })
	if wrong := wrongs(err); len(wrong) > 0 {
		return a.showCustomers(c, v, http.StatusUnprocessableEntity, customersTyped{days: "0", form: "keep", wrong: wrong})
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, customersPath+"?done=changed")
}

// known is all that is kept of one customer about one invoice.
type known struct {
	id          string
	Number      string            `json:"number"`
	Status      string            `json:"status"`
	AmountRial  int64             `json:"amount_rial"`
	Refunded    int64             `json:"refunded_rial"`
	Name        string            `json:"name"`
	Mobile      string            `json:"mobile"`
	Email       string            `json:"email"`
	Description string            `json:"description"`
	Reference   string            `json:"reference"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	CreatedAt   time.Time         `json:"created_at"`
	ExpiresAt   time.Time         `json:"expires_at"`
	Attempts    []knownAttempt    `json:"attempts"`
	Letters     []knownLetter     `json:"letters"`
	Notes       []string          `json:"notes"`
}

type knownAttempt struct {
	Gateway   string    `json:"gateway"`
	Status    string    `json:"status"`
	Amount    int64     `json:"amount_rial"`
	Payer     string    `json:"payer_name,omitempty"`
	Mobile    string    `json:"payer_mobile,omitempty"`
	Card      string    `json:"card_mask,omitempty"`
	Tracking  string    `json:"tracking_number,omitempty"`
	Ref       string    `json:"ref_number,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

type knownLetter struct {
	Kind      string    `json:"kind"`
	To        string    `json:"to"`
	Status    string    `json:"status"`
	CreatedAt time.Time `json:"created_at"`
}

// exportCustomer hands out what is kept of one customer, found by the whole mobile or the whole address,
// to one who has just proved who they are: a screen left alone must not give a customer away.
func (a *Admin) exportCustomer(c echo.Context, v *visit) error {
	ctx, who := c.Request().Context(), strings.TrimSpace(v.form.Get("who"))
	refuse := func(status int, wrong ...checkout.FieldError) error {
		r, err := a.Engine.Rules(ctx, v.scope.MerchantID)
		if err != nil {
			return err
		}
		return a.showCustomers(c, v, status, customersTyped{days: strconv.Itoa(r.ForgetDays), who: who, form: "one", wrong: wrong})
	}
	wrong, err := a.prove(c, v)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return refuse(http.StatusForbidden, wrong...)
	}
	mobile, err := i18n.FoldMobile(who)
	if err != nil && !checkout.MailAddress(who) {
		return refuse(http.StatusUnprocessableEntity, checkout.FieldError{Field: "who", Code: "customer_who"})
	}
	list, err := a.ofCustomer(ctx, v, who, mobile)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return refuse(http.StatusUnprocessableEntity, checkout.FieldError{Field: "who", Code: "customer_none"})
	}
	raw, err := packed(list)
	if err != nil {
		return err
	}
	if err := a.Access.HandedOut(ctx, v.scope.MerchantID, v.scope.Live, list[0].id, list[0].Number); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="customer-`+dayNumber(a.Now())+`.zip"`)
	return c.Blob(http.StatusOK, "application/zip", raw)
}

// ofCustomer collects it, page by page.
func (a *Admin) ofCustomer(ctx context.Context, v *visit, who, mobile string) ([]known, error) {
	query := mobile
	if query == "" {
		query = who
	}
	var list []known
	filter := payments.InvoiceFilter{Query: query, Limit: exportPage}
	for len(list) < mostOfOne {
		page, next, err := a.Engine.Invoices(ctx, v.scope, filter)
		if err != nil {
			return nil, err
		}
		for i := range page {
			inv := &page[i]
			if (mobile == "" || inv.Customer.Mobile != mobile) && !strings.EqualFold(inv.Customer.Email, who) {
				continue // found by another of its words
			}
			k, err := a.knownOf(ctx, inv)
			if err != nil {
				return nil, err
			}
			list = append(list, k)
		}
		if next == "" {
			break
		}
		filter.Cursor = next
	}
	return list, nil
}

func (a *Admin) knownOf(ctx context.Context, inv *checkout.Invoice) (known, error) {
	k := known{
		id: inv.ID, Number: inv.Number, Status: string(inv.At(a.Now())), AmountRial: int64(inv.Amount), Refunded: int64(inv.AmountRefunded), Name: inv.Customer.Name,
		Mobile: inv.Customer.Mobile, Email: inv.Customer.Email, Description: inv.Description, Reference: inv.Reference, Metadata: inv.Metadata,
		CreatedAt: inv.CreatedAt.UTC(), ExpiresAt: inv.ExpiresAt.UTC(),
	}
	err := a.DB.View(ctx, func(tx *db.Tx) error {
		k.Attempts, k.Letters, k.Notes = []knownAttempt{}, []knownLetter{}, []string{}
		attempts, err := tx.AttemptsOfInvoice(inv.ID)
		if err != nil {
			return err
		}
		for i := range attempts {
			t := &attempts[i]
			k.Attempts = append(k.Attempts, knownAttempt{t.Gateway, string(t.Status), int64(t.Amount), t.PayerName, t.PayerMobile, t.CardMask, t.TrackingNumber, t.RefNumber, t.CreatedAt.UTC()})
		}
		letters, err := tx.Letters(db.LetterQuery{MerchantID: inv.MerchantID, Live: inv.Live, InvoiceID: inv.ID, Limit: 100})
		if err != nil {
			return err
		}
		for i := range letters {
			m := &letters[i]
			if m.Recipient != "" && strings.EqualFold(m.Recipient, inv.Customer.Email) {
				k.Letters = append(k.Letters, knownLetter{string(m.Kind), m.Recipient, string(m.Status), m.CreatedAt.UTC()})
			}
		}
		notes, err := tx.NotesOfInvoice(inv.ID)
		for i := range notes {
			k.Notes = append(k.Notes, notes[i].Body)
		}
		return err
	})
	return k, err
}

// packed is the customer's file: all of it for programs, the invoices for people.
func packed(list []known) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("customer.json")
	if err != nil {
		return nil, err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(list); err != nil {
		return nil, err
	}
	if w, err = z.Create("invoices.csv"); err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte("\ufeff")); err != nil {
		return nil, err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	rows := [][]string{{"number", "status", "amount_rial", "refunded_rial", "name", "mobile", "email", "description", "reference", "created_at"}}
	for i := range list {
		k := &list[i]
		rows = append(rows, []string{
			k.Number, k.Status, strconv.FormatInt(k.AmountRial, 10), strconv.FormatInt(k.Refunded, 10), safe(k.Name), safe(k.Mobile), safe(k.Email),
			safe(k.Description), safe(k.Reference), k.CreatedAt.Format(time.RFC3339),
		})
	}
	if err := out.WriteAll(rows); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
