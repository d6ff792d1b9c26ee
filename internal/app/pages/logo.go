package pages

import (
	"context"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/web/templates"
)

// Logos is where the pictures of shops are.
type Logos interface {
	Logo(ctx context.Context, name checkout.LogoName) ([]byte, error)
}

// maxLogoName is longer than the name of any picture of ours.
const maxLogoName = 64

// logo serves a shop's picture. It is a PNG of our own making, whatever was uploaded; another picture has
// another address, so this one may be kept for good.
func (p *Pages) logo(c echo.Context) error {
	name, isPNG := strings.CutSuffix(c.Param("file"), ".png")
	if !isPNG || name == "" || len(name) > maxLogoName {
		return checkout.NotFound
	}
	png, err := p.logos.Logo(c.Request().Context(), checkout.LogoName(name))
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "public, max-age=31536000, immutable")
	return c.Blob(http.StatusOK, "image/png", png)
}

// brandOf is the shop at the top of a page.
func brandOf(m *checkout.Merchant) templates.Brand {
	b := templates.Brand{Name: i18n.CleanText(m.Name), Site: site(m.Website), Logo: templates.Picture{Src: m.Logo.Path()}}
	b.Logo.Width, b.Logo.Height = m.Logo.Size()
	return b
}
