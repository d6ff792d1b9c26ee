package simulator

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Codes of PayPing's table (its public v2 specification) that the simulator uses on its own account.
var paypingSays = map[string]string{
	"1": "تراکنش توسط شما لغو شد", "2": "رمز کارت اشتباه است", "4": "موجودی کافی نیست", "7": "تراکنش در بانک پیدا نشد",
	"8": "صادرکننده کارت اجازه نداد", "10": "شماره کارت اشتباه است", "11": "درگاه در دسترس نیست", "12": "خطای داخلی بانک",
	"15": "تراکنش از قبل تایید شده است", "25": "سرویس موقتا در دسترس نیست", "26": "کد پرداخت پیدا نشد",
	"27": "این مبلغ برای پذیرنده مجاز نیست", "29": "درگاه در دسترس نیست", "31": "پیش از ورود به بانک تایید ممکن نیست",
	"38": "نشانی وبسایت پذیرنده نامعتبر است", "39": "تراکنش ناموفق بود و مبلغ برمی‌گردد", "44": "شماره پیگیری نامعتبر است",
	"46": "توکن تایید با توکن ساخت یکی نیست", "47": "مبلغ با مبلغ پرداخت برابر نیست", "48": "شاپرک هنوز تراکنش را قطعی نکرده است",
	"49": "ترمینال فعالی نیست؛ دوباره تلاش کنید", "77": "خطای ناشناخته",
}

func ppRefusal(code string) answer {
	return refusal(http.StatusBadRequest, object{code: paypingSays[code]})
}

// paypingID puts X-PayPingRequest-ID on whatever PayPing says, errors and unknown paths included.
func (s *Simulator) paypingID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v2/pay") || strings.HasPrefix(r.URL.Path, "/v1/report") {
			// Not from Options.Rand: it is guarded by the mutex, and this id is in no entry.
			var raw [8]byte
			_, _ = rand.Read(raw[:])
			w.Header().Set("X-PayPingRequest-ID", hex.EncodeToString(raw[:]))
		}
		next.ServeHTTP(w, r)
	})
}

// bearer returns the merchant's token; the scheme word has any case.
func (s *Simulator) bearer(r *http.Request) (string, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "bearer") || token == "" {
		return "", false
	}
	if len(s.switches.PayPingTokens) > 0 && !slices.Contains(s.switches.PayPingTokens, token) {
		return "", false
	}
	return token, true
}

// perUnit is how many rial one unit on the wire is worth. A token that begins with "rial-" or "toman-"
// settles it for that merchant: the two sources contradict each other, and shops of both kinds share us.
func (s *Simulator) perUnit(token string) int64 {
	unit := s.switches.PayPingUnit
	if named, _, found := strings.Cut(token, "-"); found && (named == unitRial || named == unitToman) {
		unit = named
	}
	if unit == unitToman {
		return 10
	}
	return 1
}

// paypingPay makes a payment code: POST /v2/pay.
func (s *Simulator) paypingPay(w http.ResponseWriter, r *http.Request) {
	if s.caughtInWeather(w, r) {
		return
	}
	in, bad := readJSON(r, true)
	a, err := s.act(r.Context(), phaseStart, vendorPayPing, func(time.Time) (*payment, answer, error) {
		token, ok := s.bearer(r)
		if !ok {
			return nil, answer{status: http.StatusUnauthorized}, nil
		}
		if bad != nil {
			return nil, refusal(http.StatusBadRequest, object{"Model": "درخواست خوانا نیست: " + bad.Error()}), nil
		}
		unit := s.perUnit(token)
		problems := object{}
		amount, ok := whole(in["amount"], true)
		// 100 to 50,000,000 toman, and an int32 on the wire (the vendor's specification).
		if !ok || amount > 1<<31-1 || amount*unit < 1000 || amount*unit > 500_000_000 {
			problems["Amount"] = "مبلغ باید بین ۱۰۰ و ۵۰٬۰۰۰٬۰۰۰ تومان باشد"
		}
		callback, _ := text(in["returnurl"])
		back := absolute(callback)
		switch {
		case back == nil, s.switches.RequireHTTPSReturn && back.Scheme != "https":
			problems["ReturnUrl"] = "نشانی بازگشت معتبر نیست"
		case len(s.switches.PayPingHosts) > 0 && !slices.Contains(s.switches.PayPingHosts, strings.ToLower(back.Hostname())):
			problems["38"] = paypingSays["38"]
		}
		number, ok := text(in["clientrefid"])
		if !ok || len(number) > 128 {
			problems["ClientRefId"] = "شناسه معتبر نیست"
		}
		if len(problems) > 0 {
			return nil, refusal(http.StatusBadRequest, problems), nil
		}
		id, err := s.newCode()
		if err != nil {
			return nil, answer{}, err
		}
		t := terms{Vendor: vendorPayPing, Number: number, Amount: amount * unit, Wire: amount, Callback: callback, Owner: digest(token)}
		return nil, answer{status: http.StatusOK, ok: true, body: object{"code": id}, change: &entry{Kind: kindCreate, ID: id, Terms: &t}}, nil
	})
	if err != nil {
		s.fail(w, err)
		return
	}
	s.write(w, r, a)
}

// paypingVerify captures: POST /v2/pay/verify. A second success does not exist in v2, only code 15.
func (s *Simulator) paypingVerify(w http.ResponseWriter, r *http.Request) {
	if s.caughtInWeather(w, r) {
		return
	}
	in, bad := readJSON(r, true)
	a, err := s.act(r.Context(), phaseVerify, vendorPayPing, func(time.Time) (*payment, answer, error) {
		token, ok := s.bearer(r)
		if !ok {
			return nil, answer{status: http.StatusUnauthorized}, nil
		}
		if bad != nil {
			return nil, refusal(http.StatusBadRequest, object{"Model": "درخواست خوانا نیست: " + bad.Error()}), nil
		}
		reference, ok := text(in["refid"])
		if !ok || reference == "" {
			return nil, refusal(http.StatusBadRequest, object{"RefId": "شماره پیگیری لازم است"}), nil
		}
		p, a := s.ppLookup(reference, digest(token))
		if p == nil {
			return nil, a, nil
		}
		amount, ok := whole(in["amount"], true)
		if !ok {
			return nil, refusal(http.StatusBadRequest, object{"Amount": "مبلغ معتبر نیست"}), nil
		}
		return p, ppVerdict(p, amount), nil
	})
	if err != nil {
		s.fail(w, err)
		return
	}
	s.write(w, r, a)
}

// ppLookup finds the payment that a refid names, or says why there is none.
func (s *Simulator) ppLookup(reference, owner string) (*payment, answer) {
	p := s.books.byRef[refKey(vendorPayPing, reference)]
	if p == nil {
		// Some clients verify with the code; before the customer reached the bank that is code 31.
		if q := s.books.byID[reference]; q != nil && q.Vendor == vendorPayPing && q.via == "" && q.Owner == owner {
			return nil, ppRefusal("31")
		}
		// A canceled payment comes back with a small refid that names nothing.
		if n, err := strconv.Atoi(reference); err == nil && n == 1 {
			return nil, ppRefusal("1")
		}
		return nil, ppRefusal("44")
	}
	if p.Owner != owner {
		return nil, ppRefusal("46")
	}
	return p, answer{}
}

func ppVerdict(p *payment, amount int64) answer {
	switch p.state {
	case StateDeclined:
		return ppRefusal(outcomes[p.out.Outcome].ppCode)
	case StateCanceled:
		return ppRefusal("1")
	case StateReturned:
		return ppRefusal("39")
	}
	if amount != p.Wire {
		return ppRefusal("47") // and the payment can still be verified with the right amount
	}
	if p.state == StateCaptured {
		return ppRefusal("15") // without card data
	}
	// Nothing in this answer names the payment: no code, no clientRefId. Ghesta's card fields are empty.
	return answer{
		status: http.StatusOK, ok: true,
		body:   object{"amount": p.Wire, "cardNumber": p.out.Mask, "cardHashPan": hashPAN(p.out.Mask)},
		change: &entry{Kind: kindVerify, ID: p.id, Ref: p.out.Reference, Effect: effectCapture},
	}
}

// paypingCancel takes back an unpaid code: DELETE /v2/pay/{code}.
func (s *Simulator) paypingCancel(w http.ResponseWriter, r *http.Request) {
	a, err := s.act(r.Context(), phaseOther, vendorPayPing, func(time.Time) (*payment, answer, error) {
		p, a := s.ppOwned(r)
		if p == nil {
			return nil, a, nil
		}
		if p.state != StateCreated {
			return nil, refusal(http.StatusBadRequest, object{"Code": "این کد دیگر لغوشدنی نیست"}), nil
		}
		return nil, answer{status: http.StatusOK, change: &entry{Kind: kindCancel, ID: p.id}}, nil
	})
	if err != nil {
		s.fail(w, err)
		return
	}
	s.write(w, r, a)
}

// paypingReport is the only inquiry v2 has: GET /v1/report/{code}.
func (s *Simulator) paypingReport(w http.ResponseWriter, r *http.Request) {
	a, err := s.act(r.Context(), phaseOther, vendorPayPing, func(time.Time) (*payment, answer, error) {
		p, a := s.ppOwned(r)
		if p == nil {
			if a.status != http.StatusUnauthorized {
				a.status = http.StatusNotFound
			}
			return nil, a, nil
		}
		body := object{
			"code": p.id, "isPaid": p.state == StateCaptured, "amount": p.Wire, "clientRefId": p.Number,
			"invoiceNo": p.out.Reference, "rrn": p.out.RefNumber, "ipgName": "simulator", "payDate": nil,
		}
		if !p.paid.IsZero() {
			body["payDate"] = p.paid.UTC().Format(time.RFC3339)
		}
		return nil, answer{status: http.StatusOK, ok: true, body: body}, nil
	})
	if err != nil {
		s.fail(w, err)
		return
	}
	s.write(w, r, a)
}

// ppOwned finds the payment whose code is in the path, for the merchant who made it.
func (s *Simulator) ppOwned(r *http.Request) (*payment, answer) {
	token, ok := s.bearer(r)
	if !ok {
		return nil, answer{status: http.StatusUnauthorized}
	}
	p := s.books.byID[r.PathValue("code")]
	if p == nil || p.Vendor != vendorPayPing {
		return nil, ppRefusal("26")
	}
	if p.Owner != digest(token) {
		return nil, ppRefusal("46")
	}
	return p, answer{}
}
