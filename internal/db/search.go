package db

import (
	"fmt"
	"strconv"
	"strings"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
)

// mostNamed bounds how many invoices one word may find before the other conditions are asked, so that
// a common name costs no more in a database of millions. The newest are found first.
// One more than a list is counted to, so that "more than" is said of it.
const mostNamed = mostCounted + 1

// Named is what an invoice is looked for by. Words are folded, and so is what they are compared with.
type Named struct {
	Words     []string // all of them, each exactly or, from three letters on, as a beginning
	ID        string
	Canonical string // a tracking number
	Amounts   []money.Rial
	Card      string // the last four digits of the card that paid
}

// SetTerms says what an invoice is found by from now on: the words to add, and those that are over.
func (tx *Tx) SetTerms(inv *checkout.Invoice, remove, add []string) error {
	number, err := strconv.ParseInt(inv.Number, 10, 64)
	if err != nil {
		return fmt.Errorf("number of invoice %s: %w", inv.ID, err)
	}
	for _, term := range remove {
		_, err := tx.exec(`DELETE FROM search_terms WHERE shop = (SELECT shop FROM feeds WHERE merchant_id = $1 AND live = $2) AND term = $3 AND number = $4`,
			inv.MerchantID, bit(inv.Live), term, number)
		if err != nil {
			return fmt.Errorf("remove search term: %w", err)
		}
	}
	if len(add) == 0 {
		return nil
	}
	w := where{}
	var rows []string
	for _, term := range add {
		rows = append(rows, w.numbered(`((SELECT shop FROM feeds WHERE merchant_id = ? AND live = ?), ?, CAST(? AS BIGINT))`, inv.MerchantID, bit(inv.Live), term, number))
	}
	if _, err := tx.exec(`INSERT INTO search_terms (shop, term, number) VALUES `+strings.Join(rows, ", ")+` ON CONFLICT DO NOTHING`, w.args...); err != nil {
		return fmt.Errorf("insert search terms: %w", err)
	}
	return nil
}

// from is where a list of invoices reads. What is looked for by a name is found first, each name by an
// index, and CROSS keeps it first: otherwise SQLite reads the newest until it has met it.
func (q *InvoiceQuery) from(w *where) string {
	if q.Named == nil {
		return ` FROM invoices`
	}
	n := q.Named
	var names []string
	by := func(text string, args ...any) { names = append(names, w.numbered(text, args...)) }
	if len(n.Words) > 0 {
		names = append(names, `SELECT found, 1 AS sure FROM (`+q.words(w)+`) AS words`)
	}
	if n.ID != "" {
		by(`SELECT number AS found, 1 AS sure FROM invoices WHERE merchant_id = ? AND live = ? AND id = ?`, q.MerchantID, bit(q.Live), n.ID)
	}
	if len(n.Words) == 1 {
		if number, err := strconv.ParseInt(n.Words[0], 10, 64); err == nil && number > 0 {
			by(`SELECT number AS found, 1 AS sure FROM invoices WHERE merchant_id = ? AND live = ? AND number = ?`, q.MerchantID, bit(q.Live), number)
		}
	}
	if n.Canonical != "" {
		by(`SELECT i.number AS found, 1 AS sure FROM attempt_references r JOIN attempts a ON a.id = r.attempt_id JOIN invoices i ON i.id = a.invoice_id
WHERE r.canonical = ? AND r.bound = 1 AND i.merchant_id = ? AND i.live = ?`, n.Canonical, q.MerchantID, bit(q.Live))
	}
	names = append(names, q.finds(w)...)
	if len(names) == 0 {
		return ` FROM invoices`
	}
	w.add("number = found")
	if n.unsure() {
		q.certain(w)
	}
	return ` FROM (SELECT found, MAX(sure) AS sure FROM (` + strings.Join(names, ` UNION ALL `) + `) AS names GROUP BY found) AS named CROSS JOIN invoices`
}

// unsure says that invoices may be found which are none of what is looked for: the amount of one may
// have been another when its find was written, and what was not summed up yet has no finds at all.
func (n *Named) unsure() bool { return len(n.Amounts) > 0 || n.Card != "" }

// finds are the invoices with an amount or a card, and those that were not looked at for them yet.
func (q *InvoiceQuery) finds(w *where) []string {
	n := q.Named
	if !n.unsure() {
		return nil
	}
	const shop = `(SELECT shop FROM feeds WHERE merchant_id = ? AND live = ?)`
	var names []string
	limited := func(sure, name, text string, args ...any) {
		names = append(names, w.numbered(`SELECT found, `+sure+` AS sure FROM (`+text+` LIMIT `+strconv.Itoa(mostNamed)+`) AS `+name, args...))
	}
	const found = `SELECT number AS found FROM finds WHERE shop = ` + shop + ` AND value = ? ORDER BY number DESC`
	for i, amount := range n.Amounts {
		limited("0", "amount"+strconv.Itoa(i), found, q.MerchantID, bit(q.Live), int64(amount))
	}
	if value, ok := CardFind(n.Card); ok {
		limited("1", "card", found, q.MerchantID, bit(q.Live), value)
	}
	limited("0", "placed", `SELECT number AS found FROM feed WHERE shop = `+shop+`
  AND position > (SELECT summed_position FROM feeds WHERE merchant_id = ? AND live = ?) ORDER BY position DESC`, q.MerchantID, bit(q.Live), q.MerchantID, bit(q.Live))
	limited("0", "unfed", `SELECT number AS found FROM invoices WHERE merchant_id = ? AND live = ? AND fed_seq < event_seq ORDER BY number DESC`, q.MerchantID, bit(q.Live))
	return names
}

// certain keeps of what was found unsurely what has the amount, or was paid by the card.
func (q *InvoiceQuery) certain(w *where) {
	text, args := "sure = 1", []any(nil)
	for _, amount := range q.Named.Amounts {
		text, args = text+" OR amount_rial = ?", append(args, int64(amount))
	}
	if q.Named.Card != "" {
		text += " OR EXISTS (SELECT 1 FROM attempts a WHERE a.id = invoices.paid_attempt_id AND SUBSTR(a.card_mask, LENGTH(a.card_mask) - 3) = ?)"
		args = append(args, q.Named.Card)
	}
	w.add("("+text+")", args...)
}

// words finds the numbers of the invoices that have all words.
func (q *InvoiceQuery) words(w *where) string {
	const found = `SELECT number AS found FROM search_terms WHERE shop = (SELECT shop FROM feeds WHERE merchant_id = ? AND live = ?) AND `
	var all []string
	for i, word := range q.Named.Words {
		exact := w.numbered(`SELECT found FROM (`+found+`term = ? ORDER BY number DESC LIMIT `+strconv.Itoa(mostNamed)+`) AS exact`+strconv.Itoa(i), q.MerchantID, bit(q.Live), word)
		if len([]rune(word)) >= 3 {
			exact += w.numbered(` UNION SELECT found FROM (`+found+`term >= ? AND term < ? LIMIT `+strconv.Itoa(mostNamed)+`) AS begun`+strconv.Itoa(i),
				q.MerchantID, bit(q.Live), word, word+"\U0010FFFF")
		}
		all = append(all, `SELECT found FROM (`+exact+`) AS word`+strconv.Itoa(i))
	}
	return strings.Join(all, ` INTERSECT `)
}

// Referenced are the invoices of a shop with a bound reference, by their ids, each with the reference as
// it came.
func (tx *Tx) Referenced(merchantID string, live bool, canonical string) (map[string]string, error) {
	rows, err := tx.query(`SELECT i.id, r.raw FROM attempt_references r JOIN attempts a ON a.id = r.attempt_id JOIN invoices i ON i.id = a.invoice_id
WHERE r.canonical = $1 AND r.bound = 1 AND i.merchant_id = $2 AND i.live = $3 LIMIT 100`, canonical, merchantID, bit(live))
	if err != nil {
		return nil, fmt.Errorf("list invoices of a reference: %w", err)
	}
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var id, raw string
		if err := rows.Scan(&id, &raw); err != nil {
			return nil, fmt.Errorf("list invoices of a reference: %w", err)
		}
		found[id] = raw
	}
	return found, rows.Err()
}
