package payments

import (
	"errors"
	"sync"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// offices remembers merchants, their open accounts and their webhook endpoints. Every read of an invoice brings its merchant's
// revision, which changes with each of them in the same transaction, whichever process makes it: so
// what is remembered under that revision is what the database holds, and no time passes in which an
// old setting counts.
type offices struct {
	mu   sync.Mutex
	open map[Scope]*office
}

// office is a merchant in one mode, as of one revision. Never changed once it is shared.
type office struct {
	merchant  checkout.Merchant
	accounts  map[string]*account
	endpoints []checkout.Endpoint
	pages     bool // has payment pages: an invoice may have come of one
}

// maxOffices bounds what is remembered; an installation with more merchants reads more.
const maxOffices = 10_000

// office returns the merchant of an invoice, remembered or read.
func (e *Engine) office(tx *db.Tx, inv *checkout.Invoice) (*office, error) {
	sc := Scope{inv.MerchantID, inv.Live}
	e.offices.mu.Lock()
	known := e.offices.open[sc]
	e.offices.mu.Unlock()
	if known != nil && known.merchant.Revision == inv.MerchantRevision {
		return known, nil
	}
	m, err := tx.Merchant(inv.MerchantID)
	if err != nil {
		return nil, err
	}
	// The account of a gateway is opened when it is first needed: a secret that cannot be opened
	// shuts one method and not the page.
	o := &office{merchant: *m, accounts: map[string]*account{}}
	for _, name := range GatewayNames() {
		acc, err := e.account(tx, sc, name)
		if err != nil && !errors.Is(err, errSealed) {
			return nil, err
		}
		if err == nil {
			o.accounts[name] = acc
		}
	}
	if o.endpoints, err = tx.Endpoints(sc.MerchantID, sc.Live); err != nil {
		return nil, err
	}
	if o.pages, err = tx.HasPayPages(sc.MerchantID, sc.Live); err != nil {
		return nil, err
	}
	if m.Revision != inv.MerchantRevision {
		return o, nil // changed between the two reads: true now, and read again next time
	}
	e.offices.mu.Lock()
	defer e.offices.mu.Unlock()
	if e.offices.open == nil || len(e.offices.open) >= maxOffices {
		e.offices.open = map[Scope]*office{}
	}
	e.offices.open[sc] = o
	return o, nil
}

// accountOf is the account with which an invoice's payments are made and verified, to be read only.
func (e *Engine) accountOf(tx *db.Tx, inv *checkout.Invoice, name string) (*account, error) {
	o, err := e.office(tx, inv)
	if err != nil {
		return nil, err
	}
	if acc, ok := o.accounts[name]; ok {
		return acc, nil
	}
	return e.account(tx, Scope{inv.MerchantID, inv.Live}, name) // says why
}
