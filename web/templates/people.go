package templates

// InvitedRow is somebody who is invited and has not come yet.
type InvitedRow struct {
	ID, Email, Text string
	Fresh           Fresh
	Open            bool // its form was the one that was sent
}
