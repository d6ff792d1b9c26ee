package checkout

import (
	"context"
	"time"
)

// Deed is one thing that a person did, for whoever asks later: who, when, from where, what, on what.
// It is written in the transaction of the change and never changed. No secret stands in it.
type Deed struct {
	ID         string // db makes one when it is empty
	MerchantID string // "" for the installation's own
	Live       bool
	By         Actor
	Area, Kind string // one of Areas; what was done, "area.verb"
	Object     string // the id of what it was done to
	Name       string // what people call that
	Changes    []Change
	Details    string // of an invoice's event: its data
	CreatedAt  time.Time

	// Alarm is the code of the security notice that goes to the owners of the shop, "" for none;
	// Person the user whom it concerns, who is told as well; Quiet that only they are told.
	Alarm, Person string
	Quiet         bool
	// Act is the same for all deeds of one act, so that nobody gets its letter twice; ID when empty.
	Act string
}

// Change is one field before and after. A secret's are "•••".
type Change struct {
	Field  string `json:"field"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Hidden stands in a change for a secret.
const Hidden = "•••"

// The areas of deeds, for the filter.
const (
	AreaInvoice = "invoice"
	AreaPage    = "page"
	AreaShop    = "shop"
	AreaGateway = "gateway"
	AreaKey     = "key"
	AreaWebhook = "webhook"
	AreaPerson  = "person"
	AreaAccount = "account"
	AreaSignIn  = "signin"
)

// Areas lists them.
func Areas() []string {
	return []string{AreaInvoice, AreaPage, AreaShop, AreaGateway, AreaKey, AreaWebhook, AreaPerson, AreaAccount, AreaSignIn}
}

// DeedKinds lists every kind of deed that is recorded; the admin has words for each. Of an invoice a
// person's deed is the first event of what they did.
func DeedKinds() []string {
	return []string{
		"invoice.created", "invoice.updated", "invoice.canceled", "invoice.refunded", "invoice.noted", "invoice.customer_file", "attempt.resolved", "verify.asked", "stray.closed",
		"run.started", "run.stopped", "page.made", "page.changed", "shop.made", "shop.changed", "shop.rules", "gateway.changed", "key.made", "key.revoked", "linkkey.made", "linkkey.revoked",
		"webhook.added", "webhook.removed", "webhook.rotated", "webhook.enabled",
		"person.added", "person.role", "person.removed", "person.invited", "person.reinvited", "person.uninvited", "person.joined",
		"account.password", "account.password_set", "account.password_reset", "account.reset_asked", "account.factor_on", "account.factor_off", "account.recovery_used",
		"account.passkey_added", "account.passkey_removed", "account.passkey_copied",
		"signin.password", "signin.code", "signin.passkey", "signin.setup", "signin.joined", "signin.refused", "signin.code_refused", "signin.passkey_refused", "signin.ended",
	}
}

// Diff lists the fields that differ, in the order of names.
func Diff(names []string, before, after map[string]string) []Change {
	var list []Change
	for _, n := range names {
		if before[n] != after[n] {
			list = append(list, Change{Field: n, Before: before[n], After: after[n]})
		}
	}
	return list
}

type actorKey struct{}

// WithActor says to whatever is called with the context who calls.
func WithActor(ctx context.Context, by Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, by)
}

// ActorOf is who calls: the zero Actor, a command, when nobody said.
func ActorOf(ctx context.Context) Actor {
	by, _ := ctx.Value(actorKey{}).(Actor)
	return by
}
