package simulator

import (
	"encoding/json"
	"net/url"
	"strings"
)

type field struct{ Name, Value string }

// target is one callback: a link for a GET, or a form for a POST.
type target struct {
	URL    string
	Post   bool
	Fields []field
}

// targets are the callbacks that the customer's browser will make.
func targets(p payment) []target {
	manner := outcomes[p.out.Outcome].manner
	var list []target
	for _, said := range p.out.Claims {
		if p.Vendor == vendorGardeshPay {
			list = append(list, target{URL: gardeshpayReturn(p.Callback, said, manner)})
			continue
		}
		list = append(list, paypingReturn(p, said, manner))
	}
	return list
}

// gardeshpayReturn joins as the guide shows it, {callback}?trackingNumber={}&invoiceNumber={}: plainly, even
// where the callback has a query already.
func gardeshpayReturn(callback string, said claim, manner manner) string {
	reference := "trackingNumber=" + url.QueryEscape(said.Reference) + "&"
	switch manner {
	case mannerMissing:
		reference = ""
	case mannerRepeat:
		reference += reference
	}
	return callback + "?" + reference + "invoiceNumber=" + url.QueryEscape(said.Number)
}

// paypingReturn is the form of the guide: five lower-case names, no amount among them.
func paypingReturn(p payment, said claim, manner manner) target {
	fields := []field{
		{"code", said.Code},
		{"refid", said.Reference},
		{"clientrefid", said.Number},
		{"cardnumber", p.out.Mask},
		{"cardhashpan", hashPAN(p.out.Mask)},
	}
	switch manner {
	case mannerGet:
		query := url.Values{}
		for _, f := range fields {
			query.Set(f.Name, f.Value)
		}
		join := "?"
		if strings.Contains(p.Callback, "?") {
			join = "&"
		}
		return target{URL: p.Callback + join + query.Encode()}
	case mannerRepeat:
		fields = append(fields, field{"refid", said.Reference})
	case mannerPascal:
		for i, name := range []string{"Code", "RefId", "ClientRefId", "CardNumber", "CardHashPan"} {
			fields[i].Name = name
		}
	case mannerV3:
		// As the vendor's own 2025 plugins read it: data is JSON inside a form field.
		data, err := json.Marshal(object{
			"paymentCode": said.Code, "clientRefId": said.Number, "paymentRefId": bare(said.Reference),
			"amount": p.Wire, "gatewayAmount": p.Wire, "cardNumber": p.out.Mask, "cardHashPan": hashPAN(p.out.Mask),
		})
		if err == nil {
			fields = []field{{"status", "1"}, {"errorCode", ""}, {"data", string(data)}}
		}
	}
	return target{URL: p.Callback, Post: true, Fields: fields}
}
