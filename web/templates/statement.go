package templates

// Ask is the page that asks which payment is meant.
type Ask struct {
	Sheet
	Action string
	// Linked: the address names the link already.
	Linked                 bool
	Link, LastFour, Number string // as they were typed
	Notice                 *Verdict
}

// Statement is what is known of the payments of a link, on one sheet to print.
type Statement struct {
	Sheet
	Made    string // when it was true
	Brand   Brand
	Test    bool
	Facts   []Fact // what it was for
	Entries []Entry
	None    string // instead of entries
	Contact *Contact
	Home    string // the payment link
	Back    string // to ask again
}

// Entry is one payment: what became of it, and what to hold against a bank's message.
type Entry struct {
	State string // paid, checking, returns, unknown, none: for machines
	Verdict
	Facts []Fact
}
