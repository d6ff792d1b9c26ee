package db_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// given are the codes that are in databases. A line may be added here, and none changed or taken away.
var given = map[string]string{
	"invoice.created": "ic", "invoice.updated": "iu", "invoice.sent": "is", "invoice.paid": "ip",
	"invoice.expired": "ie", "invoice.canceled": "ix", "invoice.reopened": "io", "invoice.refunded": "ir",
	"attempt.created": "ac", "attempt.redirected": "ad", "attempt.returned": "ar", "attempt.failed": "af", "attempt.canceled": "ax",
	"attempt.abandoned": "ab", "attempt.unclaimed": "au", "attempt.needs_review": "an", "attempt.resolved": "as",
	"callback.received": "cr", "callback.mismatch": "cm", "callback.rejected": "cj", "verify.asked": "vq", "verify.answered": "va",
}

var givenActors = map[string]string{"customer": "c", "gateway": "g", "system": "s"}

// eventTypes reads the types of events out of their source.
func eventTypes(t testing.TB) (types []string) {
	t.Helper()
	files, err := filepath.Glob("../app/checkout/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 && strings.HasPrefix(v.Names[0].Name, "Event") && v.Names[0].Name != "EventWebhookTest" { // which is no event
				if l, ok := v.Values[0].(*ast.BasicLit); ok {
					word, err := strconv.Unquote(l.Value)
					if err != nil {
						t.Fatal(err)
					}
					types = append(types, word)
				}
			}
			return true
		})
	}
	return types
}

// TestEventCodes: every type has one code of its own, the same as ever, and none can be taken for a type.
func TestEventCodes(t *testing.T) {
	types := eventTypes(t)
	slices.Sort(types)
	if want := len(given); len(types) != want || len(slices.Compact(slices.Clone(types))) != want {
		t.Errorf("%d types, %d codes: %v", len(types), want, types)
	}
	for form, words := range map[string]map[string]string{"type": given, "actor": givenActors} {
		seen := map[string]string{}
		for word, code := range words {
			if other := seen[code]; other != "" || words[code] != "" {
				t.Errorf("%q is the code of %s, and %s", code, word, other)
			}
			seen[code] = word
			if got := db.EventForms[form].Short(word); got != code {
				t.Errorf("%s is stored as %q and was as %q", word, got, code)
			}
			if got := db.EventForms[form].Full(code); got != word {
				t.Errorf("%q is read as %q and was written for %s", code, got, word)
			}
		}
	}
	for _, word := range types {
		if code := given[word]; len(code) != 2 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz") != "" || !strings.Contains(word, ".") {
			t.Errorf("the code of %s is %q", word, code)
		}
	}
	for actor := range givenActors {
		if got := (checkout.Actor{Kind: actor}).String(); got != actor {
			t.Errorf("the actor %s is called %s", actor, got)
		}
	}
}

const aDigits = "06h2d0n0ypp9nwenseszdqp5j"

// FuzzEventForms: what is stored is read as it was, whatever it is, and so is what was stored in full
// before there were short forms.
func FuzzEventForms(f *testing.F) {
	for _, word := range []string{
		"", "=", "==", "c", "g", "s", "nobody", "customer", "key:key_" + aDigits, "user:usr_" + aDigits, "ic", "=ic", "==ic", "invoice.paid", "invoice.lost",
		"att_", "att_1", "att_" + aDigits, aDigits, "=" + aDigits, "=" + aDigits[1:], "att_=" + aDigits[1:], "att_att_" + aDigits[4:],
		"req_", "req_08qe1tkxbf4w5jwh", "req_5f2b9c0d1e3a4f685b7c9d0e", "req_=", "=req_1", "req_req_1", "08qe1tkxbf4w5jwh", "5f2b9c0d1e3a4f685b7c9d0e5f2b9c0d", "a.b-c_d",
	} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		// What stood in a database of before: no word has the sign or is a code, no attempt is without its prefix.
		sign, code := strings.HasPrefix(word, "="), len(word) <= 2
		before := map[string]bool{"type": !sign && !code, "actor": !sign && !code, "attempt": !sign && len(word) != len(aDigits), "request": !sign}
		for name, form := range db.EventForms {
			short := form.Short(word)
			if got := form.Full(short); got != word {
				t.Errorf("%s %q is stored as %q and read as %q", name, word, short, got)
			}
			if len(short) > len(word)+1 {
				t.Errorf("%s %q is stored as %q", name, word, short)
			}
			if got := form.Full(word); before[name] && got != word {
				t.Errorf("%s %q of before is read as %q", name, word, got)
			}
		}
	})
}

// told is an invoice with an event of every type, one of no known type, and every kind of actor and id.
func (s *till) told() (*checkout.Invoice, []checkout.Event) {
	inv := s.newInvoice()
	a := s.newAttempt(inv)
	s.put(a, checkout.AttemptFailed) // with the times that sums read
	actors := []string{"customer", "gateway", "system", "key:key_" + aDigits, "user:usr_" + aDigits, "s:s"}
	requests := []string{"req_08qe1tkxbf4w5jwh", "", "req_5f2b9c0d1e3a4f685b7c9d0e", "5f2b9c0d1e3a4f685b7c9d0e5f2b9c0d", "08qe1tkxbf4w5jwh", "a.b-c_d", aDigits, "req_"}
	types := append(eventTypes(s.t), "invoice.lost", "verify.answered")
	var events []checkout.Event
	for i, kind := range types {
		e := s.eventAt(inv, i+1, kind)
		e.Actor, e.RequestID = actors[i%len(actors)], requests[i%len(requests)]
		if !strings.HasPrefix(kind, "invoice.") || kind == checkout.EventInvoicePaid {
			e.AttemptID = a.ID
		}
		events = append(events, e)
	}
	return inv, events
}

func (s *till) eventAt(inv *checkout.Invoice, sequence int, kind string) checkout.Event {
	at := moneyTime.Add(time.Duration(sequence) * time.Millisecond)
	return checkout.Event{
		ID: db.EventID(inv.ID, int64(sequence)), InvoiceID: inv.ID, Sequence: int64(sequence), Type: kind, Actor: "gateway", GatewayID: "g", CreatedAt: at,
		Data: fmt.Sprintf(`{"n":%d}`, sequence),
	}
}

// head moves an invoice's head to its last event, as the engine does.
func (s *till) head(inv *checkout.Invoice, events []checkout.Event) {
	hash := ""
	for i := range events {
		hash = checkout.EventHash(hash, &events[i])
	}
	s.must(func(tx *db.Tx) error {
		return tx.Exec(`UPDATE invoices SET event_seq = $1, event_hash = $2 WHERE id = $3`, int64(len(events)), hash, inv.ID)
	})
}

// inFull stores events as they were stored before there were short forms.
func (s *till) inFull(events []checkout.Event) {
	s.must(func(tx *db.Tx) (err error) {
		for _, e := range events {
			err = errors.Join(err, tx.Exec(`INSERT INTO events (invoice_id, sequence, attempt_id, type, actor, request_id, gateway_id, data, created_at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, e.InvoiceID, e.Sequence, e.AttemptID, e.Type, e.Actor, e.RequestID, e.GatewayID, e.Data, e.CreatedAt.UnixMilli()))
		}
		return err
	})
}

// proven says whether the chains of a database are those of some invoices, each whole.
func proven(tx *db.Tx, want map[string][]checkout.Event) error {
	chains := 0
	err := tx.EachChain(func(c *db.Chain) error {
		chains++
		hash := ""
		for i := range c.Events {
			hash = checkout.EventHash(hash, &c.Events[i])
		}
		if !slices.Equal(c.Events, want[c.InvoiceID]) || c.Head != int64(len(c.Events)) || c.Hash != hash {
			return fmt.Errorf("chain %+v, want %+v", c, want[c.InvoiceID])
		}
		return nil
	})
	if err == nil && chains != len(want) {
		err = fmt.Errorf("%d chains, want %d", chains, len(want))
	}
	return err
}

// read holds what is read and counted against what was stored.
func (s *till) read(want map[string][]checkout.Event) {
	s.t.Helper()
	s.must(func(tx *db.Tx) error {
		if err := proven(tx, want); err != nil {
			return err
		}
		for id, events := range want {
			list, err := tx.EventsOfInvoice(id, 0, 99)
			if err != nil {
				return err
			}
			slices.Reverse(list)
			if !slices.Equal(list, events) {
				s.t.Errorf("read %+v, want %+v", list, events)
			}
			counts := map[[2]string]int{}
			for _, e := range events {
				counts[[2]string{e.AttemptID, e.Type}]++
			}
			for of, want := range counts {
				if n, err := tx.CountEvents(id, of[0], of[1]); err != nil || n != want {
					s.t.Errorf("%d events %s of %q, want %d; %v", n, of[1], of[0], want, err)
				}
			}
		}
		return nil
	})
}

// fed gives places to what is new, and holds the feed against what was stored.
func (s *till) fed(want map[string][]checkout.Event) {
	s.t.Helper()
	s.must(func(tx *db.Tx) error {
		_, err := tx.FeedNews(checkout.Feed{MerchantID: pottery, Live: true}, 9)
		return err
	})
	s.must(func(tx *db.Tx) error {
		list, _, err := tx.Feed(db.FeedQuery{MerchantID: pottery, Live: true, Oldest: true, Limit: 99})
		got := map[string][]checkout.Event{}
		for _, e := range list {
			got[e.InvoiceID] = append(got[e.InvoiceID], e)
		}
		for id, events := range want {
			if !slices.Equal(got[id], events) {
				s.t.Errorf("the feed has %+v, want %+v", got[id], events)
			}
		}
		return err
	})
}

// summed holds what sums are made of against what was stored.
func (s *till) summed(news []db.News, want map[string][]checkout.Event) {
	s.t.Helper()
	silent := []string{"verify.answered", "callback.received", "callback.mismatch", "callback.rejected", "attempt.redirected", "invoice.sent"}
	if len(news) != len(want) {
		s.t.Fatalf("news of %d invoices, want %d", len(news), len(want))
	}
	for id, events := range want {
		var list []db.NewsEvent
		for _, e := range events {
			n := db.NewsEvent{Sequence: e.Sequence, Type: e.Type, AttemptID: e.AttemptID, At: e.CreatedAt}
			if e.Type == checkout.EventAttemptResolved || e.Type == checkout.EventInvoiceRefunded {
				n.Data = e.Data
			}
			if e.Type == checkout.EventAttemptCreated || e.Type == checkout.EventInvoicePaid {
				n.Gateway, n.Began, n.Paid, n.Returned, n.Verified = "ghesta", moneyTime, 1_500_000, time.UnixMilli(1).UTC(), time.UnixMilli(1).UTC()
			}
			if !slices.Contains(silent, e.Type) {
				list = append(list, n)
			}
		}
		if !slices.ContainsFunc(news, func(n db.News) bool { return slices.Equal(n.Events, list) }) {
			s.t.Errorf("%s: %+v\nis not in %+v", id, list, news)
		}
	}
}

// TestEvents_BothForms: an invoice whose events are in full, as they were stored once, is read, counted,
// fed, summed, backed up and put back like one of today, and goes on.
func TestEvents_BothForms(t *testing.T) {
	tills(t, func(s *till) {
		feed := checkout.Feed{MerchantID: pottery, Live: true}
		newer, today := s.told()
		older, before := s.told()
		stories := map[string][]checkout.Event{newer.ID: today, older.ID: before}
		s.must(func(tx *db.Tx) error { return tx.InsertEvents(today) })
		s.inFull(before)
		s.head(newer, today)
		s.head(older, before)
		s.read(stories)
		s.must(func(tx *db.Tx) error {
			for column, want := range map[string]string{"type": "ad", "actor": "s", "request_id": "=08qe1tkxbf4w5jwh", "attempt_id": strings.TrimPrefix(today[20].AttemptID, "att_")} {
				if n, err := tx.Int(`SELECT COUNT(*) FROM events WHERE invoice_id = $1 AND `+column+` = $2`, newer.ID, want); err != nil || n == 0 {
					s.t.Errorf("no %s is stored as %q; %v", column, want, err)
				}
			}
			missing, err := tx.FeedMissing(feed, 9)
			s.summed(missing, stories)
			return err
		})
		s.fed(stories)
		s.must(func(tx *db.Tx) error {
			_, behind, err := tx.FeedBehind(feed, 0, 99)
			// An invoice has a row for each of its places; the one that reaches furthest has all its events.
			most := map[int64]db.News{}
			for _, n := range behind {
				if len(n.Events) > len(most[n.Number].Events) {
					most[n.Number] = n
				}
			}
			s.summed(slices.Collect(maps.Values(most)), stories)
			return err
		})

		// It goes on.
		for i, kind := range []string{checkout.EventVerifyAsked, checkout.EventVerifyAnswered} {
			e := s.eventAt(older, len(before)+1+i, kind)
			e.AttemptID, e.RequestID = before[len(before)-1].AttemptID, "req_08qe1tkxbf4w5jwh"
			stories[older.ID] = append(stories[older.ID], e)
		}
		s.must(func(tx *db.Tx) error { return tx.InsertEvents(stories[older.ID][len(before):]) })
		s.head(older, stories[older.ID])
		s.read(stories)
		s.fed(stories)

		dir := s.t.TempDir()
		check := func(d *db.DB) error {
			return d.View(s.t.Context(), func(tx *db.Tx) error { return proven(tx, stories) })
		}
		file, url := filepath.Join(dir, "backup.db"), "sqlite:"+filepath.Join(dir, "restored.db")
		if _, err := s.Backup(s.t.Context(), file, false, check); err != nil {
			s.t.Fatal(err)
		}
		if _, err := db.Restore(s.t.Context(), db.RestoreOptions{From: file, URL: url, Check: check}); err != nil {
			s.t.Fatal(err)
		}
		if err := check(dbtest.Open(s.t, db.Options{URL: url})); err != nil {
			s.t.Error(err)
		}
	})
}
