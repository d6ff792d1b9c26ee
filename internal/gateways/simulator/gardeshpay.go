package simulator

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// GardeshPay's guide shows a field code in failures and lists no values. These are ours; nobody should
// read a meaning into them.
const (
	gpInvalid      = 1001
	gpUnauthorized = 1002
	gpRepeated     = 1003
	gpUnknown      = 2001
	gpCanceled     = 2002
	gpDeclined     = 2003
	gpWrongCard    = 2004
	gpInsufficient = 2005
	gpReturned     = 2006
	gpNotPaid      = 2007
	gpBusy         = 2008
	gpAddress      = 2009
)

// maxAmount keeps every sum of the ledger far from overflow.
const maxAmount = 100_000_000_000_000

var (
	// The guide wants date and time; a probe that really ran sent the date alone, and a Jalali one at that.
	invoiceDate = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2})?$`)
	mobile      = regexp.MustCompile(`^09\d{9}$`)
)

func (s *Simulator) gpRefusal(code int, message string, problems ...string) answer {
	if problems == nil {
		problems = []string{}
	}
	return refusal(s.switches.FailureStatus, object{"success": false, "code": code, "message": message, "errors": problems})
}

// getToken is the guide's first step. prefix says which of its two addresses was used, since the answer
// names the redirect address beside it.
func (s *Simulator) getToken(prefix string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.caughtInWeather(w, r) {
			return
		}
		in, bad := readJSON(r, false)
		a, err := s.act(r.Context(), phaseStart, vendorGardeshPay, func(now time.Time) (*payment, answer, error) {
			if bad != nil {
				return nil, s.gpRefusal(gpInvalid, "درخواست خوانا نیست", bad.Error()), nil
			}
			token, _ := text(in["token"])
			if s.switches.RequireProviderToken && token == "" {
				return nil, s.gpRefusal(gpUnauthorized, "توکن پذیرنده معتبر نیست", "token"), nil
			}
			amount, okAmount := whole(in["amount"], false)
			number, okNumber := text(in["invoiceNumber"])
			date, _ := text(in["invoiceDate"])
			callback, _ := text(in["callback"])
			phone, okPhone := text(in["mobile"])
			email, okEmail := text(in["email"])
			var problems []string
			for _, check := range []struct {
				good  bool
				field string
			}{
				{okAmount && amount > 0 && amount <= maxAmount, "amount"},
				{okNumber && number != "" && len(number) <= 128, "invoiceNumber"},
				{invoiceDate.MatchString(date), "invoiceDate"},
				{absolute(callback) != nil, "callback"},
				{okPhone && (phone == "" || mobile.MatchString(phone)), "mobile"},
				{okEmail && (email == "" || strings.Contains(email, "@")), "email"},
			} {
				if !check.good {
					problems = append(problems, check.field)
				}
			}
			if problems != nil {
				return nil, s.gpRefusal(gpInvalid, "اطلاعات ارسالی نادرست است", problems...), nil
			}
			t := terms{Vendor: vendorGardeshPay, Number: number, Amount: amount, Wire: amount, Callback: callback, Date: date, Owner: digest(token)}
			if s.books.numbers[numberKey(t)] && !s.switches.RepeatInvoices {
				return nil, s.gpRefusal(gpRepeated, "شماره صورتحساب تکراری است", "invoiceNumber"), nil
			}
			id, err := s.newToken(now)
			if err != nil {
				return nil, answer{}, err
			}
			address := s.opt.PublicURL + prefix + "/provider/payment/redirect"
			if s.switches.URLWithSlash {
				address += "/"
			}
			return nil, answer{
				status: http.StatusOK, ok: true, change: &entry{Kind: kindCreate, ID: id, Terms: &t},
				body: object{"success": true, "data": object{"url": address, "token": id}, "message": "عملیات با موفقیت انجام شد"},
			}, nil
		})
		if err != nil {
			s.fail(w, err)
			return
		}
		s.write(w, r, a)
	}
}

// absolute parses an address a browser can be sent to; nil otherwise.
func absolute(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > 2048 || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil {
		return nil
	}
	return u
}

// gardeshpayVerify is the guide's fourth step: the only thing that tells paid from canceled, and the capture.
func (s *Simulator) gardeshpayVerify(w http.ResponseWriter, r *http.Request) {
	if s.caughtInWeather(w, r) {
		return
	}
	in, bad := readJSON(r, false)
	a, err := s.act(r.Context(), phaseVerify, vendorGardeshPay, func(time.Time) (*payment, answer, error) {
		if bad != nil {
			return nil, s.gpRefusal(gpInvalid, "درخواست خوانا نیست", bad.Error()), nil
		}
		token, _ := text(in["token"])
		reference, ok := text(in["trackingNumber"])
		if !ok || reference == "" {
			return nil, s.gpRefusal(gpInvalid, "اطلاعات ارسالی نادرست است", "trackingNumber"), nil
		}
		if s.switches.RequireProviderToken && token == "" {
			return nil, s.gpRefusal(gpUnauthorized, "توکن پذیرنده معتبر نیست", "token"), nil
		}
		p := s.books.byRef[refKey(vendorGardeshPay, reference)]
		if p == nil || (s.switches.RequireProviderToken && p.Owner != digest(token)) {
			return nil, s.gpRefusal(gpUnknown, "تراکنش یافت نشد"), nil
		}
		return p, s.gpVerdict(p), nil
	})
	if err != nil {
		s.fail(w, err)
		return
	}
	s.write(w, r, a)
}

func (s *Simulator) gpVerdict(p *payment) answer {
	switch p.state {
	case StatePaid, StateCaptured:
	case StateReturned:
		return s.gpRefusal(gpReturned, "مهلت تایید گذشته و وجه به پرداخت‌کننده برگشته است")
	case StateCanceled:
		return s.gpRefusal(gpCanceled, "پرداخت توسط کاربر لغو شده است")
	case StateDeclined:
		o := outcomes[p.out.Outcome]
		return s.gpRefusal(o.gpCode, "پرداخت ناموفق بوده است")
	default:
		return s.gpRefusal(gpNotPaid, "پرداخت انجام نشده است")
	}
	data := object{
		"cardNumber": p.out.Mask, "refNumber": p.out.RefNumber, "message": "پرداخت موفق",
		"invoiceNumber": p.Number, "invoiceDate": p.Date,
	}
	body := object{"success": true, "data": data, "message": "عملیات با موفقیت انجام شد"}
	// The guide's table prefixes every member but these two with data.; nobody has seen a real answer.
	for _, place := range map[string][]object{"top": {body}, "data": {data}, "both": {body, data}}[s.switches.AmountPlacement] {
		place["amount"], place["verifiedBefore"] = p.Wire, p.state == StateCaptured
	}
	a := answer{status: http.StatusOK, ok: true, body: body}
	if p.state == StatePaid {
		a.change = &entry{Kind: kindVerify, ID: p.id, Ref: p.out.Reference, Effect: effectCapture}
	}
	return a
}
