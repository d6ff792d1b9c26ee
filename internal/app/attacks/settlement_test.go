package attacks_test

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/settlement"
	"dargah/internal/app/sheet"
)

const settlements = "/admin/settlements"

// settlement uploads a file of one line for a shop, past its pages, and gives its id.
func (s *shop) settlement() string {
	s.Helper()
	p := s.house.person(s.slug, "owner", false)
	got, err := s.app.Settlement.Take(context.Background(), settlement.Upload{
		MerchantID: s.scope.MerchantID, Live: true, Gateway: "gardeshpay", UserID: p.id, Raw: []byte("ref,amount\n1,2\n"),
		From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour), Again: true,
	})
	if err != nil {
		s.Fatal(err)
	}
	return got.ID
}

// give sends a form with a file.
func (p *person) give(path, name string, raw []byte, pairs ...string) answer {
	p.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i+1 < len(pairs); i += 2 {
		if err := form.WriteField(pairs[i], pairs[i+1]); err != nil {
			p.Fatal(err)
		}
	}
	w, err := form.CreateFormFile("file", name)
	if err == nil {
		_, err = w.Write(raw)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		p.Fatal(err)
	}
	var jar []string
	for name, value := range p.cookies {
		jar = append(jar, name+"="+value)
	}
	return p.do(http.MethodPost, path, body.String(), "Content-Type", form.FormDataContentType(), "Cookie", strings.Join(jar, "; "))
}

// A gateway's file is held against the books: what agrees is counted, what does not stands in three
// lists, nothing is changed, the same file is noticed, and the columns are said once.
func TestSettlement(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house, s *shop) {
		var refs [][2]string // tracking, bank reference
		var ids []string
		var first invoice
		for range 4 {
			o := s.began("gardeshpay").pays()
			o.returns()
			s.ends(o.inv, "paid")
			a := s.attempts(o.inv)[0]
			first = o.inv
			refs, ids = append(refs, [2]string{*a.TrackingNumber, *a.RefNumber}), append(ids, o.inv.ID)
		}
		fa := strings.NewReplacer("0", "۰", "1", "۱", "2", "۲", "3", "۳", "4", "۴", "5", "۵", "6", "۶", "7", "۷", "8", "۸", "9", "۹")
		var file strings.Builder
		file.WriteString("\ufeffگزارش تسویه\r\nردیف,کد پیگیری,شماره مرجع,مبلغ تراکنش\r\n")
		fmt.Fprintf(&file, "1,%s,,%s\r\n", fa.Replace(refs[0][0]), "\"۱٬۵۰۰٬۰۰۰\"")          // by tracking number, in Persian digits
		fmt.Fprintf(&file, "2,,%s,%d\r\n", refs[1][0], price)                                // under the other name
		fmt.Fprintf(&file, "3,%s,,%d\r\n", refs[2][0], price-20000)                          // a fee was taken
		fmt.Fprintf(&file, "4,%s,,%d\r\n", refs[0][0], price)                                // twice
		file.WriteString("5,\"=HYPERLINK(1)\",,700\r\n6,99999999999,,abc\r\n,,,6000000\r\n") // strangers, and a sum
		raw := []byte(file.String())
		day := time.Now().In(time.FixedZone("", 12600)).Format("2006-01-02")
		form := []string{"gateway", "gardeshpay", "from", day, "to", day}
		p := h.person(s.slug, "staff", false).signIn()
		before := s.story(first)
		up := p.give(settlements, "تسویه.csv", raw, form...)
		if up.status != http.StatusSeeOther {
			t.Fatalf("upload: %d %s", up.status, up.body)
		}
		path := up.location()
		asked := p.open(path)
		if asked.status != http.StatusOK || !strings.Contains(asked.body, "مبلغ تراکنش") || !strings.Contains(asked.body, `name="unit"`) {
			t.Fatalf("the columns are not asked: %d", asked.status)
		}
		if a := p.send(path, "tracking", "کد پیگیری", "reference", "شماره مرجع", "amount", "مبلغ تراکنش"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("without a unit: %d", a.status)
		}
		if a := p.send(path, "tracking", "no such", "amount", "مبلغ تراکنش", "unit", "rial"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a column that is none: %d", a.status)
		}
		columns := []string{"tracking", "کد پیگیری", "reference", "شماره مرجع", "amount", "مبلغ تراکنش", "unit", "rial"}
		for range 2 { // pressed twice
			if a := p.send(path, columns...); a.status != http.StatusSeeOther || a.location() != path {
				t.Fatalf("match: %d %s", a.status, a.body)
			}
		}
		for list, want := range map[string][]string{"here": {ids[3]}, "amount": {ids[2], "۲٬۰۰۰"}, "there": {ids[0], "دو بار در فایل", "99999999999", "مبلغ خوانده نشد", "HYPERLINK(1)"}} {
			page := p.open(path + "?list=" + list)
			for _, w := range want {
				if !strings.Contains(page.body, w) {
					t.Errorf("%s: no %s", list, w)
				}
			}
			if list == "here" && strings.Contains(page.body, ids[1]) {
				t.Error("what agrees is in a list")
			}
			csv := p.open(path + "/export.csv?list=" + list)
			if csv.status != http.StatusOK || !strings.HasPrefix(csv.body, "\ufeff") || strings.Contains(csv.body, "\n=") || strings.Contains(csv.body, ",=") {
				t.Errorf("export of %s: %d %s", list, csv.status, csv.body)
			}
			if x := p.open(path + "/export.xlsx?list=" + list); x.status != http.StatusOK || !strings.HasPrefix(x.body, "PK") {
				t.Errorf("export of %s as a sheet: %d", list, x.status)
			}
		}
		if after := s.story(first); after != before {
			t.Error("it changed an invoice")
		}
		again := p.give(settlements, "other name.csv", raw, form...)
		if again.status != http.StatusConflict || !strings.Contains(again.body, path) {
			t.Errorf("the same file again: %d", again.status)
		}
		// The next file of the account is matched without a question, in another order of columns.
		next := fmt.Sprintf("مبلغ تراکنش;شماره مرجع;کد پیگیری\n%d;;%s\n", price, refs[3][0])
		up = p.give(settlements, "next.csv", []byte(next), form...)
		if page := p.open(up.location() + "?list=here"); up.status != http.StatusSeeOther || !strings.Contains(page.body, ids[0]) || strings.Contains(page.body, ids[3]) {
			t.Errorf("the next file: %d", up.status)
		}
		for name, bad := range map[string][]byte{"an image": []byte("\x89PNG\x00"), "nothing": nil, "the old xls": []byte("\xd0\xcf\x11\xe0")} {
			if a := p.give(settlements, "x", bad, form...); a.status != http.StatusUnprocessableEntity {
				t.Errorf("%s: %d", name, a.status)
			}
		}
		if a := p.give(settlements, "x", make([]byte, sheet.MaxFile+(1<<20)), form...); a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("too large: %d", a.status)
		}
		if a := p.send(settlements, "gateway", "gardeshpay"); a.status != http.StatusUnsupportedMediaType {
			t.Errorf("without a file: %d", a.status)
		}
		if a := h.person(s.slug, "viewer", false).signIn().give(settlements, "x.csv", raw, form...); a.status != http.StatusForbidden {
			t.Errorf("a viewer uploads: %d", a.status)
		}
	})
}
