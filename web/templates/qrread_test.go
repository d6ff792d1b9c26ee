package templates

import (
	"bytes"
	"image/png"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// A reader that is not ours reads the file as a telephone does, with the amount printed under the code.
func TestQRPNG_IsRead(t *testing.T) {
	for _, address := range []string{
		"https://pay.example.ir/i/VHdMi8UXpTUzSJM2V7gZ9w", "http://127.0.0.1:8080/p/meybod/workshop",
		"https://a-very-long-name-of-a-host-that-a-shop-may-have.example.ir/p/meybod-pottery-and-tiles/workshop-of-autumn-1405",
	} {
		for _, toman := range []string{"", "1,000", "999,999,999,999.9"} {
			img, err := png.Decode(bytes.NewReader(QRPNG(address, toman)))
			if err != nil {
				t.Fatal(err)
			}
			seen, err := gozxing.NewBinaryBitmapFromImage(img)
			if err != nil {
				t.Fatal(err)
			}
			got, err := qrcode.NewQRCodeReader().Decode(seen, nil)
			if err != nil || got.GetText() != address {
				t.Errorf("%s with %q reads %v, %v", address, toman, got, err)
			}
		}
	}
}
