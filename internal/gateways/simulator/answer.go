package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

const maxBody = 64 << 10

// object is a JSON object under construction; faults bend it before it is written.
type object map[string]any

// answer is what a call will say, decided under the mutex and written after it.
type answer struct {
	status int
	body   object // written as JSON; nil with raw nil is an empty body
	raw    []byte // written as it is, instead of body
	media  string // content type; JSON when empty
	header http.Header
	ok     bool // the vendor said yes: only then may a fault bend the content

	slow  bool // late by SlowBy
	hang  bool // no answer until the caller gives up
	abort bool // the connection closes without an answer

	change *entry // what the books do if the vendor really processed the call
}

func refusal(status int, body object) answer { return answer{status: status, body: body} }

// write sends an answer. Aborts panic with http.ErrAbortHandler: net/http closes the connection, and a
// RoundTripper that calls ServeHTTP in memory must recover it as a reset.
func (s *Simulator) write(w http.ResponseWriter, r *http.Request, a answer) {
	switch {
	case a.hang:
		wait(r.Context(), s.opt.MaxHang)
		panic(http.ErrAbortHandler)
	case a.abort:
		panic(http.ErrAbortHandler)
	case a.slow:
		wait(r.Context(), s.opt.SlowBy)
	}
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	h.Set("Cache-Control", "no-store")
	raw := a.raw
	if raw == nil && a.body != nil {
		var err error
		if raw, err = json.Marshal(a.body); err != nil {
			http.Error(w, "answer cannot be written", http.StatusInternalServerError)
			return
		}
	}
	if raw != nil {
		media := a.media
		if media == "" {
			media = "application/json; charset=utf-8"
		}
		h.Set("Content-Type", media)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(raw)
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// fail answers for an error of the simulator itself: nothing happened.
func (s *Simulator) fail(w http.ResponseWriter, err error) {
	if errors.Is(err, errUnavailable) {
		http.Error(w, "simulator unavailable", http.StatusServiceUnavailable)
		return
	}
	http.Error(w, "simulator error", http.StatusInternalServerError)
}

// act decides one call of a vendor under the mutex: the honest answer, bent by a fault if one is due. The
// change is recorded before anything is said; if recording fails nothing changes and the answer is 503.
func (s *Simulator) act(ctx context.Context, at phase, vendor string, decide func(now time.Time) (*payment, answer, error)) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.tick()
	p, a, err := decide(now)
	if err != nil {
		return answer{}, err
	}
	f, armed := s.dueFault(at, vendor, p)
	if f != nil {
		a = f.bend(p, a)
		if !armed && p.out.Times > 0 {
			if a.change == nil {
				a.change = &entry{Kind: kindVerify, ID: p.id, Ref: p.out.Reference}
			}
			a.change.Used = true
		}
	}
	if a.change != nil {
		a.change.At = now.UnixMilli()
		if err := s.commit(ctx, *a.change); err != nil {
			return answer{}, err
		}
	}
	if armed {
		s.spend(f)
	}
	return a, nil
}

// readJSON reads an object, keeping each member raw: numbers keep their digits, and we see who sent strings.
func readJSON(r *http.Request, fold bool) (map[string]json.RawMessage, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, errors.New("want application/json")
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(raw) > maxBody {
		return nil, errors.New("body unreadable or too large")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, errors.New("body is not a JSON object")
	}
	if !fold {
		return members, nil
	}
	// PayPing's own clients write Amount, returnUrl, returnURL and refid: its names have no case.
	folded := make(map[string]json.RawMessage, len(members))
	for name, value := range members {
		folded[strings.ToLower(name)] = value
	}
	return folded, nil
}

// text reads a member that should be a string. Absent and null are empty; a number keeps its digits.
func text(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", true
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, true
	}
	if digitsOnly(string(raw)) {
		return string(raw), true
	}
	return "", false
}

// whole reads an integer without sign, fraction or exponent. quoted also takes it from a string.
func whole(raw json.RawMessage, quoted bool) (int64, bool) {
	var s string
	if quoted && json.Unmarshal(raw, &s) == nil {
		raw = json.RawMessage(s)
	}
	if !digitsOnly(string(raw)) || len(raw) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range raw {
		n = n*10 + int64(c-'0')
	}
	return n, true
}

func digitsOnly(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
