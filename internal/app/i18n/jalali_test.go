package i18n_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"dargah/internal/app/i18n"
)

// equinox returns the March equinox of a Gregorian year as a Julian day in universal time:
// Jean Meeus, Astronomical Algorithms (2nd edition), chapter 27, tables 27.B and 27.C,
// right to about a minute; ΔT after Espenak and Meeus (2006), by a straight line.
func equinox(year int) float64 {
	terms := [...][3]float64{
		{485, 324.96, 1934.136},
		{203, 337.23, 32964.467},
		{199, 342.08, 20.186},
		{182, 27.85, 445267.112},
		{156, 73.14, 45036.886},
		{136, 171.52, 22518.443},
		{77, 222.54, 65928.934},
		{74, 296.72, 3034.906},
		{70, 243.58, 9037.513},
		{58, 119.81, 33718.147},
		{52, 297.17, 150.678},
		{50, 21.02, 2281.226},
		{45, 247.54, 29929.562},
		{44, 325.15, 31555.956},
		{29, 60.93, 4443.417},
		{18, 155.12, 67555.328},
		{17, 288.79, 4562.452},
		{16, 198.04, 62894.029},
		{14, 199.76, 31436.921},
		{12, 95.39, 14577.848},
		{12, 287.11, 31931.756},
		{12, 320.81, 34777.259},
		{9, 227.73, 1222.114},
		{8, 15.45, 16859.074},
	}
	y := float64(year-2000) / 1000
	mean := 2451623.80984 + y*(365242.37404+y*(0.05169+y*(-0.00411-y*0.00057)))
	centuries := (mean - 2451545) / 36525
	cos := func(degrees float64) float64 { return math.Cos(degrees * math.Pi / 180) }
	w := 35999.373*centuries - 2.47
	sum := 0.0
	for _, term := range terms {
		sum += term[0] * cos(term[1]+term[2]*centuries)
	}
	dynamical := mean + 0.00001*sum/(1+0.0334*cos(w)+0.0007*cos(2*w))
	deltaT := 64 + 0.6*float64(year-2000) // seconds
	return dynamical - deltaT/86400
}

// nowruz returns the Julian day number of 1 Farvardin by Iran's law: the day on which the
// equinox falls before noon of Tehran (UTC+03:30), else the day after.
func nowruz(jalaliYear int) int {
	local := equinox(jalaliYear+621) + 3.5/24
	return int(math.Ceil(local)) // Julian days begin at noon
}

func julianDay(t time.Time) int {
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return int(midnight.Unix()/86400) + 2440588 // the day that began 1970-01-01
}

func TestNowruz_Known(t *testing.T) {
	for year, want := range map[int]string{1358: "1979-03-21", 1375: "1996-03-20", 1399: "2020-03-20", 1403: "2024-03-20", 1404: "2025-03-21", 1405: "2026-03-21"} {
		day, err := time.Parse(time.DateOnly, want)
		if err != nil {
			t.Fatal(err)
		}
		if nowruz(year) != julianDay(day) {
			t.Errorf("%d begins on day %d by the sun, %s is day %d", year, nowruz(year), want, julianDay(day))
		}
	}
}

// The library counts leap years; the sun is a second opinion that shares nothing with it.
// Every day of a century is compared, at its first, middle and last moment in Tehran.
func TestJalali_BySun(t *testing.T) {
	const first, last = 1350, 1450
	day := nowruz(first)
	for y := first; y <= last; y++ {
		length := nowruz(y+1) - nowruz(y)
		if length != 365 && length != 366 {
			t.Fatalf("%d has %d days", y, length)
		}
		for m := 1; m <= 12; m++ {
			for d := 1; d <= monthDays(m, length == 366); d++ {
				checkDay(t, day, y, m, d)
				day++
			}
		}
		if day != nowruz(y+1) {
			t.Fatalf("%d ends on day %d, %d begins on day %d", y, day, y+1, nowruz(y+1))
		}
	}
}

func monthDays(m int, leap bool) int {
	switch {
	case m <= 6:
		return 31
	case m <= 11 || leap:
		return 30
	default:
		return 29
	}
}

func checkDay(t *testing.T, julian, y, m, d int) {
	t.Helper()
	start, err := i18n.JalaliDay(y, m, d)
	if err != nil {
		t.Fatalf("%d/%d/%d: %v", y, m, d, err)
	}
	// The next day's first moment, or nothing at the end of a month, whose next day is its own case.
	next, nextErr := i18n.JalaliDay(y, m, d+1)
	if julianDay(start) != julian || int(start.Weekday()) != (julian+1)%7 {
		t.Fatalf("%d/%d/%d is %s, Julian day %d, want %d", y, m, d, start.Format("Mon 2006-01-02 15:04"), julianDay(start), julian)
	}
	noon := time.Date(start.Year(), start.Month(), start.Day(), 12, 0, 0, 0, i18n.Tehran())
	for _, moment := range []time.Time{start, noon.UTC()} {
		if gy, gm, gd := i18n.Jalali(moment); gy != y || gm != m || gd != d {
			t.Fatalf("%s is %d/%d/%d, want %d/%d/%d", moment, gy, gm, gd, y, m, d)
		}
	}
	if nextErr == nil {
		if gy, gm, gd := i18n.Jalali(next.Add(-time.Millisecond)); gy != y || gm != m || gd != d {
			t.Fatalf("the last moment of %d/%d/%d is in %d/%d/%d", y, m, d, gy, gm, gd)
		}
	}
	if gy, gm, gd := i18n.Jalali(start.Add(-time.Millisecond)); gy == y && gm == m && gd == d {
		t.Fatalf("%d/%d/%d begins before %s", y, m, d, start)
	}
}

// The day turns in Tehran and not in Greenwich; summers shifted it until September 2022.
func TestTehran(t *testing.T) {
	for moment, want := range map[string]string{
		"2021-06-21T20:00:00Z": "1400-04-01 00:30 +0430",
		"2021-03-21T20:29:59Z": "1400-01-01 23:59 +0330",
		"2021-03-21T20:30:00Z": "1400-01-02 01:00 +0430",
		"2022-09-21T19:29:59Z": "1401-06-30 23:59 +0430",
		"2022-09-21T19:30:00Z": "1401-06-30 23:00 +0330",
		"2023-06-21T20:30:00Z": "1402-04-01 00:00 +0330",
		"2026-10-01T14:32:11Z": "1405-07-09 18:02 +0330",
		"2026-03-20T20:29:59Z": "1404-12-29 23:59 +0330",
		"2026-03-20T20:30:00Z": "1405-01-01 00:00 +0330",
	} {
		at, err := time.Parse(time.RFC3339, moment)
		if err != nil {
			t.Fatal(err)
		}
		got := i18n.FoldDigits(i18n.DateFigures(i18n.FA, at))
		got = got[:4] + "-" + got[5:7] + "-" + got[8:] + at.In(i18n.Tehran()).Format(" 15:04 -0700")
		if got != want {
			t.Errorf("%s is %s, want %s", moment, got, want)
		}
	}
}

func TestJalali_OutsideTheCalendar(t *testing.T) {
	for _, at := range []time.Time{{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if y, m, d := i18n.Jalali(at); y != 0 || m != 0 || d != 0 {
			t.Errorf("%s is %d/%d/%d", at, y, m, d)
		}
		i18n.DateLong(i18n.FA, at) // a page must not fall over a broken row
		i18n.JalaliMonth(at)
	}
}

func TestParseJalaliDate(t *testing.T) {
	want := time.Date(2026, 10, 1, 0, 0, 0, 0, i18n.Tehran())
	for _, s := range []string{"1405/07/09", "1405/7/9", "1405-07-09", "۱۴۰۵/۰۷/۰۹", "١٤٠٥/٧/٩", " 1405/07/09 "} {
		if got, err := i18n.ParseJalaliDate(s); err != nil || !got.Equal(want) {
			t.Errorf("%q = %s, %v", s, got, err)
		}
	}
	for _, s := range []string{
		"", "1405", "1405/07", "1405/07/09/1", "05/07/09", "1405/13/01", "1405/00/01", "1405/07/31", "1405/07/00",
		"1404/12/30", "2026/10/01", "1405/+7/09", "1405/07/-9", "1405/007/09", "9/7/1405", "1405 07 09", "1405/07/0x9", "1200/01/01", "1405//09", "65535/1/1",
	} {
		if got, err := i18n.ParseJalaliDate(s); !errors.Is(err, i18n.ErrDate) {
			t.Errorf("%q = %s, %v", s, got, err)
		}
	}
	if got, err := i18n.ParseJalaliDate("1403/12/30"); err != nil || got.Format(time.DateOnly) != "2025-03-20" {
		t.Errorf("the last day of a leap year is %s, %v", got, err)
	}
	// Summer began at midnight: the day's first moment is one o'clock.
	if got, err := i18n.ParseJalaliDate("1400/01/02"); err != nil || got.UTC().Format(time.RFC3339) != "2021-03-21T20:30:00Z" {
		t.Errorf("a day without midnight begins at %s, %v", got, err)
	}
}

func TestJalaliMonth(t *testing.T) {
	for at, want := range map[string][2]string{
		"2026-10-01T14:32:11Z": {"2026-09-23", "2026-10-23"},
		"2026-03-20T20:29:59Z": {"2026-02-20", "2026-03-21"},
		"2025-03-20T10:00:00Z": {"2025-02-19", "2025-03-21"},
	} {
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		from, to := i18n.JalaliMonth(moment)
		if from.Format(time.DateOnly) != want[0] || to.Format(time.DateOnly) != want[1] || moment.Before(from) || !moment.Before(to) {
			t.Errorf("%s lies in %s to %s, want %v", at, from, to, want)
		}
	}
}
