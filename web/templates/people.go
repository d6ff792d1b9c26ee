package templates

// InvitedRow is somebody who is invited and has not come yet.
type InvitedRow struct {
	ID, Email, Text string
	Fresh           Fresh
	Open            bool // its form was the one that was sent
}

// Guide is the first run: what is done and what comes next.
type Guide struct {
	Desk
	Steps    []GuideStep
	Finished bool
}

// GuideStep is one step of it.
type GuideStep struct {
	Name, Title, Text string
	Done, Next        bool
	Wait              string // it can wait, and why
	Link              string // a payment link, to copy
	Href              string
	Action            string // of a form, instead of a link
	Button            string
}

func (g GuideStep) look() (icon, class string) {
	switch {
	case g.Done:
		return "paid", "paid"
	case g.Next:
		return "wait", "wait"
	}
	return "circle", "none"
}

func (g GuideStep) icon() string  { i, _ := g.look(); return i }
func (g GuideStep) class() string { _, c := g.look(); return c }
