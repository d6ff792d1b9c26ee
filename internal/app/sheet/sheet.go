// Package sheet reads the files that people bring from their spreadsheets: lines of cells out of CSV and
// XLSX, in the encodings that are met here, within bounds. What the cells mean is the business of whoever
// reads them.
package sheet

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"

	"dargah/internal/app/i18n"
)

// Bounds of a file: whatever is in it, reading it takes so much memory and no more.
const (
	MaxFile  = 8 << 20
	MaxLines = 100_000
	maxZip   = 160 << 20 // of an Excel file, unpacked
	maxParts = 2_000     // files within it
	maxCells = 60
	maxCell  = 600 // letters
)

// Why a file cannot be read. The words are keys of the catalogue, behind "error.".
var (
	ErrKind  = errors.New("sheet_kind")
	ErrSize  = errors.New("sheet_size")
	ErrLines = errors.New("sheet_lines")
)

// Code is the catalogue's word for an error of Read, "" for any other.
func Code(err error) string {
	for _, e := range []error{ErrKind, ErrSize, ErrLines} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return ""
}

// Read passes the lines of a file, counted from 1: of the first sheet of an Excel file (xlsx), or of a
// CSV in UTF-8, UTF-16 or windows-1256, with commas, semicolons, tabs or bars. Cells are cleaned: one
// line, bounded, nothing that turns their reading. An error of line ends it.
func Read(raw []byte, line func(n int, cells []string) error) error {
	if len(raw) > MaxFile {
		return ErrSize
	}
	switch {
	case bytes.HasPrefix(raw, []byte("PK\x03\x04")):
		return readExcel(raw, line)
	case bytes.HasPrefix(raw, []byte("\xd0\xcf\x11\xe0")), bytes.HasPrefix(raw, []byte("%PDF")), bytes.HasPrefix(raw, []byte("Rar!")):
		return ErrKind // the old xls, and what is no sheet at all
	}
	text, err := decode(raw)
	if err != nil {
		return err
	}
	return readCSV(text, line)
}

// unpacks measures an Excel file by unpacking it into nothing: what its own table of contents says of
// sizes is not believed.
func unpacks(raw []byte) error {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return ErrKind
	}
	if len(z.File) > maxParts {
		return ErrSize
	}
	left := int64(maxZip)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return ErrKind
		}
		n, err := io.Copy(io.Discard, io.LimitReader(r, left+1))
		_ = r.Close()
		if left -= n; left < 0 {
			return ErrSize
		}
		if err != nil {
			return ErrKind
		}
	}
	return nil
}

func readExcel(raw []byte, line func(int, []string) error) (err error) {
	if err := unpacks(raw); err != nil {
		return err
	}
	// A file that was made to break its reader must break this request and nothing else.
	broken := true
	defer func() {
		if broken && recover() != nil {
			err = ErrKind
		}
	}()
	book, err := excelize.OpenReader(bytes.NewReader(raw), excelize.Options{RawCellValue: true, UnzipSizeLimit: maxZip, UnzipXMLSizeLimit: 4 << 20})
	if err != nil {
		return ErrKind
	}
	defer func() { _ = book.Close() }() // removes the library's own scratch files
	sheets := book.GetSheetList()
	if len(sheets) == 0 {
		return nil
	}
	rows, err := book.Rows(sheets[0])
	if err != nil {
		return ErrKind
	}
	defer func() { _ = rows.Close() }()
	for n := 1; rows.Next(); n++ {
		if n > MaxLines {
			return ErrLines
		}
		cells, err := rows.Columns()
		if err != nil {
			return ErrKind
		}
		broken = false // a panic of the caller's is the caller's
		if err := line(n, cleaned(cells)); err != nil {
			return err
		}
		broken = true
	}
	if rows.Error() != nil {
		return ErrKind
	}
	return nil
}

// decode turns the bytes of a text file into UTF-8.
func decode(raw []byte) (string, error) {
	if rest, ok := bytes.CutPrefix(raw, []byte("\xef\xbb\xbf")); ok {
		raw = rest
	}
	if len(raw) > 1 && (raw[0] == 0xff && raw[1] == 0xfe || raw[0] == 0xfe && raw[1] == 0xff) {
		big := raw[0] == 0xfe
		units := make([]uint16, 0, len(raw)/2)
		for i := 2; i+1 < len(raw); i += 2 {
			low, high := raw[i], raw[i+1]
			if big {
				low, high = high, low
			}
			units = append(units, uint16(low)|uint16(high)<<8)
		}
		return string(utf16.Decode(units)), nil
	}
	if bytes.IndexByte(raw, 0) >= 0 {
		return "", ErrKind
	}
	if utf8.Valid(raw) {
		return string(raw), nil
	}
	text, err := charmap.Windows1256.NewDecoder().Bytes(raw)
	if err != nil {
		return "", ErrKind
	}
	return string(text), nil
}

func readCSV(text string, line func(int, []string) error) error {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = separator(text), -1, true, true
	for n := 1; ; n++ {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return ErrKind
		}
		if n > MaxLines {
			return ErrLines
		}
		if err := line(n, cleaned(cells)); err != nil {
			return err
		}
	}
}

// separator is whichever of the usual ones stands most often in the first line that has any: above the
// names of the columns there may be a title.
func separator(text string) rune {
	best, most := ',', 0
	for head := range strings.Lines(text[:min(len(text), 8<<10)]) {
		for _, c := range []rune{',', ';', '\t', '|'} {
			if n := strings.Count(head, string(c)); n > most {
				best, most = c, n
			}
		}
		if most > 0 {
			break
		}
	}
	return best
}

// cleaned is a line as it is compared and shown, without empty cells at its end.
func cleaned(cells []string) []string {
	if len(cells) > maxCells {
		cells = cells[:maxCells]
	}
	out := make([]string, 0, len(cells))
	for _, c := range cells {
		if len(c) > 4*maxCell {
			c = strings.ToValidUTF8(c[:4*maxCell], "")
		}
		c = strings.TrimSpace(i18n.CleanText(c))
		if r := []rune(c); len(r) > maxCell {
			c = string(r[:maxCell])
		}
		out = append(out, c)
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}
