package checkout_test

import (
	"testing"
	"time"

	"dargah/internal/app/checkout"
)

func TestNextReminder(t *testing.T) {
	zone := time.FixedZone("Tehran", 3*3600+1800)
	at := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		when, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for name, test := range map[string]struct {
		rules               checkout.Rules
		last, expires, want string
		count               int
	}{
		"no rule":                     {checkout.DefaultRules("m"), "2026-10-01 12:00", "2026-10-08 12:00", "", 0},
		"after silence":               {checkout.Rules{RemindAfter: 2, RemindMost: 2, QuietFrom: 21, QuietUntil: 9}, "2026-10-01 12:00", "2026-10-08 12:00", "2026-10-03 12:00", 0},
		"at most":                     {checkout.Rules{RemindAfter: 2, RemindMost: 2}, "2026-10-01 12:00", "2026-10-08 12:00", "", 2},
		"before the end":              {checkout.Rules{RemindBefore: 24, RemindMost: 1}, "2026-10-01 12:00", "2026-10-08 12:00", "2026-10-07 12:00", 0},
		"what comes first":            {checkout.Rules{RemindAfter: 2, RemindBefore: 120, RemindMost: 3}, "2026-10-01 12:00", "2026-10-08 12:00", "2026-10-03 12:00", 0},
		"never after the end":         {checkout.Rules{RemindAfter: 7, RemindMost: 3}, "2026-10-01 12:00", "2026-10-08 12:00", "", 0},
		"a night waits":               {checkout.Rules{RemindAfter: 1, RemindMost: 3, QuietFrom: 21, QuietUntil: 9}, "2026-10-01 23:30", "2026-10-08 12:00", "2026-10-03 09:00", 0},
		"a morning waits":             {checkout.Rules{RemindAfter: 1, RemindMost: 3, QuietFrom: 21, QuietUntil: 9}, "2026-10-01 04:00", "2026-10-08 12:00", "2026-10-02 09:00", 0},
		"a siesta waits":              {checkout.Rules{RemindAfter: 1, RemindMost: 3, QuietFrom: 13, QuietUntil: 16}, "2026-10-01 13:00", "2026-10-08 12:00", "2026-10-02 16:00", 0},
		"the end of the night counts": {checkout.Rules{RemindAfter: 1, RemindMost: 3, QuietFrom: 21, QuietUntil: 9}, "2026-10-01 09:00", "2026-10-08 12:00", "2026-10-02 09:00", 0},
		"a night that outlasts it":    {checkout.Rules{RemindBefore: 3, RemindMost: 1, QuietFrom: 21, QuietUntil: 9}, "2026-10-01 12:00", "2026-10-08 02:00", "", 0},
		"no breath between":           {checkout.Rules{RemindBefore: 24, RemindMost: 2}, "2026-10-07 06:00", "2026-10-08 12:00", "", 1},
		"no quiet at all":             {checkout.Rules{RemindAfter: 1, RemindMost: 1, QuietFrom: 5, QuietUntil: 5}, "2026-10-01 05:00", "2026-10-08 12:00", "2026-10-02 05:00", 0},
	} {
		got := test.rules.NextReminder(&checkout.Reminder{LastAt: at(test.last), Count: test.count}, at(test.expires), zone)
		if !got.Equal(at(test.want)) {
			t.Errorf("%s: %s, want %s", name, got.In(zone), test.want)
		}
	}
}
