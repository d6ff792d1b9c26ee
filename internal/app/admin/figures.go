package admin

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"dargah/internal/app/access"
	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/web/templates"
)

// chartDays is how many days the chart shows.
const chartDays = 30

// day is what one day brought.
type day struct {
	count int
	total money.Rial
}

// days remembers what days that are over brought: what is paid stays paid, so they never change. A day
// counts as over an hour after its end, when every transaction of it is.
type days struct {
	mu    sync.Mutex
	known map[dayKey]day
}

type dayKey struct {
	scope payments.Scope
	from  int64
}

// maxDays bounds what is remembered; beyond it the days are added up anew.
const maxDays = 20_000

func (d *days) of(tx *db.Tx, sc payments.Scope, from, to, now time.Time) (day, error) {
	key := dayKey{sc, from.Unix()}
	over := now.After(to.Add(time.Hour))
	if over {
		d.mu.Lock()
		got, ok := d.known[key]
		d.mu.Unlock()
		if ok {
			return got, nil
		}
	}
	count, total, err := tx.PaidBetween(sc.MerchantID, sc.Live, from, to)
	got := day{count, total}
	if err == nil && over {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.known == nil || len(d.known) >= maxDays {
			d.known = map[dayKey]day{}
		}
		d.known[key] = got
	}
	return got, err
}

// books are what the days of a shop brought: out of their sums or, while those do not reach to now, out
// of the invoices themselves.
type books struct {
	payments.Days
	admin *Admin
	tx    *db.Tx
	scope payments.Scope
	now   time.Time
}

func (b *books) of(from time.Time) (day, error) {
	if b.Behind {
		return b.admin.days.of(b.tx, b.scope, from, nextDay(from), b.now)
	}
	count, total := b.Paid(from, from)
	return day{count, total}, nil
}

func (b *books) ends(from time.Time) ([]db.Ended, error) {
	if b.Behind {
		return b.tx.AttemptEnds(b.scope.MerchantID, b.scope.Live, from)
	}
	return b.Ends(from, b.now), nil
}

// firstCharted is the first of the days that the home page tells of: it shows the newest thirty, and the
// Jalali month.
func firstCharted(now time.Time) time.Time {
	begin := startOfDay(now)
	for range chartDays - 1 {
		begin = startOfDay(begin.Add(-12 * time.Hour))
	}
	if first, _ := i18n.JalaliMonth(now); first.Before(begin) {
		return first
	}
	return begin
}

// sums are today, this Jalali month, how the gateways do, and the chart of days.
func (a *Admin) sums(b *books, v *visit, view *templates.Front) error {
	l, now := v.l, b.now
	first, _ := i18n.JalaliMonth(now)
	start := startOfDay(now)
	var list []day
	var froms []time.Time
	var month, today day
	for from := firstCharted(now); !from.After(start); from = nextDay(from) {
		got, err := b.of(from)
		if err != nil {
			return err
		}
		list, froms = append(list, got), append(froms, from)
		if !from.Before(first) {
			month.count, month.total = month.count+got.count, month.total+got.total
		}
		today = got
	}
	if len(list) > chartDays {
		list, froms = list[len(list)-chartDays:], froms[len(froms)-chartDays:]
	}
	view.Days = v.bars(list, froms, first)
	week, err := b.ends(startOfDay(now.Add(-6 * 24 * time.Hour)))
	if err != nil {
		return err
	}
	view.Ends = v.ends(week)
	ofMonth, err := b.ends(first)
	if err != nil {
		return err
	}
	ofToday, err := b.ends(start)
	if err != nil {
		return err
	}
	view.Figures = []templates.Figure{
		{Name: l.T("admin.figure.today"), Value: i18n.Toman(l, today.total), Unit: l.T("pay.toman"), Text: l.T("admin.figure.payments", "count", number(l, today.count))},
		{Name: l.T("admin.figure.month", "month", i18n.MonthYear(l, now)), Value: i18n.Toman(l, month.total), Unit: l.T("pay.toman"), Text: l.T("admin.figure.payments", "count", number(l, month.count))},
		v.success(ofMonth, ofToday, i18n.MonthYear(l, now)),
		v.speed(b, first, start),
	}
	return nil
}

// success is the share of attempts that paid, by gateway: of the month, and of today where some ended.
func (v *visit) success(month, today []db.Ended, name string) templates.Figure {
	l := v.l
	f := templates.Figure{Name: l.T("admin.figure.success", "month", name), Value: "–", Text: l.T("admin.figure.success_text")}
	for _, gateway := range payments.GatewayNames() {
		percent, any := share(month, gateway)
		if !any {
			continue
		}
		f.Value = ""
		line := templates.FigureLine{Value: l.T("admin.figure.percent", "percent", number(l, percent)), Name: v.brand(gateway)}
		if percent, any := share(today, gateway); any {
			line.Aside = l.T("admin.figure.today_percent", "percent", number(l, percent))
		}
		f.Lines = append(f.Lines, line)
	}
	return f
}

// share is how many of a hundred attempts at a gateway paid, of those that ended.
func share(list []db.Ended, gateway string) (percent int, any bool) {
	paid, all := 0, 0
	for _, e := range list {
		if e.Gateway != gateway || e.Status.Out() {
			continue
		}
		all += e.Count
		if e.Status == checkout.AttemptPaid {
			paid += e.Count
		}
	}
	if all == 0 {
		return 0, false
	}
	return (paid*100 + all/2) / all, true
}

// speed is how long half of the payments took from the customer's return to the proof.
func (v *visit) speed(b *books, month, today time.Time) templates.Figure {
	f := templates.Figure{Name: v.l.T("admin.figure.took"), Value: "–", Text: v.l.T("admin.figure.took_text")}
	if took, any := b.Took(month, b.now); any && !b.Behind {
		f.Value, f.Unit = v.taken(took)
	}
	if took, any := b.Took(today, b.now); any && !b.Behind {
		value, unit := v.taken(took)
		f.Text += " " + v.l.T("admin.figure.took_today", "time", value+" "+unit)
	}
	return f
}

// taken is a short time for reading: tenths of a second, then seconds, then minutes.
func (v *visit) taken(d time.Duration) (value, unit string) {
	text := strconv.FormatFloat(d.Seconds(), 'f', 1, 64)
	unit = v.l.T("admin.figure.seconds")
	switch {
	case d < 50*time.Millisecond:
		return v.l.T("admin.figure.instant"), unit
	case d >= 2*time.Minute:
		text, unit = strconv.Itoa(int((d+30*time.Second)/time.Minute)), v.l.T("admin.figure.minutes")
	case d >= 10*time.Second:
		text = strconv.Itoa(int((d + time.Second/2) / time.Second))
	}
	if v.l == i18n.FA {
		text = strings.ReplaceAll(text, ".", "٫")
	}
	return i18n.Digits(v.l, text), unit
}

// firstSteps lead a new shop: a gateway, an invoice, a look as a customer.
func (a *Admin) firstSteps(tx *db.Tx, v *visit, view *templates.Front) error {
	view.First = nil
	list, err := tx.Invoices(db.InvoiceQuery{MerchantID: v.scope.MerchantID, Live: v.scope.Live, Limit: 1})
	if err != nil || len(list) > 0 || v.right < access.Work {
		return err
	}
	accounts, err := tx.GatewayAccounts(v.scope.MerchantID, v.scope.Live)
	if err != nil {
		return err
	}
	if v.scope.Live && len(accounts) == 0 && v.right >= access.Rule {
		view.First = append(view.First, templates.Action{Href: settingsPath + "/gateways", Text: v.l.T("admin.first.gateway")})
	}
	view.First = append(view.First, templates.Action{Href: guidePath, Text: v.l.T("admin.first.guide")})
	view.First = append(view.First, templates.Action{Href: listPath + "/new", Text: v.l.T("admin.first.invoice")})
	if v.scope.Live {
		view.First = append(view.First, templates.Action{Href: accountPath, Text: v.l.T("admin.first.test")})
	}
	return nil
}
