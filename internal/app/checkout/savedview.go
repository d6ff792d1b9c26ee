package checkout

import "time"

// PrefixView begins the id of a saved view.
const PrefixView = "viw_"

// SavedView is a list of a shop's invoices that one person gave a name. Query is that of its address.
type SavedView struct {
	ID, UserID, MerchantID string
	Name, Query            string
	CreatedAt              time.Time
}
