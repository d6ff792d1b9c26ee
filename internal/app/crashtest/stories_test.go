package crashtest_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// story is what people do while the server dies somewhere in it. Each goes to the end: whatever
// broke is done again, as a person would.
type story struct {
	tells string
	env   []string
	empty bool // the server makes the schema itself, and the shop is furnished afterwards
	test  bool // in test mode
	mail  bool // a mail server takes letters
	ends  string
	run   func(w *world)
}

// stories by name.
var stories = map[string]story{
	"pay": {
		tells: "a shop makes an invoice, a customer pays it and comes back", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			w.finish(inv, w.pay(inv, "paid"))
			w.comeBack(inv, way{address: inv.Link}) // and looks at the receipt
		},
	},
	"told": {
		tells: "the shop's program is told what happens", ends: "paid", env: []string{"CHECKOUT_WEBHOOK_ALLOW=127.0.0.0/8"},
		run: func(w *world) {
			e := w.listen()
			inv := w.create("order-1")
			w.finish(inv, w.pay(inv, "paid"))
			w.untilTold(e, inv)
		},
	},
	"letters": {
		tells: "the customer is asked by letter, pays, and gets the receipt", ends: "paid", mail: true,
		run: func(w *world) {
			inv := w.createFor("order-1", `{"amount":1500000,"customer":{"name":"سارا","mobile":"09121234567","email":"sara@example.com"},"send_email":true}`)
			w.untilWritten(1)
			w.finish(inv, w.pay(inv, "paid"))
			w.untilWritten(2)
		},
	},
	"many at once": {
		tells: "a file of customers becomes invoices and letters", ends: "open", mail: true,
		run: func(w *world) {
			w.startRun(30)
			w.untilWritten(30)
			w.takeRun(30)
		},
	},
	"first start": {
		tells: "the server makes its schema in an empty database; then a customer pays", ends: "paid", empty: true,
		run: func(w *world) {
			inv := w.create("order-1")
			w.finish(inv, w.pay(inv, "paid"))
		},
	},
	"test mode": {
		tells: "a payment in test mode, at the built-in simulator that dies with the server", ends: "paid", test: true,
		run: func(w *world) {
			inv := w.create("order-1")
			w.finish(inv, w.pay(inv, "paid"))
		},
	},
	"reload": {
		tells: "the customer reloads the return, after it was paid", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			back := w.pay(inv, "paid")
			w.finish(inv, back)
			w.comeBack(inv, back)
		},
	},
	"refused start": {
		tells: "the gateway refuses the start; the customer tries again", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			w.arm("start_refused")
			w.finish(inv, w.pay(inv, "paid"))
		},
	},
	"withdrawn": {
		tells: "the shop cancels while the gateway is asked for a token", ends: "canceled", env: []string{"CHECKOUT_ATTEMPT_TTL=15s"},
		run: func(w *world) {
			inv := w.create("order-1")
			w.arm("start_slow")
			w.together(2, func(i int) {
				if i == 0 {
					if page := w.press(inv); page != "" {
						w.Errorf("sent on to pay a canceled invoice: %s", page)
					}
					return
				}
				w.server.until("an attempt begun", func() bool { return len(w.attempts(inv)) > 0 })
				w.cancel(inv)
			})
			w.server.until("the attempt abandoned", func() bool { return w.attempts(inv)[0].Status == "abandoned" })
		},
	},
	"customer cancels": {
		tells: "the customer cancels at the gateway, then pays after all", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			outcome := "canceled"
			if w.gateway == "gardeshpay" {
				outcome = "canceled_without_reference"
			}
			w.comeBack(inv, w.pay(inv, outcome))
			w.finish(inv, w.pay(inv, "paid"))
		},
	},
	"unreadable return": {
		tells: "a broken return comes first, then the genuine one", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			back := w.pay(inv, "paid")
			if a := w.comeBack(inv, back.broken()); a.status != http.StatusBadRequest {
				w.Errorf("a repeated field: %d", a.status)
			}
			w.finish(inv, back)
		},
	},
	"two tabs": {
		tells: "two attempts are paid; the second comes back while the first is being asked about", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			first, second := w.press(inv), w.press(inv)
			one := w.payAt(first, "verify_slow")
			two := w.payAt(second, "paid")
			w.together(2, func(i int) {
				if i == 0 {
					w.comeBack(inv, one)
					return
				}
				w.server.until("the first is asked about", func() bool { return w.attempts(inv)[0].Status != "redirected" })
				w.comeBack(inv, two)
			})
			w.wait(inv, "paid")
			w.server.until("both are settled", func() bool { return !underWay(w.attempts(inv)[0]) && !underWay(w.attempts(inv)[1]) })
		},
	},
	"seat passed on": {
		tells: "the first of two attempts is refused; the one that waited goes on", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			first, second := w.press(inv), w.press(inv)
			one, two := w.payAt(first, "declined"), w.payAt(second, "paid")
			w.arm("verify_slow")
			w.together(2, func(i int) {
				if i == 0 {
					w.comeBack(inv, one)
					return
				}
				w.server.until("the first is asked about", func() bool { return w.attempts(inv)[0].Status != "redirected" })
				w.comeBack(inv, two)
			})
			w.wait(inv, "paid")
		},
	},
	"no answer": {
		tells: "the gateway does not answer twice, then it does", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			w.finish(inv, w.pay(inv, "verify_reset_before", "times", "2"))
		},
	},
	"lost answer": {
		tells: "the gateway captures, and its answer is lost", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			w.finish(inv, w.pay(inv, "verify_lost_answer"))
		},
	},
	"slow answer": {
		tells: "the gateway takes so long that the lease is renewed", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			w.finish(inv, w.pay(inv, "verify_slow"))
		},
	},
	"refusal taken back": {
		tells: "the gateway refuses, and half a minute later it does not", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			w.finish(inv, w.pay(inv, "verify_refused_once_then_ok"))
		},
	},
	"re-ask put off": {
		tells: "a refusal is to be asked again while the customer pays anew", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			w.comeBack(inv, w.pay(inv, "verify_refused_once_then_ok"))
			w.wait(inv, "payable", "elsewhere")
			back := w.pay(inv, "paid") // and dawdles there
			w.untilDead("resume.put-off-in")
			w.finish(inv, back)
		},
	},
	"re-ask not needed": {
		tells: "a refusal is to be asked again, and the invoice is paid meanwhile", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			w.comeBack(inv, w.pay(inv, "verify_refused_once_then_ok"))
			w.wait(inv, "payable", "elsewhere")
			w.finish(inv, w.pay(inv, "paid"))
			w.untilDead("resume.finish-in")
		},
	},
	"mismatch": {
		// When the first answer is lost with us, PayPing's second one (15, after our own unheard call) has
		// no amount in it: then it is a success (CONTRACT §6.5).
		tells: "the answer names another amount; a person decides", ends: manual + " or paid",
		run: func(w *world) {
			inv := w.create("order-1")
			w.comeBack(inv, w.pay(inv, "verify_wrong_amount"))
			if w.wait(inv, "review", "paid") == "paid" {
				return
			}
			id := w.attempts(inv)[0].ID
			w.api(http.MethodPost, "/attempts/"+id+"/resolve", "resolve-1", `{"outcome":"paid","note":"the bank's statement has it"}`, http.StatusOK, nil)
			w.wait(inv, "paid")
		},
	},
	"shop cancels": {
		tells: "the shop cancels while the customer is out; what comes back is not captured", ends: "canceled",
		run: func(w *world) {
			inv := w.create("order-1")
			back := w.pay(inv, "paid")
			w.cancel(inv)
			w.comeBack(inv, back)
			w.server.until("unclaimed", func() bool { return w.attempts(inv)[0].Status == "unclaimed" })
		},
	},
	"shop edits": {
		tells: "the shop lowers the amount before the customer pays", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			var now invoice
			w.api(http.MethodPatch, "/invoices/"+inv.ID, "", `{"amount":1200000}`, http.StatusOK, &now)
			if now.Amount != 1_200_000 {
				w.Errorf("after the change it asks %d", now.Amount)
			}
			w.finish(inv, w.pay(inv, "paid"))
		},
	},
	"shop refunds": {
		tells: "the shop records a refund of what was paid", ends: "paid",
		run: func(w *world) {
			inv := w.create("order-1")
			w.finish(inv, w.pay(inv, "paid"))
			var refund struct {
				Amount int64 `json:"amount"`
				Sum    int64 `json:"amount_refunded"`
			}
			w.api(http.MethodPost, "/invoices/"+inv.ID+"/refunds", "refund-1", `{"amount":400000}`, http.StatusCreated, &refund)
			if refund.Amount != 400_000 || refund.Sum != 400_000 {
				w.Errorf("recorded %d, in all %d", refund.Amount, refund.Sum)
			}
		},
	},
	"expires": {
		tells: "the invoice expires while the customer is out; the payment is honoured", ends: "paid",
		run: func(w *world) {
			expires := time.Now().Add(10 * time.Second).UTC().Format(time.RFC3339)
			inv := w.createFor("order-1", `{"amount":1500000,"customer":{"name":"سارا","mobile":"09121234567"},"expires_at":"`+expires+`"}`)
			back := w.pay(inv, "paid")
			w.server.until("expired in the books", func() bool { return w.hasEvent(inv, "invoice.expired") })
			w.finish(inv, back)
		},
	},
	"abandoned": {
		tells: "the customer comes back long after the attempt was abandoned", ends: "paid", env: []string{"CHECKOUT_ATTEMPT_TTL=2s"},
		run: func(w *world) {
			inv := w.create("order-1")
			back := w.pay(inv, "paid")
			w.server.until("abandoned", func() bool { return w.attempts(inv)[0].Status == "abandoned" })
			w.finish(inv, back)
		},
	},
	"crowd": {
		tells: "eight customers pay at once, so that one commit serves several", ends: "paid",
		run: func(w *world) {
			w.together(8, func(i int) {
				inv := w.create("order-" + strconv.Itoa(i))
				back := w.pay(inv, "paid")
				w.finish(inv, back)
				for range 8 { // until a batch was met; further reloads change nothing
					if _, ahead := w.server.died(); ahead == 0 {
						return
					}
					w.comeBack(inv, back)
				}
			})
		},
	},
}

// pay takes the customer to the gateway and through it.
func (w *world) pay(inv *invoice, outcome string, more ...string) way {
	w.Helper()
	page := w.press(inv)
	if page == "" {
		w.Fatalf("not payable: %s", w.look(inv))
	}
	return w.payAt(page, outcome, more...)
}

// finish brings the customer back and waits for the receipt.
func (w *world) finish(inv *invoice, back way) {
	w.Helper()
	if a := w.comeBack(inv, back); a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, "/i/") {
		w.Errorf("the return was answered with %d %s", a.status, a.location)
	}
	w.wait(inv, "paid")
}

func (w *world) cancel(inv *invoice) {
	w.Helper()
	var now invoice
	w.api(http.MethodPost, "/invoices/"+inv.ID+"/cancel", "cancel-1", "", http.StatusOK, &now)
	if now.Status != "canceled" {
		w.Errorf("after canceling it is %s", now.Status)
	}
}

// arm spoils the next call of its kind at the vendors.
func (w *world) arm(fault string) {
	w.Helper()
	w.control(w, http.MethodPost, "faults", `{"fault":"`+fault+`","count":1}`, nil)
	w.Cleanup(func() { w.control(w, http.MethodDelete, "faults", "", nil) })
}

// untilDead waits until the server has died at a point, if it is to die there at all.
func (w *world) untilDead(point string) {
	w.Helper()
	w.server.until("dead at "+point, func() bool {
		_, ahead := w.server.died()
		return ahead == 0
	})
	w.server.await()
}

func (w *world) hasEvent(inv *invoice, kind string) bool {
	w.Helper()
	var page struct{ Data []struct{ Type string } }
	w.api(http.MethodGet, "/invoices/"+inv.ID+"/events?limit=100", "", "", http.StatusOK, &page)
	for _, e := range page.Data {
		if e.Type == kind {
			return true
		}
	}
	return false
}

// broken is the same return with a field in it twice.
func (b way) broken() way {
	if b.form == nil {
		return way{address: b.address + "&invoiceNumber=1"}
	}
	form := url.Values{}
	for name, values := range b.form {
		form[name] = append(values[:len(values):len(values)], values...)
	}
	return way{b.address, form}
}
