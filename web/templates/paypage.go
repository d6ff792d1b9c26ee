package templates

// PayPageView is a page on which anybody may pay, any number of times.
type PayPageView struct {
	Sheet
	Brand    Brand
	Test     bool
	State    string
	Heading  string // what is paid for
	Texts    []string
	Bill     *Bill    // nil when the customer says how much
	Notes    []string // until when, how many are left
	Notice   *Verdict
	Problems []FieldProblem
	Inputs   []Input
	// Read is the amount that was typed, in rial and in words.
	Read    []string
	Form    *Form
	Contact *Contact
}
