package admin

import (
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
)

func TestReadRun(t *testing.T) {
	file := "گزارش مشتریان\n\nنام,ایمیل,موبایل,مبلغ,شرح,شناسه,مهلت\n" +
		"سارا احمدی,sara@example.com,۰۹۱۲۱۲۳۴۵۶۷,۲۵۰٬۰۰۰,شهریهٔ مهر,1024,14\n" +
		",,9121234567,\"250,000\",,,1405/08/30\n" +
		"\n" +
		"کیان,,,۲۵۰ هزار,,,\n" +
		",,,1000,,,\n" +
		"نگار,,,1000 ریال,,,دیروز\n" +
		"مهسا,,,2.5E6,'=1+1,,2026-11-01\n"
	rows, err := readRun([]byte(file), "toman")
	if err != nil || len(rows) != 6 {
		t.Fatalf("%d lines, %v", len(rows), err)
	}
	a := rows[0]
	if a.Line != 3 || a.Ask.Name != "سارا احمدی" || a.Ask.Email != "sara@example.com" || a.Ask.Amount != 2_500_000 || a.Ask.Description != "شهریهٔ مهر" || a.Ask.Reference != "1024" || a.Ask.Days != 14 || a.Problems != nil {
		t.Errorf("%+v", a)
	}
	y, m, d := i18n.Jalali(rows[1].Ask.ExpiresAt.Add(-time.Minute))
	if b := rows[1]; b.Ask.Mobile != "09121234567" || b.Ask.Amount != 2_500_000 || y != 1405 || m != 8 || d != 30 {
		t.Errorf("%+v", b)
	}
	for i, want := range map[int][]string{2: {"bad_amount"}, 3: {"run_nobody"}, 4: {"run_unit", "bad_date"}, 5: nil} {
		var got []string
		for _, p := range rows[i].Problems {
			got = append(got, p.Code)
		}
		if len(got) != len(want) || (len(got) > 0 && got[0] != want[0]) {
			t.Errorf("line %d: %v, want %v", rows[i].Line, got, want)
		}
	}
	if rows[5].Ask.Amount != 25_000_000 || rows[5].Ask.Description != "=1+1" {
		t.Errorf("%+v", rows[5])
	}
	if rows, err := readRun([]byte("name;amount\nSara;1500000\n"), "rial"); err != nil || rows[0].Ask.Amount != 1_500_000 {
		t.Errorf("%+v, %v", rows, err)
	}
	for raw, want := range map[string]string{"a,b\n1,2\n": "run_columns", "": "run_columns", "\x00": "sheet_kind"} {
		if _, err := readRun([]byte(raw), "rial"); runProblem(err) != want {
			t.Errorf("%q: %v", raw, err)
		}
	}
	if at, days, ok := readExpiry("46327"); !ok || days != 0 || at.In(i18n.Tehran()).Format("2006-01-02 15:04") != "2026-11-02 00:00" {
		t.Errorf("a sheet's day: %s", at)
	}
}

// FuzzReadRun: whatever file is brought, each line has an amount that an invoice may have, or a problem.
func FuzzReadRun(f *testing.F) {
	f.Add([]byte("name,amount,expires\nSara,1000,14\n"), true)
	f.Add([]byte("نام;مبلغ;مهلت\nسارا;۲۵۰٬۰۰۰;1405/08/30\n"), false)
	f.Add([]byte("email,amount\n=cmd|' /C calc'!A0,1E15\n"), true)
	f.Fuzz(func(t *testing.T, raw []byte, toman bool) {
		unit := map[bool]string{true: "toman", false: "rial"}[toman]
		rows, err := readRun(raw, unit)
		if err != nil {
			if runProblem(err) == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		last := 0
		for _, r := range rows {
			if r.Line <= last {
				t.Fatalf("line %d after %d", r.Line, last)
			}
			last = r.Line
			bad := r.Ask.Amount < 1 || r.Ask.Amount > money.MaxInvoice
			if bad && !hasProblem(r, "amount") {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func hasProblem(r checkout.RunRow, field string) bool {
	for _, p := range r.Problems {
		if p.Field == field {
			return true
		}
	}
	return false
}
