package checkout

import (
	"net/mail"
	"strings"
	"time"

	"dargah/internal/app/money"
)

// LetterKind is what a letter tells, and to whom.
type LetterKind string

// The kinds of letters.
const (
	LetterRequest     LetterKind = "request"     // to the customer: please pay
	LetterReminder    LetterKind = "reminder"    // to the customer: not paid yet
	LetterReceipt     LetterKind = "receipt"     // to the customer: paid
	LetterPaid        LetterKind = "paid"        // to the merchant: paid
	LetterUnconfirmed LetterKind = "unconfirmed" // to the customer: could not be confirmed, a person looks into it
	LetterUnpaid      LetterKind = "unpaid"      // to the customer: the person found no payment
	LetterReturning   LetterKind = "returning"   // to the customer: not taken, the money returns
	LetterAttention   LetterKind = "attention"   // to the merchant: an attempt needs a person
	LetterRefunded    LetterKind = "refunded"    // to the customer: the merchant paid back

	LetterInvitation       LetterKind = "invitation"        // to a person: a login waits
	LetterPasswordReset    LetterKind = "password_reset"    // to a user
	LetterSecurity         LetterKind = "security"          // to a user or owner: something about access changed
	LetterEndpointDisabled LetterKind = "endpoint_disabled" // to the merchant: a webhook endpoint was given up
	LetterAlert            LetterKind = "alert"             // to the operators: the installation needs them
)

// LetterKinds lists every kind.
func LetterKinds() []LetterKind {
	return []LetterKind{
		LetterRequest, LetterReminder, LetterReceipt, LetterPaid, LetterUnconfirmed, LetterUnpaid, LetterReturning, LetterAttention, LetterRefunded,
		LetterInvitation, LetterPasswordReset, LetterSecurity, LetterEndpointDisabled, LetterAlert,
	}
}

// Asks reports whether a letter of this kind comes without its reader having done anything: those
// are counted, so that nobody floods a stranger with them.
func (k LetterKind) Asks() bool {
	return k == LetterRequest || k == LetterReminder || k == LetterInvitation || k == LetterPasswordReset
}

// How many letters that ask one address may be sent in a day, by all merchants of an installation
// together, and how many of them one merchant may send.
const (
	AskingToOne = 20
	AskingOfOne = 2000
	// AskingOfMany is how many of those may come of files of customers, which a person looked at.
	AskingOfMany = 20_000
)

// LetterStatus says what became of a letter.
type LetterStatus string

// The states of a letter.
const (
	LetterQueued   LetterStatus = "queued"   // waits for its first try, or for another one
	LetterSent     LetterStatus = "sent"     // a mail server took it
	LetterRefused  LetterStatus = "refused"  // a mail server will not take it, or did not for days
	LetterWithheld LetterStatus = "withheld" // never given to a mail server; Reason says why
)

// LetterStatuses lists every state.
func LetterStatuses() []LetterStatus {
	return []LetterStatus{LetterQueued, LetterSent, LetterRefused, LetterWithheld}
}

// Why a letter waits, was refused or withheld, beside the mail server's own words.
const (
	ReasonTestMode    = "test_mode"    // withheld: test mode writes only to the merchant and its own people
	ReasonLimit       = "limit"        // withheld: too many in a day
	ReasonOvertaken   = "overtaken"    // withheld: what it asks for has been done, or is not asked any more
	ReasonTooLate     = "too_late"     // withheld: it says what is of no use any more
	ReasonUnsubscribe = "unsubscribed" // withheld: the reader stopped reminders
	ReasonBadAddress  = "bad_address"  // refused: no address to write to
	ReasonServer      = "server"       // refused, or waiting: the answer is the mail server's
	ReasonTrouble     = "trouble"      // waiting: the mail server cannot be reached, or does not know us
	ReasonGaveUp      = "gave_up"      // refused: tried for days
	ReasonBroken      = "broken"       // refused: our own error
)

// SampleKey begins the keys of letters that somebody only looks at.
const SampleKey = "sample/"

// IsSample reports whether a letter is one.
func IsSample(l *Letter) bool { return strings.HasPrefix(l.Key, SampleKey) }

// JobLetter is the kind of the stored job that sends one letter. Its key is the letter's id.
const JobLetter = "letter"

// LetterLife is how long a letter is tried when nobody says otherwise.
const LetterLife = 5 * 24 * time.Hour

// Letter is one letter to one address.
type Letter struct {
	ID         string // db makes one when it is empty
	MerchantID string // "" for one that is the installation's own
	Live       bool
	Kind       LetterKind
	// Key makes a letter one: what happened, and which letter of it. A second with the same key is none.
	Key       string
	InvoiceID string // whose payment link it carries; "" for none
	Recipient string
	Locale    string // "fa" or "en"
	Facts     LetterFacts
	// Sealed is a link that opens something (an invitation, a new password), whole, sealed under the
	// installation's key for SealedLetter(Key). It is wiped when the letter has left.
	Sealed string
	// Many says that it is one of a run's, and counted among those. Not stored.
	Many bool
	// Until is when it is of no use any more; LetterLife from now when zero.
	Until time.Time

	Status    LetterStatus
	Reason    string // one of Reason…
	Answer    string // the mail server's last words
	Tries     int
	CreatedAt time.Time
	NextAt    time.Time // of the next try, zero when there is none
	EndedAt   time.Time // when it was sent, refused or withheld
}

// SealedLetter is what the link of a letter is sealed for, so that it opens in no other.
func SealedLetter(key string) string { return "letter/" + key }

// LetterFacts are what a letter says, as it was when it was written. Most kinds use few of them.
type LetterFacts struct {
	Shop     LetterShop
	Customer string // the reader's name, when known

	Number      string // of the invoice
	Reference   string
	Description string
	Items       []Item
	Amount      money.Rial // of the invoice or payment; of a refund, what was paid back
	Gateways    []string
	ExpiresAt   time.Time

	Gateway        string
	RefNumber      string
	TrackingNumber string
	CardMask       string
	At             time.Time // when it happened
	Deadline       time.Time // until when unverified money is at the gateway
	Manual         bool      // a person resolved it
	Why            string    // why an attempt was not verified, or needs a person

	// Of letters about access and endpoints.
	By   string // who invited, who changed it: a name or address
	Role string // owner, staff, viewer
	What string // of a security notice: its code, "letter.security." + What in the catalogue
	Name string // of the thing in question: an endpoint's address, a key's name, a browser, an address
}

// LetterShop is the merchant as a letter shows it.
type LetterShop struct{ Name, Website, Phone, Email, Address, Accent string }

// ShopOf is the merchant as a letter shows it.
func ShopOf(m *Merchant) LetterShop {
	return LetterShop{Name: m.Name, Website: m.Website, Phone: m.Phone, Email: m.Email, Address: m.Address, Accent: m.Accent}
}

// Describe puts into the facts what a letter says of an invoice and its merchant.
func (f *LetterFacts) Describe(inv *Invoice, m *Merchant) {
	f.Shop, f.Customer = ShopOf(m), inv.Customer.Name
	f.Number, f.Reference, f.Description, f.Items = inv.Number, inv.Reference, inv.Description, inv.Items
	f.Amount, f.Gateways, f.ExpiresAt = inv.Amount, inv.Gateways, inv.ExpiresAt
}

// MailAddress reports whether s is one address that a letter may go to: no name beside it, nothing
// that a mail server could read as more than an address.
func MailAddress(s string) bool {
	if len(s) > 254 || strings.ContainsAny(s, "<>\"(),:;[]\\ ") {
		return false
	}
	for _, r := range s {
		if r < 0x21 || r == 0x7f || (r >= 0x80 && r <= 0xa0) || r == 0xfffd || (r >= 0x2028 && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return false
		}
	}
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && a.Name == ""
}
