package main

import (
	"context"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// places are blocks of code and how often one input passes them: once, twice, four times, and so on.
type places map[string]bool

func (p places) add(more places) {
	for place := range more {
		p[place] = true
	}
}

// beyond counts what of p is not in seen.
func (p places) beyond(seen places) int {
	n := 0
	for place := range p {
		if !seen[place] {
			n++
		}
	}
	return n
}

// measure runs one input alone, and sees what it reaches.
type measure struct {
	binary, target, work string
}

var profileLine = regexp.MustCompile(`(?m)^(.+:\d+\.\d+,\d+\.\d+) \d+ (\d+)$`)

// reach runs the seed of that name: a file, or those in the code. One that fails reaches nothing, for
// it is a finding and no seed.
func (m *measure) reach(ctx context.Context, name, file string) places {
	inputs := filepath.Join(m.work, "testdata", "fuzz", m.target)
	if err := os.MkdirAll(inputs, 0o755); err != nil {
		return places{}
	}
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return places{}
		}
		copied := filepath.Join(inputs, name)
		if err := os.WriteFile(copied, text, 0o600); err != nil {
			return places{}
		}
		defer func() { _ = os.Remove(copied) }()
		name += "$"
	}
	profile := filepath.Join(m.work, "profile.out")
	cmd := exec.CommandContext(ctx, m.binary, "-test.run=^"+m.target+"$/^"+name, "-test.coverprofile="+profile, "-test.timeout=1m")
	cmd.Dir = m.work
	if err := cmd.Run(); err != nil {
		return places{}
	}
	text, err := os.ReadFile(profile)
	if err != nil {
		return places{}
	}
	reached := places{}
	for _, l := range profileLine.FindAllSubmatch(text, -1) {
		if times, _ := strconv.ParseUint(string(l[2]), 10, 64); times > 0 {
			reached[string(l[1])+" "+strconv.Itoa(bits.Len64(times))] = true
		}
	}
	return reached
}
