// Package ghesta speaks the protocol of Ghesta instalments, which PayPing (API v2) serves:
// create, instalment page, a form posted back, verify. Its answer to verify names neither the
// order nor the code, so only the engine's unique references tie a payment to an attempt.
package ghesta

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"dargah/internal/gateways"
)

// signsEnd is the largest number that PayPing sends in the place of a refid as a sign of
// cancellation; its own WooCommerce plugin keeps refids above 1000 only.
const signsEnd = 1000

// Gateway is the adapter. It holds no state of a payment.
type Gateway struct {
	client *gateways.Client
}

// New returns the adapter, which asks through client.
func New(client *gateways.Client) *Gateway { return &Gateway{client: client} }

// Name is "ghesta".
func (g *Gateway) Name() string { return "ghesta" }

// Keys are the settings of CONTRACT §5. The vendor's guide prints the instalment page with http,
// its own plugin uses https.
func (g *Gateway) Keys() []gateways.Key {
	keys := []gateways.Key{
		{Name: "pay_url", Default: "https://api.payping.ir/v2/pay", Operator: true},
		{Name: "verify_url", Default: "https://api.payping.ir/v2/pay/verify", Operator: true},
		{Name: "installment_url", Default: "https://payping.ir/installment/{code}?type=ghesta", Operator: true},
		{Name: "token", Secret: true, Required: true},
	}
	return append(keys, gateways.CommonKeys("1000000", "500000000")...)
}

// Check returns the first wrong value as a *gateways.SettingError.
func (g *Gateway) Check(s gateways.Settings) error {
	for _, key := range []string{"pay_url", "verify_url", "installment_url"} {
		if err := gateways.CheckURL(s, key); err != nil {
			return err
		}
	}
	if err := checkInstallment(s); err != nil {
		return err
	}
	if err := gateways.CheckCredential(s, "token"); err != nil {
		return err
	}
	return gateways.CheckCommon(s)
}

func checkInstallment(s gateways.Settings) error {
	const key = "installment_url"
	before, after, found := strings.Cut(s[key], "{code}")
	if !found || strings.ContainsAny(before+after, "{}") {
		return &gateways.SettingError{Key: key, Expected: "{code} once where the payment code belongs"}
	}
	// Within the host a code would choose where the customer goes.
	if u, err := url.Parse(before); err != nil || !strings.HasPrefix(u.Path, "/") {
		return &gateways.SettingError{Key: key, Expected: "{code} behind the host"}
	}
	if gateways.LoopbackURL(s[key]) && !gateways.LoopbackURL(s["pay_url"]) {
		return &gateways.SettingError{Key: key, Expected: "no loopback address, since pay_url is not on loopback"}
	}
	return nil
}

// Start asks for a payment code. If we die before it is stored, the code is lost and the next
// attempt asks for another under another clientRefId.
func (g *Gateway) Start(ctx context.Context, s gateways.Settings, r gateways.StartRequest) (gateways.Started, error) {
	redact := gateways.NewRedactor([]string{s["token"], r.PayerName, r.Mobile, r.Email}, "code").HideURL(r.Callback)
	resp, err := g.client.PostJSON(ctx, s["pay_url"], bearer(s), payRequest{
		PayerName:     r.PayerName,
		PayerIdentity: r.Mobile,
		Amount:        r.WireAmount,
		ReturnURL:     r.Callback,
		Description:   r.Description,
		ClientRefID:   r.OurNumber,
	})
	if err != nil {
		return gateways.Started{}, gateways.CallTrouble(resp, err, redact)
	}
	return judgeStart(resp, s, redact)
}

// ParseCallback reads the five fields of the form. On the vendor's path of failure code and
// clientrefid may be foreign to us, so they are told and not judged here.
func (g *Gateway) ParseCallback(values url.Values) (gateways.Claim, error) {
	form, err := gateways.ParseForm(values)
	if err != nil {
		return gateways.Claim{}, err
	}
	refid, err := form.Reference("refid")
	if err != nil {
		return gateways.Claim{}, err
	}
	code, err := form.Named("code")
	if err != nil {
		return gateways.Claim{}, err
	}
	ours, err := form.Named("clientrefid")
	if err != nil {
		return gateways.Claim{}, err
	}
	claim := gateways.Claim{
		Reference: refid,
		OurNumber: ours,
		Token:     code,
		// The code is a gateway token here, and those are not kept in events.
		Fields: form.Record(gateways.NewRedactor([]string{code}, "code"), "code", "refid", "clientrefid", "cardnumber", "cardhashpan"),
	}
	if canceled(refid) {
		claim.Reference, claim.Canceled = "", true
	}
	return claim, nil
}

// canceled says that a refid is one of PayPing's signs of a cancellation.
func canceled(refid string) bool {
	short := gateways.Canonical(refid)
	if short == "" || strings.HasPrefix(refid, "-") {
		return true
	}
	n, err := strconv.ParseUint(short, 10, 64)
	return gateways.Digits(short) && err == nil && n <= signsEnd
}

// Verify asks about a refid with the whole amount of the order, and thereby takes the money. The
// card was charged less (the prepayment), which is no mismatch. Asked again it answers 400 with
// code 15, which proves nothing by itself.
func (g *Gateway) Verify(ctx context.Context, s gateways.Settings, r gateways.VerifyRequest) gateways.Answer {
	redact := gateways.NewRedactor(append([]string{s["token"]}, r.Secrets...), "code", "paymentcode")
	resp, err := g.client.PostJSON(ctx, r.VerifyURL, bearer(s), verifyRequest{RefID: r.Reference, Amount: r.WireAmount})
	answer := gateways.Evidence(resp, err, redact)
	if err != nil {
		return answer
	}
	switch resp.Status {
	case http.StatusOK:
		return judgeSuccess(resp, r, answer, redact)
	case http.StatusBadRequest:
		return judgeRefusal(resp, answer, redact)
	}
	return answer.Settle(gateways.Unknown, "", fmt.Sprintf("status %d, which decides nothing", resp.Status))
}

// bearer is the header of the guide; without a token none is sent, and PayPing answers 401.
func bearer(s gateways.Settings) http.Header {
	if s["token"] == "" {
		return nil
	}
	return http.Header{"Authorization": {"bearer " + s["token"]}}
}

// Reach walks to an address of the vendor and says nothing there.
func (g *Gateway) Reach(ctx context.Context, address string) gateways.Reached {
	return g.client.Reach(ctx, address)
}
