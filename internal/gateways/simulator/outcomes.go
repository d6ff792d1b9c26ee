package simulator

import "slices"

// The three pages a customer can land on.
const (
	faceGardeshPay = "gardeshpay" // redirect/{token}
	facePayPing    = "payping"    // gotoipg/{code}: a card payment at PayPing
	faceGhesta     = "ghesta"     // installment/{code}?type=ghesta
)

// outcome is one way in which a customer's visit ends. Every verify fault is an outcome too: the customer
// pays, and the fault waits for the merchant's verify.
type outcome struct {
	name   string
	faces  []string // nil is all three
	state  State    // what becomes of the payment; StateCreated leaves it as it is
	gpCode int      // how verify refuses a declined payment
	ppCode string
	manner manner
	fa, en string
}

// manner is how the customer gets back.
type manner string

const (
	mannerAtOnce  manner = ""        // GardeshPay redirects; PayPing posts a form
	mannerByHand  manner = "by_hand" // the customer stays on our page until they press a button
	mannerTwice   manner = "twice"   // two buttons: the browser delivers two callbacks
	mannerNever   manner = "never"   // the browser never comes back
	mannerGet     manner = "get"     // PayPing by GET, as its older interfaces did
	mannerV3      manner = "v3"      // PayPing with the body of its v3 interface
	mannerPascal  manner = "pascal"  // PayPing with PascalCase field names
	mannerRepeat  manner = "repeat"  // the reference twice in one callback
	mannerMissing manner = "missing" // GardeshPay without the parameter trackingNumber
)

var (
	onlyCard    = []string{faceGardeshPay}
	onlyPayPing = []string{facePayPing, faceGhesta}
	onlyGhesta  = []string{faceGhesta}
)

// outcomeList is every outcome that is not a verify fault, in the order of the pages and the documentation.
var outcomeList = []outcome{
	{"paid", nil, StatePaid, 0, "", mannerAtOnce, "پرداخت موفق و بازگشت به فروشگاه.", "Paid, and back to the shop."},
	{"declined", nil, StateDeclined, gpDeclined, "8", mannerAtOnce, "بانک پرداخت را رد می‌کند؛ بازگشت با شماره‌ای که تأیید نمی‌شود.", "The bank declines; back with a reference that verify refuses."},
	{"canceled", nil, StateCanceled, gpCanceled, "1", mannerAtOnce, "انصراف: گردش‌پی با شمارهٔ پیگیری و پی‌پینگ با refid=1 برمی‌گرداند.", "Canceled: GardeshPay returns with a trackingNumber all the same, PayPing with refid=1."},
	{"wrong_card", nil, StateDeclined, gpWrongCard, "10", mannerAtOnce, "شمارهٔ کارت اشتباه است.", "Declined: wrong card number."},
	{"insufficient_funds", nil, StateDeclined, gpInsufficient, "4", mannerAtOnce, "موجودی کافی نیست.", "Declined: insufficient funds."},
	{"close_tab", nil, StateCreated, 0, "", mannerNever, "پرداخت نکرده صفحه بسته می‌شود و مرورگر هرگز برنمی‌گردد.", "The tab is closed before paying; no callback, and the page can be opened again."},
	{"paid_close_tab", nil, StatePaid, 0, "", mannerNever, "پرداخت می‌شود ولی مرورگر هرگز برنمی‌گردد.", "Paid, but the browser never comes back; the money returns by itself."},
	{"pay_after_expiry", nil, StatePaid, 0, "", mannerAtOnce, "پول پس از مهلت کم می‌شود و همان دم برمی‌گردد؛ تأیید رد می‌شود.", "The money leaves too late and goes back at once; verify is refused."},
	{"pay_twice", nil, StatePaid, 0, "", mannerTwice, "دو بار پول کم می‌شود، با دو شمارهٔ پیگیری و دو بازگشت.", "Debited twice: two references, two callbacks."},
	{"double_callback", nil, StatePaid, 0, "", mannerTwice, "یک پرداخت، دو بازگشت یکسان.", "Paid once, and the same callback twice."},
	{"delayed_callback", nil, StatePaid, 0, "", mannerByHand, "پرداخت می‌شود و بازگشت تا زدن دکمه می‌ماند.", "Paid; the callback waits until the button is pressed."},
	{"forged_callback", nil, StateCreated, 0, "", mannerAtOnce, "چیزی پرداخت نمی‌شود و بازگشت شماره‌ای ساختگی دارد.", "Nothing is paid; the callback carries an invented reference."},
	{"replay_reference", nil, StateCreated, 0, "", mannerAtOnce, "چیزی پرداخت نمی‌شود و بازگشت شمارهٔ پرداخت دیگری را دارد.", "Nothing is paid; the callback carries the reference of the latest other payment."},
	{"callback_repeated_field", nil, StatePaid, 0, "", mannerRepeat, "شمارهٔ پیگیری دو بار در بازگشت است.", "Paid; the reference stands twice in the callback."},
	{"canceled_without_reference", onlyCard, StateCanceled, gpCanceled, "", mannerMissing, "انصراف بدون پارامتر trackingNumber.", "Canceled; the callback has no trackingNumber."},
	{"canceled_empty_reference", onlyCard, StateCanceled, gpCanceled, "", mannerAtOnce, "انصراف با trackingNumber خالی.", "Canceled; trackingNumber is empty."},
	{"callback_wrong_invoice", onlyCard, StatePaid, 0, "", mannerAtOnce, "پرداخت می‌شود ولی invoiceNumber بازگشت دیگری است.", "Paid, but the callback names another invoiceNumber."},
	{"canceled_empty_refid", onlyPayPing, StateCanceled, 0, "1", mannerAtOnce, "انصراف با refid خالی.", "Canceled; refid is empty."},
	{"canceled_minus_one", onlyPayPing, StateCanceled, 0, "1", mannerAtOnce, "انصراف با refid برابر منفی یک.", "Canceled; refid is -1."},
	{"get_callback", onlyPayPing, StatePaid, 0, "", mannerGet, "پرداخت می‌شود و بازگشت با GET است.", "Paid; the callback is a GET with a query."},
	{"v3_callback", onlyPayPing, StatePaid, 0, "", mannerV3, "پرداخت می‌شود و بدنهٔ بازگشت به شکل نسخهٔ ۳ است.", "Paid; the callback has the body of the v3 interface."},
	{"callback_pascal_keys", onlyPayPing, StatePaid, 0, "", mannerPascal, "نام فیلدهای بازگشت با حروف بزرگ آغاز می‌شود.", "Paid; the callback's field names are PascalCase."},
	{"callback_foreign_code", onlyPayPing, StatePaid, 0, "", mannerAtOnce, "پرداخت می‌شود ولی code بازگشت دیگری است.", "Paid, but the callback carries a foreign code."},
	{"callback_foreign_clientrefid", onlyPayPing, StatePaid, 0, "", mannerAtOnce, "پرداخت می‌شود ولی clientrefid بازگشت دیگری است.", "Paid, but the callback carries a foreign clientrefid."},
	{"foreign_failure", onlyGhesta, StateDeclined, 0, "8", mannerAtOnce, "قسطا شکست را خودش می‌فرستد: code و clientrefid بیگانه، refid خالی.", "Ghesta posts the failure itself: foreign code and clientrefid, no refid."},
	{"foreign_failure_with_refid", onlyGhesta, StateDeclined, 0, "8", mannerAtOnce, "مانند بالا، با شمارهٔ پرداخت درونی قسطا.", "The same, with the refid of Ghesta's own inner payment."},
	{"shop_doesnt_exist", onlyGhesta, StateDeclined, 0, "8", mannerAtOnce, "قسطا این فروشگاه را نمی‌شناسد.", "Ghesta refuses: the shop's domain is not active."},
	{"user_doesnt_exist", onlyGhesta, StateDeclined, 0, "8", mannerAtOnce, "خریدار در قسطا حساب ندارد.", "Ghesta refuses: no such user."},
	{"mobile_nid_conflict", onlyGhesta, StateDeclined, 0, "8", mannerAtOnce, "موبایل و کد ملی از یک نفر نیستند.", "Ghesta refuses: mobile and national ID do not match."},
	{"sms_failed", onlyGhesta, StateDeclined, 0, "8", mannerAtOnce, "پیامک فرستاده نشد.", "Ghesta refuses: the text message could not be sent."},
	{"otp_burnt", onlyGhesta, StateDeclined, 0, "8", mannerAtOnce, "کد یک‌بارمصرف سه بار اشتباه وارد شد.", "Ghesta refuses: three wrong one-time codes."},
	{"verification_failed", onlyGhesta, StateDeclined, 0, "8", mannerAtOnce, "اعتبارسنجی رد شد.", "Ghesta refuses: verification failed."},
	{"credit_0", onlyGhesta, StateDeclined, 0, "8", mannerAtOnce, "خریدار اعتباری ندارد.", "Ghesta refuses: no credit left."},
	{"amount_very_low", onlyGhesta, StateDeclined, 0, "8", mannerAtOnce, "مبلغ برای خرید قسطی کم است.", "Ghesta refuses: the amount is too low for instalments."},
}

// outcomes finds an outcome by name.
var outcomes = func() map[string]outcome {
	byName := make(map[string]outcome, len(outcomeList))
	for _, o := range outcomeList {
		byName[o.name] = o
	}
	return byName
}()

// ghestaRefuses: these failures are posted by Ghesta itself, straight to the merchant, with its own code and
// PayPing's inner id in place of the merchant's (seen in Ghesta's own backend).
var ghestaRefuses = []string{
	"foreign_failure", "foreign_failure_with_refid", "shop_doesnt_exist", "user_doesnt_exist", "mobile_nid_conflict",
	"sms_failed", "otp_burnt", "verification_failed", "credit_0", "amount_very_low",
}

// offered finds what a customer may choose on a page: an outcome, or a verify fault.
func offered(face, name string) (outcome, *fault, bool) {
	if o, known := outcomes[name]; known {
		return o, nil, o.faces == nil || slices.Contains(o.faces, face)
	}
	if f := faultNamed(name); f != nil && f.at == phaseVerify && f.fits(vendorOf(face)) {
		o := outcomes["paid"]
		o.name = name
		return o, f, true
	}
	return outcome{}, nil, false
}

func vendorOf(face string) string {
	if face == faceGardeshPay {
		return vendorGardeshPay
	}
	return vendorPayPing
}
