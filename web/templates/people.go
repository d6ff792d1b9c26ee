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

// PasskeyAsk is the part of a page at the door that asks a device for a passkey. A script shows it.
type PasskeyAsk struct {
	Action, Options string
	Next, Second    string
	Button, Failed  string
}

// PasskeyRow is one passkey of one's own.
type PasskeyRow struct {
	ID, Name, Text string
	Fresh          Fresh
	Open           bool
}

// PasskeyNew is the page that adds a passkey. Options are "" where there can be none.
type PasskeyNew struct {
	Desk
	Options  string
	Problems []FieldProblem
	Name     Input
	Fresh    Fresh
}
