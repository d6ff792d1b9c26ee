package payments_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

var update = flag.Bool("update", false, "write testdata/deeds.golden anew")

// TestDeeds_WhatTheBooksSay: after each deed every field of every row, every event with its data, every
// stored job and every word to a gateway is what it was when somebody last read it. Events are for
// ever, and what is frozen in an attempt is asked about later: a change here is to be meant.
func TestDeeds_WhatTheBooksSay(t *testing.T) {
	const path = "testdata/deeds.golden"
	fresh := quickSQLite(t)
	all := deeds()
	maps.Copy(all, edges())
	maps.DeleteFunc(all, func(name string, _ deed) bool {
		return strings.HasPrefix(name, "late word") // the hour at which a lease runs out under a living call is not told to the second
	})
	told := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			w, _ := onDisk(t, fresh)
			act, after := all[name](w)
			err := act()
			after()
			w.spawned.Wait()
			told[name] = w.tell(err)
		})
	}
	if *update {
		var s strings.Builder
		for _, name := range slices.Sorted(maps.Keys(told)) {
			fmt.Fprintf(&s, "== %s\n%s\n", name, told[name])
		}
		if err := os.WriteFile(path, []byte(s.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for section := range strings.SplitSeq("\n"+string(text), "\n== ") {
		name, body, _ := strings.Cut(section, "\n")
		known[name] = strings.TrimSpace(body)
	}
	for name, got := range told {
		if want := known[name]; strings.TrimSpace(got) != want {
			t.Errorf("%s: the books say something else than in %s (-update writes it anew):\n%s", name, path, differing(want, strings.TrimSpace(got)))
		}
	}
}

// differing are the lines that one text has and the other has not; of two that stand for each other
// only their beginning and the words that differ.
func differing(want, got string) string {
	lacks := func(list, other []string) (rest []string) {
		for _, s := range list {
			if !slices.Contains(other, s) {
				rest = append(rest, s)
			}
		}
		return rest
	}
	gone := lacks(strings.Split(want, "\n"), strings.Split(got, "\n"))
	come := lacks(strings.Split(got, "\n"), strings.Split(want, "\n"))
	if len(gone)+len(come) == 0 {
		return "the same lines in another order or number:\n" + got
	}
	var s strings.Builder
	for i := range max(len(gone), len(come)) {
		switch {
		case i >= len(gone):
			s.WriteString("+ " + come[i] + "\n")
		case i >= len(come):
			s.WriteString("- " + gone[i] + "\n")
		default:
			was, is := strings.Fields(gone[i]), strings.Fields(come[i])
			fmt.Fprintf(&s, "%s: %v became %v\n", strings.Join(is[:min(2, len(is))], " "), lacks(was, is), lacks(is, was))
		}
	}
	return s.String()
}

// tell renders all that a deed left behind, with names instead of random ids and with times as they
// lie from the world's first moment.
func (w *world) tell(deed error) string {
	w.Helper()
	var s strings.Builder
	names := []string{}
	rename := func(id, name string, n int) {
		if id != "" {
			names = append(names, id, fmt.Sprintf("%s%d", name, n))
		}
	}
	fmt.Fprintf(&s, "answer: %v\n", deed)
	var wrong *checkout.Error
	if errors.As(deed, &wrong) {
		fmt.Fprintf(&s, "fields: %v\n", wrong.Fields)
	}
	err := w.db.View(w.Context(), func(tx *db.Tx) error {
		all, err := books(tx, w.scope)
		if err != nil {
			return err
		}
		slices.Reverse(all) // oldest first
		attempts := 0
		for i := range all {
			b := &all[i]
			rename(b.inv.ID, "inv", i+1)
			rename(b.inv.Token, "link", i+1)
			b.inv.EventHash = "" // the laws check it
			fmt.Fprintf(&s, "invoice%s\n", fields(b.inv))
			for k := range b.attempts {
				a := &b.attempts[k]
				attempts++
				rename(a.ID, "att", attempts)
				rename(a.OurNumber, "number", attempts)
				rename(a.CallbackToken, "callback", attempts)
				fmt.Fprintf(&s, "  attempt%s\n", fields(a))
				for _, r := range b.refs[a.ID] {
					fmt.Fprintf(&s, "    reference%s\n", fields(&r))
					job, err := tx.Job(payments.JobVerify, a.ID+"/"+r.Canonical)
					if err == nil {
						job.Fence = 0
						fmt.Fprintf(&s, "      job%s\n", fields(job))
					} else if !errors.Is(err, checkout.NotFound) {
						return err
					}
				}
			}
			for _, e := range b.events {
				e.ID = ""
				fmt.Fprintf(&s, "  event%s\n", fields(&e))
			}
		}
		strays, err := tx.Strays(10)
		for _, stray := range strays {
			fmt.Fprintf(&s, "stray %s %s\n", stray.Gateway, stray.Fields)
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	for _, v := range []*vendor{w.card, w.ins} {
		for i := range v.starts {
			fmt.Fprintf(&s, "%s start%s\n", v.Name(), fields(&v.starts[i]))
		}
		for i := range v.verifies {
			fmt.Fprintf(&s, "%s verify%s\n", v.Name(), fields(&v.verifies[i]))
		}
	}
	return madeIDs.ReplaceAllString(strings.NewReplacer(names...).Replace(s.String()), "${1}_…")
}

// madeIDs are ids of what is made beside the books.
var madeIDs = regexp.MustCompile(`\b(let|rfd)_[0-9a-z]{25}\b`)

var worldBegins = time.Date(2026, 10, 1, 14, 30, 0, 0, time.UTC)

// fields renders what is set of a struct.
func fields(of any) string {
	v := reflect.ValueOf(of).Elem()
	var s strings.Builder
	for i := range v.NumField() {
		f := v.Field(i)
		if f.IsZero() {
			continue
		}
		var shown string
		switch x := f.Interface().(type) {
		case time.Time:
			shown = "+" + x.Sub(worldBegins).String()
		case *checkout.Failure:
			shown = fmt.Sprintf("%+v", *x)
		case *checkout.Payment:
			shown = "{" + strings.TrimSpace(fields(x)) + "}"
		default:
			shown = fmt.Sprintf("%+v", x)
		}
		fmt.Fprintf(&s, " %s=%s", v.Type().Field(i).Name, shown)
	}
	return s.String()
}

// edges are further deeds whose outcome is to be told exactly.
func edges() map[string]deed {
	m := map[string]deed{}
	start := func(in payments.StartInput, change ...func(*payments.NewInvoice)) deed {
		return func(w *world) (func() error, func()) {
			inv := w.invoice(1_500_000, change...)
			in.Token, in.RequestID = inv.Token, "req_1"
			return just(func() error {
				_, err := w.Start(w.Context(), in)
				return err
			})
		}
	}
	nobody := func(in *payments.NewInvoice) { in.Customer = checkout.Customer{} }
	m["start with a payer"] = start(payments.StartInput{Gateway: "ghesta", PayerName: " علی \u200cرضا ", PayerMobile: "۰۹۱۲ ۱۲۳ ۴۵۶۷", Locale: "en"}, nobody)
	m["start without a payer"] = start(payments.StartInput{Gateway: "ghesta"}, nobody)
	m["start with a wrong payer"] = start(payments.StartInput{Gateway: "ghesta", PayerName: strings.Repeat("x", 101), PayerMobile: "12"}, nobody)
	m["start with a card needs no payer"] = start(payments.StartInput{Gateway: "gardeshpay"}, nobody)
	m["start of what says what it is for"] = start(payments.StartInput{Gateway: "gardeshpay"}, func(in *payments.NewInvoice) {
		in.Description, in.Customer.Email = "order 7", "a@example.com"
	})
	m["start with a gateway that is not the invoice's"] = start(payments.StartInput{Gateway: "ghesta"}, func(in *payments.NewInvoice) { in.Gateways = []string{"gardeshpay"} })
	m["start with no such gateway"] = start(payments.StartInput{Gateway: "other"})
	m["start of too little"] = start(payments.StartInput{Gateway: "ghesta"}, func(in *payments.NewInvoice) { in.Amount = 999_999 })
	m["start of too much"] = start(payments.StartInput{Gateway: "ghesta"}, func(in *payments.NewInvoice) { in.Amount = 500_000_001 })
	m["start of the least"] = start(payments.StartInput{Gateway: "ghesta"}, func(in *payments.NewInvoice) { in.Amount = 1_000_000 })
	m["start of the most"] = start(payments.StartInput{Gateway: "ghesta"}, func(in *payments.NewInvoice) { in.Amount = 500_000_000 })
	for name, amount := range map[string]int64{"whole": 1_500_000, "broken": 1_500_005} {
		m["start in toman, "+name] = func(w *world) (func() error, func()) {
			w.set("gardeshpay", map[string]string{"amount_unit": "toman", "verify_url": "https://bank.example:8443/verify", "verify_window": "7m"})
			inv := w.invoice(amount)
			return just(func() error {
				_, err := w.Start(w.Context(), payments.StartInput{Token: inv.Token, Gateway: "gardeshpay"})
				return err
			})
		}
	}
	m["start with what is off"] = func(w *world) (func() error, func()) {
		w.set("ghesta", map[string]string{"enabled": "false"})
		act, after := start(payments.StartInput{Gateway: "ghesta"})(w)
		return act, after
	}
	m["start that nobody answers"] = func(w *world) (func() error, func()) {
		w.card.startErr = errors.New("reset")
		return start(payments.StartInput{Gateway: "gardeshpay"})(w)
	}
	m["start in trouble"] = func(w *world) (func() error, func()) {
		w.card.startErr = &gateways.StartError{Trouble: true, Code: "http_500", Message: "no", RequestID: "r-1", Body: "{}"}
		return start(payments.StartInput{Gateway: "gardeshpay"})(w)
	}
	m["verify with everything told"] = func(w *world) (func() error, func()) {
		w.ins.say("8001", gateways.Answer{
			Outcome: gateways.Paid, RefNumber: "R1", CardMask: "603799******1234", CardHash: "h1", Sent: true, Status: 200, RequestID: "r-2", Body: `{"amount":1}`,
		})
		return comes(w, w.start(w.invoice(1_500_000), "ghesta"), "8001")
	}
	m["verify refused with everything told"] = func(w *world) (func() error, func()) {
		w.ins.say("8001", gateways.Answer{
			Outcome: gateways.Refused, Hard: true, Code: "26", Message: "no", Sent: true, Status: 400, RequestID: "r-3", Body: `{"26":"no"}`,
		})
		return comes(w, w.start(w.invoice(1_500_000), "ghesta"), "8001")
	}
	m["verify that could not be sent"] = func(w *world) (func() error, func()) {
		w.ins.say("8001", gateways.Answer{Outcome: gateways.Unknown, Body: "refused"})
		return comes(w, w.start(w.invoice(1_500_000), "ghesta"), "8001")
	}
	m["verify that is to be asked later"] = func(w *world) (func() error, func()) {
		w.ins.say("8001", silence(), gateways.Answer{Outcome: gateways.Unknown, Sent: true, Status: 429, RetryAfter: 40 * time.Second})
		return comes(w, w.start(w.invoice(1_500_000), "ghesta"), "8001")
	}
	return m
}

// set changes a gateway account.
func (w *world) set(gateway string, values map[string]string) {
	w.Helper()
	if err := w.SetAccount(w.Context(), w.scope, gateway, values, checkout.Actor{}); err != nil {
		w.Fatal(err)
	}
}
