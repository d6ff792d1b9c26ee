package app

import (
	"crypto/rand"
	"net/url"

	"dargah/internal/app/metrics"
	"dargah/internal/app/payments"
	"dargah/internal/app/seal"
	"dargah/internal/app/worker"
	"dargah/internal/db"
	"dargah/internal/gateways"
	"dargah/internal/gateways/gardeshpay"
	"dargah/internal/gateways/ghesta"
	"dargah/internal/gateways/simulator"
)

// openEngine gives live mode the network and test mode the simulator, and nothing else to either.
func openEngine(cfg Config, o Options, store *db.DB, box *seal.Box, sim *simulator.Simulator, w *worker.Worker) *payments.Engine {
	live := gateways.NewClient(gateways.ClientOptions{Timeout: cfg.GatewayTimeout, Transport: o.Live})
	test := gateways.NewClient(gateways.ClientOptions{Timeout: cfg.GatewayTimeout, Transport: mounted(sim)})
	return payments.New(payments.Options{
		DB:           store,
		Box:          box,
		BaseURL:      cfg.BaseURL,
		Live:         counted(adapters(live), o.Metrics, "live"),
		Test:         counted(adapters(test), o.Metrics, "test"),
		TestSettings: testSettings(cfg.BaseURL),
		Breaker:      &gateways.Breaker{Now: o.Now},
		AttemptTTL:   cfg.AttemptTTL,
		Now:          o.Now,
		Random:       rand.Reader,
		Log:          o.Log,
		Spawn:        w.Spawn,
	})
}

// counted lets the metrics see each call.
func counted(all map[string]gateways.Gateway, m *metrics.Metrics, mode string) map[string]gateways.Gateway {
	if m != nil {
		for name, g := range all {
			all[name] = m.Gateway(g, mode)
		}
	}
	return all
}

func adapters(client *gateways.Client) map[string]gateways.Gateway {
	all := map[string]gateways.Gateway{}
	for _, g := range []gateways.Gateway{gardeshpay.New(client), ghesta.New(client)} {
		all[g.Name()] = g
	}
	return all
}

// testSettings are the addresses of the built-in simulator.
func testSettings(baseURL string) map[string]gateways.Settings {
	at := baseURL + simulatorPath
	host := ""
	if u, err := url.Parse(baseURL); err == nil {
		if host = u.Host; gateways.Loopback(u.Hostname()) {
			host = u.Hostname()
		}
	}
	return map[string]gateways.Settings{
		"gardeshpay": {
			"token_url":      at + "/provider/payment/getToken",
			"verify_url":     at + "/provider/payment/verify",
			"provider_token": "simulator",
			"redirect_hosts": host,
		},
		"ghesta": {
			"pay_url":         at + "/v2/pay",
			"verify_url":      at + "/v2/pay/verify",
			"installment_url": at + "/installment/{code}?type=ghesta",
			// The simulator tells its merchants' units by their tokens.
			"token": "{amount_unit}-simulator",
		},
	}
}
