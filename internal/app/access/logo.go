package access

import (
	"context"
	"fmt"

	"dargah/internal/app/checkout"
	"dargah/internal/app/logo"
	"dargah/internal/db"
)

// SetLogo gives a shop the picture in a file, in place of the one it had; without a file it has none any
// more. Errors: Invalid with what is wrong with the file, NotFound.
func (a *Access) SetLogo(ctx context.Context, merchantID string, file []byte) error {
	var pic logo.Logo
	var name checkout.LogoName
	if file != nil {
		var err error
		pic, err = logo.Read(file)
		if code := logo.Code(err); code != "" {
			return checkout.WrongField("file", code)
		}
		if err != nil {
			return err
		}
		name = checkout.NameLogo(pic.Hash, pic.Width, pic.Height)
	}
	err := a.DB.Update(ctx, func(tx *db.Tx) error {
		if err := tx.LockMerchant(merchantID); err != nil {
			return err
		}
		m, err := tx.Merchant(merchantID)
		if err != nil {
			return err
		}
		if m.Logo == name {
			return nil // the same press twice, or the same picture again
		}
		if err := tx.SetLogo(merchantID, name, pic.PNG); err != nil {
			return err
		}
		d := shopDeed(ctx, m.ID, checkout.AreaShop, "shop.changed")
		d.Object, d.Name = m.ID, m.Name
		d.Changes = []checkout.Change{{Field: "logo", Before: m.Logo.Label(), After: name.Label()}}
		return tx.Record(&d)
	})
	if err != nil {
		return fmt.Errorf("set logo: %w", err)
	}
	return nil
}
