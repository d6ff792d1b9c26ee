package api

import (
	"embed"
	"fmt"
)

// What a shop's programmer copies from the docs page. A test runs exactly these files against a
// running server.
//
//go:embed samples
var sampleFiles embed.FS

// samples are the three things that a shop does, in the order of the page.
var samples = []struct{ name, title, text string }{
	{"create", "Create an invoice", "CHECKOUT_URL is the address of this installation, CHECKOUT_KEY the key's secret."},
	{"status", "Read its status", "The invoice's id is the argument. Deliver when it says paid."},
	{"webhook", "Check a webhook", "WEBHOOK_SECRET is the endpoint's secret, whsec_…. Check before anything of the body is believed."},
}

// sampleLanguages are the languages and how their files are called.
var sampleLanguages = []struct{ name, ext string }{
	{"curl", ".sh"}, {"Go", ".go.txt"}, {"PHP", ".php"}, {"Python", ".py"}, {"Node", ".mjs"},
}

type docsSample struct {
	ID, Title, Text string
	Programs        []docsProgram
}

type docsProgram struct{ Language, Code string }

func docsSamples() ([]docsSample, error) {
	var list []docsSample
	for _, s := range samples {
		d := docsSample{ID: "sample-" + s.name, Title: s.title, Text: s.text}
		for _, l := range sampleLanguages {
			code, err := sampleFiles.ReadFile("samples/" + s.name + l.ext)
			if err != nil {
				return nil, fmt.Errorf("read sample: %w", err)
			}
			name := l.name
			if s.name == "webhook" && name == "curl" {
				name = "Shell"
			}
			d.Programs = append(d.Programs, docsProgram{name, string(code)})
		}
		list = append(list, d)
	}
	return list, nil
}
