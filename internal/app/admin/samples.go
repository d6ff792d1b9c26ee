package admin

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/server"
	"dargah/web/templates"
)

const (
	samplesPath = lettersPath + "/samples"
	samplePath  = lettersPath + "/sample"
)

func sampleRoutes() []Route {
	return []Route{
		{Method: http.MethodGet, Path: samplesPath, Right: access.See, handle: (*Admin).samplesPage},
		{Method: http.MethodGet, Path: samplePath, Right: access.See, handle: (*Admin).lookAtSample},
		{Method: http.MethodPost, Path: samplePath, Right: access.Work, handle: (*Admin).sendSample},
	}
}

func (a *Admin) samplesPage(c echo.Context, v *visit) error {
	return a.showSamples(c, v, http.StatusOK, nil)
}

// showSamples lists what there is to look at.
func (a *Admin) showSamples(c echo.Context, v *visit, status int, wrong []checkout.FieldError) error {
	l := v.l
	view := templates.Samples{
		Settings: v.settings("letters", wrong), Action: samplePath, Back: lettersPath, Send: v.right >= access.Work,
		Text: l.T("admin.samples.text", "address", v.who.User.Email),
	}
	if !a.Mail.Sends() {
		view.Notice = l.T("admin.letters.no_server")
	}
	for _, kind := range checkout.LetterKinds() {
		row := templates.SampleRow{Kind: string(kind), Name: l.T("admin.letters.kind." + string(kind))}
		for _, lang := range []string{"fa", "en"} {
			q := url.Values{"kind": {string(kind)}, "in": {lang}}
			row.Looks = append(row.Looks, templates.Action{Text: l.T("admin.samples.in." + lang), Href: samplePath + "?" + q.Encode()})
		}
		q := url.Values{"kind": {string(kind)}, "in": {string(l)}, "as": {"text"}}
		row.Looks = append(row.Looks, templates.Action{Text: l.T("admin.samples.text_part"), Href: samplePath + "?" + q.Encode()})
		view.Rows = append(view.Rows, row)
	}
	return server.Render(c, status, templates.SamplesPage(view))
}

// lookAtSample shows a letter as it is, and nothing around it. Letters carry their styles in attributes,
// which our pages forbid: each of this one's is allowed by its hash, and none beside them.
func (a *Admin) lookAtSample(c echo.Context, v *visit) error {
	out, err := a.Mail.Sample(c.Request().Context(), &v.shop, checkout.LetterKind(v.query.Get("kind")), v.query.Get("in"))
	if errors.Is(err, checkout.NotFound) {
		return c.Redirect(http.StatusSeeOther, samplesPath)
	}
	if err != nil {
		return err
	}
	if v.query.Get("as") == "text" {
		return c.Blob(http.StatusOK, "text/plain; charset=utf-8", []byte(out.Subject+"\n\n"+out.Text))
	}
	c.Response().Header().Set(echo.HeaderContentSecurityPolicy, letterPolicy(out.HTML))
	return c.Blob(http.StatusOK, "text/html; charset=utf-8", []byte(out.HTML))
}

var (
	styleAttribute = regexp.MustCompile(`style="([^"]*)"`)
	styleElement   = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
)

// letterPolicy allows exactly the styles of a letter.
func letterPolicy(page string) string {
	var hashes []string
	add := func(text string) {
		sum := sha256.Sum256([]byte(text))
		if h := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !slices.Contains(hashes, h) {
			hashes = append(hashes, h)
		}
	}
	for _, m := range styleElement.FindAllStringSubmatch(page, -1) {
		add(m[1])
	}
	for _, m := range styleAttribute.FindAllStringSubmatch(page, -1) {
		add(html.UnescapeString(m[1]))
	}
	return "default-src 'none'; style-src 'unsafe-hashes' " + strings.Join(hashes, " ") + "; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// sendSample sends one to the person who asks, and to nobody else.
func (a *Admin) sendSample(c echo.Context, v *visit) error {
	err := a.Mail.SendSample(c.Request().Context(), &v.shop, v.scope.Live, checkout.LetterKind(v.form.Get("kind")), v.form.Get("in"), v.who.User.Email)
	switch {
	case errors.Is(err, checkout.NotFound):
		return a.showSamples(c, v, http.StatusUnprocessableEntity, []checkout.FieldError{{Code: "required"}})
	case errors.Is(err, checkout.TooMany):
		return a.showSamples(c, v, http.StatusTooManyRequests, []checkout.FieldError{{Code: "too_many_letters"}})
	case err != nil:
		return err
	}
	return c.Redirect(http.StatusSeeOther, samplesPath+"?done=sampled")
}
