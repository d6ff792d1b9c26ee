package admin

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/app/sheet"
)

// headings are the names by which the columns of a file of customers are known, folded.
var headings = []struct {
	column string
	words  []string
}{
	{"email", []string{"email", "e-mail", "mail", "ایمیل", "پست الکترونیک", "پست الکترونیکی", "رایانامه"}},
	{"mobile", []string{"mobile", "phone", "cell", "موبایل", "همراه", "تلفن همراه", "شماره همراه", "شماره موبایل", "تلفن"}},
	{"amount", []string{"amount", "price", "sum", "total", "مبلغ", "مبلغ (تومان)", "مبلغ (ریال)", "مبلغ تومان", "مبلغ ریال", "قیمت", "بدهی"}},
	{"description", []string{"description", "for", "title", "شرح", "توضیح", "توضیحات", "بابت", "عنوان"}},
	{"reference", []string{"reference", "ref", "order", "order id", "شناسه", "شماره سفارش", "سفارش", "مرجع", "کد", "شماره"}},
	{"expires", []string{"expires", "expires_at", "expiry", "due", "due date", "until", "مهلت", "انقضا", "تاریخ انقضا", "سررسید", "تا تاریخ"}},
	{"locale", []string{"locale", "lang", "language", "زبان"}},
	{"name", []string{"name", "full name", "customer", "نام", "نام مشتری", "مشتری", "نام و نام خانوادگی"}},
}

// mostPreamble is how many lines may stand before the one that names the columns.
const mostPreamble = 20

var (
	errColumns = errors.New("run_columns") // no line names the columns
	errTooMany = errors.New("run_long")
)

// columnsOf finds out what stands where. False: this line names no amount, or nobody to ask.
func columnsOf(cells []string) (map[string]int, bool) {
	at := map[string]int{}
	for i, c := range cells {
		folded := strings.TrimSpace(i18n.FoldText(c))
		for _, h := range headings {
			for _, w := range h.words {
				if _, taken := at[h.column]; !taken && folded == i18n.FoldText(w) {
					at[h.column] = i
				}
			}
		}
	}
	_, amount := at["amount"]
	_, name := at["name"]
	_, email := at["email"]
	_, mobile := at["mobile"]
	return at, amount && (name || email || mobile)
}

// readRun reads a file of customers and amounts. The unit is what a person said; nothing is guessed. An
// error is one of the words for a file as a whole; what is wrong with a line stands with the line.
func readRun(raw []byte, unit string) ([]checkout.RunRow, error) {
	var at map[string]int
	var list []checkout.RunRow
	err := sheet.Read(raw, func(n int, cells []string) error {
		if at == nil {
			if found, ok := columnsOf(cells); ok {
				at = found
			} else if n >= mostPreamble {
				return errColumns
			}
			return nil
		}
		if len(cells) == 0 {
			return nil // an empty line
		}
		if len(list) == payments.MaxRun {
			return errTooMany
		}
		list = append(list, readLine(n, at, cells, unit))
		return nil
	})
	if err == nil && at == nil {
		err = errColumns
	}
	return list, err
}

// runProblem is the catalogue's word for a file that cannot be read, "" for an error of another kind.
func runProblem(err error) string {
	if errors.Is(err, errColumns) || errors.Is(err, errTooMany) {
		return err.Error()
	}
	return sheet.Code(err)
}

func readLine(n int, at map[string]int, cells []string, unit string) checkout.RunRow {
	cell := func(name string) string {
		if i, ok := at[name]; ok && i < len(cells) {
			return unquoted(cells[i])
		}
		return ""
	}
	r := checkout.RunRow{Line: n}
	wrong := func(field, code string) {
		r.Problems = append(r.Problems, checkout.FieldError{Field: field, Code: code})
	}
	a := &r.Ask
	a.Name, a.Email, a.Description, a.Reference, a.Typed = cell("name"), cell("email"), cell("description"), cell("reference"), cell("amount")
	if a.Mobile = cell("mobile"); len(a.Mobile) == 10 && a.Mobile[0] == '9' {
		a.Mobile = "0" + a.Mobile // a sheet took it for a number
	}
	var code string
	if a.Amount, code = readSheetAmount(a.Typed, unit); code != "" {
		wrong("amount", code)
	}
	if a.Name == "" && a.Email == "" && a.Mobile == "" {
		wrong("customer", "run_nobody")
	}
	switch l := strings.ToLower(cell("locale")); l {
	case "", "fa", "en":
		a.Locale = l
	case "فارسی", "persian", "farsi":
		a.Locale = "fa"
	case "انگلیسی", "english":
		a.Locale = "en"
	default:
		wrong("locale", "unknown_locale")
	}
	if s := cell("expires"); s != "" {
		var ok bool
		if a.ExpiresAt, a.Days, ok = readExpiry(s); !ok {
			wrong("expires_at", "bad_date")
		}
	}
	return r
}

// unquoted is a cell without the apostrophe by which a sheet, ours too, says that it is text.
func unquoted(s string) string { return strings.TrimSpace(strings.TrimPrefix(s, "'")) }

// readSheetAmount reads a whole amount in the unit that was chosen. A sheet may keep it as 2.5E6.
func readSheetAmount(s, unit string) (money.Rial, string) {
	if s == "" {
		return 0, "required"
	}
	for _, word := range []string{"تومان", "ریال", "toman", "rial", "irt", "irr"} {
		if strings.HasSuffix(strings.ToLower(s), word) {
			return 0, "run_unit" // a cell that names a unit may name another one than the person did
		}
	}
	n, err := i18n.FoldAmount(s)
	if err != nil && len(s) < 30 && strings.Trim(s, "0123456789.eE+") == "" {
		if r, ok := new(big.Rat).SetString(s); ok && r.IsInt() && r.Num().IsInt64() {
			n, err = r.Num().Int64(), nil
		}
	}
	if err != nil {
		return 0, "bad_amount"
	}
	rial := money.Rial(n)
	if unit == "toman" {
		if rial, err = money.FromToman(n); err != nil {
			return 0, "out_of_range"
		}
	}
	if rial < 1 || rial > money.MaxInvoice {
		return 0, "out_of_range"
	}
	return rial, ""
}

// Days of a sheet are counted from the end of 1899; these are those of 2009 to 2064.
const firstSerial, lastSerial = 40_000, 60_000

// readExpiry reads until when a link lives: a day in either calendar, which it outlives, or so many days
// from when it is made.
func readExpiry(s string) (time.Time, int, bool) {
	if n, err := strconv.ParseFloat(i18n.FoldDigits(s), 64); err == nil {
		switch whole := int(n); {
		case n >= firstSerial && n <= lastSerial:
			return nextDay(time.Date(1899, 12, 30+whole, 0, 0, 0, 0, i18n.Tehran())), 0, true
		case n == float64(whole) && whole >= 1 && whole <= 365:
			return time.Time{}, whole, true
		}
		return time.Time{}, 0, false
	}
	day, err := readDay(s)
	if err != nil {
		return time.Time{}, 0, false
	}
	return nextDay(day), 0, true
}
