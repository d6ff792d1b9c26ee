// Package gardeshpay speaks the protocol of the GardeshPay card gateway: getToken, redirect,
// a callback that says nothing about success, verify. What the vendor's guide leaves open is a
// setting, or is read strictly: anything undocumented is unknown, never paid and never failed.
package gardeshpay

import (
	"context"
	"net/url"
	"time"

	// Tehran's offset must not depend on the machine's zone files.
	_ "time/tzdata"

	"dargah/internal/gateways"
)

// Gateway is the adapter. It holds no state of a payment.
type Gateway struct {
	client *gateways.Client
	tehran *time.Location
}

// New returns the adapter, which asks through client.
func New(client *gateways.Client) *Gateway {
	tehran, err := time.LoadLocation("Asia/Tehran")
	if err != nil {
		// The zone is embedded; without it +03:30 is right since Iran gave up summer time in 2022.
		tehran = time.FixedZone("Asia/Tehran", int((3*time.Hour + 30*time.Minute).Seconds()))
	}
	return &Gateway{client: client, tehran: tehran}
}

// Name is "gardeshpay".
func (g *Gateway) Name() string { return "gardeshpay" }

// Keys are the settings of CONTRACT §5. The guide has getToken on .ir and verify on .com;
// clients in the field use a path under /v1, so both addresses are settings of their own.
func (g *Gateway) Keys() []gateways.Key {
	keys := []gateways.Key{
		{Name: "token_url", Default: "https://ipg.gardeshpay.ir/provider/payment/getToken", Operator: true},
		{Name: "verify_url", Default: "https://ipg.gardeshpay.com/provider/payment/verify", Operator: true},
		// Not in the guide; clients that ran against the live gateway send it in the body.
		{Name: "provider_token", Secret: true},
		{Name: "redirect_hosts", Default: "gardeshpay.ir,gardeshpay.com", Operator: true},
	}
	return append(keys, gateways.CommonKeys("10000", "2000000000")...)
}

// Check returns the first wrong value as a *gateways.SettingError.
func (g *Gateway) Check(s gateways.Settings) error {
	for _, key := range []string{"token_url", "verify_url"} {
		if err := gateways.CheckURL(s, key); err != nil {
			return err
		}
	}
	if err := gateways.CheckCredential(s, "provider_token"); err != nil {
		return err
	}
	if err := gateways.CheckHosts(s, "redirect_hosts", gateways.LoopbackURL(s["token_url"])); err != nil {
		return err
	}
	return gateways.CheckCommon(s)
}

// Start asks for a token. If we die before its answer is stored, the token is lost with it: the
// customer was sent nowhere, and the next attempt has another invoiceNumber.
func (g *Gateway) Start(ctx context.Context, s gateways.Settings, r gateways.StartRequest) (gateways.Started, error) {
	redact := gateways.NewRedactor(append(payerSecrets(r), s["provider_token"])).HideURL(r.Callback)
	resp, err := g.client.PostJSON(ctx, s["token_url"], nil, tokenRequest{
		Token:         s["provider_token"],
		Amount:        r.WireAmount,
		InvoiceNumber: r.OurNumber,
		InvoiceDate:   r.At.In(g.tehran).Format("2006-01-02T15:04:05"),
		Mobile:        r.Mobile,
		Email:         r.Email,
		Callback:      r.Callback,
	})
	if err != nil {
		return gateways.Started{}, gateways.CallTrouble(resp, err, redact)
	}
	return judgeStart(resp, s, redact)
}

// ParseCallback reads trackingNumber and invoiceNumber. Cancellation and payment look alike in
// the guide; only the absence of a reference is a sign.
func (g *Gateway) ParseCallback(values url.Values) (gateways.Claim, error) {
	form, err := gateways.ParseForm(values)
	if err != nil {
		return gateways.Claim{}, err
	}
	reference, err := form.Reference("trackingnumber")
	if err != nil {
		return gateways.Claim{}, err
	}
	ours, err := form.Named("invoicenumber")
	if err != nil {
		return gateways.Claim{}, err
	}
	if gateways.Canonical(reference) == "" {
		reference = ""
	}
	return gateways.Claim{
		Reference: reference,
		Canceled:  reference == "",
		OurNumber: ours,
		Fields:    form.Record(gateways.NewRedactor(nil), "trackingnumber", "invoicenumber"),
	}, nil
}

// Verify asks about a trackingNumber, and thereby takes the money. Asked again it answers the
// same with verifiedBefore, so an answer lost on the way costs nothing.
func (g *Gateway) Verify(ctx context.Context, s gateways.Settings, r gateways.VerifyRequest) gateways.Answer {
	redact := gateways.NewRedactor(append([]string{s["provider_token"]}, r.Secrets...))
	resp, err := g.client.PostJSON(ctx, r.VerifyURL, nil, verifyRequest{Token: s["provider_token"], TrackingNumber: r.Reference})
	answer := gateways.Evidence(resp, err, redact)
	if err != nil {
		return answer
	}
	return judgeVerify(resp, r, answer, redact)
}

// payerSecrets are the payer's data, which an answer may repeat and an event must not keep.
func payerSecrets(r gateways.StartRequest) []string { return []string{r.PayerName, r.Mobile, r.Email} }

// Reach walks to an address of the vendor and says nothing there.
func (g *Gateway) Reach(ctx context.Context, address string) gateways.Reached {
	return g.client.Reach(ctx, address)
}
