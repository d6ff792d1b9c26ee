package crashtest_test

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/mail/mailtest"
	"dargah/internal/db"
)

// world is one case: a shop under a server that dies, and the people who go on all the same.
type world struct {
	*testing.T
	*shop
	server  *server
	mail    *mailtest.Postbox // nil where nobody writes
	gateway string
	engine  string
	test    bool // pays in test mode, at the built-in simulator

	mu          sync.Mutex
	invoices    []*invoice
	takenUp     []time.Duration
	strikeAfter string // kills the server from outside after this answer, once
}

// invoice is what a merchant knows of one, and how it is to end.
type invoice struct {
	ID     string `json:"id"`
	Link   string `json:"payment_url"`
	Status string `json:"status"`
	Amount int64  `json:"amount"`
	// Number is not compared: a number may be missing from the series, none may be there twice.
	Number  string `json:"number"`
	Payment *struct {
		Gateway        string `json:"gateway"`
		TrackingNumber string `json:"tracking_number"`
		Amount         int64  `json:"amount"`
		Manual         bool   `json:"manual"`
	} `json:"payment"`
}

type answer struct {
	status   int
	location string
	body     string
}

// send makes one exchange. False: the connection was refused or broken, as when the server died.
func (w *world) send(method, address, key string, form url.Values, body string, headers ...string) (answer, bool) {
	w.Helper()
	var in io.Reader
	switch {
	case form != nil:
		in = strings.NewReader(form.Encode())
	case body != "":
		in = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, address, in)
	if err != nil {
		w.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	req.Header.Set("Accept-Encoding", "identity") // so that a trace of the answer can be read
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := fresh.Do(req)
	if err != nil {
		return answer{}, false
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, false
	}
	a := answer{resp.StatusCode, resp.Header.Get("Location"), string(raw)}
	w.mu.Lock()
	strike := w.strikeAfter != "" && w.strikeAfter == heard(req, a)
	if strike {
		w.strikeAfter = ""
	}
	w.mu.Unlock()
	if strike {
		w.server.strike()
	}
	return a, true
}

// heard names the answer that somebody just got, as the table of answers does.
func heard(req *http.Request, a answer) string {
	path := req.URL.Path
	switch {
	case req.Method == http.MethodPost && strings.HasSuffix(path, "/api/v1/invoices"):
		return "answer.created"
	case req.Method == http.MethodPatch:
		return "answer.changed"
	case strings.HasSuffix(path, "/cancel"):
		return "answer.canceled"
	case strings.HasSuffix(path, "/resolve"):
		return "answer.resolved"
	case strings.HasSuffix(path, "/pay") && a.status == http.StatusSeeOther:
		return "answer.sent-on"
	case strings.HasSuffix(path, "/pay"):
		return "answer.not-sent"
	case strings.HasPrefix(path, "/i/"):
		return "answer.shown"
	case strings.HasPrefix(path, "/cb/"):
		return "answer.taken-back"
	}
	return ""
}

// insist repeats an exchange that a death broke, as a person reloads and a program tries again.
func (w *world) insist(method, address, key string, form url.Values, body string, headers ...string) answer {
	w.Helper()
	for {
		a, ok := w.send(method, address, key, form, body, headers...)
		if ok {
			return a
		}
		w.server.await()
	}
}

func (w *world) key() string {
	if w.test {
		return w.shop.test
	}
	return w.live
}

// api is a merchant's program. It gives every POST an idempotency key, and repeats what broke.
func (w *world) api(method, path, once, body string, want int, into any) {
	w.Helper()
	var headers []string
	if once != "" {
		headers = []string{"Idempotency-Key", once}
	}
	a := w.insist(method, w.base+"/api/v1"+path, w.key(), nil, body, headers...)
	if a.status != want {
		w.Fatalf("%s %s: %d, expected %d: %s", method, path, a.status, want, a.body)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(a.body), into); err != nil {
			w.Fatal(err)
		}
	}
}

// create makes an invoice under an idempotency key of its own.
func (w *world) create(once string) *invoice {
	w.Helper()
	return w.createFor(once, `{"amount":1500000,"customer":{"name":"سارا","mobile":"09121234567"}}`)
}

func (w *world) createFor(once, body string) *invoice {
	w.Helper()
	var inv invoice
	w.api(http.MethodPost, "/invoices", once, body, http.StatusCreated, &inv)
	w.mu.Lock()
	w.invoices = append(w.invoices, &inv)
	w.mu.Unlock()
	return &inv
}

func (w *world) read(inv *invoice) (now invoice) {
	w.Helper()
	w.api(http.MethodGet, "/invoices/"+inv.ID, "", "", http.StatusOK, &now)
	return now
}

// attempt is what the API tells of one, oldest first in attempts.
type attempt struct {
	ID             string     `json:"id"`
	Status         string     `json:"status"`
	Gateway        string     `json:"gateway"`
	Amount         int64      `json:"amount"`
	TrackingNumber string     `json:"tracking_number"`
	ReturnedAt     *time.Time `json:"returned_at"`
}

func (w *world) attempts(inv *invoice) []attempt {
	w.Helper()
	var page struct{ Data []attempt }
	w.api(http.MethodGet, "/invoices/"+inv.ID+"/attempts?limit=100", "", "", http.StatusOK, &page)
	slices.Reverse(page.Data)
	return page.Data
}

var state = regexp.MustCompile(`data-state="([a-z]+)"`)

// look opens the payment link and returns the state that the page says.
func (w *world) look(inv *invoice) string {
	w.Helper()
	a := w.insist(http.MethodGet, inv.Link, "", nil, "")
	found := state.FindStringSubmatch(a.body)
	if a.status != http.StatusOK || found == nil {
		w.Fatalf("the payment link: %d %s", a.status, a.body)
	}
	return found[1]
}

// wait reloads the payment link until it says one of the states.
func (w *world) wait(inv *invoice, states ...string) (now string) {
	w.Helper()
	w.server.until(strings.Join(states, " or "), func() bool {
		now = w.look(inv)
		return slices.Contains(states, now)
	}, func() string { return "the payment link says " + now })
	return now
}

// press chooses the gateway on the payment link, and again when the server died over it or the
// gateway could not be reached, until the customer stands at the gateway's page. "" when the invoice
// is not payable any more.
func (w *world) press(inv *invoice) string {
	w.Helper()
	for refused := 0; refused < 3; {
		if now := w.look(inv); now != "payable" && now != "elsewhere" {
			return ""
		}
		a, ok := w.send(http.MethodPost, inv.Link+"/pay", "", url.Values{"gateway": {w.gateway}}, "")
		switch {
		case !ok:
			w.server.await()
		case a.status == http.StatusBadGateway, strings.HasPrefix(a.location, "/i/"):
			refused++ // the page says what is true, and perhaps still has its form
		case a.status != http.StatusSeeOther:
			w.Fatalf("pay: %d %s", a.status, a.body)
		default:
			return a.location
		}
	}
	w.Fatal("the gateway never took the customer")
	return ""
}

// way is how a browser gets back from a gateway; form is nil for GardeshPay's GET.
type way struct {
	address string
	form    url.Values
}

func (b way) method() string {
	if b.form != nil {
		return http.MethodPost
	}
	return http.MethodGet
}

var (
	backForm = regexp.MustCompile(`(?s)<form class="back" method="post" action="([^"]*)">(.*?)</form>`)
	hidden   = regexp.MustCompile(`<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"`)
	backLink = regexp.MustCompile(`<a class="button back" href="([^"]*)"`)
)

// payAt lets the customer do something at the gateway's page, and returns the way back, not yet
// taken. In test mode the page is ours and may die too; who reloads it finds what was settled.
func (w *world) payAt(page, outcome string, more ...string) way {
	w.Helper()
	if a := w.insist(http.MethodGet, page, "", nil, ""); a.status >= 400 {
		w.Fatalf("the gateway's page: %d %s", a.status, a.body)
	}
	form := url.Values{"outcome": {outcome}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	a := w.insist(http.MethodPost, page, "", form, "")
	if a.location != "" {
		return way{address: a.location}
	}
	if found := backLink.FindStringSubmatch(a.body); found != nil {
		return way{address: html.UnescapeString(found[1])}
	}
	found := backForm.FindStringSubmatch(a.body)
	if found == nil {
		w.Fatalf("no way back from the gateway: %d %s", a.status, a.body)
	}
	back := way{address: html.UnescapeString(found[1]), form: url.Values{}}
	for _, field := range hidden.FindAllStringSubmatch(found[2], -1) {
		back.form.Add(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	return back
}

// comeBack brings the customer back to us. When the server dies over it, one customer leaves: then
// what was stored must go on by itself, and only one whose claim was not stored comes again. Another
// resends at once, as the browser offers.
func (w *world) comeBack(inv *invoice, back way) answer {
	w.Helper()
	for {
		a, ok := w.send(back.method(), back.address, "", back.form, "")
		if ok {
			return a
		}
		w.server.await()
		if w.patient() {
			w.leave(inv)
		}
	}
}

// patient says whether this case's customer leaves after a death: half of the cases for each
// gateway and each database.
func (w *world) patient() bool { return (w.gateway == "ghesta") == (w.engine == "sqlite") }

// leave waits until the house has taken up by itself what the dead process had stored.
func (w *world) leave(inv *invoice) {
	w.Helper()
	if !slices.ContainsFunc(w.attempts(inv), underWay) {
		return
	}
	w.server.until("settled without the customer", func() bool {
		return !slices.ContainsFunc(w.attempts(inv), underWay)
	})
	// The first thing that this process did about it.
	var first time.Time
	w.books(w, func(tx *db.Tx) error {
		events, err := tx.EventsOfInvoice(inv.ID, 0, 1000)
		for i := range events { // newest first
			if events[i].CreatedAt.After(w.server.born()) {
				first = events[i].CreatedAt
			}
		}
		return err
	})
	w.mu.Lock()
	w.takenUp = append(w.takenUp, first.Sub(w.server.born()))
	w.mu.Unlock()
}

func underWay(a attempt) bool { return a.Status == "verifying" || a.Status == "returned" }

// together lets n people act at once.
func (w *world) together(n int, act func(i int)) {
	w.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { act(i) })
	}
	all.Wait()
	if w.Failed() {
		w.FailNow()
	}
}
