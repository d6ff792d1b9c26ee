package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// reader does what a document says.
type reader struct {
	*house
	doc  string
	at   docCommand
	root string            // where absolute paths lead
	addr string            // where the server listens
	seen map[string]string // the last value of each kind that was printed: sk_test_… and the like
	up   *running
}

func newReader(t *testing.T, doc string) *reader {
	t.Helper()
	r := &reader{house: newHouse(t), doc: doc, seen: map[string]string{}, addr: freeAddr(t)}
	r.root = filepath.Join(r.dir, "root")
	bin := filepath.Join(r.root, "bin")
	r.must1(os.MkdirAll(bin, 0o700))
	for _, tool := range programs {
		path, err := exec.LookPath(tool)
		r.must1(errors.Join(err, os.Symlink(path, filepath.Join(bin, tool))))
	}
	r.must1(os.Symlink(binary, filepath.Join(bin, "checkout")))
	r.env = append(r.env, "PATH="+bin, "CHECKOUT_ADDR="+r.addr, "CHECKOUT_BASE_URL=http://"+r.addr)
	// curl says nothing of a refusal, and the documents show it so; here it has to.
	r.must1(os.WriteFile(filepath.Join(r.dir, ".curlrc"), []byte("fail-with-body\nsilent\nshow-error\n"), 0o600))
	if setUp := setUps[doc]; setUp != nil {
		setUp(r)
	} else {
		r.shops()
	}
	return r
}

func (r *reader) must1(err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("set up %s: %v", r.doc, err)
	}
}

// path is where an absolute path of a document lies here.
func (r *reader) path(absolute string) string { return filepath.Join(r.root, absolute) }

func (r *reader) write(absolute, text string) {
	r.Helper()
	r.must1(os.MkdirAll(filepath.Dir(r.path(absolute)), 0o700))
	r.must1(os.WriteFile(r.path(absolute), []byte(text+"\n"), 0o600))
}

func (r *reader) copyFile(from, to string) {
	r.Helper()
	raw, err := os.ReadFile(from)
	r.must1(errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o700)))
	r.must1(os.WriteFile(to, raw, 0o700))
}

func (r *reader) unset(names ...string) {
	r.env = slices.DeleteFunc(r.env, func(pair string) bool { return slices.Contains(names, pair[:strings.IndexByte(pair, '=')]) })
}

// keyInFile is how operators keep it.
func (r *reader) keyInFile() {
	r.Helper()
	r.write("/etc/checkout/key", sampleKey)
	r.write("/var/lib/checkout/.keep", "")
	r.unset("CHECKOUT_SECRET_KEY")
	r.env = append(r.env, "CHECKOUT_SECRET_KEY_FILE="+r.path("/etc/checkout/key"))
}

// shops are the two that the documents speak of, and a key of each mode's.
func (r *reader) shops() {
	r.Helper()
	for _, slug := range []string{"pottery", "meybod"} {
		r.must(nil, "merchant", "create", "--name", slug, "--slug", slug)
	}
	var made struct{ Secret string }
	r.must(&made, "apikey", "create", "--merchant", "pottery", "--name", "shop", "--test", "--json")
	r.env = append(r.env, "CHECKOUT_KEY="+made.Secret)
}

// invoice is one that the documents' ids stand for. It returns its link.
func (r *reader) invoice() string {
	r.Helper()
	var inv invoice
	r.must(&inv, "invoice", "create", "--merchant", "pottery", "--test", "--amount", "1500000", "--json")
	r.seen["inv_"] = inv.ID
	return inv.PaymentURL
}

// evidence is the file of an invoice, as an owner fetches it in the admin.
func (r *reader) evidence() {
	r.Helper()
	const email, password = "op@example.ir", "a long enough password"
	if u := r.runWith(password+"\n", "user", "create", "--email", email, "--merchant", "pottery", "--role", "owner", "--operator", "--password-stdin"); u.code != 0 {
		r.Fatal(u.err)
	}
	r.invoice()
	jar, err := cookiejar.New(nil)
	r.must1(err)
	client, base := &http.Client{Jar: jar}, "http://"+r.addr
	r.read(client.PostForm(base+"/admin/login", map[string][]string{"email": {email}, "password": {password}}))
	file := r.read(client.Get(base + "/admin/invoices/" + r.seen["inv_"] + "/evidence/file.json"))
	r.must1(os.WriteFile(filepath.Join(r.dir, "evidence-meybod-1208.json"), []byte(file.body), 0o600))
	var told struct{ Key string }
	r.must1(json.Unmarshal([]byte(r.read(client.Get(base+"/admin/evidence-key")).body), &told))
	r.seen["KEY"] = told.Key
}

// serve starts the server in the environment that has come about, and waits until it is ready.
func (r *reader) serve() {
	r.Helper()
	addr := r.addr
	for _, pair := range r.env { // the last one counts
		if value, ok := strings.CutPrefix(pair, "CHECKOUT_ADDR="); ok {
			addr = value
		}
	}
	r.up = r.start("serve")
	r.up.until("ready", func() bool {
		resp, err := http.Get("http://" + addr + "/readyz")
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
}

var (
	absolute    = regexp.MustCompile(`(^|[\s=@:"'<>(,])/([^/\s])`)
	placeholder = regexp.MustCompile(`\b((?:[a-z]+_)+)(…|06epz[0-9a-z]{20})`)
	printed     = regexp.MustCompile(`\b((?:[a-z]+_)+)[0-9A-Za-z-]{20,}`)
)

// here is a command with what the document leaves open: names, addresses and paths of this test.
func (r *reader) here(text string) string {
	r.Helper()
	text = absolute.ReplaceAllString(text, "${1}"+r.root+"/${2}")
	text = strings.ReplaceAll(text, r.root+"/dev/", "/dev/")
	text = strings.ReplaceAll(text, "https://pay.example.ir", "http://"+r.addr)
	if strings.Contains(text, "127.0.0.1:8099") { // a second server, as in a drill
		text = strings.ReplaceAll(text, "127.0.0.1:8099", freeAddr(r.T))
	}
	text = strings.ReplaceAll(text, "postgres://checkout@127.0.0.1/checkout", "sqlite:"+r.path("/new.db")) // TestDBCopy takes PostgreSQL
	text = strings.ReplaceAll(text, "--key KEY", "--key "+r.seen["KEY"])
	return placeholder.ReplaceAllStringFunc(text, func(s string) string {
		kind := placeholder.FindStringSubmatch(s)[1]
		if kind == "evt_" { // an event's id is its invoice's, and its number
			return "evt_" + strings.TrimPrefix(r.seen["inv_"], "inv_")
		}
		if r.seen[kind] == "" {
			r.Fatalf("%s:%d: %s stands for something that no command before it printed\n%s", r.doc, r.at.line, s, howTo)
		}
		return r.seen[kind]
	})
}

// follow does what a document says from its top to its end.
func (r *reader) follow(commands []docCommand) {
	r.Helper()
	for _, c := range commands {
		r.at = c
		if c.before != nil {
			c.before(r)
		}
		if c.exception != nil {
			c.exception.instead(r)
		} else {
			r.do(c.text)
		}
	}
	r.must(nil, "migrate") // what a document sets in the environment is what the program takes
}

// do runs one command, in the environment that those before it have left.
func (r *reader) do(text string) {
	r.Helper()
	after := filepath.Join(r.dir, "environment")
	cmd := exec.CommandContext(r.Context(), "bash", "-aeuo", "pipefail", "-c", r.here(text)+"\nenv -0 > "+after)
	cmd.Dir, cmd.Env = r.dir, r.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		said := ""
		if r.up != nil {
			said = "\nThe server said:\n" + r.up.errs.String()
		}
		r.Fatalf("%s:%d: %s\n%v\n%s%s%s\n%s", r.doc, r.at.line, text, err, out.String(), errs.String(), said, howTo)
	}
	for _, found := range printed.FindAllStringSubmatch(out.String(), -1) {
		r.seen[found[1]] = found[0]
	}
	raw, err := os.ReadFile(after)
	r.must1(err)
	r.env = strings.Split(strings.TrimRight(string(raw), "\x00"), "\x00")
}
