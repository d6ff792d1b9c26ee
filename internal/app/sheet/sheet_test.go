package sheet_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"dargah/internal/app/sheet"
)

func lines(raw []byte) (list [][]string, err error) {
	err = sheet.Read(raw, func(n int, cells []string) error {
		if n != len(list)+1 {
			return fmt.Errorf("line %d is counted as %d", len(list)+1, n)
		}
		list = append(list, cells)
		return nil
	})
	return list, err
}

func excel(t testing.TB, rows [][]any) []byte {
	t.Helper()
	book := excelize.NewFile()
	for i, row := range rows {
		if err := book.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := book.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func bomb(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 200 {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRead(t *testing.T) {
	want := [][]string{{"نام", "مبلغ"}, {"سارا، احمدی", "۲۵۰٬۰۰۰"}}
	utf16 := []byte{0xff, 0xfe}
	for _, r := range "نام\tمبلغ\r\nسارا، احمدی\t۲۵۰٬۰۰۰\r\n" {
		utf16 = append(utf16, byte(r), byte(r>>8))
	}
	for name, raw := range map[string][]byte{
		"csv":          []byte("نام,مبلغ\n\"سارا، احمدی\",۲۵۰٬۰۰۰\n"),
		"csv with bom": []byte("\ufeffنام,مبلغ\r\n\"سارا، احمدی\",۲۵۰٬۰۰۰,,\r\n"),
		"semicolons":   []byte("نام;مبلغ\nسارا، احمدی;۲۵۰٬۰۰۰\n"),
		"tabs":         []byte("نام\tمبلغ\nسارا، احمدی\t۲۵۰٬۰۰۰"),
		"utf-16":       utf16,
		"xlsx":         excel(t, [][]any{{"نام", "مبلغ"}, {"سارا، احمدی", "۲۵۰٬۰۰۰"}}),
		"inert":        []byte("نام,مبلغ\n\"سارا\u202e، احمدی\u2066\",۲۵۰٬۰۰۰\n"),
	} {
		got, err := lines(raw)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := lines([]byte("\xe4\xc7\xe3;1\n")); err != nil || !reflect.DeepEqual(got, [][]string{{"نام", "1"}}) {
		t.Errorf("windows-1256: %q, %v", got, err)
	}
	if got, err := lines(excel(t, [][]any{{123456789012, 1500000.0}})); err != nil || !reflect.DeepEqual(got, [][]string{{"123456789012", "1500000"}}) {
		t.Errorf("numbers: %q, %v", got, err)
	}
	stop := errors.New("enough")
	if err := sheet.Read([]byte("a,b\nc,d\n"), func(int, []string) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

func TestRead_Bounds(t *testing.T) {
	for name, test := range map[string]struct {
		raw  []byte
		want error
	}{
		"too long":   {make([]byte, sheet.MaxFile+1), sheet.ErrSize},
		"a bomb":     {bomb(t), sheet.ErrSize},
		"no sheet":   {[]byte("PK\x03\x04 and nothing"), sheet.ErrKind},
		"the old":    {[]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), sheet.ErrKind},
		"a program":  {[]byte("\x7fELF\x00\x00"), sheet.ErrKind},
		"many lines": {bytes.Repeat([]byte("a,b\n"), sheet.MaxLines+1), sheet.ErrLines},
	} {
		if _, err := lines(test.raw); !errors.Is(err, test.want) || sheet.Code(err) != test.want.Error() {
			t.Errorf("%s: %v", name, err)
		}
	}
	got, err := lines([]byte(strings.Repeat("x,", 500) + "\n" + strings.Repeat("ن", 5000)))
	if err != nil || len(got[0]) != 60 || utf8.RuneCountInString(got[1][0]) != 600 {
		t.Errorf("%d cells, %d letters, %v", len(got[0]), utf8.RuneCountInString(got[1][0]), err)
	}
}

// FuzzRead: whatever somebody uploads, lines are text within bounds, or the file is refused with one of
// our words.
func FuzzRead(f *testing.F) {
	f.Add([]byte("a,b\n\"c\nd\",e\n"))
	f.Add([]byte("\ufeffa;b\r\n"))
	f.Add([]byte("\xff\xfea\x00,\x00b\x00"))
	f.Add([]byte("\xe4\xc7\xe3;1\n"))
	f.Add(excel(f, [][]any{{"a", 1, 2.5, true}, {"=1+1"}}))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		err := sheet.Read(raw, func(_ int, cells []string) error {
			if len(cells) > 60 {
				t.Fatalf("%d cells", len(cells))
			}
			for _, c := range cells {
				if !utf8.ValidString(c) || utf8.RuneCountInString(c) > 600 || strings.ContainsAny(c, "\n\r\x00\u202e") {
					t.Fatalf("%q", c)
				}
			}
			return nil
		})
		if err != nil && sheet.Code(err) == "" {
			t.Fatalf("%v", err)
		}
	})
}
