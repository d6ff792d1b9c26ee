package templates

import "strconv"

// Picture is a picture of ours at its address, with its size; the zero Picture is none.
type Picture struct {
	Src           string
	Width, Height int
}

// logoHeight is how high a shop's picture stands, and three times as wide at most.
const logoHeight = 44

// sideLogoHeight is how high it stands in the side bar of the admin.
const sideLogoHeight = 36

// fit is the picture's size within a height and three times that width, so that the page does not jump
// when it comes.
func (p Picture) fit(height int) (string, string) {
	w, h := 3*height, height
	switch {
	case p.Width < 1 || p.Height < 1:
		w = height
	case p.Width*h < w*p.Height:
		w = max(1, (p.Width*h+p.Height/2)/p.Height)
	default:
		h = max(1, (p.Height*w+p.Width/2)/p.Width)
	}
	return strconv.Itoa(w), strconv.Itoa(h)
}
