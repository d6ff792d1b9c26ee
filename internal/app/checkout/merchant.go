package checkout

import "time"

// Merchant is a shop. Everything belongs to exactly one.
type Merchant struct {
	ID      string
	Slug    string
	Name    string
	Website string
	Phone   string
	Address string
	Email   string
	Accent  string // "#rrggbb", "" for the house's turquoise
	Locale  string // "fa" or "en"
	Logo    LogoName
	// Revision changes with every change of the merchant or of a gateway account of theirs.
	Revision  int64
	CreatedAt time.Time
}

// GatewayAccount is a merchant's own settings for one gateway in one mode. Secrets are sealed.
type GatewayAccount struct {
	ID         string
	MerchantID string
	Live       bool
	Gateway    string
	Settings   map[string]string // only what was set; defaults are the adapter's
	Sealed     map[string]string // secrets, sealed under the installation's key
	UpdatedAt  time.Time
}

// APIKey opens the API for one merchant in one mode. Only a hash of the secret is stored.
type APIKey struct {
	ID         string
	MerchantID string
	Live       bool
	Name       string
	Scopes     []string // read, write
	CreatedAt  time.Time
	LastUsedAt time.Time
	RevokedAt  time.Time
}

// User is a login.
type User struct {
	ID           string
	Email        string // lower case
	PasswordHash string
	Operator     bool
	CreatedAt    time.Time
	// TOTPSealed is the second factor's secret, sealed; TOTPAt is when its owner proved it, zero while
	// it is not in force.
	TOTPSealed string
	TOTPAt     time.Time
	DisabledAt time.Time
}

// Login is one person on one device, from signing in to signing out.
type Login struct {
	ID, UserID string
	MerchantID string // what they look at
	Live       bool
	Address    string
	Agent      string // the browser's own word; untrusted text
	CreatedAt  time.Time
	SeenAt     time.Time
	FreshAt    time.Time // when they last proved who they are
	EndedAt    time.Time
}

// Membership is a user's role with a merchant: owner, staff or viewer.
type Membership struct{ UserID, MerchantID, Role string }
