package simulator

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// controlRoutes serve tests and people in a hurry: the clock, faults for all, the ledger. Only
// Options.Control brings them in.
func (s *Simulator) controlRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /control/clock", s.controlled(func(*http.Request) (any, error) { return s.clock(), nil }))
	mux.HandleFunc("POST /control/clock", s.controlled(s.moveClock))
	mux.HandleFunc("GET /control/faults", s.controlled(func(*http.Request) (any, error) { return s.faultList(), nil }))
	mux.HandleFunc("POST /control/faults", s.controlled(s.armFault))
	mux.HandleFunc("DELETE /control/faults", s.controlled(func(*http.Request) (any, error) {
		s.ClearFaults()
		return s.faultList(), nil
	}))
	mux.HandleFunc("GET /control/ledger", s.controlled(func(*http.Request) (any, error) { return s.Ledger(), nil }))
	mux.HandleFunc("GET /control/switches", s.controlled(func(*http.Request) (any, error) { return s.currentSwitches(), nil }))
	mux.HandleFunc("POST /control/switches", s.controlled(s.setSwitches))
	mux.HandleFunc("POST /control/reset", s.controlled(func(r *http.Request) (any, error) {
		return object{"reset": true}, s.reset(r.Context())
	}))
}

// controlled writes JSON and turns away web pages of other sites: a simulator on loopback is within reach of
// every page the developer has open.
func (s *Simulator) controlled(do func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		status, body := http.StatusOK, any(nil)
		if foreignPage(r) {
			status, body = http.StatusForbidden, object{"error": "not from another site's page"}
		} else if said, err := do(r); err != nil {
			status, body = http.StatusUnprocessableEntity, object{"error": err.Error()}
			if errors.Is(err, errUnavailable) {
				status = http.StatusServiceUnavailable
			}
		} else {
			body = said
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
}

func foreignPage(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host != r.Host
}

func readControl(r *http.Request, into any) error {
	d := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return errors.New("body: " + err.Error())
	}
	return nil
}

func (s *Simulator) clock() object {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	return object{"now": now.UTC(), "advanced": s.books.offset.String()}
}

func (s *Simulator) moveClock(r *http.Request) (any, error) {
	var in struct {
		Advance string `json:"advance"`
	}
	if err := readControl(r, &in); err != nil {
		return nil, err
	}
	d, err := time.ParseDuration(in.Advance)
	if err != nil {
		return nil, errors.New("advance: want a duration such as 10m")
	}
	if err := s.advance(r.Context(), d); err != nil {
		return nil, err
	}
	return s.clock(), nil
}

// faultLine describes one fault to a person or a program.
type faultLine struct {
	Name    string   `json:"fault"`
	For     phase    `json:"for"`
	Vendors []string `json:"vendors"`
	EN      string   `json:"en"`
	FA      string   `json:"fa"`
	Armed   int      `json:"armed"` // calls still to be spoiled; -1 for ever
}

func (s *Simulator) faultList() object {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := map[*fault]int{}
	for _, a := range s.armed {
		left[a.fault] = a.left
	}
	list := make([]faultLine, 0, len(faults))
	for i := range faults {
		f := &faults[i]
		vendors := f.vendors
		if vendors == nil {
			vendors = []string{vendorGardeshPay, vendorPayPing}
		}
		list = append(list, faultLine{f.name, f.at, vendors, f.en, f.fa, left[f]})
	}
	return object{"faults": list}
}

func (s *Simulator) armFault(r *http.Request) (any, error) {
	in := struct {
		Fault string `json:"fault"`
		Count *int   `json:"count"`
		For   string `json:"for"`
	}{}
	if err := readControl(r, &in); err != nil {
		return nil, err
	}
	f := faultIn(in.Fault, in.For)
	if f == nil {
		return nil, errors.New("no such fault; GET lists them")
	}
	count := 1
	if in.Count != nil {
		count = *in.Count
	}
	if err := s.SetFault(f.name, count); err != nil {
		return nil, err
	}
	return s.faultList(), nil
}

func (s *Simulator) currentSwitches() Switches {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.switches
}

// setSwitches changes the named switches and leaves the others.
func (s *Simulator) setSwitches(r *http.Request) (any, error) {
	next := s.currentSwitches()
	// Decoding writes into slices that others may be reading.
	next.PayPingTokens, next.PayPingHosts = slices.Clone(next.PayPingTokens), slices.Clone(next.PayPingHosts)
	if err := readControl(r, &next); err != nil {
		return nil, err
	}
	next.fill()
	if err := next.check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.switches = next
	return next, nil
}
