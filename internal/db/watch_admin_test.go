package db_test

import (
	"context"
	"errors"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/db"
)

// adminStock is what the admin's queries find.
func adminStock(tx *db.Tx, s *stock) error {
	_, _, err := tx.CountTry("name", time.Minute)
	return errors.Join(
		err,
		tx.InsertLogin(&checkout.Login{ID: "lgn_1", UserID: s.user.ID, MerchantID: pottery, Live: true, CreatedAt: moneyTime, SeenAt: moneyTime, FreshAt: moneyTime}),
		tx.InsertMembership(checkout.Membership{UserID: s.user.ID, MerchantID: pottery, Role: "owner"}),
		tx.ReplaceRecoveryCodes(s.user.ID, []string{"code"}),
		tx.InsertSettlement(stockSettlement(s, "stl_1")), tx.InsertSettlementFile("stl_1", 0, "eA=="),
		tx.InsertNote(db.Note{ID: "nte_1", InvoiceID: s.inv.ID, UserID: s.user.ID, Body: "x", CreatedAt: moneyTime}),
	)
}

// stockView is a list with a name.
func stockView(s *stock, id string) *checkout.SavedView {
	return &checkout.SavedView{ID: id, UserID: s.user.ID, MerchantID: pottery, Name: "name of " + id, Query: "status=open", CreatedAt: moneyTime}
}

// adminQueries are those of logins, second factors, people, notes and what waits for a person, and
// every way in which the admin filters a list.
func adminQueries(s *stock) map[string]func(tx *db.Tx) error {
	one := func(_ any, err error) error { return err }
	user := s.user.ID
	feed := checkout.Feed{MerchantID: pottery, Live: true}
	lines := []checkout.SettledLine{{Kind: checkout.SettledHere, Line: 1, Ours: 5}, {Kind: checkout.SettledAmount, Line: 2, Theirs: 4, Ours: 5}}
	all := map[string]func(tx *db.Tx) error{
		"InsertSettlement":     func(tx *db.Tx) error { return tx.InsertSettlement(stockSettlement(s, "stl_2")) },
		"InsertSettlementFile": func(tx *db.Tx) error { return tx.InsertSettlementFile("stl_1", 1, "eA==") },
		"SettlementFile":       func(tx *db.Tx) error { return tx.SettlementFile("stl_1", func(string) error { return nil }) },
		"Settlement":           func(tx *db.Tx) error { return one(tx.Settlement(pottery, true, "stl_1")) },
		"AnySettlement":        func(tx *db.Tx) error { return one(tx.AnySettlement("stl_1")) },
		"SettlementOfFile":     func(tx *db.Tx) error { return one(tx.SettlementOfFile(pottery, true, "hash")) },
		"Settlements":          func(tx *db.Tx) error { return one(tx.Settlements(pottery, true, "stl_9", 9)) },
		"ClaimSettlement":      func(tx *db.Tx) error { return one(tx.ClaimSettlement("stl_1", moneyTime)) },
		"ReleaseSettlement":    func(tx *db.Tx) error { return tx.ReleaseSettlement("stl_1") },
		"DeleteSettledLines":   func(tx *db.Tx) error { return tx.DeleteSettledLines("stl_1") },
		"InsertSettledLines":   func(tx *db.Tx) error { return tx.InsertSettledLines("stl_1", lines) },
		"SettledLines":         func(tx *db.Tx) error { return one(tx.SettledLines("stl_1", checkout.SettledHere, 0, 9)) },
		"FinishSettlement":     func(tx *db.Tx) error { return tx.FinishSettlement(stockSettlement(s, "stl_1")) },
		"SettlementColumns":    func(tx *db.Tx) error { return one(tx.SettlementColumns(pottery, true, "ghesta")) },
		"DropDrafts":           func(tx *db.Tx) error { return tx.DropDrafts(pottery, true, tx.Now().Add(time.Hour)) },
		"PaidThrough": func(tx *db.Tx) error {
			return tx.PaidThrough(pottery, true, "ghesta", moneyTime, moneyTime.Add(time.Hour), 9, func(checkout.PaidThrough) error { return nil })
		},
		"PaidBy": func(tx *db.Tx) error {
			return tx.PaidBy(pottery, true, "ghesta", "1001", func(checkout.PaidThrough) error { return nil })
		},
		"InsertLogin": func(tx *db.Tx) error {
			return tx.InsertLogin(&checkout.Login{ID: "lgn_2", UserID: user, CreatedAt: moneyTime, SeenAt: moneyTime, FreshAt: moneyTime})
		},
		"Login":        func(tx *db.Tx) error { return one(tx.Login("lgn_1")) },
		"LastLogin":    func(tx *db.Tx) error { return one(tx.LastLogin(user)) },
		"LoginsOf":     func(tx *db.Tx) error { return one(tx.LoginsOf(user, moneyTime.Add(-time.Hour))) },
		"TouchLogin":   func(tx *db.Tx) error { return tx.TouchLogin("lgn_1") },
		"FreshenLogin": func(tx *db.Tx) error { return tx.FreshenLogin("lgn_1") },
		"ScopeLogin":   func(tx *db.Tx) error { return tx.ScopeLogin("lgn_1", pottery, false) },
		"EndLogin":     func(tx *db.Tx) error { return tx.EndLogin(user, "lgn_1") },
		"EndLogins":    func(tx *db.Tx) error { return tx.EndLogins(user, "") },
		"PruneLogins":  func(tx *db.Tx) error { return tx.PruneLogins(tx.Now()) },
		"CountTry":     func(tx *db.Tx) error { _, _, err := tx.CountTry("name", time.Minute); return err },
		"CountTries":   func(tx *db.Tx) error { return tx.CountTries(&checkout.Tally{Name: "name", N: 3, Window: time.Minute}) },
		"ForgetTries":  func(tx *db.Tx) error { return tx.ForgetTries("name") },
		"PruneTries":   func(tx *db.Tx) error { return tx.PruneTries() },
		"OfferTOTP":    func(tx *db.Tx) error { return tx.OfferTOTP(user, "sealed") },
		"ConfirmTOTP":  func(tx *db.Tx) error { return errors.Join(tx.OfferTOTP(user, "sealed"), tx.ConfirmTOTP(user)) },
		"SealedFactors": func(tx *db.Tx) error {
			return errors.Join(tx.OfferTOTP(user, "sealed"), one(tx.SealedFactors(&db.Sealed{}, 9)))
		},
		"ResealFactor":  func(tx *db.Tx) error { return one(tx.ResealFactor(&db.Sealed{ID: user, Value: "x"}, "y")) },
		"SealedAnswers": func(tx *db.Tx) error { return one(tx.SealedAnswers(&db.Sealed{}, 9)) },
		"ResealAnswer": func(tx *db.Tx) error {
			return one(tx.ResealAnswer(&db.Sealed{ID: "key", MerchantID: pottery, Live: true, Value: "x"}, "y"))
		},
		"DropTOTP":     func(tx *db.Tx) error { return tx.DropTOTP(user) },
		"TakeTOTPStep": func(tx *db.Tx) error { return one(tx.TakeTOTPStep(user, 7)) },
		"ReplaceRecoveryCodes": func(tx *db.Tx) error {
			return tx.ReplaceRecoveryCodes(user, []string{"other"})
		},
		"TakeRecoveryCode":   func(tx *db.Tx) error { return one(tx.TakeRecoveryCode(user, "code")) },
		"CountRecoveryCodes": func(tx *db.Tx) error { return one(tx.CountRecoveryCodes(user)) },
		"Members":            func(tx *db.Tx) error { return one(tx.Members(pottery)) },
		"SetRole": func(tx *db.Tx) error {
			return tx.SetRole(checkout.Membership{UserID: user, MerchantID: pottery, Role: "viewer"})
		},
		"DeleteMembership": func(tx *db.Tx) error { return tx.DeleteMembership(user, pottery) },
		"InsertMembership": func(tx *db.Tx) error {
			return errors.Join(tx.DeleteMembership(user, pottery), tx.InsertMembership(checkout.Membership{UserID: user, MerchantID: pottery, Role: "owner"}))
		},
		"Waiting":        func(tx *db.Tx) error { return one(tx.Waiting(pottery, true, 9)) },
		"AttemptEnds":    func(tx *db.Tx) error { return one(tx.AttemptEnds(pottery, true, moneyTime.Add(-time.Hour))) },
		"Vitals":         func(tx *db.Tx) error { return one(tx.Vitals("verify")) },
		"Alerts":         func(tx *db.Tx) error { return one(tx.Alerts()) },
		"SaveAlerts":     func(tx *db.Tx) error { return tx.SaveAlerts(nil) },
		"Operators":      func(tx *db.Tx) error { return one(tx.Operators()) },
		"PutCertificate": func(tx *db.Tx) error { return tx.PutCertificate(&db.Certificate{Name: "a/b"}) },
		"Certificate": func(tx *db.Tx) error {
			return errors.Join(tx.PutCertificate(&db.Certificate{Name: "a/b"}), one(tx.Certificate("a/b")))
		},
		"DeleteCertificate": func(tx *db.Tx) error { return tx.DeleteCertificate("a/b") },
		"CertificateNames":  func(tx *db.Tx) error { return one(tx.CertificateNames()) },
		"SealedCertificates": func(tx *db.Tx) error {
			return errors.Join(tx.PutCertificate(&db.Certificate{Name: "a/b"}), one(tx.SealedCertificates(&db.Sealed{}, 9)))
		},
		"ResealCertificate": func(tx *db.Tx) error { return one(tx.ResealCertificate(&db.Sealed{ID: "a/b"}, "x")) },
		"LockCertificate":   func(tx *db.Tx) error { return one(tx.LockCertificate("a", "me", tx.Now())) },
		"UnlockCertificate": func(tx *db.Tx) error { return tx.UnlockCertificate("a", "me") },
		"CloseStray":        func(tx *db.Tx) error { _, err := tx.CloseStray("str_1"); return err },
		"PaidBetween": func(tx *db.Tx) error {
			_, _, err := tx.PaidBetween(pottery, true, moneyTime, moneyTime.Add(time.Hour))
			return err
		},
		"Unsummed":    func(tx *db.Tx) error { return one(tx.Unsummed()) },
		"Summed":      func(tx *db.Tx) error { return one(tx.Summed(feed)) },
		"FeedMissing": func(tx *db.Tx) error { return one(tx.FeedMissing(feed, 9)) },
		"FeedBehind": func(tx *db.Tx) error {
			_, _, err := tx.FeedBehind(feed, 0, 9)
			return err
		},
		"SumUp": func(tx *db.Tx) error {
			return tx.SumUp(feed, 0, 1, []db.DaySum{{Day: 1, Gateway: "ghesta", What: "paid", Count: 1, Total: 1}}, []db.Find{{Value: 1, Number: 1}})
		},
		"DaySums": func(tx *db.Tx) error { return one(tx.DaySums(feed, 1)) },
		"AllTotals": func(tx *db.Tx) error {
			return one(tx.AllTotals(context.Background(), db.InvoiceQuery{MerchantID: pottery, Live: true, Limit: 9}))
		},
		"LockUser":   func(tx *db.Tx) error { return tx.LockUser(user) },
		"InsertView": func(tx *db.Tx) error { return tx.InsertView(stockView(s, "viw_2")) },
		"Views":      func(tx *db.Tx) error { return one(tx.Views(user, pottery)) },
		"RenameView": func(tx *db.Tx) error {
			return errors.Join(tx.InsertView(stockView(s, "viw_3")), tx.RenameView(user, pottery, "viw_3", "other"))
		},
		"DeleteView": func(tx *db.Tx) error {
			return errors.Join(tx.InsertView(stockView(s, "viw_4")), tx.DeleteView(user, pottery, "viw_4"))
		},
		"CountWaiting": func(tx *db.Tx) error { return one(tx.CountWaiting(pottery, true)) },
		"InsertNote": func(tx *db.Tx) error {
			return tx.InsertNote(db.Note{ID: "nte_2", InvoiceID: s.inv.ID, UserID: user, CreatedAt: moneyTime})
		},
		"DeliveriesOfInvoice": func(tx *db.Tx) error { return one(tx.DeliveriesOfInvoice(s.inv.ID, 9)) },
		"NotesOfInvoice":      func(tx *db.Tx) error { return one(tx.NotesOfInvoice(s.inv.ID)) },
		"HastenJob":           func(tx *db.Tx) error { return tx.HastenJob("verify", "k") },
		"InvoiceTotals": func(tx *db.Tx) error {
			return one(tx.InvoiceTotals(db.InvoiceQuery{MerchantID: pottery, Live: true, Limit: 9}))
		},
	}
	lists := map[string]db.InvoiceQuery{
		"next page": {BeforeAt: moneyTime, BeforeID: "inv_1"}, "gateway": {Gateway: "ghesta"}, "days": {From: moneyTime, To: moneyTime.Add(time.Hour)},
		"search":    {Named: &db.Named{Words: []string{"1001", "customer"}, ID: "inv_1", Canonical: "1001"}},
		"amount":    {Named: &db.Named{Words: []string{"1234"}, Amounts: []money.Rial{1234, 12340}, Card: "1234"}},
		"reference": {Reference: "R1", Named: &db.Named{Words: []string{"r1"}}},
	}
	for _, status := range checkout.InvoiceStatuses() {
		lists[string(status)] = db.InvoiceQuery{Status: string(status), From: moneyTime}
	}
	for name, q := range lists {
		q.MerchantID, q.Live, q.Limit = pottery, true, 9
		all["Invoices, "+name] = func(tx *db.Tx) error { return one(tx.Invoices(q)) }
		all["InvoiceTotals, "+name] = func(tx *db.Tx) error { return one(tx.InvoiceTotals(q)) }
	}
	return all
}

func stockSettlement(s *stock, id string) *checkout.Settlement {
	return &checkout.Settlement{
		ID: id, MerchantID: pottery, Live: true, Gateway: "ghesta", FileName: "f", FileHash: "hash", UserID: s.user.ID, From: moneyTime, To: moneyTime.Add(time.Hour), CreatedAt: moneyTime,
	}
}
