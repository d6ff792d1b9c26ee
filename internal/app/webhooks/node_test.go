package webhooks_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"dargah/internal/app/webhooks"
)

// The example of the standard itself.
func TestSignature_OfTheStandard(t *testing.T) {
	got, err := webhooks.Signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if err != nil || got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("%s: %v", got, err)
	}
	for _, bad := range []string{"", "whsec_", "whsec_QQ==", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		if got, err := webhooks.Signature(bad, "msg", time.Unix(1, 0), nil); err == nil {
			t.Errorf("signed %s with %q", got, bad)
		}
	}
}

// modulesEnv names a folder with node_modules/standardwebhooks in it (npm install standardwebhooks).
const modulesEnv = "CHECKOUT_TEST_STANDARDWEBHOOKS"

const nodeVerifies = `
const { Webhook } = require("standardwebhooks");
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(cases.map(({ Secret, ID, At, Sign, Body }) => {
  try { new Webhook(Secret).verify(Buffer.from(Body, "base64").toString("utf8"), { "webhook-id": ID, "webhook-timestamp": At, "webhook-signature": Sign }); return true; } catch { return false; }
})));`

// TestSignature_NodeLibrary asks the library that most shops' programs will use: it takes what we sign
// and refuses a changed byte.
func TestSignature_NodeLibrary(t *testing.T) {
	dir := os.Getenv(modulesEnv)
	if dir == "" {
		t.Skip(modulesEnv + " names no folder with node_modules/standardwebhooks")
	}
	type message struct {
		Secret, ID, At, Sign string
		Body                 []byte
		taken                bool
	}
	var cases []message
	now := time.Now()
	for i := range 100 {
		m := message{Secret: webhooks.NewSecret(rand.Reader), ID: "evt_" + rand.Text(), At: jsonNumber(now.Unix()), taken: true}
		m.Body, _ = json.Marshal(map[string]any{"n": i, "text": "سفارش ۱۰۲۴ <&> \u2028 " + rand.Text()})
		sign, err := webhooks.Signature(m.Secret, m.ID, now, m.Body)
		if err != nil {
			t.Fatal(err)
		}
		m.Sign = "v1,AAAA " + sign
		changed := m
		changed.Body, changed.taken = bytes.Clone(m.Body), false
		changed.Body[5] ^= 1
		cases = append(cases, m, changed)
	}
	in, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "-e", nodeVerifies)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(dir, "node_modules"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var verdicts []bool
	if err := json.Unmarshal(out, &verdicts); err != nil || len(verdicts) != len(cases) {
		t.Fatalf("%d verdicts: %v", len(verdicts), err)
	}
	for i, m := range cases {
		if verdicts[i] != m.taken {
			t.Errorf("taken: %v, want %v: %s", verdicts[i], m.taken, m.Body)
		}
	}
}

func jsonNumber(n int64) string { b, _ := json.Marshal(n); return string(b) }
