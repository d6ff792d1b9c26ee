package payments

import (
	"context"

	"dargah/internal/app/checkout"
	"dargah/internal/db"
)

// Logo is the picture of that name, as it is served. NotFound when no shop has it any more.
func (e *Engine) Logo(ctx context.Context, name checkout.LogoName) ([]byte, error) {
	var png []byte
	err := e.DB.View(ctx, func(tx *db.Tx) (err error) {
		png, err = tx.Logo(name)
		return err
	})
	return png, err
}
