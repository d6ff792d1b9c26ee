package payments

import (
	"context"
	"strconv"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// pageNames are the fields of a payment page as the log of deeds tells them; amounts are in rial.
var pageNames = []string{"page_title", "page_amount", "page_min", "page_max", "page_stock", "page_text", "page_thanks", "page_opens", "page_closes", "page_off"}

func pageWords(p *checkout.PayPage) map[string]string {
	number := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	return map[string]string{
		"page_title": p.Title, "page_amount": number(int64(p.Amount)), "page_min": number(int64(p.Min)), "page_max": number(int64(p.Max)), "page_stock": number(p.Stock),
		"page_text": p.Text, "page_thanks": p.Thanks, "page_opens": at(p.OpensAt), "page_closes": at(p.ClosesAt), "page_off": at(p.OffAt),
	}
}

// recordPage writes into the log what somebody made of a payment page.
func recordPage(ctx context.Context, tx *db.Tx, kind string, before, after *checkout.PayPage) error {
	return tx.Record(&checkout.Deed{
		MerchantID: after.MerchantID, Live: after.Live, By: checkout.ActorOf(ctx), Area: checkout.AreaPage, Kind: kind, Object: after.ID, Name: after.Title,
		Changes: checkout.Diff(pageNames, pageWords(before), pageWords(after)),
	})
}
