package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/mail"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/web/templates"
)

const lettersPath = settingsPath + "/letters"

func letterRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: lettersPath, Right: access.See, handle: (*Admin).lettersPage},
		{Method: http.MethodPost, Path: lettersPath + "/again", Right: access.Rule, handle: (*Admin).requeueLetter},
	}
}

func (a *Admin) lettersPage(c echo.Context, v *visit) error {
	return a.showLetters(c, v, http.StatusOK, nil)
}

// showLetters is a page of the outbox's log, newest first.
func (a *Admin) showLetters(c echo.Context, v *visit, status int, wrong []checkout.FieldError) error {
	l, before := v.l, v.query.Get("before")
	view := templates.Letters{Settings: v.settings("letters", wrong)}
	var outbox db.OutboxState
	var list []checkout.Letter
	err := a.DB.View(c.Request().Context(), func(tx *db.Tx) error {
		q := db.LetterQuery{MerchantID: v.scope.MerchantID, Live: v.scope.Live, Limit: pageSize + 1}
		if before != "" {
			last, err := tx.Letter(before)
			if err != nil {
				return err
			}
			if last.MerchantID != q.MerchantID || last.Live != q.Live {
				return checkout.NotFound
			}
			q.BeforeAt, q.BeforeID = last.CreatedAt, last.ID
		}
		var err error
		if list, err = tx.Letters(q); err != nil {
			return err
		}
		outbox, err = tx.Outbox(q.MerchantID, q.Live)
		return err
	})
	if before != "" && errors.Is(err, checkout.NotFound) {
		return c.Redirect(http.StatusSeeOther, lettersPath)
	}
	if err != nil {
		return err
	}
	view.Waits = l.T("admin.letters.waits_none")
	if outbox.Waiting > 0 {
		view.Waits = l.T("admin.letters.waits", "count", number(l, outbox.Waiting), "time", i18n.DateTimeShort(l, outbox.Oldest))
	}
	if !a.Mail.Sends() {
		view.Notices, view.Waits = []string{l.T("admin.letters.no_server") + " " + view.Waits}, ""
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		view.Older = lettersPath + "?before=" + url.QueryEscape(list[pageSize-1].ID)
	}
	if before != "" {
		view.Newest = lettersPath
	}
	for i := range list {
		view.Rows = append(view.Rows, v.letterRow(&list[i]))
	}
	return server.Render(c, status, templates.LettersPage(view))
}

func (v *visit) letterRow(m *checkout.Letter) templates.SentRow {
	l := v.l
	r := templates.SentRow{
		State: letterState(l, m.Status), Name: l.T("admin.letters.kind.other"), Time: i18n.DateTimeShort(l, m.CreatedAt),
		MachineTime: m.CreatedAt.UTC().Format(time.RFC3339), Text: masked(m.Recipient), ID: m.ID,
	}
	if slices.Contains(checkout.LetterKinds(), m.Kind) {
		r.Name = l.T("admin.letters.kind." + string(m.Kind))
	}
	if m.Recipient == "" {
		r.Text = l.T("admin.letters.forgotten")
	}
	if slices.Contains(letterReasons, m.Reason) {
		r.Aside = l.T("admin.letters.why." + m.Reason)
	}
	// What the server said to a letter that it took helps nobody.
	if answer := i18n.CleanText(m.Answer); answer != "" && m.Status != checkout.LetterSent {
		r.Aside = strings.TrimSpace(r.Aside + " " + answer)
	}
	if v.mayRule() && mail.Again(m) {
		r.Again = lettersPath + "/again"
	}
	return r
}

var letterReasons = []string{
	checkout.ReasonTestMode, checkout.ReasonLimit, checkout.ReasonOvertaken, checkout.ReasonTooLate, checkout.ReasonUnsubscribe,
	checkout.ReasonBadAddress, checkout.ReasonServer, checkout.ReasonTrouble, checkout.ReasonGaveUp, checkout.ReasonBroken,
}

func letterState(l i18n.Locale, s checkout.LetterStatus) templates.State {
	looks := map[checkout.LetterStatus][2]string{
		checkout.LetterQueued: {"wait", "none"}, checkout.LetterSent: {"paid", "paid"},
		checkout.LetterRefused: {"failed", "loud failed"}, checkout.LetterWithheld: {"canceled", "none"},
	}[s]
	return templates.State{Word: l.T("admin.letters.state." + string(s)), Icon: looks[0], Class: looks[1]}
}

// masked is a mailbox as far as one needs it to know it again.
func masked(address string) string {
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" {
		return "•••"
	}
	_, n := utf8.DecodeRuneInString(local)
	return i18n.CleanText(local[:n] + "•••@" + domain)
}

// requeueLetter puts a refused letter back into the outbox.
func (a *Admin) requeueLetter(c echo.Context, v *visit) error {
	err := a.Mail.Requeue(c.Request().Context(), v.scope.MerchantID, v.scope.Live, v.form.Get("letter"))
	switch {
	case errors.Is(err, checkout.Conflict):
		return a.showLetters(c, v, http.StatusConflict, []checkout.FieldError{{Code: "not_requeueable"}})
	case errors.Is(err, checkout.NotFound):
		return a.showLetters(c, v, http.StatusUnprocessableEntity, []checkout.FieldError{{Code: "no_letter"}})
	case err != nil:
		return err
	}
	return c.Redirect(http.StatusSeeOther, lettersPath+"?done=requeued")
}
