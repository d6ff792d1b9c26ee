package checkout

import (
	"fmt"
	"strconv"
	"strings"
)

// LogoName is what a shop's picture is called: the hash of its bytes and its size, "9f86…-132x132"; "" for
// none. Another picture has another name, so what stands at its address never changes.
type LogoName string

// NameLogo names a picture.
func NameLogo(hash string, width, height int) LogoName {
	return LogoName(fmt.Sprintf("%s-%dx%d", hash, width, height))
}

// LogoPath is where pictures are served, before their names.
const LogoPath = "/logo/"

// Path is the picture's address below the installation's, "" for none.
func (n LogoName) Path() string {
	if n == "" {
		return ""
	}
	return LogoPath + string(n) + ".png"
}

// Size is the picture's, 0 by 0 for none.
func (n LogoName) Size() (width, height int) {
	_, size, _ := strings.Cut(string(n), "-")
	w, h, _ := strings.Cut(size, "x")
	width, _ = strconv.Atoi(w)
	height, _ = strconv.Atoi(h)
	return width, height
}

// Label tells one picture from another for people: "132×132, 9f86d0"; "" for none.
func (n LogoName) Label() string {
	if len(n) < 6 {
		return ""
	}
	w, h := n.Size()
	return fmt.Sprintf("%d×%d, %s", w, h, n[:6])
}
