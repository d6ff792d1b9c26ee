package settlement_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"

	"dargah/internal/app/settlement"
	"dargah/internal/app/sheet"
)

func lines(raw []byte) ([][]string, error) {
	var list [][]string
	err := sheet.Read(raw, func(_ int, cells []string) error {
		list = append(list, slices.Clone(cells))
		return nil
	})
	return list, err
}

const table = "گزارش تسویه\nردیف,شماره مرجع,مبلغ (ریال),کد پیگیری\n۱,۱۴۰۲۰۸۲۱۱۲۳۴,\"۱٬۵۰۰٬۰۰۰\",98120345\n"

func utf16le(s string) []byte {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return out
}

func excel(t testing.TB, rows [][]any) []byte {
	t.Helper()
	book := excelize.NewFile()
	for i, row := range rows {
		cell, err := excelize.CoordinatesToCellName(1, i+1)
		if err != nil {
			t.Fatal(err)
		}
		if err := book.SetSheetRow("Sheet1", cell, &row); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := book.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The same table in every way in which gateways and spreadsheets write it.
func TestRead_Encodings(t *testing.T) {
	old, err := charmap.Windows1256.NewEncoder().String(strings.NewReplacer("۱", "1", "۴", "4", "۰", "0", "۲", "2", "۸", "8", "۳", "3", "۵", "5", "٬", "", "ی", "ي", "ک", "ك").Replace(table))
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"UTF-8": []byte(table), "with a byte order mark": []byte("\ufeff" + table), "UTF-16": utf16le(strings.ReplaceAll(table, ",", "\t")),
		"semicolons": []byte(strings.ReplaceAll(table, ",", ";")), "windows-1256": []byte(old), "line ends": []byte(strings.ReplaceAll(table, "\n", "\r\n")),
		"Excel": excel(t, [][]any{{"گزارش تسویه"}, {"ردیف", "شماره مرجع", "مبلغ (ریال)", "کد پیگیری"}, {1, int64(140208211234), 1500000.0, "98120345"}}),
	} {
		list, err := lines(raw)
		if err != nil || len(list) != 3 || len(list[2]) != 4 {
			t.Errorf("%s: %q %v", name, list, err)
			continue
		}
		at, heading := settlement.Heading(list)
		c := settlement.Guess(heading)
		c.Unit = "rial"
		if at != 1 || !c.Ready(heading) || !strings.Contains(c.Amount, "مبلغ") {
			t.Errorf("%s: heading %d %q, columns %+v", name, at, heading, c)
		}
		if n := settlement.Number(list[2][1]); n != "140208211234" {
			t.Errorf("%s: the reference is %q", name, n)
		}
	}
}

func TestNumber(t *testing.T) {
	for in, want := range map[string]string{
		"۱۴۰۲": "1402", "٠٠١٢": "12", "'0098": "98", " 12 34 ": "1234", "1.40208211234E+11": "140208211234", "1.5": "1.5", "1e999999": "1e999999",
		"abc-1": "abc-1", "": "", "000": "", "=\"0012\"": "12", "1500000.0": "1500000",
	} {
		if got := settlement.Number(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// FuzzHeading: whatever a file holds, a heading is found or none, and cells are read as numbers or not.
func FuzzHeading(f *testing.F) {
	f.Add([]byte(table))
	f.Add([]byte("\ufeffa;b\r\n\"1;2\n"))
	f.Add(utf16le(table))
	f.Add([]byte{0xff, 0xfe, 0x41})
	f.Add([]byte("PK\x03\x04"))
	f.Add(excel(f, [][]any{{"ref", "amount"}, {"1", 2}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var list [][]string
		err := sheet.Read(raw, func(_ int, cells []string) error {
			for _, c := range cells {
				if n := settlement.Number(c); settlement.Number(n) != n {
					t.Fatalf("%q is %q, and that is %q", c, n, settlement.Number(n))
				}
			}
			if len(list) < 30 {
				list = append(list, slices.Clone(cells))
			}
			return nil
		})
		if err != nil && sheet.Code(err) == "" {
			t.Fatalf("an error that has no word: %v", err)
		}
		at, heading := settlement.Heading(list)
		if (at < 0) != (heading == nil) {
			t.Fatalf("heading %d %q", at, heading)
		}
		c := settlement.Guess(heading)
		if c.Unit = "rial"; c.Amount != "" && c.Reference+c.Tracking != "" && !c.Ready(heading) {
			t.Fatalf("what was guessed is not there: %+v of %q", c, heading)
		}
	})
}
