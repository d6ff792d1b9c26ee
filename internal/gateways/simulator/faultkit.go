package simulator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// bare writes digits as a JSON number without a detour through float64.
func bare(digits string) json.Number {
	trimmed := strings.TrimLeft(digits, "0")
	if trimmed == "" {
		trimmed = "0"
	}
	return json.Number(trimmed)
}

func quote(n int64) string { return strconv.FormatInt(n, 10) }

func fraction(n int64) json.Number { return json.Number(quote(n) + ".00") }

// setAmount changes the amount wherever the answer has it.
func setAmount(b object, amount any) {
	for _, place := range amountPlaces(b) {
		place["amount"] = amount
	}
}

func dropAmount(b object) {
	for _, place := range amountPlaces(b) {
		delete(place, "amount")
	}
}

func amountPlaces(b object) []object {
	var places []object
	if _, top := b["amount"]; top {
		places = append(places, b)
	}
	if data, nested := b["data"].(object); nested && data["amount"] != nil {
		places = append(places, data)
	}
	return places
}

// nest copies amount and verifiedBefore into data, and takes them out of the top if they move.
func nest(b object, move bool) {
	data := b["data"].(object)
	for _, name := range []string{"amount", "verifiedBefore"} {
		value, top := b[name]
		if !top {
			value = data[name]
		}
		data[name], b[name] = value, value
		if move {
			delete(b, name)
		}
	}
}

func halved(honest answer) answer {
	raw, err := json.Marshal(honest.body)
	if err != nil || honest.body == nil {
		return answer{abort: true}
	}
	return answer{status: honest.status, raw: raw[:len(raw)/2]}
}

func huge(honest answer) answer {
	raw, err := json.Marshal(honest.body)
	if err != nil {
		return answer{abort: true}
	}
	// Blanks before the object are valid JSON: a reader without a limit swallows them all.
	return answer{status: honest.status, raw: append([]byte(strings.Repeat(" ", 4<<20)), raw...)}
}

func ppCode(code string) func(*payment, answer) answer {
	return refused(http.StatusBadRequest, object{code: paypingSays[code]})
}

// refusedOnce speaks either vendor's language.
func refusedOnce(p *payment, honest answer) answer {
	switch {
	case !honest.ok || p == nil:
		return honest
	case p.Vendor == vendorGardeshPay:
		return gpSays(http.StatusOK, gpBusy, "بانک پاسخ نداد؛ دوباره تلاش کنید", []string{})
	default:
		return ppRefusal("12")
	}
}

// creditConflict: while the merchant verifies, the lender checks the credit again and may refuse. The
// payment is over and everybody has their money back.
func creditConflict(p *payment, honest answer) answer {
	if !honest.ok || p == nil {
		return honest
	}
	a := ppRefusal("39")
	a.change = &entry{Kind: kindVerify, ID: p.id, Ref: p.out.Reference, Effect: effectReturn}
	return a
}

func gpCreated(a answer) bool {
	_, gp := a.body["success"]
	return gp
}

func startURL(address string) func(*payment, answer) answer {
	return func(_ *payment, a answer) answer {
		if a.ok {
			a.body["data"].(object)["url"] = address
		}
		return a
	}
}

// mark replaces the token or code of a start's answer; empty removes it.
func mark(a answer, value any) answer {
	if !a.ok {
		return a
	}
	place, name := a.body, "code"
	if data, gp := a.body["data"].(object); gp {
		place, name = data, "token"
	}
	place[name] = value
	if value == "" {
		delete(place, name)
	}
	return a
}
