package templates

import (
	"strconv"
	"sync"

	"rsc.io/qr/coding"
)

const (
	// qrMargin is the quiet zone around the code, in modules; the page is light around it.
	qrMargin = 2
	// qrLevel lets a code be read with a sixth of it damaged.
	qrLevel = coding.M
)

// qrPlans are the grids of the sizes met so far. All links of a house have one length, so it is
// nearly always the same: laying it out costs more than filling it in.
var qrPlans sync.Map

// qrPaths are where paths are written before they are cut to their length.
var qrPaths = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

// qrCode is the smallest code of a text as it stands. What has only digits or capitals could be
// smaller; an address never has.
func qrCode(text string) (*coding.Code, error) {
	enc := coding.String(text)
	v := coding.Version(coding.MinVersion)
	for v < coding.MaxVersion && enc.Bits(v) > v.DataBytes(qrLevel)*8 {
		v++
	}
	plan, ok := qrPlans.Load(v)
	if !ok {
		made, err := coding.NewPlan(v, qrLevel, 0)
		if err != nil {
			return nil, err
		}
		plan, _ = qrPlans.LoadOrStore(v, made)
	}
	return plan.(*coding.Plan).Encode(enc) // says so if it does not fit
}

// QR draws a QR code as one SVG path of runs, and returns the viewBox it stands in. An address
// too long for a code gives none: the receipt is whole without it.
func QR(address string) (path Drawing, box string) {
	code, err := qrCode(address)
	if err != nil {
		return "", ""
	}
	scratch := qrPaths.Get().(*[]byte)
	defer qrPaths.Put(scratch)
	b := (*scratch)[:0]
	for y := range code.Size {
		for x := 0; x < code.Size; {
			run := 0
			for code.Black(x+run, y) { // outside the code is white
				run++
			}
			if run == 0 {
				x++
				continue
			}
			b = append(b, 'M')
			b = strconv.AppendInt(b, int64(x), 10)
			b = append(b, ' ')
			b = strconv.AppendInt(b, int64(y), 10)
			b = append(b, 'h')
			b = strconv.AppendInt(b, int64(run), 10)
			b = append(b, "v1h-"...)
			b = strconv.AppendInt(b, int64(run), 10)
			b = append(b, 'z')
			x += run
		}
	}
	*scratch = b
	side := strconv.Itoa(code.Size + 2*qrMargin)
	margin := strconv.Itoa(-qrMargin)
	return Drawing(b), margin + " " + margin + " " + side + " " + side
}
