package simulator

import (
	"net/http"
	"slices"
	"strings"
)

var (
	onlyGP = []string{vendorGardeshPay}
	onlyPP = []string{vendorPayPing}
)

// faults is every fault by name. The order is the order on the pages and in the documentation.
var faults = slices.Concat(verifyFaults, gardeshpayFaults, gardeshpayErrorShapes(), paypingFaults, startFaults)

func lost(honest answer) answer { return answer{abort: true} }

func gpSays(status, code int, message string, problems any) answer {
	return refusal(status, object{"success": false, "code": code, "message": message, "errors": problems})
}

// verifyFaults spoil the verify of either vendor.
var verifyFaults = []fault{
	{"verify_lost_answer", phaseVerify, nil, 1, "پول برداشت می‌شود و اتصال پیش از پاسخ قطع می‌شود.", "The money is captured, then the connection closes without an answer.", processed(lost)},
	{"verify_reset_before", phaseVerify, nil, 1, "اتصال پیش از پردازش قطع می‌شود.", "The connection closes before anything is processed.", unheard(answer{abort: true})},
	{"verify_timeout", phaseVerify, nil, 1, "پاسخی نمی‌آید و چیزی پردازش نمی‌شود.", "No answer comes until the caller gives up; nothing is processed.", unheard(answer{hang: true})},
	{"verify_timeout_captured", phaseVerify, nil, 1, "پول برداشت می‌شود ولی پاسخی نمی‌آید.", "The money is captured, but no answer comes until the caller gives up.", processed(func(answer) answer { return answer{hang: true} })},
	{"verify_slow", phaseVerify, nil, 1, "پاسخ درست با چند ثانیه تأخیر می‌آید.", "The right answer, some seconds late.", func(_ *payment, a answer) answer { a.slow = true; return a }},
	{"verify_503", phaseVerify, nil, 1, "پاسخ ۵۰۳ بدون پردازش.", "503 with an empty body; nothing is processed.", unheard(answer{status: http.StatusServiceUnavailable})},
	{"verify_503_captured", phaseVerify, nil, 1, "پول برداشت می‌شود ولی پاسخ ۵۰۳ است.", "The money is captured and the answer is 503.", processed(func(answer) answer { return answer{status: http.StatusServiceUnavailable} })},
	{"verify_html_502", phaseVerify, nil, 1, "صفحهٔ HTML با کد ۵۰۲؛ چیزی پردازش نمی‌شود.", "An HTML page with status 502; nothing is processed.", unheard(html(http.StatusBadGateway, "502 Bad Gateway"))},
	{"verify_html_200", phaseVerify, nil, 1, "پول برداشت می‌شود ولی پاسخ صفحهٔ HTML با کد ۲۰۰ است.", "The money is captured and the answer is an HTML page with status 200.", processed(func(answer) answer { return html(http.StatusOK, "Welcome") })},
	{"verify_empty_200", phaseVerify, nil, 1, "پول برداشت می‌شود و پاسخ ۲۰۰ خالی است.", "The money is captured; 200 with an empty body.", processed(func(answer) answer { return answer{status: http.StatusOK} })},
	{"verify_truncated", phaseVerify, nil, 1, "پول برداشت می‌شود و نیمی از پاسخ می‌رسد.", "The money is captured; half of the JSON arrives.", processed(halved)},
	{"verify_wrong_content_type", phaseVerify, nil, always, "پاسخ درست با نوع محتوای text/html.", "The right answer labelled text/html.", func(_ *payment, a answer) answer { a.media = "text/html"; return a }},
	{"verify_huge", phaseVerify, nil, 1, "پول برداشت می‌شود و پاسخ چند مگابایت است.", "The money is captured; the answer is several megabytes long.", processed(huge)},
	{"verify_redirect", phaseVerify, nil, 1, "پاسخ ۳۰۲ به نشانی دیگر؛ چیزی پردازش نمی‌شود.", "302 to another address; nothing is processed.", unheard(answer{status: http.StatusFound, header: http.Header{"Location": {"https://elsewhere.invalid/"}}})},
	{"verify_unauthorized_401", phaseVerify, nil, 1, "توکن پذیرنده یک بار پذیرفته نمی‌شود (۴۰۱).", "401 with an empty body, as for a freshly approved token.", unheard(answer{status: http.StatusUnauthorized})},
	{"verify_forbidden_403", phaseVerify, nil, 1, "پاسخ ۴۰۳ خالی.", "403 with an empty body.", unheard(answer{status: http.StatusForbidden})},
	{"verify_too_many_429", phaseVerify, nil, 1, "پاسخ ۴۲۹ با Retry-After.", "429 with Retry-After.", unheard(answer{status: http.StatusTooManyRequests, header: http.Header{"Retry-After": {"5"}}})},
	{"verify_refused_once_then_ok", phaseVerify, nil, 1, "بار نخست رد می‌شود و بار دوم پذیرفته.", "Refused the first time, accepted the second.", refusedOnce},
	{"verify_wrong_amount", phaseVerify, nil, always, "برداشت می‌شود ولی مبلغ پاسخ دیگری است.", "Captured, but the answer names another amount.", untrue(func(b object, p *payment) { setAmount(b, p.Wire+1000) })},
	{"verify_amount_x10", phaseVerify, nil, always, "برداشت می‌شود ولی مبلغ پاسخ ده برابر است.", "Captured, but the answer's amount is ten times as large.", untrue(func(b object, p *payment) { setAmount(b, p.Wire*10) })},
	{"verify_missing_amount", phaseVerify, nil, always, "برداشت می‌شود ولی پاسخ مبلغ ندارد.", "Captured, but the answer has no amount.", untrue(func(b object, _ *payment) { dropAmount(b) })},
	{"verify_amount_string", phaseVerify, nil, always, "مبلغ درست به صورت رشته.", "The right amount, as a JSON string.", untrue(func(b object, p *payment) { setAmount(b, quote(p.Wire)) })},
	{"verify_amount_float", phaseVerify, nil, always, "مبلغ درست به صورت اعشاری.", "The right amount with a decimal fraction.", untrue(func(b object, p *payment) { setAmount(b, fraction(p.Wire)) })},
}

// gardeshpayFaults bend what GardeshPay's guide leaves open.
var gardeshpayFaults = []fault{
	{"verify_amount_nested", phaseVerify, onlyGP, always, "مبلغ و verifiedBefore درون data هستند.", "amount and verifiedBefore are inside data.", untrue(func(b object, p *payment) { nest(b, true) })},
	{"verify_amount_both", phaseVerify, onlyGP, always, "مبلغ هم بیرون و هم درون data است.", "amount and verifiedBefore are in both places.", untrue(func(b object, p *payment) { nest(b, false) })},
	{"verify_amount_contradictory", phaseVerify, onlyGP, always, "دو مبلغ متفاوت در یک پاسخ.", "Two different amounts in one answer.", untrue(func(b object, p *payment) {
		b["amount"] = p.Wire
		b["data"].(object)["amount"] = p.Wire * 10
	})},
	{"verify_wrong_invoice", phaseVerify, onlyGP, always, "پاسخ شمارهٔ صورتحساب دیگری دارد.", "Captured, but the answer names another invoice.", untrue(func(b object, p *payment) { b["data"].(object)["invoiceNumber"] = "X" + p.Number })},
	{"verify_missing_invoice", phaseVerify, onlyGP, always, "پاسخ شمارهٔ صورتحساب ندارد.", "Captured, but the answer has no invoiceNumber.", untrue(func(b object, p *payment) { delete(b["data"].(object), "invoiceNumber") })},
	{"verify_success_with_code", phaseVerify, onlyGP, 1, "success:true کنار کد خطا.", "success:true beside an error code; captured.", untrue(func(b object, p *payment) { b["code"] = gpBusy })},
	{"verify_verified_before", phaseVerify, onlyGP, always, "همان بار نخست verifiedBefore:true می‌گوید.", "verifiedBefore:true already on the first verify.", untrue(func(b object, p *payment) {
		for _, place := range []object{b, b["data"].(object)} {
			if _, there := place["verifiedBefore"]; there {
				place["verifiedBefore"] = true
			}
		}
	})},
	{"verify_numbers_for_text", phaseVerify, onlyGP, always, "refNumber به صورت عدد است.", "refNumber comes as a JSON number.", untrue(func(b object, p *payment) { b["data"].(object)["refNumber"] = bare(p.out.RefNumber) })},
	{"verify_ip_not_allowed", phaseVerify, onlyGP, 1, "نشانی IP مجاز نیست (۴۰۳).", "IpAddressNotAllowed with status 403; nothing is processed.", unheard(gpSays(http.StatusForbidden, gpAddress, "IpAddressNotAllowed", []string{}))},
}

// gardeshpayErrorShapes: the guide says errors is an array; the same vendor group's envelope elsewhere has an
// object. Each shape comes with status 200 and with 400, and refuses for good.
func gardeshpayErrorShapes() []fault {
	var list []fault
	for _, shape := range []struct {
		name  string
		value any
	}{
		{"empty", []string{}},
		{"strings", []string{"بانک پاسخ نداد"}},
		{"objects", []object{{"field": "trackingNumber", "message": "بانک پاسخ نداد"}}},
		{"object", object{"debug": object{"errorCode": 17, "errorDescription": "bank refused", "referenceName": "CORE"}}},
		{"null", nil},
	} {
		list = append(list,
			fault{
				"verify_errors_" + shape.name, phaseVerify, onlyGP, always, "رد با errors به شکل " + shapeOf[shape.name] + "، کد ۲۰۰.", "Refused; errors is " + shapeOf[shape.name] + ", status 200.",
				refused(http.StatusOK, gpSays(http.StatusOK, gpDeclined, "پرداخت ناموفق بوده است", shape.value).body),
			},
			fault{
				"verify_errors_" + shape.name + "_400", phaseVerify, onlyGP, always, "رد با errors به شکل " + shapeOf[shape.name] + "، کد ۴۰۰.", "Refused; errors is " + shapeOf[shape.name] + ", status 400.",
				refused(http.StatusBadRequest, gpSays(http.StatusBadRequest, gpDeclined, "پرداخت ناموفق بوده است", shape.value).body),
			})
	}
	return list
}

var shapeOf = map[string]string{"empty": "[]", "strings": `["…"]`, "objects": "[{…}]", "object": "{…}", "null": "null"}

// paypingFaults are answers from PayPing's own code table, and maps that a fixed struct cannot hold.
var paypingFaults = []fault{
	{"verify_settling_48", phaseVerify, onlyPP, 1, "بار نخست کد ۴۸ (شاپرک هنوز قطعی نکرده)، سپس پذیرش.", "Code 48 first (not final at Shaparak), then success.", ppCode("48")},
	{"verify_already_15", phaseVerify, onlyPP, always, "همان بار نخست کد ۱۵ (از قبل تأیید شده).", "Code 15, already verified, on the very first verify; captured.", processed(func(honest answer) answer {
		if !honest.ok {
			return honest
		}
		return ppRefusal("15")
	})},
	{"verify_credit_conflict_39", phaseVerify, onlyPP, always, "اعتبار جای دیگری خرج شده: کد ۳۹ و برگشت پول.", "The credit was used elsewhere meanwhile: code 39, and the money goes back at once.", creditConflict},
	{"verify_code_7", phaseVerify, onlyPP, always, "رد قطعی با کد ۷ (در بانک پیدا نشد).", "Code 7, not found at the bank; for good.", ppCode("7")},
	{"verify_code_12", phaseVerify, onlyPP, 1, "کد ۱۲ (خطای داخلی بانک)، سپس پذیرش.", "Code 12, bank internal error, then success.", ppCode("12")},
	{"verify_code_25", phaseVerify, onlyPP, 1, "کد ۲۵ (سرویس موقتاً پایین است)، سپس پذیرش.", "Code 25, service temporarily down, then success.", ppCode("25")},
	{"verify_code_29", phaseVerify, onlyPP, 1, "کد ۲۹ (درگاه در دسترس نیست)، سپس پذیرش.", "Code 29, gateway not reachable, then success.", ppCode("29")},
	{"verify_code_49", phaseVerify, onlyPP, 1, "کد ۴۹ (ترمینال فعالی نیست)، سپس پذیرش.", "Code 49, no active terminal, then success.", ppCode("49")},
	{"verify_code_44", phaseVerify, onlyPP, always, "رد با کد ۴۴ (شماره نامعتبر).", "Code 44, refid invalid; for good.", ppCode("44")},
	{"verify_code_46", phaseVerify, onlyPP, always, "رد با کد ۴۶ (توکن دیگر).", "Code 46, verify token differs from create token; for good.", ppCode("46")},
	{"verify_code_47", phaseVerify, onlyPP, always, "رد با کد ۴۷ (مبلغ نابرابر) با وجود مبلغ درست.", "Code 47, amount mismatch, although it matched; for good.", ppCode("47")},
	{"verify_code_unknown", phaseVerify, onlyPP, 1, "کدی که در جدول نیست (۷۷)، سپس پذیرش.", "A code that no table lists (77), then success.", ppCode("77")},
	{"verify_two_codes", phaseVerify, onlyPP, 1, "دو کد در یک پاسخ ۴۰۰.", "Two codes in one 400 map; nothing is processed.", refused(http.StatusBadRequest, object{"12": paypingSays["12"], "15": paypingSays["15"]})},
	{"verify_nested_400", phaseVerify, onlyPP, 1, "پاسخ ۴۰۰ که مقدارهایش رشته نیستند.", "A 400 map whose values are not strings; nothing is processed.", refused(http.StatusBadRequest, object{"Amount": []string{"نامعتبر"}, "status": 400})},
	{"verify_empty_400", phaseVerify, onlyPP, 1, "پاسخ ۴۰۰ خالی.", "400 with an empty body; nothing is processed.", unheard(answer{status: http.StatusBadRequest})},
	{"verify_no_card_fields", phaseVerify, onlyPP, always, "پاسخ موفق بدون نام cardNumber و cardHashPan.", "Success without the members cardNumber and cardHashPan.", untrue(func(b object, _ *payment) {
		delete(b, "cardNumber")
		delete(b, "cardHashPan")
	})},
}

// startFaults spoil getToken and POST /v2/pay. No page can offer them: there is none yet.
var startFaults = []fault{
	{"start_503", phaseStart, nil, 1, "ساخت پرداخت با ۵۰۳ پاسخ می‌گیرد.", "503; nothing is created.", unheard(answer{status: http.StatusServiceUnavailable})},
	{"start_401", phaseStart, nil, 1, "توکن پذیرنده پذیرفته نمی‌شود.", "401 with an empty body.", unheard(answer{status: http.StatusUnauthorized})},
	{"start_refused", phaseStart, nil, 1, "ساخت پرداخت رد می‌شود.", "The vendor refuses, in its own form.", func(_ *payment, honest answer) answer {
		if gpCreated(honest) {
			return gpSays(http.StatusOK, gpInvalid, "پذیرنده فعال نیست", []string{"پذیرنده فعال نیست"})
		}
		return ppRefusal("27")
	}},
	{"start_slow", phaseStart, nil, 1, "پاسخ درست با چند ثانیه تأخیر.", "The right answer, some seconds late.", func(_ *payment, a answer) answer { a.slow = true; return a }},
	{"start_timeout", phaseStart, nil, 1, "پاسخی نمی‌آید.", "No answer comes; nothing is created.", unheard(answer{hang: true})},
	{"start_reset", phaseStart, nil, 1, "اتصال قطع می‌شود.", "The connection closes; nothing is created.", unheard(answer{abort: true})},
	{"start_lost_answer", phaseStart, nil, 1, "پرداخت ساخته می‌شود ولی پاسخ نمی‌رسد.", "The payment is created, then the connection closes without an answer.", processed(lost)},
	{"start_html", phaseStart, nil, 1, "صفحهٔ HTML به جای JSON با کد ۲۰۰.", "An HTML page instead of JSON, status 200.", unheard(html(http.StatusOK, "Maintenance"))},
	{"start_truncated", phaseStart, nil, 1, "نیمی از پاسخ می‌رسد.", "The payment is created; half of the JSON arrives.", processed(halved)},
	{"start_bad_url", phaseStart, onlyGP, 1, "data.url نشانی بیگانه است.", "data.url leads to a foreign host.", startURL("https://phishing.invalid/pay")},
	{"start_script_url", phaseStart, onlyGP, 1, "data.url از نوع javascript: است.", "data.url has the scheme javascript:.", startURL("javascript:alert(1)//")},
	{"start_bad_token", phaseStart, nil, 1, "توکن یا کد نویسه‌های نامجاز دارد.", "The token or code holds characters that do not belong into a path.", func(_ *payment, a answer) answer {
		return mark(a, "../<x>?y=1")
	}},
	{"start_number_token", phaseStart, onlyGP, 1, "توکن به صورت عدد JSON است.", "The token comes as a JSON number above 2^53.", func(_ *payment, a answer) answer {
		if a.ok {
			return mark(a, bare(a.change.ID))
		}
		return a
	}},
	{"start_no_token", phaseStart, nil, 1, "پاسخ موفق بدون توکن یا کد.", "A success without a token or code.", func(_ *payment, a answer) answer { return mark(a, "") }},
	{"start_url_slash", phaseStart, onlyGP, 1, "data.url با / پایان می‌یابد.", "data.url ends in a slash.", func(_ *payment, a answer) answer {
		if a.ok {
			d := a.body["data"].(object)
			d["url"] = strings.TrimSuffix(d["url"].(string), "/") + "/"
		}
		return a
	}},
}
