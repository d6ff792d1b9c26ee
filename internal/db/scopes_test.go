package db_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// TestGatewayAccounts_EachShopItsOwn: accounts are read by shop and mode, in the gateways' order; saving one
// tells its own shop's readers that something has changed, and no other's; what cannot be read is said.
func TestGatewayAccounts_EachShopItsOwn(t *testing.T) {
	tills(t, func(s *till) {
		revisions := func() (list [2]string) {
			s.must(func(tx *db.Tx) error {
				for i, id := range []string{pottery, "mer_s"} {
					n, err := tx.Int(`SELECT revision FROM merchants WHERE id = $1`, id)
					if err != nil {
						return err
					}
					list[i] = fmt.Sprint(n)
				}
				return nil
			})
			return list
		}
		save := func(id, merchant string, live bool, gateway string, settings map[string]string, at time.Time) {
			a := &checkout.GatewayAccount{ID: id, MerchantID: merchant, Live: live, Gateway: gateway, Settings: settings, Sealed: map[string]string{}, UpdatedAt: at}
			s.must(func(tx *db.Tx) error { return tx.SaveGatewayAccount(a) })
		}
		s.must(func(tx *db.Tx) error { _, err := shop(tx, "s"); return err })
		before := revisions()
		save("gwa_3", pottery, true, "ghesta", map[string]string{"a": "1"}, minutes(0))
		save("gwa_2", pottery, true, "gardeshpay", nil, minutes(0))
		save("gwa_4", pottery, false, "ghesta", nil, minutes(0))
		if now := revisions(); now[0] == before[0] || now[1] != before[1] {
			s.t.Errorf("revisions %v, then %v", before, now)
		}
		save("gwa_1", "mer_s", true, "ghesta", nil, minutes(0))
		save("gwa_9", pottery, true, "ghesta", map[string]string{"a": "2"}, minutes(5)) // replaces, and keeps its id
		ids := func(list []checkout.GatewayAccount, err error) (ids string) {
			if err != nil {
				s.t.Error(err)
			}
			for _, a := range list {
				ids += a.ID[4:]
			}
			return ids
		}
		s.must(func(tx *db.Tx) error {
			if got := ids(tx.GatewayAccounts(pottery, true)); got != "23" {
				s.t.Errorf("live: %s", got)
			}
			if got := ids(tx.GatewayAccounts(pottery, false)); got != "4" {
				s.t.Errorf("test: %s", got)
			}
			if got := ids(tx.AllGatewayAccounts()); got != "1234" {
				s.t.Errorf("all: %s", got)
			}
			a, err := tx.GatewayAccount(pottery, true, "ghesta")
			if err == nil && (a.Settings["a"] != "2" || !a.UpdatedAt.Equal(minutes(5))) {
				s.t.Errorf("replaced by %+v", a)
			}
			return err
		})
		for _, column := range []string{"settings", "sealed"} {
			err := s.Update(s.t.Context(), func(tx *db.Tx) error {
				if err := tx.Exec(`UPDATE gateway_accounts SET ` + column + ` = '[]' WHERE id = 'gwa_3'`); err != nil {
					return err
				}
				_, one := tx.GatewayAccount(pottery, true, "ghesta")
				_, all := tx.AllGatewayAccounts()
				if one == nil || all == nil || !strings.Contains(one.Error(), "read gateway account") {
					s.t.Errorf("broken %s: %v, %v", column, one, all)
				}
				return errBoom
			})
			if !errors.Is(err, errBoom) {
				s.t.Error(err)
			}
		}
	})
}

// TestLoopbackAccounts: a live account whose gateway is on this machine, however that is written, and no test
// account.
func TestLoopbackAccounts(t *testing.T) {
	tills(t, func(s *till) {
		for address, want := range map[string]bool{
			"http://127.0.0.1:9/verify": true, "http://localhost/verify": true, "http://[::1]:9/verify": true, "https://bank.example/127.0.0.1": false, "": false,
		} {
			for _, live := range []bool{true, false} {
				a := &checkout.GatewayAccount{ID: "gwa_" + fmt.Sprint(live), MerchantID: pottery, Live: live, Gateway: "ghesta", Settings: map[string]string{"verify_url": address}}
				err := s.Update(s.t.Context(), func(tx *db.Tx) error {
					if err := tx.SaveGatewayAccount(a); err != nil {
						return err
					}
					got, err := tx.LoopbackAccounts()
					if err != nil || got != (want && live) {
						s.t.Errorf("%q, live %v: %v, %v", address, live, got, err)
					}
					return errBoom // another begins without it
				})
				if !errors.Is(err, errBoom) {
					s.t.Error(err)
				}
			}
		}
	})
}

// TestAttempts_EachShopItsOwn: neither another shop's nor another mode's stand in a list of attempts; those
// whose customer is late are found when their time has come, the latest last, as many as are asked for.
func TestAttempts_EachShopItsOwn(t *testing.T) {
	tills(t, func(s *till) {
		s.must(func(tx *db.Tx) error { _, err := shop(tx, "s"); return err })
		mine, trial := s.newInvoice(), s.newInvoice(func(i *checkout.Invoice) { i.Live = false })
		theirs := s.newInvoice(func(i *checkout.Invoice) { i.MerchantID = "mer_s" })
		a := s.newAttempt(mine)
		b, c := s.attemptOf(trial), s.attemptOf(theirs)
		b.AbandonAt, c.AbandonAt = minutes(10), minutes(20)
		s.must(func(tx *db.Tx) error { return errors.Join(tx.InsertAttempt(b), tx.InsertAttempt(c)) })
		for _, q := range []struct {
			merchant string
			live     bool
			want     string
		}{{pottery, true, a.ID}, {pottery, false, b.ID}, {"mer_s", true, c.ID}, {"mer_s", false, ""}} {
			s.must(func(tx *db.Tx) error {
				list, err := tx.Attempts(db.AttemptQuery{MerchantID: q.merchant, Live: q.live, Limit: 9})
				if got := attemptIDs(list); strings.Join(got, " ") != q.want {
					s.t.Errorf("%s, live %v: %v", q.merchant, q.live, got)
				}
				return err
			})
		}
		// The store's own clock is later than all of them.
		s.must(func(tx *db.Tx) error {
			all, err := tx.AbandoningAttempts(9)
			if !slices.Equal(all, []string{b.ID, c.ID, a.ID}) {
				s.t.Errorf("late: %v", all)
			}
			two, err2 := tx.AbandoningAttempts(2)
			if !slices.Equal(two, []string{b.ID, c.ID}) {
				s.t.Errorf("the first two: %v", two)
			}
			due := tx.Now().UnixMilli()
			err3 := errors.Join(
				tx.Exec(`UPDATE attempts SET abandon_at_ms = $1 WHERE id = $2`, due, b.ID), tx.Exec(`UPDATE attempts SET abandon_at_ms = $1 WHERE id = $2`, due+1, c.ID),
			)
			now, err4 := tx.AbandoningAttempts(9)
			if !slices.Equal(now, []string{a.ID, b.ID}) {
				s.t.Errorf("at this moment: %v", now)
			}
			return errors.Join(err, err2, err3, err4)
		})
	})
}

func attemptIDs(list []checkout.Attempt) (ids []string) {
	for _, a := range list {
		ids = append(ids, a.ID)
	}
	return ids
}

// TestMoveAttempt_ResolvedOnce: when it was resolved stays when it was.
func TestMoveAttempt_ResolvedOnce(t *testing.T) {
	tills(t, func(s *till) {
		a := s.newAttempt(s.newInvoice())
		s.must(func(tx *db.Tx) error {
			a.Status, a.Resolved = checkout.AttemptFailed, true
			return errors.Join(tx.MoveAttempt(a, checkout.AttemptCreated), tx.Exec(`UPDATE attempts SET resolved_at_ms = 7 WHERE id = $1`, a.ID))
		})
		s.must(func(tx *db.Tx) error {
			if err := tx.MoveAttempt(a, a.Status); err != nil {
				return err
			}
			at, err := tx.Int(`SELECT resolved_at_ms FROM attempts WHERE id = $1`, a.ID)
			if at != 7 {
				s.t.Errorf("resolved at %d", at)
			}
			return err
		})
	})
}

// TestStrays_ForAPerson: of one token the first ten, of another one as well; the newest first, as many as are
// asked for; one that was closed is gone.
func TestStrays_ForAPerson(t *testing.T) {
	tills(t, func(s *till) {
		for i := range 12 {
			s.must(func(tx *db.Tx) error {
				return errors.Join(tx.InsertStray(fmt.Sprintf("str_a%02d", i), "ghesta", "one", fmt.Sprint("f", i)), tx.Exec(`UPDATE stray_callbacks SET created_at_ms = $1 WHERE id = $2`, int64(1000+i), fmt.Sprintf("str_a%02d", i)))
			})
		}
		s.must(func(tx *db.Tx) error {
			return errors.Join(tx.InsertStray("str_0", "gardeshpay", "two", "g"), tx.Exec(`UPDATE stray_callbacks SET created_at_ms = 5 WHERE id = 'str_0'`))
		})
		s.must(func(tx *db.Tx) error {
			all, err := tx.Strays(99)
			if len(all) != 11 || all[0] != (db.Stray{ID: "str_a09", Gateway: "ghesta", Fields: "f9", CreatedAt: time.UnixMilli(1009).UTC()}) || all[10].ID != "str_0" {
				s.t.Errorf("%d: %+v", len(all), all)
			}
			two, err2 := tx.Strays(2)
			if len(two) != 2 {
				s.t.Errorf("the first two: %+v", two)
			}
			_, err3 := tx.CloseStray("str_a09")
			left, err4 := tx.Strays(99)
			if len(left) != 10 || left[0].ID != "str_a08" {
				s.t.Errorf("left: %+v", left)
			}
			return errors.Join(err, err2, err3, err4)
		})
	})
}

// TestEachChain_All: every invoice, in the order of ids, with its events in theirs; one without events too.
func TestEachChain_All(t *testing.T) {
	tills(t, func(s *till) {
		var want []string
		var stored []checkout.Event
		for i := range 3 {
			inv := s.newInvoice(func(inv *checkout.Invoice) {
				inv.ID = checkout.PrefixInvoice + strings.Repeat(fmt.Sprint(i+1), checkout.IDDigits)
			})
			line := inv.ID + ":"
			if i != 1 {
				for n := range int64(12) {
					stored = append([]checkout.Event{{InvoiceID: inv.ID, Sequence: n + 1, Type: "a", Actor: "customer", Data: "{}", CreatedAt: moneyTime}}, stored...)
					line += " " + db.EventID(inv.ID, n+1)
				}
			}
			want = append(want, line)
		}
		s.must(func(tx *db.Tx) error { return tx.InsertEvents(stored) })
		var got []string
		s.must(func(tx *db.Tx) error {
			got = nil
			return tx.EachChain(func(c *db.Chain) error {
				line := c.InvoiceID + ":"
				for _, e := range c.Events {
					line += " " + e.ID
				}
				got = append(got, line)
				return nil
			})
		})
		if !slices.Equal(got, want) {
			s.t.Errorf("%v\nwant\n%v", got, want)
		}
		if err := s.View(s.t.Context(), func(tx *db.Tx) error { return tx.EachChain(func(*db.Chain) error { return errBoom }) }); !errors.Is(err, errBoom) {
			s.t.Errorf("a reader's error: %v", err)
		}
		if id := db.EventID("inv_1", 11); id != "evt_111" {
			s.t.Errorf("the eleventh is %s", id)
		}
	})
}

// TestInvoice_EditedFieldByField: what is edited comes back; an invoice beside it stays as it is; one that is
// no longer open is not edited.
func TestInvoice_EditedFieldByField(t *testing.T) {
	tills(t, func(s *till) {
		inv, other := s.newInvoice(), s.newInvoice()
		read := func(id string) (got *checkout.Invoice) {
			s.must(func(tx *db.Tx) (err error) { got, err = tx.ScopedInvoice(pottery, true, id); return err })
			return got
		}
		was := *read(other.ID)
		want := *read(inv.ID)
		want.Amount, want.Description, want.Reference = 2_000_000, "vase", "MP-2"
		want.Customer = checkout.Customer{Name: "Sara", Mobile: "09121234567", Email: "sara@example.com"}
		want.Items, want.Metadata = []checkout.Item{{Title: "vase", Quantity: 1, UnitAmount: 2_000_000}}, map[string]string{"a": "b"}
		want.Gateways, want.ReturnURL, want.Locale, want.ExpiresAt = []string{"ghesta", "gardeshpay"}, "https://shop.example/", "en", minutes(99)
		s.must(func(tx *db.Tx) error { return tx.EditInvoice(&want) })
		sameAs(s, "edited", *read(inv.ID), want)
		sameAs(s, "beside", *read(other.ID), was)
		want.Items, want.Metadata = nil, nil
		s.must(func(tx *db.Tx) error {
			if err := tx.EditInvoice(&want); err != nil {
				return err
			}
			empty, err := tx.Text(`SELECT '[' || items || metadata || ']' FROM invoices WHERE id = $1`, inv.ID)
			if empty != "[]" {
				s.t.Errorf("nothing is kept as %q", empty)
			}
			return err
		})
		sameAs(s, "emptied", *read(inv.ID), want)
		s.must(func(tx *db.Tx) error {
			return tx.Exec(`UPDATE invoices SET status = 'canceled', canceled_at_ms = $1 WHERE id = $2`, minutes(7).UnixMilli(), inv.ID)
		})
		if err := s.Update(s.t.Context(), func(tx *db.Tx) error { return tx.EditInvoice(&want) }); !errors.Is(err, checkout.Conflict) {
			s.t.Errorf("a canceled one: %v", err)
		}
		if got := read(inv.ID); !got.CanceledAt.Equal(minutes(7)) || got.Status != checkout.InvoiceCanceled {
			s.t.Errorf("canceled at %v", got.CanceledAt)
		}
		for what, look := range map[string]func(tx *db.Tx) (*checkout.Invoice, error){
			"another shop": func(tx *db.Tx) (*checkout.Invoice, error) { return tx.ScopedInvoice("mer_s", true, inv.ID) },
			"another mode": func(tx *db.Tx) (*checkout.Invoice, error) { return tx.ScopedInvoice(pottery, false, inv.ID) },
			"no such":      func(tx *db.Tx) (*checkout.Invoice, error) { return tx.ScopedInvoice(pottery, true, "inv_none") },
		} {
			s.must(func(tx *db.Tx) error {
				if got, err := look(tx); !errors.Is(err, checkout.NotFound) || got != nil {
					s.t.Errorf("%s: %+v, %v", what, got, err)
				}
				return nil
			})
		}
		a := s.newAttempt(other)
		s.must(func(tx *db.Tx) error {
			got, err := tx.LockInvoiceByCallback("ghesta", a.CallbackToken)
			if err != nil || got.ID != other.ID {
				s.t.Errorf("by its address: %+v, %v", got, err)
			}
			if _, err := tx.LockInvoiceByCallback("gardeshpay", a.CallbackToken); !errors.Is(err, checkout.NotFound) {
				s.t.Errorf("by another gateway's: %v", err)
			}
			return nil
		})
	})
}

// TestExpiringInvoices_InTheirOrder: the open ones whose time has come, the latest last, as many as asked for.
func TestExpiringInvoices_InTheirOrder(t *testing.T) {
	tills(t, func(s *till) {
		s.must(func(tx *db.Tx) error {
			now := tx.Now()
			var made []string
			for i, at := range []time.Time{now, now.Add(-2 * time.Hour), now.Add(-time.Hour), now.Add(time.Millisecond), now.Add(-3 * time.Hour)} {
				inv := &checkout.Invoice{
					ID: checkout.PrefixInvoice + strings.Repeat(fmt.Sprint(i), checkout.IDDigits), MerchantID: pottery, Live: true, Number: fmt.Sprint(2000 + i),
					Token: strings.Repeat(fmt.Sprint(i), 22), Status: checkout.InvoiceOpen, Amount: 1_500_000, Gateways: []string{"ghesta"},
					Locale: "fa", CreatedAt: now.Add(-9 * time.Hour), ExpiresAt: at, EventSeq: 1, EventHash: "h",
				}
				if err := tx.InsertInvoice(inv); err != nil {
					return err
				}
				made = append(made, inv.ID)
			}
			err := tx.Exec(`UPDATE invoices SET status = 'canceled', canceled_at_ms = 1 WHERE id = $1`, made[4])
			for limit, want := range map[int][]string{9: {made[1], made[2], made[0]}, 2: {made[1], made[2]}} {
				got, failed := tx.ExpiringInvoices(limit)
				if err = errors.Join(err, failed); !slices.Equal(got, want) {
					s.t.Errorf("the first %d: %v, want %v", limit, got, want)
				}
			}
			return err
		})
	})
}

// TestIdempotency_AnotherDay: what is kept under a key comes back as it is, for a day; then the key takes the
// next answer, whole.
func TestIdempotency_AnotherDay(t *testing.T) {
	jobsTest(t, func(d *desk) {
		first := db.Idempotency{MerchantID: "m", Live: true, Key: "k", RequestHash: "h1", Status: 201, Answer: "one"}
		second := db.Idempotency{MerchantID: "m", Live: true, Key: "k", RequestHash: "h2", Status: 422, Answer: "two"}
		keep := func(i db.Idempotency, want bool) {
			d.Helper()
			d.says(want, "keep", func(tx *db.Tx) (bool, error) { return tx.PutIdempotency(i) })
		}
		is := func(want db.Idempotency) {
			d.Helper()
			view(d, d.db, func(tx *db.Tx) error {
				got, err := tx.Idempotency("m", true, "k")
				if err == nil {
					sameAs(&till{t: t}, "kept", *got, want)
				}
				return err
			})
		}
		keep(first, true)
		is(first)
		keep(second, false)
		is(first)
		d.clock.step(24 * 3600 * 1000)
		err := d.db.View(t.Context(), func(tx *db.Tx) error { _, err := tx.Idempotency("m", true, "k"); return err })
		if !errors.Is(err, checkout.NotFound) || !strings.Contains(err.Error(), "idempotency key") {
			t.Errorf("after a day: %v", err)
		}
		keep(second, true)
		is(second)
	})
}

// TestInvoice_PaidIsReadWhole: whichever way a paid invoice is looked for, it says by what it was paid, what was
// given back, and how its own shop stands.
func TestInvoice_PaidIsReadWhole(t *testing.T) {
	tills(t, func(s *till) {
		s.must(func(tx *db.Tx) error { _, err := shop(tx, "s"); return err })
		s.must(func(tx *db.Tx) error {
			return errors.Join(tx.Exec(`UPDATE merchants SET revision = 11 WHERE id = 'mer_s'`), tx.Exec(`UPDATE merchants SET revision = 22 WHERE id = $1`, pottery))
		})
		inv := s.newInvoice(func(i *checkout.Invoice) { i.AttemptCount = 1 })
		theirs := s.newInvoice(func(i *checkout.Invoice) { i.MerchantID = "mer_s" })
		if inv.MerchantRevision != 22 || theirs.MerchantRevision != 11 {
			s.t.Errorf("made under %d and %d", inv.MerchantRevision, theirs.MerchantRevision)
		}
		by := s.newAttempt(inv)
		s.put(by, checkout.AttemptPaid)
		s.must(func(tx *db.Tx) error {
			return errors.Join(
				tx.Exec(`UPDATE attempts SET tracking_number = '8001', ref_number = 'R1', card_mask = '603799******1234', resolved_at_ms = 5 WHERE id = $1`, by.ID),
				tx.Exec(`UPDATE invoices SET status = 'paid', paid_at_ms = $1, paid_attempt_id = $2, amount_refunded_rial = 400000 WHERE id = $3`, moneyTime.UnixMilli(), by.ID, inv.ID),
			)
		})
		want := checkout.Payment{AttemptID: by.ID, Gateway: "ghesta", RefNumber: "R1", TrackingNumber: "8001", CardMask: "603799******1234", Amount: inv.Amount, PaidAt: moneyTime, Manual: true}
		s.must(func(tx *db.Tx) error {
			got, err := tx.Invoice(theirs.ID)
			if err == nil && got.MerchantRevision != 11 {
				s.t.Errorf("the other's shop stands at %d", got.MerchantRevision)
			}
			return err
		})
		for how, look := range map[string]func(tx *db.Tx) (*checkout.Invoice, error){
			"by its id":   func(tx *db.Tx) (*checkout.Invoice, error) { return tx.Invoice(inv.ID) },
			"of its shop": func(tx *db.Tx) (*checkout.Invoice, error) { return tx.ScopedInvoice(pottery, true, inv.ID) },
			"locked":      func(tx *db.Tx) (*checkout.Invoice, error) { return tx.LockInvoice(inv.ID) },
			"by its link": func(tx *db.Tx) (*checkout.Invoice, error) { i, _, err := tx.PageInvoice(inv.Token); return i, err },
			"in the list": func(tx *db.Tx) (*checkout.Invoice, error) {
				list, err := tx.Invoices(db.InvoiceQuery{MerchantID: pottery, Live: true, Limit: 9})
				if err != nil || len(list) != 1 {
					return nil, errors.Join(err, errBoom)
				}
				return &list[0], nil
			},
		} {
			s.must(func(tx *db.Tx) error {
				got, err := look(tx)
				if err != nil {
					return err
				}
				if got.Payment == nil || *got.Payment != want || got.AmountRefunded != 400_000 {
					s.t.Errorf("%s: paid by %+v, %d given back", how, got.Payment, got.AmountRefunded)
				}
				if how != "in the list" && got.MerchantRevision != 22 {
					s.t.Errorf("%s: its shop stands at %d", how, got.MerchantRevision)
				}
				return nil
			})
		}
	})
}

// TestReferences_OnlyTheOne: binding one, and taking one from its owner, leaves the others of that attempt and
// that number as they are.
func TestReferences_OnlyTheOne(t *testing.T) {
	tills(t, func(s *till) {
		inv := s.newInvoice()
		a, b := s.newAttempt(inv), s.newAttempt(s.newInvoice())
		free := func(at *checkout.Attempt, n string) *checkout.Reference {
			r := reference(at, n, false)
			s.insert(r)
			return r
		}
		one, two := free(a, "1"), free(a, "2")
		free(b, "1")
		s.must(func(tx *db.Tx) error { return tx.BindReference(one) })
		bound := func() (list []string) {
			s.must(func(tx *db.Tx) error {
				list = nil
				for _, at := range []*checkout.Attempt{a, b} {
					refs, err := tx.ReferencesOfAttempt(at.ID)
					if err != nil {
						return err
					}
					for _, r := range refs {
						if r.Bound {
							list = append(list, map[*checkout.Attempt]string{a: "a", b: "b"}[at]+r.Canonical)
						}
					}
				}
				return nil
			})
			return list
		}
		if got := bound(); !slices.Equal(got, []string{"a1"}) {
			s.t.Errorf("bound: %v", got)
		}
		s.must(func(tx *db.Tx) error { return tx.BindReference(two) })
		settled := func(at *checkout.Attempt, n string) *checkout.Reference {
			r := reference(at, n, true)
			r.Status, r.Asks = checkout.ReferenceSettled, 1
			s.insert(r)
			return r
		}
		three := settled(a, "3")
		abroad := reference(s.newAttempt(s.newInvoice()), "3", true)
		abroad.Status, abroad.Asks, abroad.Live = checkout.ReferenceSettled, 1, false
		s.insert(abroad)
		settled(a, "4")
		settled(b, "5")
		s.must(func(tx *db.Tx) error {
			yielded, err := tx.YieldReference(three)
			if !yielded {
				s.t.Error("it did not yield")
			}
			return err
		})
		if got := bound(); !slices.Equal(got, []string{"a1", "a2", "a4", "b5"}) {
			s.t.Errorf("bound afterwards: %v", got)
		}
		s.must(func(tx *db.Tx) error {
			got, err := tx.Reference(abroad.AttemptID, "3")
			if err == nil && (!got.Bound || got.Status != checkout.ReferenceSettled) {
				s.t.Errorf("the same number in the other mode: %+v", got)
			}
			return err
		})
		// Held unasked: bound, dropped on purpose and never asked about, all three at once.
		for i, change := range []func(r *checkout.Reference){
			func(*checkout.Reference) {}, func(*checkout.Reference) {}, func(*checkout.Reference) {},
			func(r *checkout.Reference) { r.Bound = false }, func(r *checkout.Reference) { r.Asks = 1 },
		} {
			r := reference(a, fmt.Sprint(60+i), true)
			r.Status = checkout.ReferenceDropped
			change(r)
			s.insert(r)
		}
		s.must(func(tx *db.Tx) error {
			n, err := tx.CountHeld(inv.ID)
			if n != 3 {
				s.t.Errorf("%d are held unasked", n)
			}
			return err
		})
	})
}

// TestYieldReference_AtGardeshPay: a reference that was never asked about on purpose yields there, whose answer
// names the invoice, and at Ghesta not; none does while it waits.
func TestYieldReference_AtGardeshPay(t *testing.T) {
	tills(t, func(s *till) {
		for i, c := range []struct {
			gateway string
			status  checkout.ReferenceStatus
			want    bool
		}{
			{"gardeshpay", checkout.ReferenceDropped, true},
			{"ghesta", checkout.ReferenceDropped, false},
			{"gardeshpay", checkout.ReferenceWaiting, false},
			{"gardeshpay", checkout.ReferenceAsking, false},
			{"gardeshpay", checkout.ReferenceSettled, false},
		} {
			r := reference(s.newAttempt(s.newInvoice()), fmt.Sprint(700+i), true)
			r.Gateway, r.Status = c.gateway, c.status
			s.insert(r)
			s.must(func(tx *db.Tx) error {
				got, err := tx.YieldReference(r)
				if got != c.want {
					s.t.Errorf("%+v: %v", c, got)
				}
				return err
			})
		}
	})
}
