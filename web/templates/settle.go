package templates

// Settles is the list of what was held against gateways' files, and the form for the next.
type Settles struct {
	Desk
	Problems []FieldProblem
	Before   *Action // the same file was taken before: here
	May      bool
	Gateways []Option
	Inputs   []Input
	File     Input
	Rows     []SettleRow
	Older    string
	Newest   string
}

// SettleRow is one of them.
type SettleRow struct {
	Href, Name, Text, When string
	State                  State
}

// SettleMap is where a person says what stands where in a file.
type SettleMap struct {
	Desk
	Back     Action
	Text     string
	Action   string
	Problems []FieldProblem
	Inputs   []Input
	Units    []UnitChoice
	UnitFail string
	Heading  []string
	Sample   [][]string
}

// Settle is what came of a file.
type Settle struct {
	Desk
	Back      Action
	Text      string
	Figures   []Figure
	Tabs      []Option
	CSV, XLSX string
	Means     string
	Rows      []SettledRow
	Empty     string
	Older     string
	First     string
	Notes     []string
}

// SettledRow is one line that does not agree.
type SettledRow struct {
	Line, Reference, Tracking string
	Theirs, Ours, Difference  string
	Href, Note                string
}
