package payments_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
	"dargah/internal/db"
)

// clerical is something that people and the house's own clock do beside payments. It may be done again
// and again. Of a sweep it is the log that says what failed.
type clerical struct {
	prepare func(w *world) func() error
	quiet   bool
}

func clericals() map[string]clerical {
	m := map[string]clerical{}
	loud := func(name string, prepare func(w *world) func() error) { m[name] = clerical{prepare: prepare} }
	quiet := func(name string, prepare func(w *world) func() error) { m[name] = clerical{prepare, true} }
	maps.Copy(m, changes())

	loud("ask about what awaits a person", func(w *world) func() error {
		_, a := w.inReview()
		w.ins.say("9001", refusal("44", false, true))
		w.set("ghesta", map[string]string{"token": "another"}) // what is remembered is read again
		return func() error { return w.AskAgain(w.Context(), w.scope, a.ID, asker) }
	})
	loud("ask about what was paid after all", func(w *world) func() error {
		_, a := w.inReview()
		w.ins.say("9001", paid("R1"))
		return func() error { return w.AskAgain(w.Context(), w.scope, a.ID, asker) }
	})
	loud("ask about what is being verified", func(w *world) func() error {
		a := w.start(w.invoice(1_500_000), "ghesta")
		w.ins.say("8001", silence())
		w.mustBack(a, "8001")
		w.spawned.Wait()
		return func() error { return w.AskAgain(w.Context(), w.scope, a.ID, asker) }
	})
	loud("close what nobody claims", func(w *world) func() error {
		a := w.canceled("gardeshpay", 1)[0]
		w.mustBack(a, "8801")
		return func() error { return w.CloseUnclaimed(w.Context(), w.scope, a.ID, "n", asker) }
	})
	loud("note", func(w *world) func() error {
		inv, user := w.invoice(1_500_000), w.user()
		return func() error { return w.AddNote(w.Context(), w.scope, inv.ID, user, "n") }
	})
	loud("statement", func(w *world) func() error {
		inv := w.invoice(1_500_000)
		return func() error {
			w.forgetful()
			_, err := w.Statement(w.Context(), payments.StatementInput{Token: inv.Token, LastFour: "4567"})
			return err
		}
	})

	loud("rules", func(w *world) func() error {
		return func() error { return w.SetRules(w.Context(), w.scope.MerchantID, everyTwoDays) }
	})
	loud("follow the rules", func(w *world) func() error {
		w.invoice(1_500_000, mailedAtOnce)
		return func() error {
			return w.RunRules(w.Context(), checkout.Job{Kind: payments.JobRules, Key: w.scope.MerchantID})
		}
	})
	loud("read the rules", func(w *world) func() error {
		return func() error { _, err := w.Rules(w.Context(), w.scope.MerchantID); return err }
	})
	wayOut := func(w *world) string {
		err := w.db.Update(w.Context(), func(tx *db.Tx) error {
			_, err := tx.ReaderOf(w.scope.MerchantID, "sara@example.com", "way-out")
			return err
		})
		if err != nil {
			w.Fatal(err)
		}
		return "way-out"
	}
	loud("a reader", func(w *world) func() error {
		token := wayOut(w)
		return func() error { _, err := w.Reader(w.Context(), token); return err }
	})
	loud("stop reminders", func(w *world) func() error {
		token := wayOut(w)
		return func() error { return w.StopReminders(w.Context(), token, true) }
	})
	quiet("remind", func(w *world) func() error {
		w.noon(1)
		w.rules(everyTwoDays)
		inv := w.invoice(1_500_000, mailedAtOnce)
		w.noon(2)
		return func() error {
			err := w.Remind(w.Context())
			if all, _ := w.letters(inv); err == nil && len(all) != 2 {
				return errDisk // it stands in the log, and the next sweep does it
			}
			return err
		}
	})
	loud("forget where nothing is", func(w *world) func() error {
		w.rules(func(r *checkout.Rules) { r.ForgetDays = 1 })
		return func() error { return w.Forget(w.Context()) }
	})
	quiet("forget", func(w *world) func() error {
		w.rules(func(r *checkout.Rules) { r.ForgetDays = 1 })
		inv := w.invoice(1_500_000)
		w.clock.add(30 * 24 * time.Hour)
		if err := w.Sweep(w.Context()); err != nil {
			w.Fatal(err)
		}
		return func() error {
			err := w.Forget(w.Context())
			var got *checkout.Invoice
			if more := w.db.View(w.Context(), func(tx *db.Tx) (err error) { got, err = tx.Invoice(inv.ID); return err }); more != nil {
				w.Fatal(more)
			}
			if err == nil && got.Customer.Name != "" {
				return errDisk
			}
			return err
		}
	})

	loud("sum up", func(w *world) func() error {
		w.mustBack(w.start(w.invoice(1_500_000), "ghesta"), "8801")
		if err := w.FeedNews(w.Context()); err != nil {
			w.Fatal(err)
		}
		return func() error { return w.SumUp(w.Context()) }
	})
	loud("days", func(w *world) func() error {
		begun := w.clock.now()
		w.mustBack(w.start(w.invoice(1_500_000), "ghesta"), "8801")
		return func() error { _, err := w.Days(w.Context(), w.scope, begun); return err }
	})

	loud("make a page", func(w *world) func() error {
		return func() error {
			_, err := w.CreatePayPage(w.Context(), w.scope, payments.PageWords{Slug: "seat", Title: "A seat", Amount: 1_500_000, Locale: "fa"})
			return err
		}
	})
	onPage := func(name string, act func(w *world, p *checkout.PayPage) error) {
		loud(name, func(w *world) func() error {
			p := w.page(func(in *payments.PageWords) { in.Stock = 1000 })
			if _, err := w.press(payments.PagePress{Nonce: nonce(999)}, "gardeshpay"); err != nil {
				w.Fatal(err)
			}
			return func() error { return act(w, &p) }
		})
	}
	onPage("change a page", func(w *world, p *checkout.PayPage) error {
		_, err := w.UpdatePayPage(w.Context(), w.scope, p.ID, payments.PageWords{Title: "Two seats", Amount: 1000, Locale: "fa"})
		return err
	})
	onPage("switch a page off", func(w *world, p *checkout.PayPage) error {
		_, err := w.SwitchPayPage(w.Context(), w.scope, p.ID, false)
		return err
	})
	onPage("list pages", func(w *world, _ *checkout.PayPage) error {
		_, _, err := w.PayPages(w.Context(), w.scope, "", 9)
		return err
	})
	onPage("what came of a page", func(w *world, p *checkout.PayPage) error {
		_, err := w.PayPageReport(w.Context(), w.scope, p.ID, "", 9)
		return err
	})
	onPage("show a page", func(w *world, p *checkout.PayPage) error {
		_, err := w.PayPage(w.Context(), "pottery", p.Slug, 0)
		return err
	})
	for name, change := range map[string]func(*payments.PageWords){
		"": func(*payments.PageWords) {}, ", any amount": func(in *payments.PageWords) { in.Amount, in.Min, in.Max = 0, 1000, 5_000_000 },
	} {
		loud("show a page of a shop that nobody remembers"+name, func(w *world) func() error {
			p := w.page(change)
			return func() error { w.forgetful(); _, err := w.PayPage(w.Context(), "pottery", p.Slug, 0); return err }
		})
	}
	loud("press on a page", func(w *world) func() error {
		w.page(func(in *payments.PageWords) { in.Stock = 1000 })
		n := 0
		act := func() error { n++; _, err := w.press(payments.PagePress{Nonce: nonce(n)}, "gardeshpay"); return err }
		if err := act(); err != nil { // what is remembered is read now: the others' statements keep their places
			w.Fatal(err)
		}
		return act
	})

	for name, then := range map[string]func(w *world, inv checkout.Invoice){
		"": func(w *world, _ checkout.Invoice) { w.clock.add(2 * time.Hour) },
		", it is paid": func(w *world, inv checkout.Invoice) {
			w.mustBack(w.attempts(inv)[0], "8801")
			w.work()
		},
		", somebody is out": func(w *world, inv checkout.Invoice) {
			w.clock.add(25 * time.Minute)
			w.start(inv, "gardeshpay")
			w.clock.add(10 * time.Minute)
		},
		", nobody is": func(w *world, inv checkout.Invoice) {
			w.clock.add(2 * time.Hour)
			if err := w.AbandonOne(w.Context(), w.attempts(inv)[0].ID); err != nil {
				w.Fatal(err)
			}
		},
		", it is canceled": func(w *world, inv checkout.Invoice) {
			if _, _, err := w.CancelInvoice(w.Context(), w.scope, inv.ID, clerk, nil); err != nil {
				w.Fatal(err)
			}
		},
		", it has more time": func(*world, checkout.Invoice) {},
	} {
		loud("see to a place"+name, func(w *world) func() error {
			w.page(func(in *payments.PageWords) { in.Stock = 3 })
			token, err := w.press(payments.PagePress{Nonce: nonce(1)}, "gardeshpay")
			if err != nil {
				w.Fatal(err)
			}
			inv := w.behind(token)
			then(w, inv)
			return func() error { return w.SeePlace(w.Context(), inv.ID) }
		})
	}

	loud("show a picture", func(w *world) func() error {
		name := checkout.NameLogo("aa", 44, 44)
		if err := w.db.Update(w.Context(), func(tx *db.Tx) error { return tx.SetLogo(w.scope.MerchantID, name, []byte("png")) }); err != nil {
			w.Fatal(err)
		}
		return func() error { _, err := w.Logo(w.Context(), name); return err }
	})
	loud("keep looks", func(w *world) func() error {
		inv := w.invoice(1_500_000)
		return func() error { w.Looked(inv.ID); return w.KeepLooks(w.Context()) }
	})

	loud("show a link", func(w *world) func() error {
		w.linkKey("lnk_live", true)
		return func() error { w.forgetful(); _, err := w.LinkPage(w.Context(), signed()); return err }
	})
	loud("show a link of which something is made", func(w *world) func() error {
		w.linkKey("lnk_live", true)
		if _, err := w.linkStart(signed(), "gardeshpay"); err != nil {
			w.Fatal(err)
		}
		return func() error { _, err := w.LinkPage(w.Context(), signed()); return err }
	})
	loud("start a link", func(w *world) func() error {
		w.linkKey("lnk_live", true)
		n := 0
		return func() error {
			n++
			_, err := w.linkStart(signed(fmt.Sprint("reference=", n)), "gardeshpay")
			return err
		}
	})

	bring := func(w *world) checkout.Run { return w.brought(customers(3)) }
	loud("bring a file", func(w *world) func() error {
		return func() error {
			_, err := w.CheckRun(w.Context(), w.scope, payments.NewRun{Name: "a.csv", Unit: "rial", Lines: customers(3)}, clerk)
			return err
		}
	})
	loud("begin a run", func(w *world) func() error {
		r := bring(w)
		return func() error { return w.StartRun(w.Context(), w.scope, r.ID, true, true) }
	})
	begun := func(w *world) checkout.Run {
		r := bring(w)
		if err := w.StartRun(w.Context(), w.scope, r.ID, true, false); err != nil {
			w.Fatal(err)
		}
		return r
	}
	loud("stop a run", func(w *world) func() error {
		r := begun(w)
		return func() error { return w.StopRun(w.Context(), w.scope, r.ID) }
	})
	loud("make a run's invoices", func(w *world) func() error {
		r := begun(w)
		return func() error {
			w.forgetful()
			err := w.RunMany(w.Context(), checkout.Job{Kind: payments.JobRun, Key: r.ID})
			if got := w.byReader(); err == nil && len(got) != 3 {
				w.Errorf("letters %v", got)
			}
			return err
		}
	})
	loud("forget old runs", func(w *world) func() error {
		bring(w)
		w.clock.add(91 * 24 * time.Hour)
		return func() error { return w.PruneRuns(w.Context()) }
	})

	for name, read := range map[string]func(w *world, inv checkout.Invoice) error{
		"read an invoice": func(w *world, inv checkout.Invoice) error {
			_, err := w.Invoice(w.Context(), w.scope, inv.ID)
			return err
		},
		"list invoices": func(w *world, _ checkout.Invoice) error {
			_, _, err := w.Invoices(w.Context(), w.scope, payments.InvoiceFilter{Limit: 9})
			return err
		},
		"add invoices up": func(w *world, _ checkout.Invoice) error {
			_, err := w.InvoiceTotals(w.Context(), w.scope, payments.InvoiceFilter{})
			return err
		},
		"find by a reference": func(w *world, _ checkout.Invoice) error {
			_, err := w.Referenced(w.Context(), w.scope, "8801")
			return err
		},
		"list attempts": func(w *world, _ checkout.Invoice) error {
			_, _, err := w.Attempts(w.Context(), w.scope, payments.AttemptFilter{Limit: 9})
			return err
		},
		"list an invoice's attempts": func(w *world, inv checkout.Invoice) error {
			_, err := w.InvoiceAttempts(w.Context(), w.scope, inv.ID)
			return err
		},
		"list an invoice's events": func(w *world, inv checkout.Invoice) error {
			_, _, err := w.InvoiceEvents(w.Context(), w.scope, inv.ID, "", 9)
			return err
		},
	} {
		loud(name, func(w *world) func() error {
			inv := w.invoice(1_500_000)
			w.mustBack(w.start(inv, "ghesta"), "8801")
			return func() error { return read(w, inv) }
		})
	}
	loud("show an invoice whose account does not open", func(w *world) func() error {
		inv := w.invoice(1_500_000)
		err := w.db.Update(w.Context(), func(tx *db.Tx) error {
			row, err := tx.GatewayAccount(w.scope.MerchantID, true, "ghesta")
			if err != nil {
				return err
			}
			row.Sealed = map[string]string{"token": "of another house"}
			return tx.SaveGatewayAccount(row)
		})
		if err != nil {
			w.Fatal(err)
		}
		return func() error { _, err := w.Page(w.Context(), inv.Token); return err }
	})
	loud("show what came of a page and is paid", func(w *world) func() error {
		w.page()
		token, err := w.press(payments.PagePress{Nonce: nonce(1)}, "gardeshpay")
		if err != nil {
			w.Fatal(err)
		}
		w.mustBack(w.attempts(w.behind(token))[0], "8801")
		return func() error { _, err := w.Page(w.Context(), token); return err }
	})

	loud("show accounts", func(w *world) func() error {
		return func() error { _, err := w.Accounts(w.Context(), w.scope); return err }
	})
	loud("try an account", func(w *world) func() error {
		return func() error { _, err := w.TryAccount(w.Context(), w.scope, "ghesta"); return err }
	})
	loud("probe an account", func(w *world) func() error {
		return func() error { _, err := w.Probe(w.Context(), w.scope, "ghesta"); return err }
	})
	loud("vendors' servers", func(w *world) func() error {
		return func() error { _, err := w.LiveServers(w.Context()); return err }
	})
	loud("seal again", func(w *world) func() error {
		older, newer := seal.NewKey(), seal.NewKey()
		o := w.Options
		shop := w.shop(3, true)
		for _, keys := range [][]string{{older}, {newer, older}} {
			box, err := seal.New(keys...)
			if err != nil {
				w.Fatal(err)
			}
			o.Box = box
			w.Engine = payments.New(o)
			if len(keys) == 1 {
				w.setOf(shop, "ghesta", map[string]string{"token": "canary"})
			}
		}
		err := w.db.Update(w.Context(), func(tx *db.Tx) error { // the world's own was sealed by another key
			row, err := tx.GatewayAccount(w.scope.MerchantID, true, "ghesta")
			if err != nil {
				return err
			}
			row.Sealed = nil
			return tx.SaveGatewayAccount(row)
		})
		if err != nil {
			w.Fatal(err)
		}
		return func() error { _, err := w.Reseal(w.Context()); return err }
	})
	return m
}

// TestDisk_FailsInTheOffice: whichever statement fails of what people and the clock do beside payments,
// its transaction ends with an error, they are told, and the same done again comes through.
func TestDisk_FailsInTheOffice(t *testing.T) {
	fresh := quickSQLite(t)
	all := clericals()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(strings.ReplaceAll(name, "'", ""), func(t *testing.T) {
			t.Parallel()
			w, d := onDisk(t, fresh)
			act := all[name].prepare(w)
			for n := 1; ; n++ {
				d.arm(n)
				err := act()
				hit := d.failed()
				d.arm(0)
				if hit == "" {
					if err != nil {
						t.Errorf("undisturbed: %v", err)
					}
					if n < 2 {
						t.Error("it does nothing")
					}
					return
				}
				if d.swallowed {
					t.Errorf("statement %d failed, and its transaction went on: %s", n, hit)
				}
				if k := checkout.KindOf(err); k != checkout.Internal && !all[name].quiet {
					t.Errorf("statement %d failed, and it is told as somebody's mistake (%s): %s", n, k, hit)
				}
				if !errors.Is(err, errDisk) && !all[name].quiet {
					t.Errorf("statement %d failed, and what it says is %v: %s", n, err, hit)
				}
			}
		})
	}
}
