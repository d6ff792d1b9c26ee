package templates

// PayPages is the list of a shop's payment pages.
type PayPages struct {
	Desk
	New           bool
	Rows          []PayPageRow
	Older, Newest string
}

// PayPageRow is one of them.
type PayPageRow struct {
	Href, Title, Address, Amount, Places string
	State                                State
}

// PayPageDossier is one page and what came through it.
type PayPageDossier struct {
	Desk
	Back          Action
	Heading       string
	State         State
	Link, Share   string
	Sum           string
	Facts         []Fact
	Edit, Switch  string
	Off           bool
	Rows          []LedgerRow
	Older, Newest string
}

// PayPageForm makes or changes a page.
type PayPageForm struct {
	Desk
	Heading, Action     string
	Back                Action
	Problems            []FieldProblem
	What, Money, Limits []Input
	Fields              [][]Input
}

// ShareKit is everything with which a link is passed on.
type ShareKit struct {
	Desk
	Back            Action
	Heading         string
	Link            string
	QR              Drawing
	Modules         string
	SVG, PNG, Slip  string
	Amount          string
	Text, TextCount string
	Ways            []Action // messengers
	Button          string   // HTML for an e-mail
}

// Slip is a sheet of A5 to lay on a counter or into a parcel.
type Slip struct {
	Sheet
	Brand   Brand
	Heading string
	Amount  string
	Rial    string
	Until   string
	Test    bool
	QR      Drawing
	Modules string
	Link    string
}
