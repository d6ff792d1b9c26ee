package payments_test

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

const linkSecret = "lsk_secret"

// linkKey makes a key of the world's merchant.
func (w *world) linkKey(id string, live bool) {
	w.Helper()
	k := checkout.LinkKey{ID: id, MerchantID: w.scope.MerchantID, Live: live, Name: "n", CreatedAt: w.clock.now()}
	k.Sealed = testBox().Seal([]byte(linkSecret), k.Place())
	if err := w.db.Update(w.Context(), func(tx *db.Tx) error { return tx.InsertLinkKey(&k) }); err != nil {
		w.Fatal(err)
	}
}

// signed is a link to the world's merchant; each pair is name=value.
func signed(pairs ...string) payments.LinkInput {
	params := map[string]string{"amount": "1500000", "reference": "A-1", "key": "lnk_live"}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		if params[name] = value; value == "-" {
			delete(params, name)
		}
	}
	q := url.Values{"sig": {payments.SignLink(linkSecret, "pottery", params)}}
	for name, value := range params {
		q.Set(name, value)
	}
	return payments.LinkInput{Merchant: "pottery", Query: q.Encode()}
}

func (w *world) linkStart(in payments.LinkInput, gateway string) (string, error) {
	_, token, err := w.StartLink(context.Background(), in, payments.StartInput{Gateway: gateway, PayerName: "Sara", PayerMobile: "09121234567"})
	return token, err
}

func (w *world) all() []checkout.Invoice {
	w.Helper()
	list, _, err := w.Invoices(w.Context(), w.scope, payments.InvoiceFilter{Limit: 100})
	if err != nil {
		w.Fatal(err)
	}
	return list
}

func TestLinks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.linkKey("lnk_live", true)
		w.invoice(9000, func(in *payments.NewInvoice) { in.Reference = "A-1" }) // the API's own series
		w.clock.add(time.Second)
		in := signed("description=سفارش", "name=سارا", "mobile=09121234567", "email=a@example.com", "return_url=https://shop.example/x?a=1", "locale=en",
			"expires="+strconv.FormatInt(w.clock.now().Add(time.Hour).Unix(), 10))
		p, err := w.LinkPage(t.Context(), in)
		inv := p.Invoice
		if err != nil || inv.Token != "" || inv.Amount != 1_500_000 || inv.Description != "سفارش" || inv.Customer != (checkout.Customer{Name: "سارا", Mobile: "09121234567", Email: "a@example.com"}) ||
			inv.ReturnURL != "https://shop.example/x?a=1" || inv.Locale != "en" || len(p.Methods) != 2 || !p.Methods[0].Available || p.Merchant.Slug != "pottery" {
			t.Fatalf("%v %+v", err, p)
		}
		// Until an attempt is made, the newest link holds, and nothing is stored.
		for _, amount := range []string{"2000000", "3000000"} {
			if p, err := w.LinkPage(t.Context(), signed("amount="+amount)); err != nil || strconv.FormatInt(int64(p.Invoice.Amount), 10) != amount {
				t.Errorf("%v %+v", err, p.Invoice)
			}
		}
		if _, err := w.linkStart(in, "paypal"); checkout.KindOf(err) != checkout.Invalid {
			t.Errorf("an unknown gateway: %v", err)
		}
		if list := w.all(); len(list) != 1 {
			t.Fatalf("stored without an attempt: %+v", list)
		}
		token, err := w.linkStart(in, "gardeshpay")
		if err != nil {
			t.Fatal(err)
		}
		made := w.all()[0]
		if made.Token != token || made.Reference != "A-1" || made.Amount != 1_500_000 || !made.ExpiresAt.Equal(w.clock.now().Add(time.Hour).Truncate(time.Second)) || made.AttemptCount != 1 {
			t.Errorf("made %+v", made)
		}
		told := w.events(made)
		if e := told[len(told)-1]; e.Actor != "customer" || !strings.Contains(e.Data, `"link_key":"lnk_live"`) || strings.Contains(e.Data, "سارا") {
			t.Errorf("its first event: %+v", e)
		}
		// From now on the invoice stands, whatever another link says.
		for _, again := range []payments.LinkInput{in, signed("amount=7000"), signed("reference= A-1 ")} {
			p, err := w.LinkPage(t.Context(), again)
			if err != nil || p.Invoice.ID != made.ID || p.Invoice.Amount != 1_500_000 || len(p.Attempts) == 0 {
				t.Errorf("%v %+v", err, p.Invoice)
			}
			if got, err := w.linkStart(again, "ghesta"); err != nil || got != token {
				t.Errorf("again: %q, %v", got, err)
			}
		}
		if list := w.all(); len(list) != 2 || list[0].AttemptCount != 4 {
			t.Errorf("%d invoices, %d attempts", len(list), list[0].AttemptCount)
		}
		w.mustBack(w.attempts(made)[0], "1001")
		if got, err := w.linkStart(in, "gardeshpay"); checkout.KindOf(err) != checkout.Conflict || got != token {
			t.Errorf("of what is paid: %q, %v", got, err)
		}
		if p, err := w.LinkPage(t.Context(), in); err != nil || p.Invoice.Status != checkout.InvoicePaid {
			t.Errorf("%v %+v", err, p.Invoice)
		}
	})
}

func TestLinks_Mode(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.linkKey("lnk_live", true)
		w.linkKey("lnk_test", false)
		live, err := w.linkStart(signed(), "gardeshpay")
		if err != nil {
			t.Fatal(err)
		}
		test, err := w.linkStart(signed("key=lnk_test"), "gardeshpay")
		if err != nil || test == live {
			t.Fatal(test, live, err)
		}
		p, err := w.LinkPage(t.Context(), signed("key=lnk_test"))
		if err != nil || p.Invoice.Live || p.Invoice.Token != test {
			t.Errorf("%v %+v", err, p.Invoice)
		}
	})
}

// TestLinks_Broken: whatever is wrong with a link, it shows and stores nothing.
func TestLinks_Broken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.linkKey("lnk_live", true)
		w.linkKey("lnk_gone", true)
		other := checkout.Merchant{ID: "mer_other", Slug: "carpets", Name: "Carpets", Locale: "fa", CreatedAt: w.clock.now()}
		err := w.db.Update(t.Context(), func(tx *db.Tx) error {
			if err := tx.InsertMerchant(&other); err != nil {
				return err
			}
			_, err := tx.RevokeLinkKey(w.scope.MerchantID, "lnk_gone")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		good := signed()
		if _, err := w.LinkPage(t.Context(), good); err != nil {
			t.Fatal(err)
		}
		query := func(text string) payments.LinkInput {
			return payments.LinkInput{Merchant: "pottery", Query: text}
		}
		swapped := func(old, new string) payments.LinkInput {
			if !strings.Contains(good.Query, old) {
				t.Fatalf("no %s in %s", old, good.Query)
			}
			return query(strings.Replace(good.Query, old, new, 1))
		}
		foreign := payments.LinkInput{Merchant: "carpets", Query: url.Values{
			"amount": {"1500000"}, "reference": {"A-1"}, "key": {"lnk_live"},
			"sig": {payments.SignLink(linkSecret, "carpets", map[string]string{"amount": "1500000", "reference": "A-1", "key": "lnk_live"})},
		}.Encode()}
		last := good.Query[strings.Index(good.Query, "sig=")+4+42:]
		for name, in := range map[string]payments.LinkInput{
			"another amount": swapped("1500000", "1500001"), "another reference": swapped("A-1", "A-2"), "no sig": query("amount=1500000&key=lnk_live&reference=A-1"),
			"empty sig": query("amount=1500000&key=lnk_live&reference=A-1&sig="), "padded sig": query(good.Query + "="), "sig on two lines": query(strings.Replace(good.Query, "sig=", "sig=%0A", 1)), "another spelling of sig": query(good.Query[:len(good.Query)-1] + string(rune(last[0]+1))),
			"nothing": query(""), "repeated": query(good.Query + "&amount=1500000"), "sig twice": query(good.Query + "&" + good.Query[strings.Index(good.Query, "sig="):]),
			"unknown": query(good.Query + "&utm_source=mail"), "another case": swapped("amount", "Amount"), "broken escape": query(good.Query + "&name=%zz"), "semicolon": query(good.Query + ";name=x"),
			"not text": signed("name=\xff"), "NUL": signed("name=\x00"), "too long": query(good.Query + "&name=" + strings.Repeat("x", 9000)),
			"another merchant": {Merchant: "carpets", Query: good.Query}, "another merchant's, signed with this key": foreign, "no merchant": {Merchant: "nobody", Query: good.Query},
			"unknown key": signed("key=lnk_other"), "revoked key": signed("key=lnk_gone"), "no key": signed("key=-"), "no amount": signed("amount=-"), "no reference": signed("reference=-"),
			"blank reference": signed("reference=  "), "amount 0": signed("amount=0"), "amount +1": signed("amount=+1"), "amount 01": signed("amount=01"), "amount 1e3": signed("amount=1e3"), "Persian amount": signed("amount=۱۰۰۰"),
			"too much": signed("amount=10000000000000"), "past": signed("expires=" + strconv.FormatInt(w.clock.now().Unix(), 10)), "expires soon": signed("expires=soon"), "expires 0": signed("expires=0"), "expires before all time": signed("expires=-9223372036854775808"), "expires long before": signed("expires=-1"),
			"expires beyond": signed("expires=1099511627777"), "expires far beyond": signed("expires=99999999999999999999"), "locale": signed("locale=de"), "mobile": signed("mobile=12"), "email": signed("email=x"), "return_url": signed("return_url=javascript:x"), "card number": signed("description=4111111111111111"),
		} {
			if p, err := w.LinkPage(t.Context(), in); checkout.KindOf(err) != checkout.Forbidden || p.Invoice.ID != "" {
				t.Errorf("%s is shown: %v", name, err)
			}
			if token, err := w.linkStart(in, "gardeshpay"); checkout.KindOf(err) != checkout.Forbidden || token != "" {
				t.Errorf("%s starts: %q, %v", name, token, err)
			}
		}
		if list := w.all(); len(list) > 0 {
			t.Errorf("stored: %+v", list)
		}
		// A link may live longer than an invoice may.
		for _, fine := range []payments.LinkInput{signed("expires=9000000000"), signed("expires=1099511627776"), query(good.Query + "&lang=en"), swapped("A-1", "%41%2D1")} {
			if _, err := w.LinkPage(t.Context(), fine); err != nil {
				t.Errorf("%s: %v", fine.Query, err)
			}
		}
	})
}

// TestLinks_WhatIsTold: a page of a link knows what time it is, before and after its invoice was made; what
// is wrong with a link is one sentence; and a gateway that refuses leaves the invoice behind.
func TestLinks_WhatIsTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.linkKey("lnk_live", true)
		now := func(when string) {
			t.Helper()
			if p, err := w.LinkPage(t.Context(), signed()); err != nil || !p.Now.Equal(w.clock.now()) || p.Merchant.ID != w.scope.MerchantID {
				t.Errorf("%s: %+v, %v", when, p, err)
			}
		}
		now("before")
		w.card.startErr = errors.New("reset")
		redirect, token, err := w.StartLink(t.Context(), signed(), payments.StartInput{Gateway: "gardeshpay"})
		if err == nil || redirect != "" || token == "" || w.behind(token).AttemptCount != 1 {
			t.Errorf("refused by the gateway: %q, %q, %v", redirect, token, err)
		}
		w.card.startErr = nil
		if redirect, again, err := w.StartLink(t.Context(), signed(), payments.StartInput{Gateway: "gardeshpay"}); err != nil || !strings.HasPrefix(redirect, "https://bank.example/") || again != token {
			t.Errorf("again: %q, %q, %v", redirect, again, err)
		}
		now("after")
		nosig, _, _ := strings.Cut(signed().Query, "&sig=")
		for why, in := range map[string]payments.LinkInput{
			"amount=out_of_range": signed("amount=0"), "customer.mobile=bad_mobile": signed("mobile=12"), "error.link": signed("reference=  "), "amount is no number": signed("amount=1e3"),
			"incomplete": {Merchant: "pottery", Query: nosig}, "cannot be decoded": {Merchant: "pottery", Query: "a=%zz"}, "sig is no signature": {Merchant: "pottery", Query: "sig=x"},
			"unknown parameter": {Merchant: "pottery", Query: "x=1"}, "no such key or merchant": signed("key=lnk_other"), "not signed by a key of this merchant": {Merchant: "pottery", Query: signed().Query + "&name=x"},
			"too long": {Merchant: "pottery", Query: strings.Repeat("x", 8193)}, "repeated or not text": {Merchant: "pottery", Query: "lang=fa&lang=en"}, "expires is no time": signed("expires=soon"), "expired": signed("expires=1"),
		} {
			// The customer reads that the link is not valid, and the shop's people what is wrong with it in the log.
			if _, err := w.LinkPage(t.Context(), in); keyOf(err) != "error.link" || wrongFields(err) != "" || !strings.Contains(err.Error(), why) {
				t.Errorf("%s: %v", why, err)
			}
		}
	})
}

// TestLinks_Hour: a link ends at its second, and a shop that has another name since shows it.
func TestLinks_Hour(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.linkKey("lnk_live", true)
		ends := w.clock.now().Truncate(time.Second).Add(time.Hour)
		in := signed("expires=" + strconv.FormatInt(ends.Unix(), 10))
		w.clock.at = ends.Add(-time.Millisecond)
		if p, err := w.LinkPage(t.Context(), in); err != nil || !p.Invoice.ExpiresAt.Equal(ends) || p.Invoice.ExpiresAt.Location() != time.UTC {
			t.Errorf("just before: %v, %v", p.Invoice.ExpiresAt, err)
		}
		w.clock.at = ends
		if _, err := w.LinkPage(t.Context(), in); checkout.KindOf(err) != checkout.Forbidden {
			t.Errorf("at its second: %v", err)
		}
		w.shopHasMail()
		if p, err := w.LinkPage(t.Context(), signed()); err != nil || p.Merchant.Email != "shop@example.com" || p.Invoice.MerchantRevision != p.Merchant.Revision {
			t.Errorf("after the shop changed: %+v, %v", p, err)
		}
	})
}

// TestLinks_KeyThatNobodyCanOpen: a key whose secret this installation cannot open is our trouble and not
// the customer's, and opens no door to who signs with nothing.
func TestLinks_KeyThatNobodyCanOpen(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		k := checkout.LinkKey{ID: "lnk_live", MerchantID: w.scope.MerchantID, Live: true, Name: "n", Sealed: "of another installation", CreatedAt: w.clock.now()}
		if err := w.db.Update(t.Context(), func(tx *db.Tx) error { return tx.InsertLinkKey(&k) }); err != nil {
			t.Fatal(err)
		}
		params := map[string]string{"amount": "1500000", "reference": "A-1", "key": "lnk_live"}
		q := url.Values{"sig": {payments.SignLink("", "pottery", params)}}
		for name, value := range params {
			q.Set(name, value)
		}
		for _, in := range []payments.LinkInput{signed(), {Merchant: "pottery", Query: q.Encode()}} {
			p, err := w.LinkPage(t.Context(), in)
			if checkout.KindOf(err) != checkout.Internal || p.Invoice.ID != "" || !strings.Contains(err.Error(), "seal") {
				t.Errorf("%s: %v", in.Query, err)
			}
		}
	})
}

// TestLinks_FirstAtOnce: however many press first, one invoice comes of it.
func TestLinks_FirstAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.linkKey("lnk_live", true)
		tokens := make(chan string, 12)
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				token, err := w.linkStart(signed(), "gardeshpay")
				if err != nil {
					t.Error(err)
				}
				tokens <- token
			})
		}
		all.Wait()
		close(tokens)
		seen := map[string]bool{}
		for token := range tokens {
			seen[token] = true
		}
		list := w.all()
		if len(seen) != 1 || len(list) != 1 || !seen[list[0].Token] || list[0].AttemptCount != 12 || list[0].Number != "1001" {
			t.Errorf("%d tokens, %d invoices, %d attempts", len(seen), len(list), list[0].AttemptCount)
		}
		if ids := w.follow(w.scope, "", 100); len(ids) != int(list[0].EventSeq) {
			t.Errorf("%d events in the feed, the invoice has %d", len(ids), list[0].EventSeq)
		}
	})
}

// FuzzLinkQuery: what is read of a link is what net/url reads, each known parameter once; and no two
// different links are signed by the same text.
func FuzzLinkQuery(f *testing.F) {
	for _, seed := range []string{signed().Query, signed("name=سارا & co=1").Query, "amount=1&amount=1", "sig=", "a=%zz", "amount=1&reference=a+b&key=k&sig=" + strings.Repeat("A", 43), "amount=1;key=2", "lang=en&lang=fa", ""} {
		f.Add(seed, "pottery")
	}
	f.Fuzz(func(t *testing.T, query, merchant string) {
		params, err := payments.ReadLink(query)
		if err != nil {
			if checkout.KindOf(err) != checkout.Forbidden {
				t.Fatalf("%q: %v", query, err)
			}
			return
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("took %q: %v", query, err)
		}
		for name, list := range values {
			if len(list) != 1 || (name != "sig" && name != "lang" && params[name] != list[0]) {
				t.Fatalf("took %q with %s %q as %q", query, name, list, params[name])
			}
		}
		// The base tells the parameters back, so that two of them cannot be one.
		base := payments.LinkBase(merchant, params)
		slug, text, _ := strings.Cut(base[len(merchant):], "\n")
		back, err := url.ParseQuery(text)
		if err != nil || slug != "" || strings.ContainsAny(text, "+ \n;") || len(back) != len(params) {
			t.Fatalf("base %q of %v: %v", base, params, err)
		}
		for name, value := range params {
			if back.Get(name) != value {
				t.Fatalf("base %q says %s=%q, not %q", base, name, back.Get(name), value)
			}
		}
		var order []string
		for part := range strings.SplitSeq(text, "&") {
			name, _, _ := strings.Cut(part, "=")
			order = append(order, name)
		}
		if !slices.Equal(order, slices.Sorted(maps.Keys(params))) {
			t.Fatalf("base %q is not in order", base)
		}
	})
}

// FuzzFeedCursor: a cursor that is taken is one that we gave, for that direction.
func FuzzFeedCursor(f *testing.F) {
	for _, p := range []db.FeedPlace{{Position: 1, Sequence: 1}, {Position: 1 << 40, Sequence: 9}} {
		f.Add(payments.FeedCursor(p, true), true)
		f.Add(payments.FeedCursor(p, false), false)
	}
	f.Add("", true)
	f.Add("ZjEuMQ==", true)
	f.Fuzz(func(t *testing.T, text string, ahead bool) {
		p, err := payments.ReadFeedCursor(text, ahead)
		if err != nil || p == nil {
			return
		}
		if p.Position < 1 || p.Sequence < 1 || payments.FeedCursor(*p, ahead) != text {
			t.Fatalf("%q reads as %+v", text, p)
		}
		if other, err := payments.ReadFeedCursor(text, !ahead); err == nil {
			t.Fatalf("%q also reads the other way: %+v", text, other)
		}
	})
}
