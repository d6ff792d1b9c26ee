package checkout

import "time"

// Invitation is a role that waits for its person.
type Invitation struct {
	ID, MerchantID, Email, Role string
	TokenHash                   string
	InvitedBy                   string // user
	CreatedAt, SentAt           time.Time
	ExpiresAt                   time.Time
	AcceptedAt, CanceledAt      time.Time
}

// Passkey is the public half of a key that a device keeps for one user.
type Passkey struct {
	ID, UserID   string
	CredentialID string // base64url
	Name         string
	Credential   string // as the library keeps it, JSON
	SignCount    uint32
	CreatedAt    time.Time
	UsedAt       time.Time
}

// PasswordReset is a link to a new password.
type PasswordReset struct {
	TokenHash, UserID string
	ExpiresAt         time.Time
}

// Tally is a count of tries in a window that begins with the first one, as several processes share it: N
// are to be added. Total and Until are filled in: how many there are then, and when the window ends.
type Tally struct {
	Name   string // a hash of what is counted
	N      int
	Window time.Duration

	Total int
	Until time.Time
}
