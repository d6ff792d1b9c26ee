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
	Live              bool   // Href is of live mode
	Action            string // of a form, instead of a link
	Button            string
}
