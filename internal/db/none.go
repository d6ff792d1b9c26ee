package db

import (
	"database/sql"
	"errors"
	"fmt"

	"dargah/internal/app/checkout"
)

// none turns the driver's no-row into the house's not-found.
func none(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%s: %w", what, checkout.NotFound)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
