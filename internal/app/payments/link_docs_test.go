package payments_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dargah/internal/app/payments"
	"dargah/internal/db/dbtest"
)

const linkDocs = "../../../docs/links.md"

type vector struct {
	params    map[string]string
	base, sig string
}

// linkVectors are the vectors of docs/links.md.
func linkVectors(t *testing.T) (secret string, list []vector) {
	t.Helper()
	raw, err := os.ReadFile(linkDocs)
	if err != nil {
		t.Fatal(err)
	}
	quoted := func(line string) (texts []string) {
		for i, part := range strings.Split(line, "`") {
			if i%2 == 1 {
				texts = append(texts, part)
			}
		}
		return texts
	}
	for line := range strings.Lines(string(raw)) {
		texts := quoted(line)
		switch {
		case strings.HasPrefix(line, "Secret `"):
			secret = texts[0]
		case strings.HasPrefix(line, "| base |"):
			list[len(list)-1].base = strings.ReplaceAll(texts[0], "⏎", "\n")
		case strings.HasPrefix(line, "| sig |"):
			list[len(list)-1].sig = texts[0]
		case secret != "" && strings.HasPrefix(line, "| ") && len(texts) > 2:
			v := vector{params: map[string]string{}}
			for _, text := range texts {
				name, value, _ := strings.Cut(text, "=")
				v.params[name] = value
			}
			list = append(list, v)
		}
	}
	if secret == "" || len(list) != 3 {
		t.Fatalf("read %d vectors", len(list))
	}
	return secret, list
}

func TestLinks_VectorsOfTheDocs(t *testing.T) {
	secret, list := linkVectors(t)
	for i, v := range list {
		if got := payments.LinkBase("pottery", v.params); got != v.base {
			t.Errorf("base %d: %s", i+1, got)
		}
		if got := payments.SignLink(secret, "pottery", v.params); got != v.sig {
			t.Errorf("sig %d: %s, the docs say %s", i+1, got, v.sig)
		}
	}
}

// TestLinks_ProgramsOfTheDocs runs what shops copy, where the language is on this machine.
func TestLinks_ProgramsOfTheDocs(t *testing.T) {
	raw, err := os.ReadFile(linkDocs)
	if err != nil {
		t.Fatal(err)
	}
	_, list := linkVectors(t)
	_, query, _ := strings.Cut(list[0].base, "\n")
	want := "https://pay.example.ir/l/pottery?" + query + "&sig=" + list[0].sig
	if _, err := url.Parse(want); err != nil {
		t.Fatal(err)
	}
	for language, run := range map[string][]string{"go": {"go", "run"}, "php": {"php"}, "python": {"python3"}, "js": {"node"}, "bash": {"bash"}} {
		t.Run(language, func(t *testing.T) {
			_, code, found := strings.Cut(string(raw), "```"+language+"\n")
			code, _, ended := strings.Cut(code, "```\n")
			if !found || !ended {
				t.Fatal("not in the docs")
			}
			program, err := exec.LookPath(run[0])
			if err != nil {
				dbtest.Missing(t, "languages", "there is no "+run[0]+" here")
			}
			if language == "bash" {
				if _, err := exec.LookPath("openssl"); err != nil {
					dbtest.Missing(t, "languages", "there is no openssl here")
				}
			}
			file := filepath.Join(t.TempDir(), "link."+language)
			if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), program, append(run[1:], file)...).CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != want {
				t.Errorf("%v: it says\n%s\nand not\n%s", err, got, want)
			}
		})
	}
}
