// Package simulator is both vendors in one box: GardeshPay's card gateway and PayPing with its Ghesta
// instalments, with the pages a customer meets, a ledger of who holds the money, and faults on request.
// It is written from the vendors' documents and from what clients saw in the field, and it imports nothing
// of the application: a mistake made there cannot be repeated here by sharing code.
package simulator

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Journal keeps the simulator's past. Record returns once the entry is safe; only then does the simulator act.
type Journal interface {
	Record(ctx context.Context, entry []byte) error
}

// Shared is a Journal in which other simulators record as well. Since returns what stands behind the first n
// entries, oldest first. Armed faults and switches are each one's own.
type Shared interface {
	Journal
	Since(ctx context.Context, n int) ([][]byte, error)
}

// Options say where the simulator lives and how strictly its vendors behave. The zero value of every
// field but PublicURL is a good default.
type Options struct {
	PublicURL string           // absolute base at which a browser reaches the pages, without a trailing slash
	Now       func() time.Time // base clock; time.Now when nil
	Journal   Journal          // nil keeps the ledger in memory only
	Entries   [][]byte         // what the journal recorded before, oldest first
	Control   bool             // serve /control/…
	Rand      io.Reader        // crypto/rand when nil

	ReturnAfter time.Duration // unverified money goes back after this; 15 minutes (the Ghesta guide)
	TokenLife   time.Duration // an unpaid token or code is refused after this; 1 hour (nobody documents one)
	MaxHang     time.Duration // the longest a hanging answer hangs, on the wall clock; 2 minutes
	SlowBy      time.Duration // how late a slow answer is, on the wall clock; 3 seconds

	Switches
}

// Switches are the points on which the vendors' documents and the field disagree or say nothing.
type Switches struct {
	PayPingUnit          string   `json:"payping_unit"`           // "rial" (the guide) or "toman" (the vendor's own plugin)
	PayPingTokens        []string `json:"payping_tokens"`         // bearer tokens that are let in; empty lets any in
	PayPingHosts         []string `json:"payping_hosts"`          // hosts a returnUrl may name; empty allows any
	RequireHTTPSReturn   bool     `json:"require_https_return"`   // refuse a returnUrl that is not https
	RequireProviderToken bool     `json:"require_provider_token"` // GardeshPay wants body field token in both calls
	RepeatInvoices       bool     `json:"repeat_invoices"`        // let GardeshPay take the same invoiceNumber again
	URLWithSlash         bool     `json:"url_with_slash"`         // GardeshPay's data.url ends in a slash
	AmountPlacement      string   `json:"amount_placement"`       // "top" (the guide), "data" or "both"
	FailureStatus        int      `json:"failure_status"`         // HTTP status of GardeshPay's success:false; 200
	InstalmentMinimum    int64    `json:"instalment_minimum"`     // smallest Ghesta basket in rial; 0 takes any
	Weather              bool     `json:"weather"`                // latency and the failures measured live: 1 in 20 starts
}

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed static/*
var staticFiles embed.FS

// Simulator is an http.Handler whose paths are relative to where it is mounted.
type Simulator struct {
	opt   Options
	base  string // path part of PublicURL, which forms and style sheets are addressed with
	all   http.Handler
	front http.Handler

	mu       sync.Mutex // guards everything below; never held while an answer hangs or is written
	switches Switches
	armed    []armed
	books    books
	applied  int // entries of the journal
}

// New replays the given entries and returns a simulator that goes on from there.
func New(opt Options) (*Simulator, error) {
	u, err := url.Parse(opt.PublicURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(opt.PublicURL, "/") {
		return nil, fmt.Errorf("public URL %q: want an absolute http(s) address without a trailing slash", opt.PublicURL)
	}
	opt.fill()
	if err := opt.Switches.check(); err != nil {
		return nil, err
	}
	s := &Simulator{opt: opt, base: u.EscapedPath(), switches: opt.Switches, books: newBooks()}
	for i, raw := range opt.Entries {
		if err := s.replay(raw); err != nil {
			return nil, fmt.Errorf("replay entry %d: %w", i, err)
		}
		s.applied++
	}
	s.all, s.front = s.routes(true), s.routes(false)
	return s, nil
}

func (o *Options) fill() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	for _, d := range []struct {
		field   *time.Duration
		initial time.Duration
	}{{&o.ReturnAfter, 15 * time.Minute}, {&o.TokenLife, time.Hour}, {&o.MaxHang, 2 * time.Minute}, {&o.SlowBy, 3 * time.Second}} {
		if *d.field <= 0 {
			*d.field = d.initial
		}
	}
	o.Switches.fill()
}

func (sw *Switches) fill() {
	if sw.PayPingUnit == "" {
		sw.PayPingUnit = unitRial
	}
	if sw.AmountPlacement == "" {
		sw.AmountPlacement = "top"
	}
	if sw.FailureStatus == 0 {
		sw.FailureStatus = http.StatusOK
	}
}

func (sw Switches) check() error {
	if sw.PayPingUnit != unitRial && sw.PayPingUnit != unitToman {
		return fmt.Errorf("payping_unit %q: want rial or toman", sw.PayPingUnit)
	}
	if p := sw.AmountPlacement; p != "top" && p != "data" && p != "both" {
		return fmt.Errorf("amount_placement %q: want top, data or both", p)
	}
	if c := sw.FailureStatus; c != http.StatusOK && (c < 400 || c > 499) {
		return errors.New("failure_status: want 200 or a 4xx")
	}
	if sw.InstalmentMinimum < 0 {
		return errors.New("instalment_minimum: want rial, 0 or more")
	}
	return nil
}

// ServeHTTP answers as both vendors.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil {
		// A client's request that is served in memory; one from the network always has a body.
		r = r.WithContext(r.Context())
		r.Body = http.NoBody
	}
	s.all.ServeHTTP(w, r)
}

// Pages serves only what a browser needs. An application that reaches the calls in memory mounts this in
// public, so that strangers cannot fill the ledger.
func (s *Simulator) Pages() http.Handler { return s.front }

func (s *Simulator) routes(calls bool) http.Handler {
	mux := http.NewServeMux()
	for _, prefix := range []string{"", "/v1"} {
		// The guide's addresses have no /v1, the live ones do.
		path := prefix + "/provider/payment"
		mux.HandleFunc("GET "+path+"/redirect/{id}", s.page(faceGardeshPay))
		mux.HandleFunc("POST "+path+"/redirect/{id}", s.chosen(faceGardeshPay))
		if calls {
			mux.HandleFunc("POST "+path+"/getToken", s.getToken(prefix))
			mux.HandleFunc("POST "+path+"/verify", s.gardeshpayVerify)
		}
	}
	mux.HandleFunc("GET /v2/pay/gotoipg/{id}", s.page(facePayPing))
	mux.HandleFunc("POST /v2/pay/gotoipg/{id}", s.chosen(facePayPing))
	mux.HandleFunc("GET /installment/{id}", s.page(faceGhesta))
	mux.HandleFunc("POST /installment/{id}", s.chosen(faceGhesta))
	mux.HandleFunc("GET /static/{file}", s.static)
	mux.HandleFunc("GET /{$}", s.index)
	mux.HandleFunc("GET /", s.nowhere)
	if !calls {
		return mux
	}
	for _, slash := range []string{"", "/{$}"} {
		mux.HandleFunc("POST /v2/pay"+slash, s.paypingPay)
		mux.HandleFunc("POST /v2/pay/verify"+slash, s.paypingVerify)
	}
	mux.HandleFunc("DELETE /v2/pay/{code}", s.paypingCancel)
	mux.HandleFunc("GET /v1/report/{code}", s.paypingReport)
	if s.opt.Control {
		s.controlRoutes(mux)
	}
	return s.paypingID(mux)
}
