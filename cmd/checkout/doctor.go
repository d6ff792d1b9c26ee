package main

import (
	"errors"
	"fmt"
	"strings"

	"dargah/internal/app"
)

type doctorCmd struct {
	Lang string `default:"en" enum:"fa,en" help:"Language of the lines: fa or en."`
}

// errUnwell ends doctor with 1 after its lines have said what is wrong.
var errUnwell = errors.New("something is not as it should be")

// marks stand before the lines.
var marks = map[string]string{app.FindingOK: "ok      ", app.FindingWarn: "warning ", app.FindingBad: "FAILED  ", app.FindingSkip: "-       "}

// Run looks at everything that has to work before a customer can pay.
func (c *doctorCmd) Run(s *shell) error {
	o := app.DoctorOptions{Language: c.Lang, Getenv: s.getenv}
	if !s.json {
		o.Say = func(f app.Finding) {
			line := f.Check
			if f.Subject != "" {
				line += " " + f.Subject
			}
			fmt.Fprintln(s.out, strings.Join(strings.Fields(marks[f.Status]+" "+line+": "+f.Text), " "))
		}
	}
	found := app.Doctor(s.ctx, o)
	if s.json {
		if err := s.print(found, ""); err != nil {
			return err
		}
	}
	if !found.OK {
		return errUnwell
	}
	return nil
}
