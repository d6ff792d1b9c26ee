package i18n

import (
	"strconv"
	"time"
)

var (
	faMonths = [13]string{
		1: "فروردین", 2: "اردیبهشت", 3: "خرداد", 4: "تیر", 5: "مرداد", 6: "شهریور",
		7: "مهر", 8: "آبان", 9: "آذر", 10: "دی", 11: "بهمن", 12: "اسفند",
	}
	enMonths = [13]string{
		1: "Farvardin", 2: "Ordibehesht", 3: "Khordad", 4: "Tir", 5: "Mordad", 6: "Shahrivar",
		7: "Mehr", 8: "Aban", 9: "Azar", 10: "Dey", 11: "Bahman", 12: "Esfand",
	}
	faWeekdays = [7]string{"یکشنبه", "دوشنبه", "سه‌شنبه", "چهارشنبه", "پنجشنبه", "جمعه", "شنبه"}
)

// MonthName returns the name of the Jalali month m (1 to 12), in English letters for EN.
func MonthName(l Locale, m int) string {
	if m < 1 || m > 12 {
		return ""
	}
	if l == EN {
		return enMonths[m]
	}
	return faMonths[m]
}

// WeekdayName returns the name of the day of the week.
func WeekdayName(l Locale, d time.Weekday) string {
	if l == EN {
		return d.String()
	}
	return faWeekdays[d]
}

// Clock returns the time of day in Tehran: «۱۸:۱۷».
func Clock(l Locale, t time.Time) string {
	return Digits(l, t.In(tehran).Format("15:04"))
}

// ClockSeconds returns the time of day in Tehran to the second: «۱۸:۱۱:۰۱».
func ClockSeconds(l Locale, t time.Time) string {
	return Digits(l, t.In(tehran).Format("15:04:05"))
}

// DateLong is the date of a receipt: «پنجشنبه ۹ مهر ۱۴۰۵، ۱۸:۰۲» or "1 Oct 2026, 18:02 Tehran".
func DateLong(l Locale, t time.Time) string {
	if l == EN {
		return t.In(tehran).Format("2 Jan 2006, 15:04") + " Tehran"
	}
	return faDay(t, true) + "، " + Clock(l, t)
}

// DateTimeShort leaves the year out: «پنجشنبه ۹ مهر، ۱۸:۰۲» or "Thu 1 Oct, 18:02".
func DateTimeShort(l Locale, t time.Time) string {
	if l == EN {
		return t.In(tehran).Format("Mon 2 Jan, 15:04")
	}
	return faDay(t, false) + "، " + Clock(l, t)
}

// DayLong is the day alone: «پنجشنبه ۹ مهر» or "Thursday 1 October".
func DayLong(l Locale, t time.Time) string {
	if l == EN {
		return t.In(tehran).Format("Monday 2 January")
	}
	return faDay(t, false)
}

// DateFigures is the day in figures for tables: «۱۴۰۵/۰۷/۰۹» or "2026-10-01".
func DateFigures(l Locale, t time.Time) string {
	if l == EN {
		return t.In(tehran).Format(time.DateOnly)
	}
	y, m, d := Jalali(t)
	return Digits(l, pad(y, 4)+"/"+pad(m, 2)+"/"+pad(d, 2))
}

// MonthYear names the Jalali month that holds t: «مهر ۱۴۰۵» or "Mehr 1405".
func MonthYear(l Locale, t time.Time) string {
	y, m, _ := Jalali(t)
	return MonthName(l, m) + " " + Digits(l, strconv.Itoa(y))
}

// UntilPhrase is the end of a validity: «سه‌شنبه ۱۴ مهر، ساعت ۱۸:۰۰» or
// "Tuesday 6 October, 18:00". A link may live for a year and answers for good afterwards,
// so the year is said when it is not the year of now.
func UntilPhrase(l Locale, t, now time.Time) string {
	if l == EN {
		layout := "Monday 2 January, 15:04"
		if t.In(tehran).Year() != now.In(tehran).Year() {
			layout = "Monday 2 January 2006, 15:04"
		}
		return t.In(tehran).Format(layout)
	}
	year, _, _ := Jalali(t)
	thisYear, _, _ := Jalali(now)
	return faDay(t, year != thisYear) + "، ساعت " + Clock(l, t)
}

func faDay(t time.Time, withYear bool) string {
	y, m, d := Jalali(t)
	s := faWeekdays[t.In(tehran).Weekday()] + " " + strconv.Itoa(d) + " " + MonthName(FA, m)
	if withYear {
		s += " " + strconv.Itoa(y)
	}
	return Digits(FA, s)
}

func pad(n, width int) string {
	s := strconv.Itoa(n)
	for len(s) < width {
		s = "0" + s
	}
	return s
}
