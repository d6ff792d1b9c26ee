package ghesta

// payRequest is the body of create, by the vendor's guide. The guide's table prints returnURL,
// its example and PayPing's specification returnUrl; PayPing reads names whatever their case.
type payRequest struct {
	PayerName     string `json:"payerName,omitempty"`
	PayerIdentity string `json:"payerIdentity,omitempty"`
	Amount        int64  `json:"amount"`
	ReturnURL     string `json:"returnUrl"`
	Description   string `json:"description,omitempty"`
	ClientRefID   string `json:"clientRefId"`
}

type verifyRequest struct {
	RefID  string `json:"refId"`
	Amount int64  `json:"amount"`
}

// kind is what a code of PayPing's table means for a payment at verify.
type kind int

const (
	// soft: PayPing may take it back, so it is asked again (CONTRACT §6.4). Also what unknown
	// codes are.
	soft kind = iota
	final
	// hard: there is no such payment, so the reference may be another's (CONTRACT §6.1).
	hard
	customerCanceled
	alreadyVerified
	ourMistake
)

// kinds is PayPing's own table of codes; the guide has none. Its wording in short:
var kinds = map[string]kind{
	"1":  customerCanceled,
	"2":  final,           // wrong PIN
	"3":  final,           // no cvv2 or expiry date
	"4":  final,           // not enough money
	"5":  final,           // card expired
	"6":  final,           // card blocked
	"7":  hard,            // transaction not found at the bank
	"8":  final,           // issuer refused
	"9":  final,           // problem with the amount
	"10": final,           // wrong card number
	"11": final,           // gateway not reachable
	"12": soft,            // internal error of the bank
	"15": alreadyVerified, // the answer to every verify but the first
	"18": final,           // merchant not approved
	"19": final,           // merchant's identity incomplete
	"25": soft,            // service down for the moment
	"26": hard,            // payment code not found
	"27": final,           // amount not allowed for this merchant
	"28": final,           // turn the VPN off
	"29": soft,            // gateway not reachable
	"31": hard,            // cannot verify before the bank was entered
	"38": final,           // address of the merchant's site
	"39": soft,            // failed, the money goes back
	"44": hard,            // no such refId
	"46": ourMistake,      // token of verify is not that of create
	"47": ourMistake,      // amount of verify is not that of create
	"48": soft,            // not confirmed by Shaparak yet
	"49": soft,            // no active terminal, try again
}
