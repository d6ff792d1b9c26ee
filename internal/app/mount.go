package app

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"dargah/internal/app/crash"
	"dargah/internal/app/server"
	"dargah/internal/db"
	"dargah/internal/gateways/simulator"
)

// mounted is how test mode reaches the simulator's calls: in memory, never by the network. They
// are not served in public, so that strangers cannot fill its ledger.
func mounted(sim *simulator.Simulator) http.RoundTripper {
	return inMemory{http.StripPrefix(simulatorPath, sim)}
}

// mountSimulator serves the pages on which a customer of test mode pays. A production server has
// them too: they can settle payments of test mode only, which never touch a live invoice.
func mountSimulator(srv *server.Server, sim *simulator.Simulator) {
	srv.Echo.Any(simulatorPath+"/*", echo.WrapHandler(http.StripPrefix(simulatorPath, sim.Pages())))
	srv.Echo.GET(simulatorPath, func(c echo.Context) error {
		return c.Redirect(http.StatusMovedPermanently, simulatorPath+"/")
	})
}

// journal keeps the simulator's ledger in our database, opaque to us.
type journal struct{ db *db.DB }

// Record appends one entry; it returns when the entry is on disk.
func (j journal) Record(ctx context.Context, entry []byte) error {
	crash.At("journal.before")
	err := j.db.Update(ctx, func(tx *db.Tx) error { return tx.AppendSimulatorEntry(entry) })
	crash.At("journal.after")
	return err
}

// sharedJournal is a journal to which other processes append as well.
type sharedJournal struct{ journal }

// Since reads what stands behind the first entries.
func (j sharedJournal) Since(ctx context.Context, n int) ([][]byte, error) {
	return simulatorEntries(ctx, j.db, n)
}

// journalOf is the ledger's journal in a database; on SQLite there is one server, which knows it.
func journalOf(store *db.DB) simulator.Journal {
	if store.Engine() == db.SQLite {
		return journal{store}
	}
	return sharedJournal{journal{store}}
}

func simulatorEntries(ctx context.Context, store *db.DB, after int) ([][]byte, error) {
	var entries [][]byte
	err := store.View(ctx, func(tx *db.Tx) (err error) {
		entries, err = tx.SimulatorEntries(after)
		return err
	})
	return entries, err
}
