package templates

// Many is where a file of customers is brought, and those that were.
type Many struct {
	Desk
	Problems             []FieldProblem
	Action, Sample       string
	Units                []Option
	UnitError, FileError string
	Runs                 []RunRow
	Newest, Older        string
}

// RunRow is one run in the list.
type RunRow struct {
	Href, Name, Time, Text string
	State                  State
}

// Run is one run: what is in it, how far it is, what became of it.
type Run struct {
	Desk
	Name, Text, Self, Back        string
	State                         State
	Fresh, Running, Stopped, Done bool
	Notice, Words, Progress       string
	Figures                       []Fact
	Fine, Doubles, Made, Of       int
	Tabs                          []Option
	Rows                          []RunLine
	Newest, Older                 string
}

// RunLine is one line of a run.
type RunLine struct {
	Line, Name, Email, Mobile, For, Reference, Amount string
	Typed                                             bool // the amount stands as it was typed
	State                                             State
	Problems                                          []string
	Href                                              string
}
