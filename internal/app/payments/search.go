package payments

import (
	"context"
	"slices"
	"strings"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

const (
	maxTerm  = 64 // letters of a term that are stored and compared
	maxWords = 8  // of a name that are stored, and of a question that are asked
)

// terms are what an invoice is found by, besides its number, its id and the tracking numbers of its
// attempts, which have indexes of their own: the reference whole and by words, the words of the
// customer's name, the mobile, the email. All folded, each once.
func terms(inv *checkout.Invoice) []string {
	var list []string
	add := func(term string) {
		if term = cut(term); term != "" && !slices.Contains(list, term) {
			list = append(list, term)
		}
	}
	reference := i18n.FoldText(inv.Reference)
	add(reference)
	for _, word := range words(reference) {
		add(word)
	}
	for _, word := range words(i18n.FoldText(inv.Customer.Name)) {
		add(word)
	}
	add(inv.Customer.Mobile)
	add(i18n.FoldText(inv.Customer.Email))
	return list
}

// findable writes an invoice's terms down; before is what it was until now, nil for a new one.
func findable(tx *db.Tx, before, inv *checkout.Invoice) error {
	var gone []string
	come := terms(inv)
	if before != nil {
		gone = terms(before)
	}
	kept := func(term string) bool { return slices.Contains(gone, term) && slices.Contains(come, term) }
	remove := slices.DeleteFunc(slices.Clone(gone), kept)
	add := slices.DeleteFunc(slices.Clone(come), kept)
	if len(remove)+len(add) == 0 {
		return nil
	}
	return tx.SetTerms(inv, remove, add)
}

// findableBy adds the bank's own reference, which the customer has from the bank; the tracking number
// is found among the references.
func findableBy(tx *db.Tx, inv *checkout.Invoice, a *checkout.Attempt) error {
	if a.RefNumber == "" || a.RefNumber == a.TrackingNumber {
		return nil
	}
	return tx.SetTerms(inv, nil, []string{cut(i18n.FoldText(a.RefNumber))})
}

// named reads what somebody typed; nil when it cannot be found, since there is nothing in it.
func named(query string) *db.Named {
	query = strings.TrimSpace(i18n.CleanText(query))
	n := &db.Named{Words: words(i18n.FoldText(query))}
	if mobile, err := i18n.FoldMobile(query); err == nil {
		n.Words = []string{mobile}
	}
	for i := range n.Words {
		n.Words[i] = cut(n.Words[i])
	}
	if strings.HasPrefix(query, checkout.PrefixInvoice) {
		n.ID = query
	}
	if number := i18n.FoldDigits(query); reference(number) {
		n.Canonical = gateways.Canonical(number)
	}
	if len(n.Words) == 0 {
		return nil
	}
	n.Amounts, n.Card = amounts(query), card(query)
	return n
}

// Found is a field of an invoice by which a question finds it.
type Found struct{ Field, Value string } // mobile, email, reference, id, tracking

// FoundBy says by which field a question finds an invoice, where that is none of those that say it
// themselves: its number, amount, name, card, the bank's reference. tracking is by which reference of
// an attempt it finds it: see Referenced. The zero Found when the invoice shows why.
func FoundBy(inv *checkout.Invoice, query, tracking string) Found {
	n := named(query)
	if n == nil || slices.Contains(n.Amounts, inv.Amount) {
		return Found{}
	}
	var plain []string
	if p := inv.Payment; p != nil {
		plain = append(plain, i18n.FoldText(p.RefNumber))
		if n.Card != "" && strings.HasSuffix(p.CardMask, n.Card) {
			return Found{}
		}
	}
	plain = append(plain, words(i18n.FoldText(inv.Customer.Name))...)
	reference := i18n.FoldText(inv.Reference)
	for _, word := range n.Words {
		has := func(term string) bool {
			term = cut(term)
			return term == word || len([]rune(word)) >= 3 && strings.HasPrefix(term, word)
		}
		switch {
		case word == inv.Number, slices.ContainsFunc(plain, has):
		case has(inv.Customer.Mobile):
			return Found{"mobile", inv.Customer.Mobile}
		case has(i18n.FoldText(inv.Customer.Email)):
			return Found{"email", inv.Customer.Email}
		case has(reference), slices.ContainsFunc(words(reference), has):
			return Found{"reference", inv.Reference}
		case n.ID == inv.ID:
			return Found{"id", inv.ID}
		case tracking != "":
			return Found{"tracking", tracking}
		}
	}
	return Found{}
}

// Referenced are the invoices that a question finds by a reference of one of their attempts, by their
// ids, each with that reference as it came.
func (e *Engine) Referenced(ctx context.Context, sc Scope, query string) (map[string]string, error) {
	n := named(query)
	if n == nil || n.Canonical == "" {
		return nil, nil
	}
	var found map[string]string
	err := e.DB.View(ctx, func(tx *db.Tx) (err error) {
		found, err = tx.Referenced(sc.MerchantID, sc.Live, n.Canonical)
		return err
	})
	return found, err
}

// amounts are those that somebody means who typed a number: toman or rial, unless they said which.
func amounts(query string) []money.Rial {
	n, unit, err := i18n.FoldSum(query)
	if err != nil || n < 1 {
		return nil
	}
	var list []money.Rial
	if unit != i18n.UnitToman && n <= int64(money.MaxInvoice) {
		list = append(list, money.Rial(n))
	}
	if unit != i18n.UnitRial && n <= int64(money.MaxInvoice)/10 {
		list = append(list, money.Rial(n*10))
	}
	return list
}

// card is the end of a card's number, as it is said on the telephone or stands on a receipt: four
// digits, alone or behind a mask. "" when it is none.
func card(query string) string {
	digits := i18n.FoldDigits(query)
	if len(digits) < 4 || len(digits) > 24 {
		return ""
	}
	head, last := digits[:len(digits)-4], digits[len(digits)-4:]
	if strings.Trim(last, "0123456789") != "" || strings.Trim(head, "0123456789*xX-") != "" || head != "" && !strings.ContainsAny(head, "*xX") {
		return ""
	}
	return last
}

func words(folded string) []string {
	list := strings.Fields(folded)
	return list[:min(len(list), maxWords)]
}

func cut(term string) string {
	if r := []rune(term); len(r) > maxTerm {
		return strings.TrimSpace(string(r[:maxTerm]))
	}
	return term
}
