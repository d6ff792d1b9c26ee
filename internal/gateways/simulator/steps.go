package simulator

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The instalment page as Ghesta's own backend has it: mobile and national ID, a one-time code, credit and
// prepayment, and then an inner card payment of less than the whole.
const (
	stepIdentify = ""
	stepOTP      = "otp"
	stepPlan     = "plan"
	stepCard     = "card"

	noteWrong = "otp_wrong" // a step entry that only counts a wrong code

	otpLife  = 2 * time.Minute
	otpTries = 3

	// creditLimit and prepaidPercent are ours: what Ghesta grants is in no document.
	creditLimit    = 200_000_000
	prepaidPercent = 25
)

// testIDs are the only national IDs the page takes, so that nobody types a real one. The first passes the
// public checksum; each of the others leads to one of Ghesta's named refusals.
var testIDs = map[string]string{
	"1234567891": "",
	"1111111111": "user_doesnt_exist",
	"2222222222": "mobile_nid_conflict",
	"3333333333": "credit_0",
	"4444444444": "sms_failed",
	"5555555555": "verification_failed",
	"6666666666": "shop_doesnt_exist",
}

var otpForm = regexp.MustCompile(`^\d{6}$`)

// plan is how one basket is paid: the prepayment and what the credit does not cover by card now, the rest
// by Ghesta.
type plan struct{ credit, financed, prepaid, cash, payable int64 }

func planFor(amount int64) plan {
	covered := min(amount, creditLimit)
	p := plan{credit: creditLimit, prepaid: covered * prepaidPercent / 100, cash: amount - covered}
	p.financed = covered - p.prepaid
	p.payable = p.prepaid + p.cash
	return p
}

func (p *payment) takeStep(e entry) {
	if e.Step == noteWrong {
		p.tries++
		return
	}
	p.step, p.otp, p.tries = e.Step, e.OTP, 0
	p.otpAt = time.UnixMilli(e.At)
}

// A formError is a sentence beside the form, by its key in the page's own words.
type formError string

func (e formError) Error() string { return string(e) }

const (
	badMobile  formError = "bad_mobile"
	badID      formError = "bad_id"
	otpWrong   formError = "otp_wrong"
	otpBurnt   formError = "otp_burnt"
	otpExpired formError = "otp_expired"
	badStep    formError = "bad_step"
	badCard    formError = "bad_card"
	realCard   formError = "real_card"
	poorCard   formError = "poor_card"
	wrongCard  formError = "wrong_card"
	noCard     formError = "declined_card"
)

// advanceStep takes the next step of the instalment page. A refusal by Ghesta ends the payment, as its name.
// Mobile and national ID are checked and forgotten.
func (s *Simulator) advanceStep(ctx context.Context, id, step string, form map[string]string) (payment, error) {
	if step == "identify" {
		p, err := s.enter(ctx, faceGhesta, id)
		if err != nil {
			return p, err
		}
		refusal, err := s.identify(form)
		if err != nil {
			return p, err
		}
		if refusal != "" {
			return s.settle(ctx, faceGhesta, id, choice{outcome: refusal})
		}
	}
	s.mu.Lock()
	p, now, err := s.stepping(id)
	if err == nil && step == "identify" && p.Amount < s.switches.InstalmentMinimum {
		s.mu.Unlock()
		return s.settle(ctx, faceGhesta, id, choice{outcome: "amount_very_low"})
	}
	defer s.mu.Unlock()
	if err != nil {
		return p.copied(), err
	}
	e := entry{Kind: kindStep, At: now.UnixMilli(), ID: id}
	if err := s.nextStep(p, now, step, form, &e); err != nil {
		var sentence formError
		if errors.As(err, &sentence) && e.Step == noteWrong {
			if failed := s.commit(ctx, e); failed != nil {
				return *p, failed
			}
			if p.tries >= otpTries {
				return *p, otpBurnt
			}
		}
		return *p, err
	}
	if err := s.commit(ctx, e); err != nil {
		return *p, err
	}
	return *p, nil
}

func (s *Simulator) stepping(id string) (*payment, time.Time, error) {
	now := s.tick()
	p, err := s.find(faceGhesta, id, now)
	return p, now, err
}

func (p *payment) copied() payment {
	if p == nil {
		return payment{}
	}
	return *p
}

func (s *Simulator) identify(form map[string]string) (refusal string, err error) {
	if !mobile.MatchString(latinDigits(form["mobile"])) {
		return "", badMobile
	}
	refusal, known := testIDs[latinDigits(form["national_id"])]
	if !known {
		return "", badID
	}
	return refusal, nil
}

func (s *Simulator) nextStep(p *payment, now time.Time, step string, form map[string]string, e *entry) error {
	switch {
	case step == "identify", step == "resend" && p.step == stepOTP:
		code, err := s.digits(6, true)
		e.Step, e.OTP = stepOTP, code
		return err
	case step == "back":
		e.Step = stepIdentify
		return nil
	case step == "otp" && p.step == stepOTP:
		switch {
		case p.tries >= otpTries:
			return otpBurnt
		case now.Sub(p.otpAt) >= otpLife:
			return otpExpired
		case latinDigits(form["otp"]) != p.otp || !otpForm.MatchString(p.otp):
			e.Step = noteWrong
			return otpWrong
		}
		e.Step = stepPlan
		return nil
	case step == "plan" && p.step == stepPlan:
		e.Step = stepCard
		return nil
	}
	return badStep
}

// cardMask reads the card form. Only numbers with eight zeros in the middle are taken, which no bank issues;
// the mask is made here and the number goes no further.
func cardMask(form map[string]string) (string, error) {
	number := latinDigits(form["card"])
	switch {
	case len(number) != 16 || !digitsOnly(number):
		return "", badCard
	case number[6:14] != "00000000":
		return "", realCard
	}
	for _, part := range []struct {
		name string
		form *regexp.Regexp
	}{{"cvv2", cvv2Form}, {"month", monthForm}, {"year", yearForm}, {"pin2", pinForm}} {
		if !part.form.MatchString(latinDigits(form[part.name])) {
			return "", badCard
		}
	}
	ends := []string{"01", "02", "03"}
	if i := slices.Index(ends, number[14:]); i >= 0 {
		return "", []formError{poorCard, wrongCard, noCard}[i]
	}
	return number[:6] + "******" + number[12:], nil
}

var (
	cvv2Form  = regexp.MustCompile(`^\d{3,4}$`)
	monthForm = regexp.MustCompile(`^(0?[1-9]|1[0-2])$`)
	yearForm  = regexp.MustCompile(`^\d{2}$`)
	pinForm   = regexp.MustCompile(`^\d{5,12}$`)
)

// latinDigits folds Persian and Arabic digits and drops the blanks and dashes people type.
func latinDigits(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '۰' && r <= '۹':
			return '0' + r - '۰'
		case r >= '٠' && r <= '٩':
			return '0' + r - '٠'
		case r == ' ' || r == '-':
			return -1
		}
		return r
	}, s)
}
