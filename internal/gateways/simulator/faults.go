package simulator

import (
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

// phase is the call that a fault spoils.
type phase string

const (
	phaseStart  phase = "start"  // getToken, POST /v2/pay
	phaseVerify phase = "verify" // both verify calls
	phaseOther  phase = "other"  // cancel and report: never spoiled
)

const always = -1

// fault is one way in which a vendor misbehaves. bend turns the honest answer into what is said instead; it
// keeps answer.change when the vendor did process the call and drops it when it did not.
type fault struct {
	name    string
	at      phase
	vendors []string // nil is both
	times   int      // how often, when a customer chose it on a page; always is -1
	fa, en  string
	bend    func(p *payment, honest answer) answer
}

// armed is a fault for the next calls, whoever makes them. It does not survive a restart: it is an
// instrument, not history.
type armed struct {
	fault *fault
	left  int
}

// SetFault spoils the next n calls that the named fault applies to; a negative n is for ever, 0 disarms.
// The last one set is due first.
func (s *Simulator) SetFault(name string, n int) error {
	f := faultNamed(name)
	if f == nil {
		return fmt.Errorf("no fault %q", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = slices.DeleteFunc(s.armed, func(a armed) bool { return a.fault == f })
	if n != 0 {
		s.armed = append(s.armed, armed{f, n})
	}
	return nil
}

// ClearFaults disarms every fault set for all. Those that customers chose on a page stay.
func (s *Simulator) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = nil
}

// dueFault is the fault that spoils this call: one armed for all, or else the payment's own.
func (s *Simulator) dueFault(at phase, vendor string, p *payment) (f *fault, forAll bool) {
	for _, a := range slices.Backward(s.armed) {
		if a.fault.at == at && a.fault.fits(vendor) {
			return a.fault, true
		}
	}
	if p == nil || at != phaseVerify || p.out.Fault == "" || p.out.Times == 0 {
		return nil, false
	}
	return faultNamed(p.out.Fault), false
}

func (s *Simulator) spend(f *fault) {
	for i := range s.armed {
		if s.armed[i].fault == f && s.armed[i].left > 0 {
			if s.armed[i].left--; s.armed[i].left == 0 {
				s.armed = slices.Delete(s.armed, i, i+1)
			}
			return
		}
	}
}

func (f *fault) fits(vendor string) bool {
	return f.vendors == nil || slices.Contains(f.vendors, vendor)
}

func faultNamed(name string) *fault {
	for i := range faults {
		if faults[i].name == name {
			return &faults[i]
		}
	}
	return nil
}

// The builders below are the vocabulary of the tables. unheard: nothing was processed.

func unheard(a answer) func(*payment, answer) answer {
	return func(*payment, answer) answer { return a }
}

// processed keeps what the vendor did and says something else about it.
func processed(say func(honest answer) answer) func(*payment, answer) answer {
	return func(_ *payment, honest answer) answer {
		said := say(honest)
		said.change = honest.change
		return said
	}
}

// untrue bends the content of a success and leaves refusals as they are.
func untrue(bend func(body object, p *payment)) func(*payment, answer) answer {
	return func(p *payment, honest answer) answer {
		if honest.ok && p != nil {
			bend(honest.body, p)
		}
		return honest
	}
}

// refused answers a would-be success with a refusal and captures nothing.
func refused(status int, body object) func(*payment, answer) answer {
	return func(_ *payment, honest answer) answer {
		if !honest.ok {
			return honest
		}
		return refusal(status, body)
	}
}

func html(status int, text string) answer {
	page := "<!doctype html><html><head><title>" + text + "</title></head><body><center><h1>" + text + "</h1></center><hr><center>nginx</center></body></html>"
	return answer{status: status, media: "text/html", raw: []byte(page)}
}

// caughtInWeather imitates what a public probe measured on the live GardeshPay: 30 % of calls within half
// a second, 93 % within 2.5 s, 5 % between 5 and 10 s, and about as many failing.
func (s *Simulator) caughtInWeather(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	on := s.switches.Weather
	dice, err := [2]int64{}, error(nil)
	if on {
		dice, err = s.roll()
	}
	s.mu.Unlock()
	if !on || err != nil {
		return false
	}
	luck, share := dice[0], time.Duration(dice[1])
	spread := func(from, to time.Duration) time.Duration {
		return min(from+(to-from)*share/1000, s.opt.MaxHang)
	}
	switch {
	case luck < 300:
		wait(r.Context(), spread(50*time.Millisecond, 500*time.Millisecond))
	case luck < 930:
		wait(r.Context(), spread(500*time.Millisecond, 2500*time.Millisecond))
	case luck < 951:
		wait(r.Context(), spread(2500*time.Millisecond, 5*time.Second))
	default:
		wait(r.Context(), spread(5*time.Second, 10*time.Second))
		s.write(w, r, html(http.StatusServiceUnavailable, "503 Service Temporarily Unavailable"))
		return true
	}
	return false
}

// roll draws two numbers below 1000. The caller holds mu, which guards Options.Rand.
func (s *Simulator) roll() ([2]int64, error) {
	var raw [8]byte
	if _, err := io.ReadFull(s.opt.Rand, raw[:]); err != nil {
		return [2]int64{}, err
	}
	n := new(big.Int).Mod(new(big.Int).SetBytes(raw[:]), big.NewInt(1_000_000)).Int64()
	return [2]int64{n / 1000, n % 1000}, nil
}

// faultIn resolves the name that the control API was given: "503" with phase verify is verify_503.
func faultIn(name, phase string) *fault {
	if phase != "" && !strings.HasPrefix(name, phase+"_") {
		name = phase + "_" + name
	}
	return faultNamed(name)
}
