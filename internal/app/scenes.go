package app

import (
	"context"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
)

// The two scenes that are named by themselves in what the demo prints.
const (
	scenePayableFA = "Payable"
	scenePayableEN = "Payable, English"
)

// scene is one invoice of the demo: when it was made, what happened to it, and where it ends.
type scene struct {
	state   string
	invoice payments.NewInvoice
	ago     time.Duration // how long before now it is made
	life    time.Duration // from then to its expiry
	past    bool          // time must pass in it, so that it can be played at its hour only
	status  checkout.InvoiceStatus
	attempt checkout.AttemptStatus // of one of its attempts; "" when none matters
	act     func(ctx context.Context, s *stager, inv checkout.Invoice) error
}

const (
	week = 7 * 24 * time.Hour
	// curtain is when the first scene may begin, before now.
	curtain = 31 * time.Hour
)

// scenes are every state that a customer can meet, oldest first: the clock of the demo only moves
// forward.
func scenes() []scene {
	return []scene{
		{
			state: "Expired", invoice: order("MP-1207", "کوزهٔ لعاب‌دار", 7_600_000, "مریم دهقان"), ago: 30 * time.Hour, life: 24 * time.Hour, past: true,
			status: checkout.InvoiceExpired, act: func(_ context.Context, s *stager, _ checkout.Invoice) error {
				s.clock.set(6*time.Hour - time.Minute)
				return nil
			},
		},
		{
			state: "Paid by card", invoice: order("MP-1208", "بشقاب دیواری ۴۰ سانتی", 21_500_000, "کیان صالحی"), ago: 5 * time.Hour, life: week,
			status: checkout.InvoicePaid, attempt: checkout.AttemptPaid, act: visits("gardeshpay", "paid"),
		},
		{
			state: "Card declined", invoice: order("MP-1209", "قندان و سینی", 8_900_000, "زهرا قاسمی"), ago: 4 * time.Hour, life: week,
			status: checkout.InvoiceOpen, attempt: checkout.AttemptFailed, act: visits("gardeshpay", "declined"),
		},
		{
			state: "Paid, instalments", invoice: order("MP-1210", "هدیهٔ سازمانی، ۴۲ بسته", 54_600_000, "شرکت مهرآیین یزد"), ago: 3 * time.Hour, life: week,
			status: checkout.InvoicePaid, attempt: checkout.AttemptPaid, act: visits("ghesta", "paid"),
		},
		{
			state: "Given up", invoice: order("MP-1211", "دو پیاله", 3_200_000, "هومن یزدانی"), ago: 150 * time.Minute, life: week, past: true,
			status: checkout.InvoiceOpen, attempt: checkout.AttemptAbandoned, act: func(ctx context.Context, s *stager, inv checkout.Invoice) error {
				if _, err := s.browser.leave(ctx, s.app.Engine.PaymentURL(&inv), "gardeshpay"); err != nil {
					return err
				}
				s.clock.set(119 * time.Minute)
				return nil
			},
		},
		{
			state: "Canceled at Ghesta", invoice: order("MP-1212", "سرویس چای‌خوری فیروزه‌ای", 19_800_000, "علی‌اکبر نوروزی"), ago: 110 * time.Minute, life: week,
			status: checkout.InvoiceOpen, attempt: checkout.AttemptCanceled, act: visits("ghesta", "canceled"),
		},
		{
			state: "Withdrawn", invoice: order("MP-1213", "گلدان خورشیدخانم", 6_400_000, "فاطمه موسوی"), ago: 100 * time.Minute, life: week,
			status: checkout.InvoiceCanceled, act: func(ctx context.Context, s *stager, inv checkout.Invoice) error {
				_, _, err := s.app.Engine.CancelInvoice(ctx, s.scope, inv.ID, checkout.Actor{}, nil)
				return err
			},
		},
		{
			state: "Unclaimed payment", invoice: order("MP-1214", "سرویس غذاخوری ۱۲ نفره", 43_500_000, "سپیده رستمی"), ago: 90 * time.Minute, life: week,
			status: checkout.InvoiceCanceled, attempt: checkout.AttemptUnclaimed, act: paidAfterCancel,
		},
		{
			state: "Needs a person", invoice: order("MP-1215", "آینهٔ دیواری سفالی", 12_800_000, "محمدرضا کریمی"), ago: 80 * time.Minute, life: week,
			status: checkout.InvoiceReview, attempt: checkout.AttemptNeedsReview, act: visits("gardeshpay", "verify_wrong_amount"),
		},
		{
			state: "Too small to pay", invoice: order("MP-1218", "ارسال دوباره", 5_000, ""), ago: 70 * time.Minute, life: 52 * week,
			status: checkout.InvoiceOpen,
		},
		{
			state: "Being confirmed", invoice: order("MP-1216", "کاسهٔ نقش ماهی، ۴ عدد", 12_800_000, "بهرام نیک‌پور"), life: week,
			status: checkout.InvoiceProcessing, attempt: checkout.AttemptVerifying, act: neverConfirmed,
		},
		{state: scenePayableFA, invoice: payableFA(), life: 52 * week, status: checkout.InvoiceOpen},
		{state: scenePayableEN, invoice: payableEN(), life: 52 * week, status: checkout.InvoiceOpen},
	}
}

func order(reference, what string, amount int64, customer string) payments.NewInvoice {
	return payments.NewInvoice{
		Amount: money.Rial(amount), Description: what, Reference: reference, Customer: checkout.Customer{Name: customer}, Locale: "fa",
	}
}

func payableFA() payments.NewInvoice {
	in := order("MP-1217", "سفارش MP-1217", 27_050_000, "نگار احمدی")
	in.Items = []checkout.Item{
		{Title: "سرویس چای‌خوری فیروزه‌ای، ۶ نفره", Quantity: 1, UnitAmount: 19_800_000},
		{Title: "گلدان خورشیدخانم", Quantity: 2, UnitAmount: 3_200_000},
		{Title: "ارسال با پست پیشتاز", Quantity: 1, UnitAmount: 850_000},
	}
	return in
}

func payableEN() payments.NewInvoice {
	in := order("MP-1219", "Order MP-1219", 27_050_000, "Negar Ahmadi")
	in.Locale = "en"
	in.Items = []checkout.Item{
		{Title: "Turquoise tea set for six", Quantity: 1, UnitAmount: 19_800_000},
		{Title: "Khorshid Khanom vase", Quantity: 2, UnitAmount: 3_200_000},
		{Title: "Express post", Quantity: 1, UnitAmount: 850_000},
	}
	return in
}

func visits(gateway, outcome string) func(context.Context, *stager, checkout.Invoice) error {
	return func(ctx context.Context, s *stager, inv checkout.Invoice) error {
		return s.visit(ctx, inv, gateway, outcome, "0")
	}
}

// paidAfterCancel: the merchant withdraws the invoice while the customer is out at the gateway.
func paidAfterCancel(ctx context.Context, s *stager, inv checkout.Invoice) error {
	at, err := s.browser.leave(ctx, s.app.Engine.PaymentURL(&inv), "ghesta")
	if err != nil {
		return err
	}
	if _, _, err := s.app.Engine.CancelInvoice(ctx, s.scope, inv.ID, checkout.Actor{}, nil); err != nil {
		return err
	}
	return s.browser.comeBack(ctx, at, "paid", "0")
}

// neverConfirmed: the gateway answers every verify of the window with 503. The callback would wait some seconds
// for its word; nobody needs to watch that here, and verifying goes on without the browser.
func neverConfirmed(ctx context.Context, s *stager, inv checkout.Invoice) error {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	came := make(chan error, 1)
	go func() { came <- s.visit(waiting, inv, "gardeshpay", "verify_503", "1000") }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-came:
			return err
		case <-tick.C:
		}
		now, err := s.app.Engine.Invoice(ctx, s.scope, inv.ID)
		if err != nil || now.Status != checkout.InvoiceOpen {
			cancel()
			<-came // the browser gave up on purpose
			return err
		}
	}
}
