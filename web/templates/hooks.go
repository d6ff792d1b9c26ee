package templates

// Hooks are a shop's webhook endpoints in one mode.
type Hooks struct {
	Settings
	Issued *Issued
	Rows   []HookRow
	URL    Input
	Types  []Option // Value is the field's name, Note the type's own
	Once   string   // makes two presses of one form one endpoint
	Fresh  Fresh
}

// Issued is a secret that is shown once.
type Issued struct{ Title, Secret string }

// HookRow is one endpoint in the list.
type HookRow struct {
	Href, URL, Types string
	State            State
	Since, Waits     string
}

// Hook is one endpoint: how it does, what may be done with it, and what was sent there.
type Hook struct {
	Desk
	Back           Action
	Heading        string
	State          State
	Means          []string
	Issued         *Issued
	Problems       []FieldProblem
	Facts          []Fact
	Test, Enable   string // where a press leads, "" for not this person, or not now
	Rotate, Remove *HookAct
	Replay         *HookAct // Overlap is the event to begin with
	Rows           []SentRow
	Newest, Older  string
}

// HookAct is a form for something that cannot be taken back.
type HookAct struct {
	Action, Once string
	Overlap      Input
	Sure         bool // asks for a tick
	SureError    string
	Fresh        Fresh
	Open         bool
}

// SentRow is one delivery, or one letter, in its log.
type SentRow struct {
	State             State
	Name, Text, Aside string
	Code              bool // the name is a machine's word
	Time, MachineTime string
	Href              string
	Again, ID         string // where a press sends it again, and what
}

// HookDelivery is one delivery with its tries.
type HookDelivery struct {
	Desk
	Back    Action
	Heading string
	State   State
	Means   string
	Facts   []Fact
	Tries   []LogEntry
	Again   string
	// Replay sends everything from the event From on.
	Replay, From string
}

// Letters is the log of the outbox.
type Letters struct {
	Settings
	Notices       []string // what holds up the letters, in plain words
	Waits         string
	Rows          []SentRow
	Newest, Older string
}

// tint is the class of a state's icon.
func (s State) tint() string {
	switch s.Class {
	case "paid":
		return "paid"
	case "loud wait", "wait":
		return "wait"
	case "loud failed", "failed":
		return "failed"
	}
	return ""
}
