package pages_test

import (
	"context"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
	"dargah/internal/app/payments"
)

func (f *fake) PayPage(_ context.Context, merchant, page string, _ money.Rial) (payments.OpenPage, error) {
	if merchant != f.open.Merchant.Slug || page != f.open.Page.Slug || page == "" {
		return payments.OpenPage{}, checkout.Fail(checkout.NotFound, "error.not_found")
	}
	return f.open, nil
}

func (f *fake) StartPage(_ context.Context, in payments.PagePress, start payments.StartInput) (string, string, error) {
	f.presses, f.starts = append(f.presses, in), append(f.starts, start)
	return f.redirect, "", f.startErr
}

func (f *fake) Logo(_ context.Context, name checkout.LogoName) ([]byte, error) {
	if name != pictureName {
		return nil, checkout.Fail(checkout.NotFound, "error.not_found")
	}
	return []byte("\x89PNG"), nil
}

// pictureName is what the picture of a shop is called that has one.
const pictureName checkout.LogoName = "9f86d081884c7d659a2feaa0c55ad015-396x132"

// workshop is a page of the merchant's: a place in a workshop.
func workshop(change func(*checkout.PayPage)) payments.OpenPage {
	p := payable()
	o := payments.OpenPage{Merchant: p.Merchant, Methods: p.Methods, Now: now, Page: checkout.PayPage{
		ID: "pag_1", Live: true, Slug: "workshop", Title: "کارگاه سفال، جمعه‌ها", Text: "شش جلسه، با گل و کوره.\nدر میبد برگزار می‌شود.", Locale: "fa",
		Amount: 12_000_000, Stock: 12, Taken: 9, ClosesAt: tehran("2026-10-20 23:59:00"), Thanks: "به کارگاه خوش آمدید.\nنشانی را پیامک می‌کنیم.",
		Fields: []checkout.PageField{{Label: "نام و نام خانوادگی", Kind: checkout.FieldName, Required: true}, {Label: "موبایل", Kind: checkout.FieldMobile, Required: true}, {Label: "شهر", Kind: checkout.FieldText}},
	}}
	for i := range o.Methods {
		o.Methods[i].NeedsName, o.Methods[i].NeedsMobile = false, false // the page asks for both itself
	}
	if change != nil {
		change(&o.Page)
	}
	o.State = o.Page.At(now)
	return o
}
