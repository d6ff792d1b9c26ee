package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// verify-log proves a file by itself: no database, no key, no server.
func TestVerifyLog(t *testing.T) {
	h := newHouse(t)
	raw, err := os.ReadFile("../../internal/app/evidence/testdata/evidence.json")
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, raw []byte) string {
		t.Helper()
		path := filepath.Join(h.dir, name)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := put("good.json", raw)
	h.env = nil
	var v struct {
		Number, Key string
		Events      int
		Ours        bool `json:"signed_by_this_installation"`
	}
	h.must(&v, "verify-log", good, "--json")
	if v.Number != "1001" || v.Events != 4 || v.Ours || len(v.Key) != 43 {
		t.Errorf("%+v", v)
	}
	if text := h.must(nil, "verify-log", good, "--key", v.Key); !strings.Contains(text, "was not changed: invoice 1001") {
		t.Error(text)
	}
	h.refused(h.run("verify-log", good, "--key", strings.Repeat("A", 43)), 1, "was signed with the key")
	for name, c := range map[string][3]string{
		"event.json":    {`"amount": 1500000`, `"amount": 9500000`, ""},
		"answer.json":   {`"success": true`, `"success": false`, "event 1 (invoice.created"},
		"customer.json": {"09121234567", "09121234568", `the part "invoice"`},
		"format.json":   {"evidence/1", "evidence/9", "format"},
	} {
		h.refused(h.run("verify-log", put(name, bytes.Replace(raw, []byte(c[0]), []byte(c[1]), 1))), 1, c[2])
	}
	h.refused(h.run("verify-log", filepath.Join(h.dir, "none.json")), 1, "no such file")
	h.refused(h.run("verify-log"), 2)
	if entries, err := os.ReadDir(h.dir); err != nil || len(entries) != 5 {
		t.Errorf("it left something behind: %v %v", entries, err)
	}
}
