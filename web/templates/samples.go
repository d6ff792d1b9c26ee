package templates

// Samples are the letters of a shop, to look at.
type Samples struct {
	Settings
	Text, Notice, Action, Back string
	Send                       bool
	Rows                       []SampleRow
}

// SampleRow is one kind of letter.
type SampleRow struct {
	Kind, Name string
	Looks      []Action
}
