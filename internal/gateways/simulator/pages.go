package simulator

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// page shows what the customer sees now: the first page, a later step, or that the token is used or unknown.
func (s *Simulator) page(face string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if face == faceGhesta && r.URL.Query().Get("type") != "ghesta" {
			s.nowhere(w, r)
			return
		}
		p, err := s.enter(r.Context(), face, r.PathValue("id"))
		if errors.Is(err, errSettled) {
			// A used token is an error page; the way back to the shop stays open.
			s.leave(w, r, face, p, err, true)
			return
		}
		if err != nil {
			s.sorry(w, r, face, err)
			return
		}
		s.show(w, r, face, p, nil)
	}
}

// chosen handles every form of the pages. A field outcome decides at once, whatever step the customer is on.
func (s *Simulator) chosen(face string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
		if err := r.ParseForm(); err != nil {
			s.sorry(w, r, face, errNoOutcome)
			return
		}
		form := map[string]string{}
		for name := range r.PostForm {
			form[name] = r.PostForm.Get(name)
		}
		id := r.PathValue("id")
		if step := form["step"]; form["outcome"] == "" && step != "" && face == faceGhesta {
			s.stepped(w, r, id, step, form)
			return
		}
		c := choice{outcome: form["outcome"]}
		if n, err := strconv.Atoi(strings.TrimSpace(form["times"])); err == nil && n >= always && n <= 1000 {
			c.times = n
		}
		if _, typed := form["card"]; typed && c.outcome == "paid" {
			var err error
			if c.mask, err = cardMask(form); err != nil {
				s.retry(w, r, face, id, err)
				return
			}
		}
		p, err := s.settle(r.Context(), face, id, c)
		switch {
		case errors.Is(err, errSettled):
			s.leave(w, r, face, p, err, true)
		case errors.Is(err, errNoOutcome), errors.Is(err, errNoOther):
			s.show(w, r, face, p, err)
		case err != nil:
			s.sorry(w, r, face, err)
		default:
			s.leave(w, r, face, p, nil, false)
		}
	}
}

func (s *Simulator) stepped(w http.ResponseWriter, r *http.Request, id, step string, form map[string]string) {
	p, err := s.advanceStep(r.Context(), id, step, form)
	var sentence formError
	switch {
	case errors.As(err, &sentence):
		s.show(w, r, faceGhesta, p, err)
	case errors.Is(err, errSettled):
		s.leave(w, r, faceGhesta, p, err, true)
	case err != nil:
		s.sorry(w, r, faceGhesta, err)
	case p.state != StateCreated:
		s.leave(w, r, faceGhesta, p, nil, true) // a refusal: let the person read it
	default:
		// 303, so that reloading the next page does not repeat the step.
		http.Redirect(w, r, s.self(r, faceGhesta), http.StatusSeeOther)
	}
}

// retry shows the card form again; the payment stays open, as at a bank.
func (s *Simulator) retry(w http.ResponseWriter, r *http.Request, face, id string, problem error) {
	p, err := s.enter(r.Context(), face, id)
	switch {
	case errors.Is(err, errSettled):
		s.leave(w, r, face, p, err, true)
	case err != nil:
		s.sorry(w, r, face, err)
	default:
		s.show(w, r, face, p, problem)
	}
}

// leave sends the customer back to the merchant, in the manner of the outcome. settled tells that the token
// was used before. With calm, nothing happens without a click.
func (s *Simulator) leave(w http.ResponseWriter, r *http.Request, face string, p payment, settled error, calm bool) {
	list := targets(p)
	auto := !calm && len(list) == 1 && outcomes[p.out.Outcome].manner != mannerByHand
	if auto && !list[0].Post {
		s.pageHeaders(w, false, "")
		// Plain concatenation is the guide's; http.Redirect would tidy the address.
		w.Header().Set("Location", list[0].URL)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	v := s.viewOf(r, face, p)
	v.Targets, v.Used, v.Auto = list, settled != nil, auto
	v.State, v.Outcome = string(p.state), p.out.Outcome
	name := "return"
	if len(list) == 0 {
		name = "closed"
	}
	s.render(w, statusOf(settled), name, v, p.Callback)
}

// show renders the customer's current page, with what went wrong if something did.
func (s *Simulator) show(w http.ResponseWriter, r *http.Request, face string, p payment, problem error) {
	v := s.viewOf(r, face, p)
	status := http.StatusOK
	if problem != nil {
		v.Problem = problem.Error()
		status = http.StatusUnprocessableEntity
		if errors.Is(problem, errNoOther) {
			status = http.StatusConflict
		}
	}
	name := "bank"
	if face == faceGhesta && p.step != stepCard {
		name = map[string]string{stepIdentify: "identify", stepOTP: "otp", stepPlan: "plan"}[p.step]
	}
	s.render(w, status, name, v, p.Callback)
}

// sorry is the page of a token that is unknown, expired, or could not be used just now.
func (s *Simulator) sorry(w http.ResponseWriter, r *http.Request, face string, err error) {
	v := s.viewOf(r, face, payment{})
	v.Problem = err.Error()
	if errors.Is(err, errUnavailable) {
		v.Problem = errUnavailable.Error()
	}
	s.render(w, statusOf(err), "sorry", v, "")
}

func (s *Simulator) nowhere(w http.ResponseWriter, r *http.Request) {
	s.sorry(w, r, faceGardeshPay, errNoPayment)
}

func (s *Simulator) index(w http.ResponseWriter, r *http.Request) {
	v := s.viewOf(r, faceGardeshPay, payment{})
	s.render(w, http.StatusOK, "index", v, "")
}

// static serves the style sheet, the fonts and the one script, from inside the binary.
func (s *Simulator) static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	raw, err := staticFiles.ReadFile("static/" + name)
	if err != nil {
		s.nowhere(w, r)
		return
	}
	kinds := map[string]string{"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "woff2": "font/woff2"}
	kind := kinds[name[strings.LastIndex(name, ".")+1:]]
	if kind == "" {
		kind = "text/plain; charset=utf-8"
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(raw)
}
