package mail

import (
	"context"
	"strings"

	"dargah/internal/app/checkout"
	"dargah/internal/app/tracing"
)

// trace tells of a try, in the trace of the invoice.
func (r *Room) trace(ctx context.Context, l *checkout.Letter, try func(context.Context)) {
	ctx, span := tracing.After(ctx, "letter", l.InvoiceID, caused(l))
	defer span.End()
	try(ctx)
	span.Set("letter.id", l.ID)
	span.Set("letter.kind", string(l.Kind))
	span.Set("outcome", string(l.Status))
	span.Fail(l.Status != checkout.LetterSent)
}

// caused is the event under which a letter stands: that of a payment. What people or the clock asked for
// has none.
func caused(l *checkout.Letter) string {
	event, _, _ := strings.Cut(l.Key, "/")
	if l.Kind == checkout.LetterRequest || l.Kind == checkout.LetterReminder || !strings.HasPrefix(event, checkout.PrefixEvent) {
		return ""
	}
	return event
}
