package templates

// Stop is the way out of a shop's reminders, and back in.
type Stop struct {
	Sheet
	Brand   Brand
	Stopped bool
	Action  string
}

// RulesForm is a page of the settings with one form: what a merchant decides for all customers.
type RulesForm struct {
	Settings
	Heading, Text, Action string
	Texts                 []string
	Inputs                []Input
}
