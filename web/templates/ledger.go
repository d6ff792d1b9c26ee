package templates

// Mark of a state: a word, its picture and its colour, always together.
type State struct{ Word, Icon, Class string }

func (s State) class() string { return "status " + s.Class }

// Ledger is the list of invoices.
type Ledger struct {
	Desk
	Query    string
	Kept     []Option // the filters that a new search keeps, as hidden fields
	Tabs     []Option // Value is where it leads
	Chips    []Action
	Clear    string
	Sum      []string // count, then what is paid: figures and words by turns
	Count    *LedgerCount
	OwnViews string // where a person's own views are changed, "" when there are none
	SaveView string // where this one is saved, "" when it has a name
	Rows     []LedgerRow
	Older    string
	Newest   string
	CSV      string
	XLSX     string
	New      bool
	TestOnce string // the mark of the form that makes a test invoice, "" in live mode
	Open     bool   // the filters
	Filters  []Input
	Problems []FieldProblem
	Empty    *Verdict
	EmptyWay Action
}

// LedgerCount is the exact count of a long list: what is known of it, and the button that asks for it.
type LedgerCount struct {
	Action, Button, Text string
	Running, Exact       bool
}

// LedgerRow is one invoice in a list.
type LedgerRow struct {
	Href                   string
	State                  State
	Amount, Rial           string
	Payer, Number          string
	For, Aside             string
	Method, Card, Ref      string
	Time, Day, MachineTime string
	Why, WhyValue          string // by what a search found it, when nothing above shows it
}

// BillForm is the form of a new or a changed invoice.
type BillForm struct {
	Desk
	Heading  string
	Back     Action
	Action   string
	Amount   Input
	Read     []string // what the amount means: rial, words
	Warning  *Verdict
	Confirm  string // the amount that was warned about; sent again it is taken
	Inputs   []Input
	More     []Input
	MoreOpen bool
	Gateways []Option
	Once     string     // makes the presses of this form one act
	Lines    []BillLine // what was typed, and some to type in
	Sum      string     // what they come to
	Problems []FieldProblem
	Button   string
	GWError  string

	ItemsError string
}

// BillLine is one item in a form.
type BillLine struct {
	ID, Total string
	Inputs    []Input // title, quantity, price
}
