package templates

// Customers is what is kept of customers: for how long, and all of one of them.
type Customers struct {
	Settings
	Keep       Input
	KeepAction string
	Who        Input
	FindAction string

	KeepFresh, FindFresh Fresh
}
