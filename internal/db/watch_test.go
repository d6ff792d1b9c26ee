package db_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// errDisk is what the disk says in these tests.
var errDisk = errors.New("the disk failed")

// disk fails at one statement of those it sees.
type disk struct {
	seen, fails atomic.Int64
	half        atomic.Bool
}

func (d *disk) watch(string) error {
	if n := d.seen.Add(1); n != d.fails.Load() {
		return nil
	}
	if d.half.Load() {
		return db.ErrHalfRead
	}
	return errDisk
}

// arm makes the nth statement from now on fail, 0 none.
func (d *disk) arm(n int64, half bool) {
	d.half.Store(half)
	d.seen.Store(0)
	d.fails.Store(n)
}

// queries is every method of a transaction, called as the house does, with what it finds in stock.
func queries(s *stock) map[string]func(tx *db.Tx) error {
	inv, a, r := s.inv, s.attempt, s.ref
	feed := checkout.Feed{MerchantID: pottery, Live: true}
	job := checkout.Job{Kind: "verify", Key: "k", RunAt: moneyTime}
	one := func(_ any, err error) error { return err }
	all := map[string]func(tx *db.Tx) error{
		"GatewayAccount":     func(tx *db.Tx) error { return one(tx.GatewayAccount(pottery, true, "ghesta")) },
		"GatewayAccounts":    func(tx *db.Tx) error { return one(tx.GatewayAccounts(pottery, true)) },
		"AllGatewayAccounts": func(tx *db.Tx) error { return one(tx.AllGatewayAccounts()) },
		"LoopbackAccounts":   func(tx *db.Tx) error { return one(tx.LoopbackAccounts()) },
		"SaveGatewayAccount": func(tx *db.Tx) error { return tx.SaveGatewayAccount(s.account) },
		"InsertAttempt": func(tx *db.Tx) error {
			b := *a
			b.ID += "2"
			b.OurNumber += "2"
			b.CallbackToken += "2"
			return tx.InsertAttempt(&b)
		},
		"Attempt":           func(tx *db.Tx) error { return one(tx.Attempt(a.ID)) },
		"AttemptByCallback": func(tx *db.Tx) error { return one(tx.AttemptByCallback(a.Gateway, a.CallbackToken)) },
		"Standing":          func(tx *db.Tx) error { return one(tx.Standing(a.ID, r.Canonical)) },
		"AttemptsOfInvoice": func(tx *db.Tx) error { return one(tx.AttemptsOfInvoice(inv.ID)) },
		"Attempts": func(tx *db.Tx) error {
			return one(tx.Attempts(db.AttemptQuery{MerchantID: pottery, Live: true, Limit: 9}))
		},
		"AbandoningAttempts": func(tx *db.Tx) error { return one(tx.AbandoningAttempts(9)) },
		"MoveAttempt":        func(tx *db.Tx) error { b := *a; b.Status = checkout.AttemptFailed; return tx.MoveAttempt(&b, a.Status) },
		"InsertEvents":       func(tx *db.Tx) error { e := *s.event; e.Sequence++; return tx.InsertEvents([]checkout.Event{e}) },
		"EachChain":          func(tx *db.Tx) error { return tx.EachChain(func(*db.Chain) error { return nil }) },
		"EventsOfInvoice":    func(tx *db.Tx) error { return one(tx.EventsOfInvoice(inv.ID, 0, 9)) },
		"CountEvents":        func(tx *db.Tx) error { return one(tx.CountEvents(inv.ID, a.ID, "x")) },
		"Feed": func(tx *db.Tx) error {
			_, _, err := tx.Feed(db.FeedQuery{MerchantID: pottery, Live: true, Limit: 9})
			return err
		},
		"PlaceOf":  func(tx *db.Tx) error { return errors.Join(one(tx.FeedNews(feed, 9)), one(tx.PlaceOf(inv, 1))) },
		"FeedNews": func(tx *db.Tx) error { return one(tx.FeedNews(feed, 9)) },
		"HasUnfed": func(tx *db.Tx) error { return one(tx.HasUnfed(feed)) },
		"Unfed":    func(tx *db.Tx) error { return one(tx.Unfed(9)) },
		"SetTerms": func(tx *db.Tx) error { return tx.SetTerms(inv, []string{"gone"}, []string{"come"}) },
		"InsertLinkKey": func(tx *db.Tx) error {
			return tx.InsertLinkKey(&checkout.LinkKey{ID: "lnk_2", MerchantID: pottery, CreatedAt: moneyTime})
		},
		"LinkKey":       func(tx *db.Tx) error { return one(tx.LinkKey("lnk_1")) },
		"LinkKeys":      func(tx *db.Tx) error { return one(tx.LinkKeys(pottery, true)) },
		"AllLinkKeys":   func(tx *db.Tx) error { return one(tx.AllLinkKeys()) },
		"ResealLinkKey": func(tx *db.Tx) error { return tx.ResealLinkKey("lnk_1", "x") },
		"RevokeLinkKey": func(tx *db.Tx) error { _, err := tx.RevokeLinkKey(pottery, "lnk_1"); return err },
		"ClaimLink":     func(tx *db.Tx) error { return one(tx.ClaimLink(pottery, true, "other", inv.ID)) },
		"Referenced":    func(tx *db.Tx) error { return one(tx.Referenced(pottery, true, "1")) },
		"LinkedInvoice": func(tx *db.Tx) error {
			_, _, err := tx.LinkedInvoice(pottery, true, "A-1")
			return err
		},
		"InsertRefund": func(tx *db.Tx) error {
			return tx.InsertRefund(&checkout.Refund{ID: "rfd_2", InvoiceID: s.paid.ID, Amount: 1, Refunded: 1, CreatedAt: moneyTime})
		},
		"RefundsOfInvoice": func(tx *db.Tx) error { return one(tx.RefundsOfInvoice(s.paid.ID, 0, 9)) },
		"PutIdempotency": func(tx *db.Tx) error {
			return one(tx.PutIdempotency(db.Idempotency{MerchantID: pottery, Key: "other"}))
		},
		"Idempotency":      func(tx *db.Tx) error { return one(tx.Idempotency(pottery, true, "key")) },
		"PruneIdempotency": func(tx *db.Tx) error { return one(tx.PruneIdempotency()) },
		"InsertInvoice": func(tx *db.Tx) error {
			b := *inv
			b.ID += "2"
			b.Token += "2"
			b.Number = "7"
			return tx.InsertInvoice(&b)
		},
		"Invoice":               func(tx *db.Tx) error { return one(tx.Invoice(s.paid.ID)) },
		"PageInvoice":           func(tx *db.Tx) error { _, _, err := tx.PageInvoice(s.paid.Token); return err },
		"LockInvoiceByCallback": func(tx *db.Tx) error { return one(tx.LockInvoiceByCallback(s.payer.Gateway, s.payer.CallbackToken)) },
		"ScopedInvoice":         func(tx *db.Tx) error { return one(tx.ScopedInvoice(pottery, true, s.paid.ID)) },
		"LockInvoice":           func(tx *db.Tx) error { return one(tx.LockInvoice(s.paid.ID)) },
		"LockInvoiceByToken":    func(tx *db.Tx) error { return one(tx.LockInvoiceByToken(s.paid.Token)) },
		"SaveInvoice":           func(tx *db.Tx) error { return tx.SaveInvoice(inv, inv.Status, inv.EventSeq) },
		"EditInvoice":           func(tx *db.Tx) error { return tx.EditInvoice(inv) },
		"Invoices": func(tx *db.Tx) error {
			return one(tx.Invoices(db.InvoiceQuery{MerchantID: pottery, Live: true, Limit: 9}))
		},
		"ExpiringInvoices": func(tx *db.Tx) error { return one(tx.ExpiringInvoices(9)) },
		"EnqueueJob":       func(tx *db.Tx) error { return tx.EnqueueJob(job) },
		"EnqueueLeased":    func(tx *db.Tx) error { return one(tx.EnqueueLeased(job, tx.Now().Add(time.Minute))) },
		"ScheduleJob":      func(tx *db.Tx) error { return tx.ScheduleJob(job) },
		"HastenJobs":       func(tx *db.Tx) error { return tx.HastenJobs("verify", tx.Now()) },
		"HastenAsking":     func(tx *db.Tx) error { return tx.HastenAsking("verify") },
		"ClaimJobs":        func(tx *db.Tx) error { return one(tx.ClaimJobs([]string{"verify"}, 9, tx.Now().Add(time.Minute))) },
		"RenewJob":         func(tx *db.Tx) error { return one(tx.RenewJob("leased", "k", s.fence, tx.Now().Add(time.Hour))) },
		"FinishJob":        func(tx *db.Tx) error { return one(tx.FinishJob("asked", "k", s.askedFence)) },
		"PutOffJob":        func(tx *db.Tx) error { return one(tx.PutOffJob("leased", "k", s.fence, tx.Now(), "")) },
		"KillJob":          func(tx *db.Tx) error { return one(tx.KillJob("asked", "k", s.askedFence, "x")) },
		"DeleteJob":        func(tx *db.Tx) error { return one(tx.DeleteJob("verify", "k")) },
		"ReleaseLeases":    func(tx *db.Tx) error { return tx.ReleaseLeases() },
		"NextJobAt":        func(tx *db.Tx) error { return one(tx.NextJobAt([]string{"verify"})) },
		"Job":              func(tx *db.Tx) error { return one(tx.Job("verify", "k")) },
		"DeadJobs":         func(tx *db.Tx) error { return one(tx.DeadJobs(9)) },
		"InsertAPIKey":     func(tx *db.Tx) error { k := *s.key; k.ID += "2"; return tx.InsertAPIKey(&k, "hash2") },
		"APIKeyByHash":     func(tx *db.Tx) error { return one(tx.APIKeyByHash("hash")) },
		"APIKeys":          func(tx *db.Tx) error { return one(tx.APIKeys(pottery, true)) },
		"TouchAPIKey":      func(tx *db.Tx) error { return tx.TouchAPIKey(s.key.ID) },
		"RevokeAPIKey":     func(tx *db.Tx) error { _, err := tx.RevokeAPIKey(pottery, s.key.ID); return err },
		"InsertMerchant": func(tx *db.Tx) error {
			return tx.InsertMerchant(&checkout.Merchant{ID: "mer_2", Slug: "other", Name: "O", Locale: "fa", CreatedAt: moneyTime})
		},
		"UpdateMerchant": func(tx *db.Tx) error { return tx.UpdateMerchant(s.merchant) },
		"SetLogo": func(tx *db.Tx) error {
			return errors.Join(tx.SetLogo(pottery, "logo-2", []byte("x")), tx.SetLogo(pottery, "", nil))
		},
		"Logo":                 func(tx *db.Tx) error { return one(tx.Logo("logo")) },
		"LogoOf":               func(tx *db.Tx) error { _, _, err := tx.LogoOf(pottery); return err },
		"Merchant":             func(tx *db.Tx) error { return one(tx.Merchant(pottery)) },
		"MerchantBySlug":       func(tx *db.Tx) error { return one(tx.MerchantBySlug("pottery")) },
		"Merchants":            func(tx *db.Tx) error { return one(tx.Merchants()) },
		"LockMerchant":         func(tx *db.Tx) error { return tx.LockMerchant(pottery) },
		"NextInvoiceNumber":    func(tx *db.Tx) error { return one(tx.NextInvoiceNumber(pottery, true)) },
		"NextInvoiceNumbers":   func(tx *db.Tx) error { return one(tx.NextInvoiceNumbers(pottery, true, 25)) },
		"InsertReference":      func(tx *db.Tx) error { q := *r; q.Canonical, q.Raw = "9", "9"; return one(tx.InsertReference(&q)) },
		"SaveReference":        func(tx *db.Tx) error { return tx.SaveReference(r) },
		"BindReference":        func(tx *db.Tx) error { q := *r; return tx.BindReference(&q) },
		"CountHeld":            func(tx *db.Tx) error { return one(tx.CountHeld(inv.ID)) },
		"UnbindReference":      func(tx *db.Tx) error { q := *r; return tx.UnbindReference(&q) },
		"YieldReference":       func(tx *db.Tx) error { return one(tx.YieldReference(r)) },
		"ReferenceOwner":       func(tx *db.Tx) error { return one(tx.ReferenceOwner(r)) },
		"Reference":            func(tx *db.Tx) error { return one(tx.Reference(a.ID, r.Canonical)) },
		"ReferencesOfAttempt":  func(tx *db.Tx) error { return one(tx.ReferencesOfAttempt(a.ID)) },
		"OpenReferences":       func(tx *db.Tx) error { return one(tx.OpenReferences(inv.ID)) },
		"PruneSessions":        func(tx *db.Tx) error { return one(tx.PruneSessions()) },
		"Setting":              func(tx *db.Tx) error { return one(tx.Setting("s")) },
		"SettingOr":            func(tx *db.Tx) error { return one(tx.SettingOr("s", "x")) },
		"SetSetting":           func(tx *db.Tx) error { return tx.SetSetting("s", "v") },
		"ClaimSetting":         func(tx *db.Tx) error { return one(tx.ClaimSetting("t", "v")) },
		"DeleteSetting":        func(tx *db.Tx) error { return one(tx.DeleteSetting("s")) },
		"AppendSimulatorEntry": func(tx *db.Tx) error { return tx.AppendSimulatorEntry([]byte("{}")) },
		"SimulatorEntries":     func(tx *db.Tx) error { return one(tx.SimulatorEntries(0)) },
		"InsertStray":          func(tx *db.Tx) error { return tx.InsertStray("str_2", "ghesta", "h2", "{}") },
		"Strays":               func(tx *db.Tx) error { return one(tx.Strays(9)) },
		"InsertUser": func(tx *db.Tx) error {
			u := *s.user
			u.ID, u.Email = "usr_2", "b@example.com"
			return tx.InsertUser(&u)
		},
		"UserByEmail":    func(tx *db.Tx) error { return one(tx.UserByEmail(s.user.Email)) },
		"User":           func(tx *db.Tx) error { return one(tx.User(s.user.ID)) },
		"SetPassword":    func(tx *db.Tx) error { return tx.SetPassword(s.user.ID, "x") },
		"CountOperators": func(tx *db.Tx) error { return one(tx.CountOperators()) },
		"InsertMembership": func(tx *db.Tx) error {
			return tx.InsertMembership(checkout.Membership{UserID: s.user.ID, MerchantID: pottery, Role: "owner"})
		},
		"Memberships": func(tx *db.Tx) error { return one(tx.Memberships(s.user.ID)) },
	}
	maps.Copy(all, webhookQueries(s))
	maps.Copy(all, adminQueries(s))
	maps.Copy(all, peopleQueries(s))
	maps.Copy(all, letterQueries(s))
	maps.Copy(all, ruleQueries(s))
	maps.Copy(all, pageQueries(s))
	maps.Copy(all, runQueries(s))
	maps.Copy(all, forgetQueries(s))
	return all
}

// webhookQueries are those about endpoints, messages and deliveries.
func webhookQueries(s *stock) map[string]func(tx *db.Tx) error {
	one := func(_ any, err error) error { return err }
	e, d := s.endpoint, s.delivery
	return map[string]func(tx *db.Tx) error{
		"InsertEndpoint":      func(tx *db.Tx) error { f := *e; f.ID += "2"; return tx.InsertEndpoint(&f) },
		"Endpoints":           func(tx *db.Tx) error { return one(tx.Endpoints(pottery, true)) },
		"AllEndpoints":        func(tx *db.Tx) error { return one(tx.AllEndpoints()) },
		"DisabledEndpoints":   func(tx *db.Tx) error { return one(tx.DisabledEndpoints(pottery)) },
		"ScopedEndpoint":      func(tx *db.Tx) error { return one(tx.ScopedEndpoint(pottery, true, e.ID)) },
		"LockEndpoint":        func(tx *db.Tx) error { return one(tx.LockEndpoint(pottery, true, e.ID)) },
		"Endpoint":            func(tx *db.Tx) error { return one(tx.Endpoint(e.ID)) },
		"SaveEndpointSecrets": func(tx *db.Tx) error { return tx.SaveEndpointSecrets(e.ID, e.Secrets) },
		"DeleteEndpoint":      func(tx *db.Tx) error { return tx.DeleteEndpoint(e) },
		"DisableEndpoint":     func(tx *db.Tx) error { return one(tx.DisableEndpoint(e, checkout.DisabledGone)) },
		"EnableEndpoint":      func(tx *db.Tx) error { return tx.EnableEndpoint(e) },
		"EndpointFailed":      func(tx *db.Tx) error { return tx.EndpointFailed(e.ID, moneyTime) },
		"EndpointHeard":       func(tx *db.Tx) error { return tx.EndpointHeard(e.ID) },
		"OwnerAddresses":      func(tx *db.Tx) error { return one(tx.OwnerAddresses(pottery)) },
		"InsertMessages": func(tx *db.Tx) error {
			m, f := *s.message, *d
			m.EventID, f.EventID, f.ID = "evt_2", "evt_2", "whd_2"
			return tx.InsertMessages([]checkout.Message{m}, []checkout.Delivery{f})
		},
		"InsertDeliveries":  func(tx *db.Tx) error { return tx.InsertDeliveries([]checkout.Delivery{*d}) },
		"Message":           func(tx *db.Tx) error { return one(tx.Message(d.EventID)) },
		"MessagesFrom":      func(tx *db.Tx) error { return one(tx.MessagesFrom(e, moneyTime, "", 9)) },
		"EventTime":         func(tx *db.Tx) error { return one(tx.EventTime(pottery, true, db.EventID(s.inv.ID, 1))) },
		"PruneMessages":     func(tx *db.Tx) error { return one(tx.PruneMessages(tx.Now().Add(time.Hour), 9)) },
		"WebhookLanes":      func(tx *db.Tx) error { return one(tx.WebhookLanes()) },
		"ClaimDeliveries":   func(tx *db.Tx) error { return one(tx.ClaimDeliveries(e.ID, 9, tx.Now().Add(time.Minute))) },
		"Delivery":          func(tx *db.Tx) error { return one(tx.Delivery(d.ID)) },
		"LockDelivery":      func(tx *db.Tx) error { return one(tx.LockDelivery(d.ID)) },
		"ScopedDelivery":    func(tx *db.Tx) error { return one(tx.ScopedDelivery(pottery, true, d.ID)) },
		"SaveDelivery":      func(tx *db.Tx) error { return tx.SaveDelivery(d) },
		"InsertTry":         func(tx *db.Tx) error { return tx.InsertTry(d.ID, &checkout.Try{Attempt: 2, At: moneyTime}) },
		"Tries":             func(tx *db.Tx) error { return one(tx.Tries(d.ID)) },
		"WaitingDeliveries": func(tx *db.Tx) error { return one(tx.WaitingDeliveries(e.ID)) },
		"HoldDeliveries":    func(tx *db.Tx) error { return tx.HoldDeliveries(e.ID) },
		"ReleaseDeliveries": func(tx *db.Tx) error { return tx.ReleaseDeliveries(tx.Now()) },
		"Deliveries":        func(tx *db.Tx) error { return one(tx.Deliveries(db.DeliveryQuery{EndpointID: e.ID, Limit: 9})) },
	}
}

// stock is a store in which every query finds something.
type stock struct {
	*till
	inv, paid         *checkout.Invoice
	attempt, payer    *checkout.Attempt
	ref               *checkout.Reference
	event             *checkout.Event
	account           *checkout.GatewayAccount
	key               *checkout.APIKey
	merchant          *checkout.Merchant
	user              *checkout.User
	endpoint          *checkout.Endpoint
	message           *checkout.Message
	delivery          *checkout.Delivery
	fence, askedFence int64
}

func newStock(t *testing.T, d *db.DB) *stock {
	s := &stock{till: &till{t: t, DB: d, numbers: 1000}}
	s.merchant = &checkout.Merchant{ID: pottery, Slug: "pottery", Name: "Pottery", Locale: "fa", CreatedAt: moneyTime}
	s.must(func(tx *db.Tx) error { return tx.InsertMerchant(s.merchant) })
	s.inv = s.newInvoice()
	s.attempt = s.newAttempt(s.inv)
	s.paid = s.newInvoice()
	s.payer = s.newAttempt(s.paid)
	s.ref = &checkout.Reference{
		AttemptID: s.attempt.ID, Gateway: "ghesta", Live: true, VerifyHost: "vendor.example", Canonical: "123", Raw: "123",
		Status: checkout.ReferenceWaiting, Bound: true, ArrivedAt: moneyTime, Deadline: moneyTime.Add(time.Minute),
	}
	s.event = &checkout.Event{InvoiceID: s.inv.ID, Sequence: 1, Type: "x", Actor: "system", Data: "{}", CreatedAt: moneyTime}
	s.account = &checkout.GatewayAccount{ID: "gwa_1", MerchantID: pottery, Live: true, Gateway: "ghesta", Settings: map[string]string{}, Sealed: map[string]string{}, UpdatedAt: moneyTime}
	s.key = &checkout.APIKey{ID: "key_1", MerchantID: pottery, Live: true, Name: "n", Scopes: []string{"read"}, CreatedAt: moneyTime}
	s.user = &checkout.User{ID: "usr_1", Email: "a@example.com", PasswordHash: "x", CreatedAt: moneyTime}
	s.endpoint = &checkout.Endpoint{ID: "whe_1", MerchantID: pottery, Live: true, URL: "https://shop.example/", Secrets: []checkout.EndpointSecret{{Sealed: "x"}}, CreatedAt: moneyTime}
	s.message = &checkout.Message{EventID: "evt_1", MerchantID: pottery, Live: true, Type: checkout.EventInvoicePaid, Body: "{}", CreatedAt: moneyTime}
	old := &checkout.Message{EventID: "evt_0", MerchantID: pottery, Live: true, Type: checkout.EventInvoicePaid, Body: "{}", CreatedAt: moneyTime.Add(-time.Hour)}
	s.delivery = &checkout.Delivery{
		ID: "whd_1", EventID: "evt_1", EndpointID: "whe_1", Type: checkout.EventInvoicePaid, Status: checkout.DeliveryPending, NextAt: moneyTime, CreatedAt: moneyTime,
	}
	s.must(func(tx *db.Tx) error {
		var errs []error
		do := func(err error) { errs = append(errs, err) }
		do(tx.Exec(`UPDATE attempts SET status = 'paid', verified_at_ms = 1 WHERE id = $1`, s.payer.ID))
		do(tx.Exec(`UPDATE invoices SET status = 'paid', paid_at_ms = 1, paid_attempt_id = $1 WHERE id = $2`, s.payer.ID, s.paid.ID))
		_, err := tx.InsertReference(s.ref)
		do(err)
		do(tx.InsertEvents([]checkout.Event{*s.event}))
		do(tx.SaveGatewayAccount(s.account))
		_, err = tx.PutIdempotency(db.Idempotency{MerchantID: pottery, Live: true, Key: "key", RequestHash: "h", Status: 200, Answer: "{}"})
		do(err)
		do(tx.InsertAPIKey(s.key, "hash"))
		do(tx.SetLogo(pottery, "logo", []byte("x")))
		do(tx.InsertLinkKey(&checkout.LinkKey{ID: "lnk_1", MerchantID: pottery, Live: true, CreatedAt: moneyTime}))
		_, err = tx.ClaimLink(pottery, true, "A-1", s.inv.ID)
		do(err)
		do(tx.InsertUser(s.user))
		do(adminStock(tx, s))
		do(peopleStock(tx, s))
		do(letterStock(tx, s))
		do(ruleStock(tx, s))
		do(pageStock(tx, s))
		do(runStock(tx, s))
		do(tx.SetSetting("s", "v"))
		do(tx.AppendSimulatorEntry([]byte("{}")))
		do(tx.InsertStray("str_1", "ghesta", "h", "{}"))
		do(tx.InsertEndpoint(s.endpoint))
		do(tx.InsertMessages([]checkout.Message{*s.message, *old}, []checkout.Delivery{*s.delivery}))
		do(tx.InsertTry(s.delivery.ID, &checkout.Try{Attempt: 1, At: moneyTime}))
		do(tx.EnqueueJob(checkout.Job{Kind: "verify", Key: "k", RunAt: tx.Now()}))
		s.fence, err = tx.EnqueueLeased(checkout.Job{Kind: "leased", Key: "k", RunAt: tx.Now()}, tx.Now().Add(time.Minute))
		do(err)
		s.askedFence, err = tx.EnqueueLeased(checkout.Job{Kind: "asked", Key: "k", RunAt: tx.Now()}, tx.Now().Add(time.Minute))
		do(err)
		do(tx.EnqueueJob(checkout.Job{Kind: "asked", Key: "k", RunAt: tx.Now()}))
		return errors.Join(errs...)
	})
	return s
}

// woven are the copies of methods that internal/app/mutants makes: each is tried as what it is a copy of.
var woven = regexp.MustCompile(`_m\d+$`)

// TestWatch_NoFailureIsLost: whichever statement of whichever query the disk fails at, also halfway
// through the rows, the query says so: nobody decides about money on what was not read.
func TestWatch_NoFailureIsLost(t *testing.T) {
	dbtest.URLs(t, func(t *testing.T, fresh func(testing.TB) string) {
		d := &disk{}
		s := newStock(t, dbtest.Open(t, db.Options{URL: fresh(t), Watch: d.watch}))
		list := queries(s)
		var names []string
		for i := range reflect.TypeFor[*db.Tx]().NumMethod() {
			name := reflect.TypeFor[*db.Tx]().Method(i).Name
			if woven.MatchString(name) {
				continue
			}
			if !slices.Contains([]string{"Now", "Exec", "Int", "Text", "Row", "OpenRows"}, name) {
				names = append(names, name)
			}
		}
		for _, name := range names {
			call := list[name]
			if call == nil {
				t.Errorf("%s is not tried: add it to queries, or a failure of it may be lost", name)
				continue
			}
			met := int64(0)
			undone := errors.New("undone")
			err := s.Update(context.Background(), func(tx *db.Tx) error {
				d.arm(0, false)
				err := call(tx)
				met = d.seen.Load()
				return errors.Join(undone, err)
			})
			if want := undone.Error(); err == nil || strings.TrimSpace(err.Error()) != want || met == 0 {
				t.Errorf("%s: %v after %d statements, without a failing disk", name, err, met)
			}
			for n := int64(1); n <= met; n++ {
				for _, half := range []bool{false, true} {
					err := s.Update(context.Background(), func(tx *db.Tx) error {
						d.arm(n, half)
						defer d.arm(0, false)
						if call(tx) == nil {
							return fmt.Errorf("%s swallowed the failure of its statement %d of %d (half read: %t)", name, n, met, half)
						}
						return undone
					})
					if !errors.Is(err, undone) {
						t.Error(err)
					}
				}
			}
		}
	})
}
