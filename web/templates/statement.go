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

// Statements is what is known of the payments that were meant, on one sheet to print.
type Statements struct {
	Sheet
	Made string // when it was true
	List []Statement
	Back string // to ask again
}

// Statement is what is known of the payments to one shop.
type Statement struct {
	Brand   Brand
	Test    bool
	Facts   []Fact // what it was for; none for who knows only a number
	Entries []Entry
	None    string // instead of entries
	Contact *Contact
	Home    string // the payment link; "" for who does not have it
}

// Entry is one payment: what became of it, and what to hold against a bank's message.
type Entry struct {
	State string // paid, checking, returns, unknown, none: for machines
	Verdict
	Facts []Fact
}
