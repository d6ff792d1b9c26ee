// Package logo reads the picture that a shop calls its own: PNG, JPEG, WebP or GIF from anywhere,
// measured before it is decoded, drawn anew and small. What leaves here is a PNG of our own making: of
// the file that came nothing is kept, so nothing that was hidden in it is ever served.
package logo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"sync"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

// Bounds of what may come. A decoder takes eight bytes for a pixel at most, so that reading takes 64 MB
// and no more, one picture at a time.
const (
	MaxFile   = 2 << 20
	maxSide   = 5_000
	maxPixels = 8_000_000
	minSide   = 16
)

// Bounds of what leaves: it stands 44 points high on the customer's page and on paper thrice as dense.
// A slow line carries it, so a picture of many colours is drawn smaller until it is light enough.
const (
	MaxWidth, MaxHeight = 396, 132
	MaxBytes            = 16 << 10
)

// Why a file cannot be a logo. The words are keys of the catalogue, behind "error.".
var (
	ErrKind   = errors.New("logo_kind")
	ErrVector = errors.New("logo_svg")
	ErrSize   = errors.New("logo_size")
	ErrPixels = errors.New("logo_pixels")
	ErrSmall  = errors.New("logo_small")
)

// Code is the catalogue's word for an error of Read, "" for any other.
func Code(err error) string {
	for _, e := range []error{ErrKind, ErrVector, ErrSize, ErrPixels, ErrSmall} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return ""
}

// Logo is a picture as it is kept and served.
type Logo struct {
	Hash          string // of PNG, in hex
	PNG           []byte
	Width, Height int
}

// kind is one kind of picture, known by how it begins and never by its name.
type kind struct {
	is     func(raw []byte) bool
	size   func(raw []byte) (image.Config, error)
	decode func(raw []byte) (image.Image, error)
}

var kinds = []kind{
	{begins("\x89PNG\r\n\x1a\n"), sized(png.DecodeConfig), decoded(png.Decode)},
	{begins("\xff\xd8\xff"), sized(jpeg.DecodeConfig), decoded(jpeg.Decode)},
	{func(raw []byte) bool { return begins("GIF87a")(raw) || begins("GIF89a")(raw) }, sized(gif.DecodeConfig), decoded(gif.Decode)},
	{func(raw []byte) bool { return len(raw) > 12 && begins("RIFF")(raw) && string(raw[8:12]) == "WEBP" }, sized(webp.DecodeConfig), decoded(webp.Decode)},
}

func sized(read func(io.Reader) (image.Config, error)) func([]byte) (image.Config, error) {
	return func(raw []byte) (image.Config, error) { return read(bytes.NewReader(raw)) }
}

func decoded(read func(io.Reader) (image.Image, error)) func([]byte) (image.Image, error) {
	return func(raw []byte) (image.Image, error) { return read(bytes.NewReader(raw)) }
}

// one lets only one picture be decoded at a time.
var one sync.Mutex

// Read makes a logo of a file.
func Read(raw []byte) (logo Logo, err error) {
	if len(raw) > MaxFile {
		return Logo{}, ErrSize
	}
	k := kindOf(raw)
	if k == nil {
		if isVector(raw) {
			return Logo{}, ErrVector
		}
		return Logo{}, ErrKind
	}
	defer func() { // a decoder that a file confuses is that file's fault
		if p := recover(); p != nil {
			logo, err = Logo{}, fmt.Errorf("%w: panic of type %T", ErrKind, p)
		}
	}()
	size, err := k.size(raw)
	switch {
	case err != nil:
		return Logo{}, fmt.Errorf("%w: %w", ErrKind, err)
	case size.Width > maxSide || size.Height > maxSide || size.Width*size.Height > maxPixels:
		return Logo{}, ErrPixels
	case max(size.Width, size.Height) < minSide || size.Width < 1 || size.Height < 1:
		return Logo{}, ErrSmall
	}
	one.Lock()
	defer one.Unlock()
	img, err := k.decode(raw)
	if err != nil {
		return Logo{}, fmt.Errorf("%w: %w", ErrKind, err)
	}
	return redraw(img)
}

func kindOf(raw []byte) *kind {
	for i := range kinds {
		if kinds[i].is(raw) {
			return &kinds[i]
		}
	}
	return nil
}

// isVector knows a drawing in XML, so that the reason why it is refused can be told.
func isVector(raw []byte) bool {
	head := bytes.ToLower(raw[:min(len(raw), 4096)])
	return bytes.Contains(head, []byte("<svg")) || bytes.Contains(head, []byte("http://www.w3.org/2000/svg")) || bytes.HasPrefix(raw, []byte("\x1f\x8b"))
}

func begins(sign string) func([]byte) bool {
	return func(raw []byte) bool { return bytes.HasPrefix(raw, []byte(sign)) }
}

// redraw draws the picture small, and smaller until it is light enough.
func redraw(img image.Image) (Logo, error) {
	from := img.Bounds()
	if from.Dx() < 1 || from.Dy() < 1 || from.Dx() > maxSide || from.Dy() > maxSide {
		return Logo{}, ErrKind
	}
	scale := min(1, float64(MaxWidth)/float64(from.Dx()), float64(MaxHeight)/float64(from.Dy()))
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	for {
		to := image.NewNRGBA(image.Rect(0, 0, side(from.Dx(), scale), side(from.Dy(), scale)))
		draw.CatmullRom.Scale(to, to.Bounds(), img, from, draw.Src, nil)
		var b bytes.Buffer
		if err := encoder.Encode(&b, to); err != nil {
			return Logo{}, fmt.Errorf("encode logo: %w", err)
		}
		if b.Len() <= MaxBytes {
			sum := sha256.Sum256(b.Bytes())
			return Logo{Hash: hex.EncodeToString(sum[:16]), PNG: b.Bytes(), Width: to.Rect.Dx(), Height: to.Rect.Dy()}, nil
		}
		scale *= 0.85
	}
}

func side(n int, scale float64) int { return max(1, int(math.Round(float64(n)*scale))) }
