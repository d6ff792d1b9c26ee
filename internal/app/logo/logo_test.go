package logo_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"testing"

	"dargah/internal/app/logo"
)

// picture is w by h points, plain or of noise that no encoder makes small.
func picture(w, h int, noise bool) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	r := rand.New(rand.NewPCG(1, 2))
	for y := range h {
		for x := range w {
			c := color.NRGBA{14, 116, 144, 255}
			if noise {
				n := r.Uint32()
				c = color.NRGBA{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

func encoded(t testing.TB, img image.Image, as string) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch as {
	case "png":
		err = png.Encode(&b, img)
	case "jpeg":
		err = jpeg.Encode(&b, img, nil)
	case "gif":
		err = gif.Encode(&b, img, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Pictures of 16 by 16 points in WebP: lossless, lossy, and lossy with alpha, which has a head.
const (
	lossless = "UklGRiYAAABXRUJQVlA4TBkAAAAvD8ADAA8wdH/4H8j5Dy38/j+i//H7//8PAA=="
	lossy    = "UklGRjgAAABXRUJQVlA4ICwAAACQAQCdASoQABAAAsBMJbACdLoAA5gA/uveLxciCklh/8K2ABlOwPowy8AAAA=="
	clear    = "UklGRloAAABXRUJQVlA4WAoAAAAQAAAADwAADwAAQUxQSAoAAAABB1DAiAhERP8DVlA4ICoAAACQAQCdASoQABAAAsBMJaACdLoAA5gA/uveL4oBSOCk/+Fa5h+YewoAAAA="
)

func unpacked(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// bomb is a PNG of one point that says it has so many.
func bomb(t testing.TB, w, h uint32) []byte {
	t.Helper()
	raw := encoded(t, image.NewGray(image.Rect(0, 0, 1, 1)), "png")
	binary.BigEndian.PutUint32(raw[16:], w)
	binary.BigEndian.PutUint32(raw[20:], h)
	binary.BigEndian.PutUint32(raw[29:], crc32.ChecksumIEEE(raw[12:29]))
	return raw
}

func TestRead_DrawsAnew(t *testing.T) {
	for name, raw := range map[string][]byte{
		"png": encoded(t, picture(300, 200, false), "png"), "jpeg": encoded(t, picture(300, 200, false), "jpeg"), "gif": encoded(t, picture(300, 200, false), "gif"),
		"webp": unpacked(t, lossless), "lossy": unpacked(t, lossy), "clear": unpacked(t, clear),
		"wide": encoded(t, picture(2400, 300, false), "png"), "noise": encoded(t, picture(700, 300, true), "png"), "small": encoded(t, picture(16, 4, false), "png"),
	} {
		// A picture with a script behind it is a picture: what leaves holds nothing of the script.
		raw = append(raw, "<script>alert(document.domain)</script><?php system($_GET[0]);"...)
		got, err := logo.Read(raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := logo.Read(raw)
		if err != nil || again.Hash != got.Hash {
			t.Errorf("%s: another hash for the same file: %v", name, err)
		}
		img, err := png.Decode(bytes.NewReader(got.PNG))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s := img.Bounds().Size(); s.X != got.Width || s.Y != got.Height || s.X > logo.MaxWidth || s.Y > logo.MaxHeight {
			t.Errorf("%s: %v, said to be %d by %d", name, s, got.Width, got.Height)
		}
		if len(got.PNG) > logo.MaxBytes || bytes.Contains(got.PNG, []byte("script")) || bytes.Contains(got.PNG, []byte("php")) {
			t.Errorf("%s: %d bytes, or something hidden is left", name, len(got.PNG))
		}
	}
}

func TestRead_KeepsWhatIsClear(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 64, 64)) // clear everywhere
	got, err := logo.Read(encoded(t, img, "png"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := png.Decode(bytes.NewReader(got.PNG))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, a := out.At(3, 3).RGBA(); a != 0 {
		t.Errorf("a clear point became %v", out.At(3, 3))
	}
}

func TestRead_Refuses(t *testing.T) {
	whole := encoded(t, picture(64, 64, true), "png")
	canvas, frame := unpacked(t, clear), unpacked(t, clear)
	copy(canvas[24:], "\xff\x3f\x00\xff\x3f\x00") // a head of 16384 points a side
	copy(frame[24:], "\x10\x00\x00\x10\x00\x00")  // a head of another size than the frame
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"nothing":       {nil, logo.ErrKind},
		"text":          {[]byte("not a picture"), logo.ErrKind},
		"html":          {[]byte("<!doctype html><script>alert(1)</script>"), logo.ErrKind},
		"svg":           {[]byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), logo.ErrVector},
		"SVG":           {[]byte("\ufeff<!DOCTYPE x>\n<SVG>"), logo.ErrVector},
		"svg packed":    {[]byte("\x1f\x8b\x08\x00svgz"), logo.ErrVector},
		"pdf":           {[]byte("%PDF-1.7"), logo.ErrKind},
		"bmp":           {[]byte("BM\x00\x00\x00\x00"), logo.ErrKind},
		"cut":           {whole[:len(whole)/2], logo.ErrKind},
		"head alone":    {whole[:8], logo.ErrKind},
		"heavy":         {make([]byte, logo.MaxFile+1), logo.ErrSize},
		"huge":          {bomb(t, 60_000, 60_000), logo.ErrPixels},
		"long":          {bomb(t, 100_000, 16), logo.ErrPixels},
		"many points":   {bomb(t, 4_000, 4_000), logo.ErrPixels},
		"huge webp":     {canvas, logo.ErrPixels},
		"two sizes":     {frame, logo.ErrKind},
		"tracking spot": {encoded(t, picture(1, 1, false), "png"), logo.ErrSmall},
	} {
		if _, err := logo.Read(c.raw); !errors.Is(err, c.want) || logo.Code(err) == "" {
			t.Errorf("%s: %v instead of %v", name, err, c.want)
		}
	}
}

// Whatever comes, a picture within the bounds leaves, or a reason that there are words for.
func FuzzRead(f *testing.F) {
	for _, as := range []string{"png", "jpeg", "gif"} {
		f.Add(encoded(f, picture(20, 17, true), as))
	}
	f.Add(unpacked(f, lossless))
	f.Add(unpacked(f, lossy))
	f.Add(unpacked(f, clear))
	f.Add(bomb(f, 4_000, 4_000))
	f.Add([]byte("RIFF\x30\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x10\x00\x00\x00\x0f\x00\x00\x0f\x00\x00ALPH\x01\x00\x00\x00\x00\x00"))
	f.Add([]byte("<svg/>"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := logo.Read(raw)
		if err != nil {
			if logo.Code(err) == "" {
				t.Fatalf("an error without words: %v", err)
			}
			return
		}
		size, err := png.DecodeConfig(bytes.NewReader(got.PNG))
		if err != nil || len(got.PNG) > logo.MaxBytes || size.Width > logo.MaxWidth || size.Height > logo.MaxHeight || len(got.Hash) != 32 {
			t.Fatalf("%d bytes of %d by %d, %s: %v", len(got.PNG), size.Width, size.Height, got.Hash, err)
		}
	})
}
