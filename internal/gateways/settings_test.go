package gateways_test

import (
	"maps"
	"testing"

	"dargah/internal/gateways"
)

// TestCheckCommon_SaysWhatIsExpected: a person who typed something wrong reads under its own name what
// would be right.
func TestCheckCommon_SaysWhatIsExpected(t *testing.T) {
	fine := gateways.Settings{}
	for _, key := range gateways.CommonKeys("10000", "2000000000") {
		fine[key.Name] = key.Default
	}
	if err := gateways.CheckCommon(fine); err != nil {
		t.Fatal(err)
	}
	const amount = "expected an amount in rial, 1 to 9999999999999"
	for _, c := range []struct{ key, value, want string }{
		{"amount_unit", "euro", "amount_unit: expected rial or toman"},
		{"verify_window", "soon", "verify_window: expected a duration of at least 1s, such as 15m"},
		{"min_amount", "x", "min_amount: " + amount},
		{"max_amount", "x", "max_amount: " + amount},
		{"max_amount", "9999", "max_amount: expected at least min_amount"},
		{"enabled", "1", "enabled: expected true or false"},
	} {
		s := maps.Clone(fine)
		s[c.key] = c.value
		if err := gateways.CheckCommon(s); err == nil || err.Error() != c.want {
			t.Errorf("%s=%s: %v, want %q", c.key, c.value, err, c.want)
		}
	}
}
