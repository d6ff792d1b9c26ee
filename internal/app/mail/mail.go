// Package mail sends letters: it renders what stands in the outbox and gives it to a mail server,
// again and again until one takes it, one refuses it, or it is of no use any more.
//
// A letter is written where what it tells happens, in the same transaction, by whoever may write to
// the store; nobody imports this room for it:
//
//	_, err := tx.EnqueueLetter(&checkout.Letter{
//		MerchantID: m.ID, Live: true, // "" for one of the installation's own
//		Kind: checkout.LetterEndpointDisabled, Key: "whe_…/disabled/" + strconv.FormatInt(at, 10),
//		Recipient: m.Email, Locale: m.Locale,
//		Facts: checkout.LetterFacts{Shop: checkout.ShopOf(m), Name: "https://shop.example/hook", At: tx.Now()},
//	})
//
// Key makes it one: the same key twice is one letter. What else a kind needs:
//
//   - LetterInvitation: Facts.By (who invites), Role, ExpiresAt; Sealed, the whole link, sealed with
//     box.Seal([]byte(link), checkout.SealedLetter(Key)): a link that opens something stands nowhere in the
//     clear, and is wiped when the letter has left. Until: when the link dies.
//   - LetterPasswordReset: Facts.At, ExpiresAt; Sealed and Until as above. Customer: the user's name
//     or address, if it may be shown.
//   - LetterSecurity: Facts.What, a code with texts at letter.security.CODE in the catalogues, At, By
//     (who did it), Name (the thing in question: a key's name, a browser, an address).
//   - LetterEndpointDisabled: Facts.Name (its address), At.
//
// A letter in test mode leaves only if it goes to the merchant or to somebody who logs in for it. One
// that asks (request, reminder, invitation, new password) is counted by mailbox and merchant. Both are
// kept for the log as withheld, with the reason. EnqueueLetter never fails for a fault of the letter.
package mail
