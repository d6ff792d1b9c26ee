package app

import (
	"testing"
	"time"
)

// A backup is too old when the schedule no longer explains its age, and bad when the last one failed,
// however young the good one before it is.
func TestBackupState_Old(t *testing.T) {
	now := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, c := range map[string]struct {
		state backupState
		want  bool
	}{
		"nothing yet":             {backupState{}, false},
		"the first one is made":   {backupState{Since: ago(time.Hour), Tried: ago(time.Hour)}, false},
		"never a good one":        {backupState{Since: ago(38 * time.Hour)}, true},
		"of today":                {backupState{Since: ago(99 * time.Hour), Good: ago(20 * time.Hour)}, false},
		"a little late":           {backupState{Good: ago(36 * time.Hour)}, false},
		"too old":                 {backupState{Good: ago(38 * time.Hour)}, true},
		"failed after a good one": {backupState{Good: ago(20 * time.Hour), Error: "no room"}, true},
	} {
		if got := c.state.old(now, 24*time.Hour); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
