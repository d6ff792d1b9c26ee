package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
)

// origin looks at our own public address, from outside as far as this machine can: name, certificate,
// and whether it is we who answer there.
func (d *doctor) origin(ctx context.Context) {
	u, err := url.Parse(d.cfg.BaseURL)
	if err != nil {
		return // Load refused it
	}
	if u.Scheme == "https" {
		d.certificate(ctx, u)
	} else {
		d.find("tls", u.Host, FindingSkip, "doctor.tls.loopback")
	}
	ready, err := d.ask(ctx, d.cfg.BaseURL+"/readyz")
	switch {
	case err != nil:
		d.find("callback", u.Host, FindingBad, "doctor.callback.unreachable", "error", short(err))
		return
	case ready.StatusCode == http.StatusServiceUnavailable:
		d.find("callback", u.Host, FindingBad, "doctor.callback.not_ready")
		return
	}
	// Nobody's callback: our own page says that it is unknown. A proxy that keeps a part of the
	// addresses to itself would answer otherwise.
	page, err := d.ask(ctx, d.cfg.BaseURL+payments.CallbackPath("gardeshpay", "doctor"))
	if err != nil || ready.StatusCode != http.StatusOK || page.StatusCode != http.StatusNotFound || page.Header.Get("X-Robots-Tag") != "noindex" {
		d.find("callback", u.Host, FindingBad, "doctor.callback.foreign")
		return
	}
	d.find("callback", u.Host, FindingOK, "doctor.callback.ok")
}

// How long before its end a certificate should have been renewed.
const (
	certificateBad  = 3 * 24 * time.Hour
	certificateWarn = 14 * 24 * time.Hour
)

func (d *doctor) certificate(ctx context.Context, u *url.URL) {
	end, err := certificateEnd(ctx, u)
	if err != nil {
		d.find("tls", u.Host, FindingBad, "doctor.tls.refused", "error", short(err))
		return
	}
	left := time.Until(end)
	days := strconv.Itoa(int(left / (24 * time.Hour)))
	switch {
	case left < certificateBad:
		d.find("tls", u.Host, FindingBad, "doctor.tls.ending", "days", days)
	case left < certificateWarn:
		d.find("tls", u.Host, FindingWarn, "doctor.tls.ending", "days", days)
	default:
		d.find("tls", u.Host, FindingOK, "doctor.tls.ok", "days", days)
	}
}

// ask sends one GET, notes what the answer says about our clock, and from which address it left. The
// body is not read.
func (d *doctor) ask(ctx context.Context, address string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, perCheck)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		if at, err := netip.ParseAddrPort(c.Conn.LocalAddr().String()); err == nil && !at.Addr().IsLoopback() {
			d.out[at.Addr().Unmap().String()] = true
		}
	}})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	sent := time.Now()
	transport := &http.Transport{Proxy: nil, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil && !gateways.Loopback(req.URL.Hostname()) {
		// A Date says whole seconds, cut off; the answer was made between the two moments.
		middle := sent.Add(time.Since(sent) / 2)
		d.clocks = append(d.clocks, clockSeen{req.URL.Host, middle.Sub(at.Add(500 * time.Millisecond))})
	}
	return resp, nil
}

// gateways looks at each account that takes real money.
func (d *doctor) gateways(ctx context.Context, o *Office) {
	var merchants []checkout.Merchant
	err := o.db.View(ctx, func(tx *db.Tx) (err error) {
		merchants, err = tx.Merchants()
		return err
	})
	engine, more := o.engine(ctx)
	if err := errors.Join(err, more); err != nil {
		return // the database and the key have their own lines
	}
	any := false
	for i := range merchants {
		for _, name := range payments.GatewayNames() {
			any = d.account(ctx, engine, &merchants[i], name) || any
		}
	}
	if !any {
		d.find("gateway", "", FindingWarn, "doctor.gateway.none")
		return
	}
	d.outgoing()
}

// account is one merchant's account; false when nobody has set it up.
func (d *doctor) account(ctx context.Context, engine *payments.Engine, m *checkout.Merchant, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, 4*perCheck)
	defer cancel()
	subject := m.Slug + "/" + name
	p, err := engine.Probe(ctx, payments.Scope{MerchantID: m.ID, Live: true}, name)
	switch {
	case err != nil:
		d.find("gateway", subject, FindingBad, "doctor.gateway.sealed")
		return true
	case !p.Set:
		return false
	}
	reached := true
	for _, server := range p.Servers {
		host, _ := url.Parse(server)
		if _, err := net.DefaultResolver.LookupHost(ctx, host.Hostname()); err != nil {
			d.find("gateway", subject, FindingBad, "doctor.gateway.name", "host", host.Hostname())
			reached = false
		} else if _, err := d.ask(ctx, server+"/"); err != nil {
			d.find("gateway", subject, FindingBad, "doctor.gateway.unreachable", "host", host.Host, "error", short(err))
			reached = false
		}
	}
	if !reached {
		return true
	}
	d.answered(subject, &p.Asked)
	switch {
	case !p.Enabled:
		d.find("gateway", subject, FindingWarn, "doctor.gateway.off")
	case p.Paid:
		d.find("unit", subject, FindingOK, "doctor.unit.proven", "unit", p.Unit)
	default:
		d.find("unit", subject, FindingWarn, "doctor.unit.untried", "unit", p.Unit)
	}
	return true
}

// answered says what the answer about a payment that cannot exist means.
func (d *doctor) answered(subject string, a *gateways.Answer) {
	code := strconv.Itoa(a.Status)
	switch {
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		d.find("gateway", subject, FindingBad, "doctor.gateway.refused", "code", code)
	case a.Outcome == gateways.Refused, a.Outcome == gateways.Canceled, a.Outcome == gateways.Review:
		d.find("gateway", subject, FindingOK, "doctor.gateway.ok")
	case a.Status == 0:
		d.find("gateway", subject, FindingBad, "doctor.gateway.silent")
	default:
		d.find("gateway", subject, FindingWarn, "doctor.gateway.odd", "code", code)
	}
}

// outgoing tells the address to give to the vendors for their allow-lists.
func (d *doctor) outgoing() {
	var public, inner []string
	for text := range d.out {
		if at, err := netip.ParseAddr(text); err == nil && at.IsGlobalUnicast() && !at.IsPrivate() {
			public = append(public, text)
		} else {
			inner = append(inner, text)
		}
	}
	slices.Sort(public)
	switch {
	case len(public) > 0:
		d.find("address", "", FindingOK, "doctor.address.public", "address", strings.Join(public, ", "))
	case len(inner) > 0:
		d.find("address", "", FindingWarn, "doctor.address.inner", "address", strings.Join(inner, ", "))
	}
}

// short is an error of the network without the address that was asked, which the line names already.
func short(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}
