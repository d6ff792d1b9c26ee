package app

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// browser is the demo's customer: it walks through our pages and the simulator's as a person
// would, without scripts, so that everything in the demo really happened.
type browser struct {
	client *http.Client
}

func newBrowser(house http.Handler) *browser {
	return &browser{client: &http.Client{Transport: inMemory{house}}}
}

// page is where a browser has arrived.
type page struct {
	url    *url.URL
	status int
	body   string
}

func (b *browser) send(ctx context.Context, method, address string, form url.Values) (page, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return page{}, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return page{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return page{}, err
	}
	return page{url: resp.Request.URL, status: resp.StatusCode, body: string(raw)}, nil
}

var errOffPath = errors.New("the customer did not get to the expected page")

// leave chooses a gateway on a payment link and arrives at the simulator.
func (b *browser) leave(ctx context.Context, link, gateway string) (page, error) {
	at, err := b.send(ctx, http.MethodPost, link+"/pay", url.Values{
		"gateway": {gateway}, "payer_name": {"نگار احمدی"}, "payer_mobile": {"09120000000"},
	})
	if err != nil {
		return page{}, fmt.Errorf("choose %s: %w", gateway, err)
	}
	if at.status != http.StatusOK || !strings.HasPrefix(at.url.Path, simulatorPath+"/") {
		return page{}, fmt.Errorf("choose %s: %w (status %d)", gateway, errOffPath, at.status)
	}
	return at, nil
}

// comeBack chooses an outcome at the simulator and follows the way back to us.
func (b *browser) comeBack(ctx context.Context, at page, outcome, times string) error {
	next, err := b.send(ctx, http.MethodPost, at.url.String(), url.Values{"outcome": {outcome}, "times": {times}})
	if err != nil {
		return fmt.Errorf("choose the outcome %s: %w", outcome, err)
	}
	if strings.HasPrefix(next.url.Path, simulatorPath+"/") {
		// PayPing's customers come back by a form that their browser posts.
		action, fields, ok := formOf(next.body)
		if !ok {
			return fmt.Errorf("choose the outcome %s: %w (status %d)", outcome, errOffPath, next.status)
		}
		if next, err = b.send(ctx, http.MethodPost, action, fields); err != nil {
			return fmt.Errorf("come back: %w", err)
		}
	}
	if next.status != http.StatusOK || !strings.HasPrefix(next.url.Path, "/i/") {
		return fmt.Errorf("come back: %w (status %d)", errOffPath, next.status)
	}
	return nil
}

var (
	formTag  = regexp.MustCompile(`<form class="back" method="post" action="([^"]*)">`)
	inputTag = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// formOf reads the simulator's form for the way back.
func formOf(body string) (action string, fields url.Values, ok bool) {
	at := formTag.FindStringSubmatchIndex(body)
	if at == nil {
		return "", nil, false
	}
	inside, _, _ := strings.Cut(body[at[1]:], "</form>")
	fields = url.Values{}
	for _, input := range inputTag.FindAllStringSubmatch(inside, -1) {
		fields.Add(html.UnescapeString(input[1]), html.UnescapeString(input[2]))
	}
	return html.UnescapeString(body[at[2]:at[3]]), fields, true
}
