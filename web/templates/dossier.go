package templates

// Dossier is everything about one invoice.
type Dossier struct {
	Desk
	Back    Action
	Heading string
	State   State
	Amount  string
	Rial    string
	Words   string
	Means   []string // what the state means, in plain words
	Trouble string   // why what was just asked could not be done
	Clock   *Clock
	Decide  *Decide
	Loose   []Loose
	Facts   []Fact
	Items   []Item
	Trials  []Trial
	Log     []LogEntry
	Refunds []RefundRow
	Refund  *RefundForm
	Notes   []NoteRow
	Note    *Input
	NoteTo  string
	Link    string
	Share   string // where everything to pass it on with is
	QR      Drawing
	Modules string
	Ask     string // where "ask the gateway again" leads, "" for not now
	Edit    string
	Copy    string
	Cancel  string
	Problem []FieldProblem
	// Evidence is where the history is as one file.
	Evidence string
	Told     []ToldRow
}

// Clock is the time in which a payment must be verified.
type Clock struct {
	Left, Rest string // "5 minutes and 52 seconds", and what happens then
	Over       bool
	Label      string
	Wide, Thin ClockFace
	Text       string
	Asks       string
}

// ClockFace is the drawing of a clock, for one width.
type ClockFace struct {
	Class, Box    string
	Width         string
	PastX, PastW  string
	Ticks         []string // paths
	Half          string
	Now           string
	Start, End    ClockMark
	Middle, Today ClockMark
}

// ClockMark is a word under the clock.
type ClockMark struct{ X, Anchor, Text string }

// Trial is one attempt.
type Trial struct {
	Name, When string
	State      State
	Facts      []Fact
}

// LogEntry is one thing that happened. Several that say the same are folded into one.
type LogEntry struct {
	Icon, Class string
	Time, Day   string
	Text        string
	Small       []Fact
	Raw         string
	More        []LogEntry
}

// Decide is the form in which a person decides about a payment whose outcome nobody could learn.
type Decide struct {
	Action   string
	Title    string
	Texts    []string
	Facts    []Fact
	Inputs   []Input
	Paid     bool // what was chosen
	Failed   bool
	Fresh    Fresh
	Problems []FieldProblem
	May      bool
}

// Loose is a payment that was not taken on purpose and waits to be closed.
type Loose struct {
	Action string
	Title  string
	Text   string
	Facts  []Fact
	Note   Input
	Closed bool
	May    bool
}

// RefundRow is a refund on record.
type RefundRow struct{ Amount, When, Reason, By string }

// RefundForm records one.
type RefundForm struct {
	Action, Left string
	Once         string // makes the presses of the form one act
	Inputs       []Input
	Fresh        Fresh
	Open         bool
	Problems     []FieldProblem
}

// NoteRow is what somebody wrote.
type NoteRow struct{ Body, By, When string }

// ToldRow is a letter or a webhook that told somebody of the invoice.
type ToldRow struct {
	Name, To, When string
	State          State
	Href           string // "" for nothing to open
}

// Evidence is an invoice's history as it is handed on: the page holds what the file holds.
type Evidence struct {
	Desk
	Back    Action
	Heading string
	Texts   []string
	File    string
	Command string
	Seal    []Fact
	Facts   []Fact
	Trials  []Trial
	Told    []ToldRow
	Events  []EvidenceRow
}

// EvidenceRow is one event of the chain.
type EvidenceRow struct {
	Number, Time, Text string
	Small              []Fact
	Raw, Hash          string
}
