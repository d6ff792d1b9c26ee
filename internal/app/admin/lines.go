package admin

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/web/templates"
)

// line is one item of an invoice as it was typed; a line without a word in it is none.
type line struct{ title, quantity, price string }

func (l line) blank() bool {
	return strings.TrimSpace(l.title) == "" && strings.TrimSpace(l.price) == ""
}

const (
	// maxLines is how many items the form takes; a longer order comes from the shop's program.
	maxLines = 40
	// spare is how many empty lines a form has, and how many more are given at once.
	spare = 2
)

func readLines(form url.Values) []line {
	var list []line
	for i := 1; i <= maxLines; i++ {
		n := strconv.Itoa(i)
		if l := (line{form.Get("item_title_" + n), form.Get("item_quantity_" + n), form.Get("item_price_" + n)}); !l.blank() {
			list = append(list, l)
		}
	}
	return list
}

func linesOf(items []checkout.Item) []line {
	var list []line
	for _, it := range items {
		list = append(list, line{it.Title, strconv.FormatInt(it.Quantity, 10), plainToman(it.UnitAmount)})
	}
	return list
}

// count reads the lines of a bill: the items, and what they come to. The amount of an invoice with items
// is their sum; one that was typed beside them must be the same.
func (b *bill) count() {
	var sum money.Rial
	for i, l := range b.lines {
		n := strconv.Itoa(i + 1)
		it := checkout.Item{Title: strings.TrimSpace(l.title), Quantity: 1}
		price, code := readToman(l.price)
		if code != "" {
			b.wrong = append(b.wrong, checkout.FieldError{Field: "item_price_" + n, Code: code})
		}
		if q := strings.TrimSpace(l.quantity); q != "" {
			quantity, err := i18n.FoldAmount(q)
			if err != nil || quantity < 1 || quantity > 1_000_000 {
				b.wrong = append(b.wrong, checkout.FieldError{Field: "item_quantity_" + n, Code: "out_of_range"})
				quantity = 1
			}
			it.Quantity = quantity
		}
		if it.Title == "" {
			b.wrong = append(b.wrong, checkout.FieldError{Field: "item_title_" + n, Code: "required"})
		}
		it.UnitAmount = price
		total, err := price.Times(it.Quantity)
		if err == nil {
			sum, err = sum.Add(total)
		}
		if err != nil || sum > money.MaxInvoice {
			b.wrong = append(b.wrong, checkout.FieldError{Field: "items", Code: "out_of_range"})
			return
		}
		b.items = append(b.items, it)
	}
	b.sum = sum
}

// keep takes the items as the invoice has them: also those with a rial left over, which nobody could type.
func (b *bill) keep(inv *checkout.Invoice) {
	b.wrong = slices.DeleteFunc(b.wrong, func(w checkout.FieldError) bool { return strings.HasPrefix(w.Field, "item") })
	b.items = inv.Items
	if len(b.items) > 0 {
		b.sum = inv.Amount
	}
	if b.rial != b.sum && len(b.items) > 0 && !slices.ContainsFunc(b.wrong, func(w checkout.FieldError) bool { return w.Field == "amount" }) {
		b.wrong = append(b.wrong, checkout.FieldError{Field: "amount", Code: "sum_mismatch"})
	}
}

// settle makes the amount of a bill: what was typed, or what its lines come to.
func (b *bill) settle() {
	b.count()
	if len(b.lines) > 0 && strings.TrimSpace(b.amount) == "" {
		if b.rial = b.sum; b.rial == 0 && len(b.wrong) == 0 {
			b.wrong = append(b.wrong, checkout.FieldError{Field: "amount", Code: "required"})
		}
		return
	}
	var code string
	if b.rial, code = readToman(b.amount); code != "" {
		b.wrong = append(b.wrong, checkout.FieldError{Field: "amount", Code: code})
	} else if len(b.lines) > 0 && b.sum != b.rial && len(b.wrong) == 0 {
		b.wrong = append(b.wrong, checkout.FieldError{Field: "amount", Code: "sum_mismatch"})
	}
}

// itemLines are the lines of the form: those that were typed, and some to type in.
func (v *visit) itemLines(b *bill, more bool) []templates.BillLine {
	l := v.l
	empty := spare
	if more {
		empty = 2 * spare
	}
	lines := append(append([]line(nil), b.lines...), make([]line, empty)...)
	if len(lines) > maxLines {
		lines = lines[:maxLines]
	}
	var list []templates.BillLine
	for i, typed := range lines {
		n := strconv.Itoa(i + 1)
		count := l.T("admin.form.line", "number", number(l, i+1))
		if typed.blank() {
			typed.quantity = ""
		}
		list = append(list, templates.BillLine{ID: "line-" + n, Total: lineTotal(l, typed), Inputs: marked(l, []templates.Input{
			{Name: "item_title_" + n, Label: l.T("admin.form.line_title"), Aside: count, Value: typed.title, Max: "500"},
			{Name: "item_quantity_" + n, Label: l.T("admin.form.line_quantity"), Aside: count, Value: typed.quantity, Keyboard: "numeric", LTR: true, Max: "9"},
			{Name: "item_price_" + n, Label: l.T("admin.form.line_price"), Aside: count, Value: typed.price, Keyboard: "numeric", LTR: true, Max: "20"},
		}, b.wrong)})
	}
	return list
}

// lineTotal is what a line comes to, "" while that cannot be said.
func lineTotal(l i18n.Locale, typed line) string {
	price, code := readToman(typed.price)
	quantity := int64(1)
	if q := strings.TrimSpace(typed.quantity); q != "" {
		n, err := i18n.FoldAmount(q)
		if err != nil {
			return ""
		}
		quantity = n
	}
	total, err := price.Times(quantity)
	if code != "" || err != nil {
		return ""
	}
	return l.T("amount.toman", "amount", i18n.Toman(l, total))
}

// sums says what the lines come to, and whether the amount is another one.
func (v *visit) sums(b *bill) string {
	if len(b.lines) == 0 || b.sum == 0 {
		return ""
	}
	return v.l.T("admin.form.items_sum", "amount", v.toman(b.sum))
}
