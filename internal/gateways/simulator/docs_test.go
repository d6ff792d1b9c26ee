package simulator

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the tables in the documentation")

const (
	docs      = "../../../docs/simulator.md"
	docsBegin = "<!-- tables: go test ./internal/gateways/simulator -run TestDocs -update -->\n"
	docsEnd   = "<!-- end of tables -->\n"
)

// The tables in the documentation are the tables in the code.
func TestDocs_ListEverything(t *testing.T) {
	raw, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(raw), docsBegin)
	_, tail, ends := strings.Cut(rest, docsEnd)
	if !begins || !ends {
		t.Fatal("the documentation has no place for the tables")
	}
	want := head + docsBegin + docTables() + docsEnd + tail
	if *update {
		if err := os.WriteFile(docs, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(raw) {
		t.Error("docs/simulator.md is behind the code; run the test with -update")
	}
}

func docTables() string {
	var b strings.Builder
	b.WriteString("\n### Outcomes\n\n| name | page | what happens | |\n| --- | --- | --- | --- |\n")
	for _, o := range outcomeList {
		where := "all"
		if o.faces != nil {
			where = strings.Join(o.faces, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | <bdi lang=\"fa\">%s</bdi> |\n", o.name, where, o.en, o.fa)
	}
	for _, at := range []phase{phaseVerify, phaseStart} {
		title := map[phase]string{phaseVerify: "Faults at verify", phaseStart: "Faults at the start"}[at]
		fmt.Fprintf(&b, "\n### %s\n\n| name | vendor | times | what happens | |\n| --- | --- | --- | --- | --- |\n", title)
		for _, f := range faults {
			if f.at != at {
				continue
			}
			where, times := "both", fmt.Sprint(f.times)
			if f.vendors != nil {
				where = strings.Join(f.vendors, ", ")
			}
			if f.times == always {
				times = "always"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | <bdi lang=\"fa\">%s</bdi> |\n", f.name, where, times, f.en, f.fa)
		}
	}
	b.WriteString("\n")
	return b.String()
}

func TestNames_AreUniqueAndDescribed(t *testing.T) {
	seen := map[string]bool{}
	check := func(name, fa, en string) {
		if seen[name] || name == "" || fa == "" || en == "" {
			t.Errorf("%q: %q %q, seen %v", name, fa, en, seen[name])
		}
		seen[name] = true
	}
	for _, o := range outcomeList {
		check(o.name, o.fa, o.en)
	}
	for _, f := range faults {
		check(f.name, f.fa, f.en)
		if !strings.HasPrefix(f.name, string(f.at)+"_") {
			t.Errorf("%s does not begin with its phase", f.name)
		}
	}
}
