package i18n_test

import (
	"testing"
	"time"

	"dargah/internal/app/i18n"
)

func TestDates(t *testing.T) {
	at := time.Date(2026, 10, 1, 14, 32, 11, 0, time.UTC)
	until := time.Date(2026, 10, 6, 14, 30, 0, 0, time.UTC)
	afterNewYear := time.Date(2027, 1, 20, 14, 30, 0, 0, time.UTC) // 1405 in Iran, 2027 elsewhere
	afterNowruz := time.Date(2027, 3, 22, 14, 30, 0, 0, time.UTC)
	tests := []struct{ name, got, want string }{
		{"long fa", i18n.DateLong(i18n.FA, at), "پنجشنبه ۹ مهر ۱۴۰۵، ۱۸:۰۲"},
		{"long en", i18n.DateLong(i18n.EN, at), "1 Oct 2026, 18:02 Tehran"},
		{"short fa", i18n.DateTimeShort(i18n.FA, at), "پنجشنبه ۹ مهر، ۱۸:۰۲"},
		{"short en", i18n.DateTimeShort(i18n.EN, at), "Thu 1 Oct, 18:02"},
		{"day fa", i18n.DayLong(i18n.FA, at), "پنجشنبه ۹ مهر"},
		{"day en", i18n.DayLong(i18n.EN, at), "Thursday 1 October"},
		{"figures fa", i18n.DateFigures(i18n.FA, at), "۱۴۰۵/۰۷/۰۹"},
		{"figures en", i18n.DateFigures(i18n.EN, at), "2026-10-01"},
		{"month fa", i18n.MonthYear(i18n.FA, at), "مهر ۱۴۰۵"},
		{"month en", i18n.MonthYear(i18n.EN, at), "Mehr 1405"},
		{"clock fa", i18n.Clock(i18n.FA, at), "۱۸:۰۲"},
		{"clock en", i18n.Clock(i18n.EN, at), "18:02"},
		{"seconds", i18n.ClockSeconds(i18n.FA, at), "۱۸:۰۲:۱۱"},
		{"until fa", i18n.UntilPhrase(i18n.FA, until, at), "سه‌شنبه ۱۴ مهر، ساعت ۱۸:۰۰"},
		{"until en", i18n.UntilPhrase(i18n.EN, until, at), "Tuesday 6 October, 18:00"},
		{"until January fa", i18n.UntilPhrase(i18n.FA, afterNewYear, at), "چهارشنبه ۳۰ دی، ساعت ۱۸:۰۰"},
		{"until January en", i18n.UntilPhrase(i18n.EN, afterNewYear, at), "Wednesday 20 January 2027, 18:00"},
		{"until Nowruz fa", i18n.UntilPhrase(i18n.FA, afterNowruz, at), "دوشنبه ۲ فروردین ۱۴۰۶، ساعت ۱۸:۰۰"},
		{"seen years later", i18n.UntilPhrase(i18n.FA, until, at.AddDate(3, 0, 0)), "سه‌شنبه ۱۴ مهر ۱۴۰۵، ساعت ۱۸:۰۰"},
		{"weekday fa", i18n.WeekdayName(i18n.FA, time.Saturday), "شنبه"},
		{"weekday en", i18n.WeekdayName(i18n.EN, time.Saturday), "Saturday"},
		{"no month", i18n.MonthName(i18n.FA, 13) + i18n.MonthName(i18n.EN, 0), ""},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}
