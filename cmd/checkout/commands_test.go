package main_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to look into the file as another program would
)

func TestHelp_EveryCommand(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{
		"", "demo", "serve", "simulator", "migrate", "backup", "restore", "doctor", "db", "db copy", "key", "key new", "key rotate", "merchant", "merchant create", "user", "user create",
		"apikey", "apikey create", "gateway", "gateway set", "invoice", "invoice create", "webhook", "webhook add", "webhook list", "webhook remove", "verify-log", "version", "help",
	} {
		r := h.run(append(strings.Fields(name), "--help")...)
		if r.code != 0 || r.err != "" || !strings.HasPrefix(r.out, "Usage: checkout") {
			t.Errorf("%s --help: %+v", name, r)
		}
	}
	if r := h.run(); r.code != 0 || !strings.Contains(r.out, "demo") {
		t.Errorf("without arguments: %+v", r)
	}
	if r := h.run("help", "invoice", "create"); r.code != 0 || !strings.Contains(r.out, "--amount") {
		t.Errorf("help on a command: %+v", r)
	}
}

func TestHelpEnv(t *testing.T) {
	h := newHouse(t)
	text := h.must(nil, "help", "env")
	var rows []struct{ Name, File, Default, Text string }
	h.must(&rows, "help", "env", "--json")
	if len(rows) < 17 {
		t.Fatalf("only %d rows", len(rows))
	}
	for _, row := range rows {
		if !strings.Contains(text, row.Name) || !strings.Contains(text, row.Text) || row.Text == "" {
			t.Errorf("%s is not in the table", row.Name)
		}
	}
}

func TestUsage_WrongOnesExitWith2(t *testing.T) {
	h := newHouse(t)
	for _, args := range [][]string{
		{"nonsense"},
		{"serve", "--nonsense"},
		{"merchant", "create", "--name", "a"},
		{"invoice", "create", "--merchant", "a", "--amount", "ten"},
		{"invoice", "create", "--merchant", "a", "--amount", "10", "--items", "{}"},
		{"invoice", "create", "--merchant", "a", "--amount", "10", "--items", `[{"title":"a","quantity":1,"unit_amount":10,"color":"red"}]`},
		{"invoice", "create", "--merchant", "a", "--amount", "10", "--expires-at", "tomorrow"},
		{"gateway", "set", "--merchant", "a", "paypal", "enabled=true"},
		{"gateway", "set", "--merchant", "a", "ghesta", "enabled"},
		{"gateway", "set", "--merchant", "a", "ghesta", "enabled=true", "enabled=false"},
		{"gateway", "set", "--merchant", "a", "ghesta"},
		{"user", "create", "--email", "a@example.ir", "--merchant", "a", "--role", "owner"},
		{"user", "create", "--email", "a@example.ir", "--password-stdin"},
		{"user", "create", "--email", "a@example.ir", "--merchant", "a", "--role", "king", "--password-stdin"},
		{"help", "nonsense"},
	} {
		h.refused(h.run(args...), 2)
	}
	if _, err := os.Stat(filepath.Join(h.dir, "checkout.db")); !os.IsNotExist(err) {
		t.Error("a wrong call made a database")
	}
}

func TestEnvironment_OneLine(t *testing.T) {
	h := newHouse(t)
	h.env = append(h.env, "CHECKOUT_BASE_URL=http://pay.example.ir")
	h.refused(h.run("serve"), 1, "CHECKOUT_BASE_URL", "expected", `"http://pay.example.ir"`)
	h.env = append(h.env, "CHECKOUT_BASE_URL=")
	h.refused(h.run("serve"), 1, "CHECKOUT_BASE_URL", "https://")
	h.env = append(h.env, "CHECKOUT_BASE_URL=http://127.0.0.1:8080", "CHECKOUT_SECRET_KEY=")
	h.refused(h.run("serve"), 1, "CHECKOUT_SECRET_KEY", "checkout key new")
	h.env = append(h.env, "CHECKOUT_SECRET_KEY=c2hvcnQ=")
	r := h.run("serve")
	h.refused(r, 1, "CHECKOUT_SECRET_KEY", "32 bytes")
	if strings.Contains(r.err, "c2hvcnQ") {
		t.Error("the key is in the message")
	}
}

func TestKeyNew(t *testing.T) {
	h := newHouse(t)
	var one, two struct{ Key string }
	h.must(&one, "key", "new", "--json")
	h.must(&two, "key", "new", "--json")
	if one.Key == two.Key || len(one.Key) != 44 {
		t.Errorf("keys %q and %q", one.Key, two.Key)
	}
	if line := h.must(nil, "key", "new"); len(strings.TrimSpace(line)) != 44 {
		t.Errorf("not a key alone on its line: %q", line)
	}
}

func TestVersion(t *testing.T) {
	var v struct{ Version, Go string }
	newHouse(t).must(&v, "version", "--json")
	if v.Version == "" || !strings.HasPrefix(v.Go, "go1.") {
		t.Errorf("%+v", v)
	}
}

func TestMigrate_CreatesAndRepeats(t *testing.T) {
	h := newHouse(t)
	var first, second struct{ Schema int64 }
	h.must(&first, "migrate", "--json")
	h.must(&second, "migrate", "--json")
	if first.Schema < 1 || first != second {
		t.Errorf("schema %d, then %d", first.Schema, second.Schema)
	}
}

// A database that a newer program wrote is left alone by every command.
func TestSchema_NewerIsRefused(t *testing.T) {
	h := newHouse(t)
	h.must(nil, "migrate")
	file, err := sql.Open("sqlite", filepath.Join(h.dir, "checkout.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"migrate"}, {"serve"}, {"merchant", "create", "--name", "a", "--slug", "ab"}} {
		h.refused(h.run(args...), 1, "newer")
	}
}

type invoice struct {
	ID         string `json:"id"`
	Object     string `json:"object"`
	Livemode   bool   `json:"livemode"`
	Number     string `json:"number"`
	Status     string `json:"status"`
	Amount     int64  `json:"amount"`
	Reference  string `json:"reference"`
	PaymentURL string `json:"payment_url"`
	ExpiresAt  string `json:"expires_at"`
	Items      []struct {
		Title      string `json:"title"`
		Quantity   int64  `json:"quantity"`
		UnitAmount int64  `json:"unit_amount"`
	} `json:"items"`
	Customer struct {
		Name   string `json:"name"`
		Mobile string `json:"mobile"`
	} `json:"customer"`
	Metadata map[string]string `json:"metadata"`
}

func TestCommands_FromAnEmptyDatabase(t *testing.T) {
	h := newHouse(t)
	var merchant struct{ ID, Slug string }
	h.must(&merchant, "merchant", "create", "--name", "خانهٔ سفال میبد", "--slug", "meybod", "--json")
	if !strings.HasPrefix(merchant.ID, "mer_") || merchant.Slug != "meybod" {
		t.Errorf("merchant %+v", merchant)
	}
	h.refused(h.run("merchant", "create", "--name", "Another", "--slug", "meybod"), 1, "slug")
	h.refused(h.run("merchant", "create", "--name", "Another", "--slug", "No Slug"), 1, "slug")

	for mode, flags := range map[string][]string{"live": {"--json"}, "test": {"--test", "--json"}} {
		var key struct{ ID, Secret string }
		h.must(&key, append([]string{"apikey", "create", "--merchant", "meybod", "--name", "shop"}, flags...)...)
		if !strings.HasPrefix(key.ID, "key_") || !strings.HasPrefix(key.Secret, "sk_"+mode+"_") {
			t.Errorf("%s key %q %q", mode, key.ID, key.Secret)
		}
	}
	h.refused(h.run("apikey", "create", "--merchant", "nobody", "--name", "shop"), 1)

	var user struct{ ID, Email string }
	r := h.runWith("a long enough password\n", "user", "create", "--email", "Owner@example.ir", "--merchant", "meybod", "--role", "owner", "--password-stdin", "--json")
	if r.code != 0 || !strings.Contains(r.out, "owner@example.ir") || strings.Contains(r.out+r.err, "password") {
		t.Errorf("user: %+v %+v", r, user)
	}
	h.refused(h.runWith("", "user", "create", "--email", "b@example.ir", "--operator", "--password-stdin"), 1, "password")
	h.refused(h.runWith("short\n", "user", "create", "--email", "b@example.ir", "--operator", "--password-stdin"), 1, "password")
}

func TestGatewaySet(t *testing.T) {
	h := newHouse(t)
	h.must(nil, "merchant", "create", "--name", "Pottery", "--slug", "meybod")
	secret := filepath.Join(h.dir, "token")
	if err := os.WriteFile(secret, []byte("tok-canary\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var saved struct {
		Gateway  string
		Livemode bool
		Set      []string
	}
	out := h.must(&saved, "gateway", "set", "--merchant", "meybod", "ghesta", "token=@"+secret, "amount_unit=toman", "--json")
	if saved.Gateway != "ghesta" || !saved.Livemode || strings.Join(saved.Set, " ") != "token amount_unit" {
		t.Errorf("saved %s", out)
	}
	raw, err := os.ReadFile(filepath.Join(h.dir, "checkout.db"))
	if err != nil {
		t.Fatal(err)
	}
	wal, _ := os.ReadFile(filepath.Join(h.dir, "checkout.db-wal"))
	if strings.Contains(out+string(raw)+string(wal), "tok-canary") {
		t.Error("the token is readable")
	}
	h.must(nil, "gateway", "set", "--merchant", "meybod", "gardeshpay", "provider_token=abc", "verify_window=90s")
	h.must(nil, "gateway", "set", "--merchant", "meybod", "--test", "gardeshpay", "enabled=false")

	set := func(args ...string) result {
		return h.run(append([]string{"gateway", "set", "--merchant", "meybod"}, args...)...)
	}
	h.refused(set("ghesta", "provider_token=x"), 1, "provider_token")
	h.refused(set("ghesta", "amount_unit=dollar"), 1, "amount_unit", "rial or toman")
	h.refused(set("ghesta", "verify_window=1"), 1, "verify_window")
	h.refused(set("gardeshpay", "token_url=http://ipg.gardeshpay.ir/x"), 1, "token_url", "https")
	h.refused(set("ghesta", "token=@"+secret+".none"), 1, "token")
	h.refused(set("--test", "ghesta", "token=abc"), 1, "token")
	h.refused(set("--test", "gardeshpay", "token_url=https://elsewhere.example/"), 1, "token_url")
	h.refused(h.run("gateway", "set", "--merchant", "nobody", "ghesta", "enabled=true"), 1)
	h.env = append(h.env, "CHECKOUT_SECRET_KEY=")
	h.refused(set("ghesta", "token=abc"), 1, "CHECKOUT_SECRET_KEY")
}

func TestInvoiceCreate(t *testing.T) {
	h := newHouse(t)
	h.must(nil, "merchant", "create", "--name", "Pottery", "--slug", "meybod")
	var inv invoice
	h.must(
		&inv, "invoice", "create", "--merchant", "meybod", "--test", "--amount", "1500000", "--reference", "1024", "--description", "سفارش ۱۰۲۴",
		"--customer-name", "نگار احمدی", "--customer-mobile", "09121234567", "--items", `[{"title":"کاسه","quantity":2,"unit_amount":750000}]`,
		"--gateway", "ghesta", "--expires-at", time.Now().Add(48*time.Hour).UTC().Format(time.RFC3339), "--return-url", "https://shop.example.ir/back", "--locale", "en",
		"--metadata", "k=v;w", "--metadata", "cart=8731", "--json",
	)
	if !strings.HasPrefix(inv.ID, "inv_") || inv.Object != "invoice" || inv.Livemode || inv.Status != "open" || inv.Amount != 1_500_000 ||
		inv.Reference != "1024" || !strings.HasPrefix(inv.PaymentURL, "http://127.0.0.1:8080/i/") || inv.Customer.Mobile != "09121234567" ||
		len(inv.Items) != 1 || inv.Items[0].UnitAmount != 750_000 || inv.Metadata["k"] != "v;w" || inv.Metadata["cart"] != "8731" {
		t.Errorf("invoice %+v", inv)
	}
	if line := h.must(nil, "invoice", "create", "--merchant", "meybod", "--amount", "10000"); !strings.HasPrefix(line, "http://127.0.0.1:8080/i/") {
		t.Errorf("the link is not the first line: %q", line)
	}
	create := func(args ...string) result {
		return h.run(append([]string{"invoice", "create", "--merchant", "meybod"}, args...)...)
	}
	h.refused(create("--amount", "0"), 1, "amount")
	h.refused(create("--amount", "10000000000000"), 1, "amount")
	h.refused(create("--amount", "10", "--items", `[{"title":"a","quantity":1,"unit_amount":11}]`), 1, "items")
	h.refused(create("--amount", "10", "--expires-at", "2001-01-01T00:00:00Z"), 1, "expires_at")
	h.refused(create("--amount", "10", "--return-url", "http://shop.example.ir"), 1, "return_url")
	h.refused(create("--amount", "10", "--gateway", "paypal"), 1, "gateways")
	h.refused(h.run("invoice", "create", "--merchant", "nobody", "--amount", "10"), 1)
}
