package templates

// Audit is the log of what people did.
type Audit struct {
	Settings
	Filters            []Input
	Rows               []DeedRow
	CSV, Newest, Older string
	House              bool   // the installation's own
	Other              string // the other of the two logs, for operators
}

// DeedRow is one deed.
type DeedRow struct {
	Time, MachineTime string
	Icon, Class       string
	Title, Name, Href string
	By                string
	Address, Agent    string
	Test              bool
	Changes           []ChangeRow
}

// ChangeRow is one field before and after.
type ChangeRow struct{ Name, Before, After string }
