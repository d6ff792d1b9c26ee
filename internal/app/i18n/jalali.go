package i18n

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the binary must know Tehran on a machine without zone files

	jalaali "github.com/jalaali/go-jalaali"
)

// ErrDate says that a typed date is no day of the Jalali calendar.
var ErrDate = errors.New("not a Jalali date like 1405/07/09")

// tehran is a table: the zone with its summers, which ended in September 2022.
var tehran = mustZone("Asia/Tehran")

// Tehran returns the zone in which this product speaks about time.
func Tehran() *time.Location { return tehran }

func mustZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(fmt.Sprintf("i18n: load zone %s from the embedded table: %v", name, err))
	}
	return zone
}

// Jalali returns the Jalali date of the moment t in Tehran. A moment outside the
// calendar's table (the years 560 to 3798) has no date and gives zeros.
func Jalali(t time.Time) (y, m, d int) {
	local := t.In(tehran)
	year, month, day, err := jalaali.ToJalaali(local.Year(), local.Month(), local.Day())
	if err != nil {
		return 0, 0, 0
	}
	return year, int(month), day
}

// JalaliDay returns the first moment of a Jalali day in Tehran, or ErrDate when there is
// no such day. Days outside the years 1300 to 1500 are slips of a finger.
func JalaliDay(y, m, d int) (time.Time, error) {
	if y < 1300 || y > 1500 {
		return time.Time{}, ErrDate
	}
	year, month, day, err := jalaali.ToGregorian(y, jalaali.Month(m), d)
	if err != nil {
		return time.Time{}, ErrDate
	}
	t := time.Date(year, month, day, 0, 0, 0, 0, tehran)
	// Iran's summers began and, in 1978, ended at midnight: one day of the year had no 00:00
	// and starts at 01:00, another has it twice and starts with the first.
	if t.Day() != day {
		return t.Add(time.Hour), nil
	}
	if twin := t.Add(-time.Hour); twin.Day() == day {
		return twin, nil
	}
	return t, nil
}

// JalaliMonth returns the first moment of the Jalali month that holds t, and of the next one.
func JalaliMonth(t time.Time) (from, to time.Time) {
	y, m, _ := Jalali(t)
	from, err := JalaliDay(y, m, 1)
	if err != nil {
		return time.Time{}, time.Time{}
	}
	if m++; m > 12 {
		y, m = y+1, 1
	}
	to, err = JalaliDay(y, m, 1)
	if err != nil {
		return time.Time{}, time.Time{}
	}
	return from, to
}

// ParseJalaliDate reads a typed day, in any of the three digit sets, as 1405/07/09 or
// 1405-7-9, and returns its first moment in Tehran.
func ParseJalaliDate(s string) (time.Time, error) {
	s = strings.ReplaceAll(strings.TrimSpace(FoldDigits(s)), "-", "/")
	parts := strings.Split(s, "/")
	if len(parts) != 3 || len(parts[0]) != 4 {
		return time.Time{}, ErrDate
	}
	var date [3]int
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || (i > 0 && len(part) > 2) {
			return time.Time{}, ErrDate
		}
		date[i] = int(n)
	}
	return JalaliDay(date[0], date[1], date[2])
}
