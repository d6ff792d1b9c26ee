package templates

// Settings is what every page of the settings has: the tabs, and what was wrong.
type Settings struct {
	Desk
	Tabs     []Option
	Problems []FieldProblem
	May      bool // change anything
}

// Profile is the shop's own words.
type Profile struct {
	Settings
	Inputs []Input
	Slug   string
	// Logo is the shop's picture, and File asks for another.
	Logo     Picture
	LogoPath string
	File     Input
}

// GatewayForms are the accounts of a shop in one mode.
type GatewayForms struct {
	Settings
	Forms []GatewayForm
	Try   string // where a press tries an account
	Tried *Tried
}

// Tried is what came of trying an account, line by line.
type Tried struct {
	Title, Class string
	Lines        []State
}

// GatewayForm is one account.
type GatewayForm struct {
	Name, Title, Text, Action string
	State                     State
	UnitText                  string
	Units                     []UnitChoice
	Inputs                    []Input
	Addresses                 []Input
	Enabled                   Input
	Fresh                     Fresh
	Open                      bool
}

// UnitChoice is rial or toman, with what the gateway is sent.
type UnitChoice struct {
	ID, Value, Label, Sample, Text string
	On                             bool
}

// Keys are the keys of programs and of links.
type Keys struct {
	Settings
	Secret, SecretName string // shown once
	Once               string // makes the presses of the form one act
	Lists              []KeyList
	Fresh              Fresh
	Name               Input
	Kinds              []Option
}

// KeyList is the keys of one kind.
type KeyList struct {
	Title, Text, Revoke string
	Rows                []KeyRow
}

// KeyRow is one key.
type KeyRow struct {
	ID, Name, Text string
	Over           bool
}

// People are those of a shop.
type People struct {
	Settings
	Rows  []PersonRow
	New   []Input
	Fresh Fresh
	Reset bool

	Invited       []InvitedRow
	Invite        []Input
	InviteFresh   Fresh
	Mail          bool   // letters leave
	Link, LinkFor string // an invitation's link, shown once
}

// PersonRow is one of them.
type PersonRow struct {
	ID, Email, Text string
	Role            Input
	Fresh           Fresh
	Self            bool
}
