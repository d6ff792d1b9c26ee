package payments_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

var errKilled = errors.New("killed")

// mortal is a store whose process dies at one of its transactions: before the commit or right after it,
// when nobody was told.
type mortal struct {
	*db.DB
	left  int
	after bool
}

func (m *mortal) Update(ctx context.Context, fn func(*db.Tx) error) error {
	if m.left--; m.left != 0 {
		return m.DB.Update(ctx, fn)
	}
	err := m.DB.Update(ctx, func(tx *db.Tx) error {
		if err := fn(tx); err != nil || m.after {
			return err
		}
		return errKilled
	})
	return errors.Join(err, errKilled)
}

func customers(n int) []checkout.RunRow {
	var list []checkout.RunRow
	for i := range n {
		list = append(list, checkout.RunRow{Line: i + 2, Ask: checkout.RunAsk{
			Name: fmt.Sprint("Customer ", i), Email: fmt.Sprintf("c%d@example.com", i), Amount: 1_500_000, Reference: fmt.Sprint("R-", i),
		}})
	}
	return list
}

func (w *world) brought(lines []checkout.RunRow) checkout.Run {
	w.Helper()
	r, err := w.CheckRun(w.Context(), w.scope, payments.NewRun{Name: "customers.csv", Unit: "rial", Lines: lines}, checkout.Actor{Kind: "user", ID: "usr_1"})
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func (w *world) run1(id string) (r checkout.Run, rows []checkout.RunRow) {
	w.Helper()
	err := w.db.View(w.Context(), func(tx *db.Tx) error {
		got, err := tx.Run(id)
		if err != nil {
			return err
		}
		r = *got
		rows, err = tx.RunRows(id, "", 0, 1000)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return r, rows
}

// allLetters are the letters of all runs, by reader.
func (w *world) byReader() map[string]int {
	w.Helper()
	count := map[string]int{}
	err := w.db.View(w.Context(), func(tx *db.Tx) error {
		list, err := tx.Letters(db.LetterQuery{MerchantID: w.scope.MerchantID, Live: true, Limit: 1000})
		for _, l := range list {
			count[string(l.Kind)+":"+l.Recipient+":"+string(l.Status)]++
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return count
}

// A run that is killed three times, wherever that happens, asks each customer once.
func TestMany_KilledThreeTimes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const n = 130 // six transactions
		dice := rand.New(rand.NewPCG(6, uint64(len(t.Name()))))
		r := w.brought(customers(n))
		if r.Status != checkout.RunChecked || r.Fine != n || r.Addressed != n || r.FineRial != n*1_500_000 {
			t.Fatalf("%+v", r)
		}
		if got := w.byReader(); len(got) != 0 {
			t.Fatalf("looking at a file sends: %v", got)
		}
		for range 2 { // the button twice
			if err := w.StartRun(t.Context(), w.scope, r.ID, true, false); err != nil {
				t.Fatal(err)
			}
		}
		job := checkout.Job{Kind: payments.JobRun, Key: r.ID}
		kills := 0
		for kills < 3 {
			e := w.rewired(func(o *payments.Options) { o.DB = &mortal{DB: w.db, left: 1 + dice.IntN(2), after: dice.IntN(2) == 1} })
			err := e.RunMany(t.Context(), job)
			if !errors.Is(err, errKilled) {
				t.Fatalf("not killed: %v", err)
			}
			kills++
		}
		for range 2 { // once more than needed
			if err := w.RunMany(t.Context(), job); err != nil {
				t.Fatal(err)
			}
		}
		got, rows := w.run1(r.ID)
		if got.Status != checkout.RunDone || !got.StartedAt.Equal(w.clock.now()) || got.Made != n || got.Failed != 0 || got.EndedAt.IsZero() {
			t.Errorf("%+v", got)
		}
		seen := map[string]bool{}
		for _, row := range rows {
			inv, err := w.Invoice(t.Context(), w.scope, row.InvoiceID)
			if err != nil || seen[inv.ID] || inv.Reference != row.Ask.Reference || inv.Customer.Email != row.Ask.Email || inv.Amount != 1_500_000 {
				t.Fatalf("line %d: %+v, %v", row.Line, inv, err)
			}
			seen[inv.ID] = true
		}
		letters := w.byReader()
		for i := range n {
			if k := fmt.Sprintf("request:c%d@example.com:queued", i); letters[k] != 1 {
				t.Errorf("%s: %d letters", k, letters[k])
			}
		}
		all, _, err := w.Invoices(t.Context(), w.scope, payments.InvoiceFilter{Limit: 100})
		if err != nil || len(letters) != n || len(all) != 100 {
			t.Errorf("%d letters, %v", len(letters), err)
		}
		numbers := map[string]bool{}
		for _, row := range rows {
			inv, _ := w.Invoice(t.Context(), w.scope, row.InvoiceID)
			numbers[inv.Number] = true
		}
		for i := range n { // one after another, whatever died
			if k := strconv.Itoa(1001 + i); !numbers[k] {
				t.Errorf("no invoice has number %s", k)
			}
		}
		var deeds []checkout.Deed
		err = w.db.View(t.Context(), func(tx *db.Tx) (err error) {
			deeds, err = tx.Deeds(db.DeedQuery{MerchantID: w.scope.MerchantID, Area: checkout.AreaInvoice, Limit: 100})
			return err
		})
		if err != nil || len(deeds) != 1 || deeds[0].Kind != "run.started" || deeds[0].Object != r.ID {
			t.Errorf("the log of what people did: %+v, %v; want the one press", deeds, err)
		}
	})
}

// What is wrong is shown line by line; what was asked before is left out unless somebody says otherwise,
// also when two files of the same are started after both were looked at.
func TestMany_WrongAndDouble(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		file := func() []checkout.RunRow {
			lines := customers(4)
			lines[1].Ask.Email, lines[1].Ask.Mobile = "nobody", "12"
			lines[2].Ask = lines[0].Ask
			lines[3].Problems = []checkout.FieldError{{Field: "amount", Code: "bad_amount"}}
			return lines
		}
		first, second := w.brought(file()), w.brought(file())
		if first.Fine != 1 || first.Wrong != 2 || first.Doubles != 1 || second.Doubles != 1 {
			t.Fatalf("%+v", first)
		}
		_, rows := w.run1(first.ID)
		if len(rows[1].Problems) != 2 || rows[2].Status != checkout.RowDouble || rows[3].Status != checkout.RowWrong {
			t.Errorf("%+v", rows)
		}
		for _, r := range []checkout.Run{first, second} {
			if err := w.StartRun(t.Context(), w.scope, r.ID, true, false); err != nil {
				t.Fatal(err)
			}
			if err := w.RunMany(t.Context(), checkout.Job{Kind: payments.JobRun, Key: r.ID}); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.byReader(); len(got) != 1 || got["request:c0@example.com:queued"] != 1 {
			t.Errorf("%v", got)
		}
		if r, _ := w.run1(second.ID); r.Made != 0 || r.Status != checkout.RunDone {
			t.Errorf("%+v", r)
		}
		third := w.brought(file())
		if third.Doubles != 2 || third.Fine != 0 {
			t.Fatalf("%+v", third)
		}
		if err := w.StartRun(t.Context(), w.scope, third.ID, false, true); err != nil {
			t.Fatal(err)
		}
		if err := w.RunMany(t.Context(), checkout.Job{Kind: payments.JobRun, Key: third.ID}); err != nil {
			t.Fatal(err)
		}
		if r, _ := w.run1(third.ID); r.Made != 2 {
			t.Errorf("%+v", r)
		}
		if got := w.byReader(); len(got) != 1 || got["request:c0@example.com:queued"] != 1 {
			t.Errorf("letters were not wanted: %v", got)
		}
		for name, lines := range map[string][]checkout.RunRow{"run_empty": nil, "run_long": customers(20_001)} {
			_, err := w.CheckRun(t.Context(), w.scope, payments.NewRun{Unit: "rial", Lines: lines}, checkout.Actor{})
			var wrong *checkout.Error
			if !errors.As(err, &wrong) || wrong.Fields[0].Code != name {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, other := range []payments.Scope{{MerchantID: "mer_other", Live: true}, {MerchantID: w.scope.MerchantID}} {
			for what, act := range map[string]error{"start": w.StartRun(t.Context(), other, first.ID, true, false), "stop": w.StopRun(t.Context(), other, first.ID)} {
				if !errors.Is(act, checkout.NotFound) {
					t.Errorf("%s of another shop's, or of the other mode: %v", what, act)
				}
			}
		}
		reading := checkout.Run{ID: "run_reading", MerchantID: w.scope.MerchantID, Live: true, Unit: "rial", Status: checkout.RunReading}
		if err := w.db.Update(t.Context(), func(tx *db.Tx) error { return tx.InsertRun(&reading) }); err != nil {
			t.Fatal(err)
		}
		if err := w.StartRun(t.Context(), w.scope, reading.ID, true, false); !errors.Is(err, checkout.NotFound) {
			t.Errorf("one that is being read: %v", err)
		}
	})
}

// Stopped is stopped, and goes on where it was; old runs are forgotten whole.
func TestMany_StopAndForget(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.brought(customers(60))
		job := checkout.Job{Kind: payments.JobRun, Key: r.ID}
		if err := errors.Join(w.RunMany(t.Context(), job), w.StopRun(t.Context(), w.scope, r.ID)); err != nil { // nobody said start
			t.Fatal(err)
		}
		if got, _ := w.run1(r.ID); got.Status != checkout.RunChecked {
			t.Errorf("stopped before it began: %+v", got)
		}
		if err := w.StartRun(t.Context(), w.scope, r.ID, true, false); err != nil {
			t.Fatal(err)
		}
		e := w.rewired(func(o *payments.Options) { o.DB = &mortal{DB: w.db, left: 2} })
		if err := e.RunMany(t.Context(), job); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		for range 2 {
			if err := w.StopRun(t.Context(), w.scope, r.ID); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.RunMany(t.Context(), job); err != nil {
			t.Fatal(err)
		}
		got, _ := w.run1(r.ID)
		if got.Status != checkout.RunStopped || got.Made != 25 || len(w.byReader()) != 25 {
			t.Fatalf("%+v", got)
		}
		if err := w.StartRun(t.Context(), w.scope, r.ID, false, false); err != nil {
			t.Fatal(err)
		}
		if got, _ := w.run1(r.ID); got.Status != checkout.RunRunning || !got.EndedAt.IsZero() {
			t.Errorf("goes on: %+v", got)
		}
		if err := errors.Join(w.RunMany(t.Context(), job), w.StopRun(t.Context(), w.scope, r.ID)); err != nil {
			t.Fatal(err)
		}
		if got, _ := w.run1(r.ID); got.Status != checkout.RunDone || got.Made != 60 || len(w.byReader()) != 60 {
			t.Errorf("%+v, %d letters", got, len(w.byReader()))
		}
		w.clock.add(90 * 24 * time.Hour)
		if err := w.PruneRuns(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.run1(r.ID)
		w.clock.add(time.Second)
		if err := w.PruneRuns(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := w.db.View(t.Context(), func(tx *db.Tx) error {
			rows, err := tx.RunRows(r.ID, "", 0, 9)
			if len(rows) > 0 {
				t.Error("lines are left")
			}
			_, gone := tx.Run(r.ID)
			return errors.Join(err, gone)
		})
		if !errors.Is(err, checkout.NotFound) {
			t.Errorf("%v", err)
		}
	})
}

// runNow starts a run and makes what there is to make.
func (w *world) runNow(r checkout.Run, letters, doubles bool) (checkout.Run, []checkout.RunRow) {
	w.Helper()
	if err := w.StartRun(w.Context(), w.scope, r.ID, letters, doubles); err != nil {
		w.Fatal(err)
	}
	var job *checkout.Job
	err := w.db.View(w.Context(), func(tx *db.Tx) (err error) {
		job, err = tx.Job(payments.JobRun, r.ID)
		return err
	})
	if err != nil || !job.RunAt.Equal(w.clock.now()) {
		w.Fatalf("nobody is to make it now: %+v, %v", job, err)
	}
	if err := w.RunMany(w.Context(), *job); err != nil {
		w.Fatal(err)
	}
	return w.run1(r.ID)
}

// A line whose time has come meanwhile is not made and says why; the others are, with numbers that follow
// one another, in the name of who pressed.
func TestMany_TooLateForSome(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		lines := customers(4)
		lines[0].Line = 1 // of a file without a head
		lines[0].Ask.Mobile, lines[0].Ask.Description, lines[0].Ask.Locale = "09121234567", "Tea", "en"
		lines[1].Ask.ExpiresAt = w.clock.now().Add(time.Hour)
		lines[2].Ask.Days = 3
		lines[3].Ask.Email = ""
		r := w.brought(lines)
		if r.Fine != 4 || r.Addressed != 3 {
			t.Fatalf("%+v", r)
		}
		w.clock.add(2 * time.Hour)
		r, rows := w.runNow(r, true, false)
		if r.Status != checkout.RunDone || r.Made != 3 || r.Failed != 1 {
			t.Errorf("%+v", r)
		}
		if late := rows[1]; late.Status != checkout.RowFailed || late.InvoiceID != "" || len(late.Problems) != 1 || late.Problems[0].Field != "expires_at" {
			t.Errorf("%+v", late)
		}
		for i, want := range map[int]struct {
			number string
			life   time.Duration
		}{0: {"1001", 7 * 24 * time.Hour}, 2: {"1002", 3 * 24 * time.Hour}, 3: {"1003", 7 * 24 * time.Hour}} {
			inv, err := w.Invoice(t.Context(), w.scope, rows[i].InvoiceID)
			if err != nil || inv.Number != want.number || !inv.ExpiresAt.Equal(w.clock.now().Add(want.life)) || rows[i].Status != checkout.RowMade || !rows[i].MadeAt.Equal(w.clock.now()) {
				t.Errorf("line %d: %+v, %v", i, inv, err)
			}
			ask := lines[i].Ask
			if inv.Customer != (checkout.Customer{Name: ask.Name, Mobile: ask.Mobile, Email: ask.Email}) || inv.Description != ask.Description || inv.Locale != cmp.Or(ask.Locale, "fa") || inv.SendEmail != (ask.Email != "") || !inv.Live {
				t.Errorf("line %d asks %+v, and its invoice is %+v", i, ask, inv)
			}
			if told := w.events(inv); told[len(told)-1].Actor != "user:usr_1" || !strings.Contains(told[len(told)-1].Data, r.ID) {
				t.Errorf("line %d: its first event is %+v", i, told[len(told)-1])
			}
		}
		if next := w.invoice(1000); next.Number != "1004" {
			t.Errorf("the next invoice is %s", next.Number)
		}
		if got := w.byReader(); len(got) != 2 {
			t.Errorf("letters: %v", got)
		}
		before := w.story()
		if err := w.StartRun(t.Context(), w.scope, r.ID, true, true); err != nil { // the button, once more
			t.Error(err)
		}
		if again, _ := w.run1(r.ID); again.Status != checkout.RunDone || w.story() != before {
			t.Errorf("started again it is %+v", again)
		}
	})
	for text, want := range map[string]checkout.Actor{"user:usr_1": {Kind: "user", ID: "usr_1"}, "key:key_a:b": {Kind: "key", ID: "key_a:b"}, "system": {}} {
		if got := payments.ActorOf(text); got != want {
			t.Errorf("%s is %+v", text, got)
		}
	}
}

// What asks for the same within thirty days is a double, however the address is spelt, and only that line.
func TestMany_TheSameLately(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.runNow(w.brought(customers(1)), false, false)
		made := w.clock.now()
		again := func() []checkout.RunRow {
			lines := customers(3)
			lines[0].Ask.Email = "C0@Example.COM"
			return lines
		}
		w.clock.at = made.Add(30*24*time.Hour - time.Minute)
		if r := w.brought(again()); r.Doubles != 1 || r.Fine != 2 {
			t.Errorf("a minute before thirty days: %+v", r)
		}
		w.clock.at = made.Add(30*24*time.Hour + time.Minute)
		first, second := w.brought(again()[:1]), w.brought(again())
		if first.Doubles != 0 || second.Doubles != 0 {
			t.Errorf("a minute after: %+v", first)
		}
		w.runNow(first, false, false)
		r, rows := w.runNow(second, false, false)
		if r.Made != 2 || r.Doubles != 1 || rows[0].Status != checkout.RowDouble || rows[1].Status != checkout.RowMade || rows[2].Status != checkout.RowMade {
			t.Errorf("%+v: %+v", r, rows)
		}
	})
}

// Every word of a line is cleaned and judged as one invoice's would be.
func TestMany_EachWordIsJudged(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		lines := customers(2)
		lines[0].Ask.Name, lines[0].Ask.Email, lines[0].Ask.Mobile = " Sara\u200c  Ahmadi ", " Sara@example.com ", "+98 912 123 4567"
		lines[0].Ask.Description, lines[0].Ask.Reference = " Tea\tset ", " R-1 "
		long := strings.Repeat("x", 501)
		lines[1].Ask.Name, lines[1].Ask.Description, lines[1].Ask.Reference = long, long, long
		_, rows := w.run1(w.brought(lines).ID)
		if a := rows[0].Ask; a.Name != "Sara Ahmadi" || a.Email != "Sara@example.com" || a.Mobile != "09121234567" || a.Description != "Tea set" || a.Reference != "R-1" || a.Locale != "fa" {
			t.Errorf("%+v", a)
		}
		var fields []string
		for _, p := range rows[1].Problems {
			fields = append(fields, p.Field)
		}
		if want := []string{"customer.name", "description", "reference"}; !slices.Equal(slices.Sorted(slices.Values(fields)), want) {
			t.Errorf("wrong: %v", rows[1].Problems)
		}
	})
}

// A server that stops leaves a run to the next one, and the log knows who stopped it.
func TestMany_WhoStops(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		r := w.brought(customers(60))
		by := checkout.WithActor(t.Context(), asker)
		if err := w.StartRun(by, w.scope, r.ID, true, false); err != nil {
			t.Fatal(err)
		}
		gone, leave := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.RunMany(gone, checkout.Job{Kind: payments.JobRun, Key: r.ID}) }()
		w.until(func() bool { got, _ := w.run1(r.ID); return got.Made >= 25 })
		leave()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("of a server that stops: %v", err)
		}
		w.clock.add(time.Minute)
		if err := w.StopRun(by, w.scope, r.ID); err != nil {
			t.Fatal(err)
		}
		got, _ := w.run1(r.ID)
		if got.Status != checkout.RunStopped || !got.EndedAt.Equal(w.clock.now()) || got.Made == 60 {
			t.Errorf("%+v", got)
		}
		deeds := w.deeds(checkout.AreaInvoice)
		if len(deeds) != 2 {
			t.Fatalf("%+v", deeds)
		}
		for i, kind := range []string{"run.started", "run.stopped"} {
			if d := deeds[i]; d.Kind != kind || d.By.Kind != "user" || d.By.ID != "usr_7" || d.Object != r.ID || d.Name != "customers.csv" || !d.Live || d.MerchantID != w.scope.MerchantID {
				t.Errorf("%+v", d)
			}
		}
	})
}

// deeds are what was done in an area, oldest first.
func (w *world) deeds(area string) []checkout.Deed {
	w.Helper()
	var list []checkout.Deed
	err := w.db.View(w.Context(), func(tx *db.Tx) (err error) {
		list, err = tx.Deeds(db.DeedQuery{MerchantID: w.scope.MerchantID, Area: area, Limit: 100})
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	slices.Reverse(list)
	return list
}
