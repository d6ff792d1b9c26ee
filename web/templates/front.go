package templates

// Front is the home page: what needs a person, then the figures.
type Front struct {
	Desk
	Heading string
	Text    string
	New     bool
	Queue   []Matter
	More    string // where the whole queue is, "" when this is all
	Figures []Figure
	Days    *Bars
	Ends    *Ends
	First   []Action // the first steps of a new shop
	Only    bool     // the queue alone
	Backups *Backups // for operators, below the queue
}

// Backups is what became of the scheduled backups, or Text where there are none.
type Backups struct {
	Text    string
	Facts   []Fact
	Failure string // as the program said it
}

// Matter is one thing that needs a person.
type Matter struct {
	Icon, Class  string
	Title, Text  string
	Sum          string
	Aside        string
	Gauge        string // how much of the time is over, as a width of 100
	GaugeX       string
	GaugeClass   string
	Href, Button string
	Close        string // where a press closes it
	ID           string
}

// Figure is one number with its name, or several, each on a line of its own.
type Figure struct {
	Name, Value, Unit, Text string
	Lines                   []FigureLine
}

// FigureLine is one of several numbers, what it is of, and what else there is to say.
type FigureLine struct{ Value, Name, Aside string }

// Bars is a chart of days, drawn in the reading direction, with the same numbers as a table.
type Bars struct {
	Title, Unit, Label string
	Rules              []Rule
	List               []Bar
	Names              []ClockMark
	Rows               [][2]string
	Heads              [2]string
	Axis               string
}

// Rule is a line of a chart and what it stands for.
type Rule struct{ D, Y, X, Anchor, Text, Class string }

// Bar is one bar.
type Bar struct{ X, Y, W, H, Class string }

// Ends is how the attempts at each gateway ended.
type Ends struct {
	Title, Unit, Label string
	Lines              []EndLine
	Legend             []LegendMark
	Heads              []string
	Rows               [][]string
}

// EndLine is one gateway's bar.
type EndLine struct {
	Name, NameX, NameAnchor string
	Text, TextX, TextAnchor string
	Y, BarY                 string
	Parts                   []Bar
}

// LegendMark is a square of a legend and its word.
type LegendMark struct{ Class, Text string }
