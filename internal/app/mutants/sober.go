package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// sober runs each room's tests once in the woven build, without a mutant. Who objects there objects to the
// copies and not to what they change (a test that lists a type's methods, say): whatever he says of a
// mutant is nobody's word, and he is not asked.
func (t *trial) sober(ctx context.Context) error {
	for room, binary := range t.binaries {
		var names []string
		for _, a := range t.chart.Tests {
			top, _, _ := strings.Cut(a.Name, "/")
			if name := "^" + top + "$"; a.Room == room && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		args := slices.DeleteFunc(t.house.flags(), func(f string) bool { return f == "-test.failfast" })
		args = append(args, "-test.run="+strings.Join(names, "|"), "-test.timeout=40m")
		out := t.house.runTest(ctx, room, binary, args, "0", 40*time.Minute)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var drunk []string
		for _, m := range failLine.FindAllStringSubmatch(out.text, -1) {
			drunk = append(drunk, m[1])
		}
		if out.failed && len(drunk) == 0 {
			return fmt.Errorf("the tests of %s end without a word in the woven build: %s", room, out.why)
		}
		t.chart.Tests = slices.DeleteFunc(t.chart.Tests, func(a *asked) bool {
			not := a.Room == room && slices.ContainsFunc(drunk, func(name string) bool {
				return a.Name == name || strings.HasPrefix(name, a.Name+"/")
			})
			if not {
				fmt.Fprintf(t.house.opt.out, "not asked, it fails in the woven build: %s %s\n", room, a.Name)
			}
			return not
		})
	}
	return nil
}
