package pages_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/pages"
	"dargah/internal/app/payments"
	"dargah/internal/app/server"
)

const stopToken = "c3RvcC1yZW1pbmRlcnM"

const baseURL = "https://pay.meybodpottery.ir"

// fake is an engine of one invoice. It records what it was asked.
type fake struct {
	page     payments.Page
	pageErr  error
	redirect string
	startErr error
	cbErr    error
	starts   []payments.StartInput
	claims   []payments.CallbackInput
	rejects  []payments.CallbackInput
	stopped  bool
	open     payments.OpenPage
	presses  []payments.PagePress
	// statement is what is known of who names the right things, and questions what was asked.
	statement *payments.Page
	questions []payments.StatementInput
	looked    []string
}

func (f *fake) Looked(id string) { f.looked = append(f.looked, id) }

func (f *fake) Statement(_ context.Context, in payments.StatementInput) (*payments.Page, error) {
	f.questions = append(f.questions, in)
	if f.statement == nil {
		return nil, checkout.Fail(checkout.NotFound, "error.not_found")
	}
	return f.statement, nil
}

func (f *fake) Page(_ context.Context, token string) (payments.Page, error) {
	if token != f.page.Invoice.Token {
		return payments.Page{}, checkout.Fail(checkout.NotFound, "error.not_found")
	}
	return f.page, f.pageErr
}

func (f *fake) Start(_ context.Context, in payments.StartInput) (string, error) {
	if in.Token != f.page.Invoice.Token {
		return "", checkout.Fail(checkout.NotFound, "error.not_found")
	}
	f.starts = append(f.starts, in)
	return f.redirect, f.startErr
}

func (f *fake) LinkPage(context.Context, payments.LinkInput) (payments.Page, error) {
	return payments.Page{}, checkout.Fail(checkout.Forbidden, "error.link")
}

func (f *fake) Reader(_ context.Context, token string) (payments.Reader, error) {
	if token != stopToken {
		return payments.Reader{}, checkout.Fail(checkout.NotFound, "error.not_found")
	}
	return payments.Reader{Merchant: f.page.Merchant, Stopped: f.stopped}, nil
}

func (f *fake) StopReminders(_ context.Context, token string, stop bool) error {
	if token != stopToken {
		return checkout.Fail(checkout.NotFound, "error.not_found")
	}
	f.stopped = stop
	return nil
}

func (f *fake) StartLink(context.Context, payments.LinkInput, payments.StartInput) (string, string, error) {
	return "", "", checkout.Fail(checkout.Forbidden, "error.link")
}

func (f *fake) Callback(_ context.Context, in payments.CallbackInput) (string, error) {
	if in.Token != callbackToken {
		return "", checkout.Fail(checkout.NotFound, "error.not_found")
	}
	f.claims = append(f.claims, in)
	return f.page.Invoice.Token, f.cbErr
}

func (f *fake) CallbackHome(_ context.Context, _, token string) (string, error) {
	if token != callbackToken {
		return "", checkout.Fail(checkout.NotFound, "error.not_found")
	}
	return f.page.Invoice.Token, nil
}

func (f *fake) CallbackReject(_ context.Context, in payments.CallbackInput, _ string) {
	f.rejects = append(f.rejects, in)
}

const (
	linkToken     = "k3Jd9sPq2LmXv7RtYw1ZbA"
	callbackToken = "Qm9vZ2llLXdvb2dpZQ.c2VhbGVk-MAC_of~it"
)

func tehran(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", s, i18n.Tehran())
	if err != nil {
		panic(err)
	}
	return t
}

var now = tehran("2026-10-01 18:02:11")

// payable is the bill of the design: three items, two methods, nobody has tried yet.
func payable() payments.Page {
	return payments.Page{
		Now: now,
		Invoice: checkout.Invoice{
			ID: "inv_01jq2m8x3k7v5c9d1f4g6h8j2", Live: true, Number: "1217", Token: linkToken, Status: checkout.InvoiceOpen,
			Amount: 27_050_000, Reference: "MP-1217", Locale: "fa", Gateways: []string{"gardeshpay", "ghesta"},
			Items: []checkout.Item{
				{Title: "سرویس چای‌خوری فیروزه‌ای، ۶ نفره", Quantity: 1, UnitAmount: 19_800_000},
				{Title: "گلدان خورشیدخانم", Quantity: 2, UnitAmount: 3_200_000},
				{Title: "ارسال با پست پیشتاز", Quantity: 1, UnitAmount: 850_000},
			},
			ReturnURL: "https://meybodpottery.ir/thanks?cart=7",
			CreatedAt: tehran("2026-09-29 18:00:00"), ExpiresAt: tehran("2026-10-06 18:00:00"),
		},
		Merchant: checkout.Merchant{
			ID: "mer_1", Slug: "meybod", Name: "خانهٔ سفال میبد", Website: "https://meybodpottery.ir", Phone: "035 3235 4120",
			Email: "salam@meybodpottery.ir", Address: "یزد، میبد، بلوار قاضی میرحسین، پلاک ۱۸", Locale: "fa",
		},
		Methods: []payments.Method{
			{Gateway: "gardeshpay", Available: true, Host: "ipg.gardeshpay.ir"},
			{Gateway: "ghesta", Available: true, Host: "payping.ir", NeedsMobile: true},
		},
	}
}

// attempt is one that went out two minutes ago.
func attempt(gateway string, status checkout.AttemptStatus) checkout.Attempt {
	a := checkout.Attempt{
		ID: "att_1", Gateway: gateway, Status: status, Amount: 27_050_000,
		CreatedAt: now.Add(-3 * time.Minute), AbandonAt: now.Add(27 * time.Minute), RedirectedAt: now.Add(-3 * time.Minute),
	}
	switch status {
	case checkout.AttemptReturned, checkout.AttemptVerifying, checkout.AttemptPaid, checkout.AttemptFailed,
		checkout.AttemptUnclaimed, checkout.AttemptNeedsReview:
		a.ReturnedAt, a.VerifyDeadline, a.TrackingNumber = now.Add(-11*time.Second), now.Add(15*time.Minute), "8841027365"
	}
	return a
}

// with puts a page into a state.
func with(status checkout.InvoiceStatus, attempts ...checkout.Attempt) payments.Page {
	p := payable()
	p.Invoice.Status, p.Attempts, p.Invoice.AttemptCount = status, attempts, len(attempts)
	if status != checkout.InvoiceOpen {
		p.Methods = nil
	}
	return p
}

func failed(gateway, stage, code string) checkout.Attempt {
	a := attempt(gateway, checkout.AttemptFailed)
	a.Failure = &checkout.Failure{Stage: stage, Code: code, Message: "<script>alert(1)</script>"}
	if stage == checkout.StageCreate {
		a.RedirectedAt, a.ReturnedAt, a.TrackingNumber = time.Time{}, time.Time{}, ""
	}
	return a
}

func paid(gateway string) payments.Page {
	p := with(checkout.InvoicePaid, attempt(gateway, checkout.AttemptPaid))
	p.Invoice.PaidAt = now
	p.Invoice.Payment = &checkout.Payment{AttemptID: "att_1", Gateway: gateway, Amount: 27_050_000, PaidAt: now, RefNumber: "740218839451", TrackingNumber: "8841027365"}
	if gateway == "gardeshpay" {
		p.Invoice.Payment.CardMask = "603799******1234"
	} else {
		p.Invoice.Payment.RefNumber = "8841027365"
	}
	return p
}

// serve mounts the pages over an engine.
func serve(t testing.TB, f *fake) *server.Server {
	t.Helper()
	return serveAt(t, f, func() time.Time { return now })
}

func serveAt(t testing.TB, f *fake, at func() time.Time) *server.Server {
	t.Helper()
	s, err := server.New(server.Options{BaseURL: baseURL, Now: at})
	if err != nil {
		t.Fatal(err)
	}
	pages.Mount(s, f, baseURL, at)
	return s
}

// request asks like a browser behind our own name.
func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "pay.meybodpottery.ir"
	r.RemoteAddr = "192.0.2.7:4711"
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
