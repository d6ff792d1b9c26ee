// Package world plays whole histories in one process: the engine on a real store, the vendors'
// simulator, a network that loses and lies, clocks that jump, customers, merchants, and processes
// that die between any two steps. Everything comes from one number, and the same number gives the
// same history to the byte; after every step the laws of laws_test.go hold. See docs/testing.md.
package world_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/payments"
	"dargah/internal/db"
	"dargah/internal/gateways"
	"dargah/internal/gateways/gardeshpay"
	"dargah/internal/gateways/ghesta"
)

var (
	oneSeed   = flag.Uint64("world.seed", 0, "play this one history and tell it; TestSeed")
	histories = flag.Int("world.histories", 0, "how many histories TestLong plays")
	from      = flag.Uint64("world.from", 1, "the first seed of TestLong")
	ledger    = flag.String("world.ledger", "", "the file in which TestLong keeps what it did, to go on from there")
	lanes     = flag.Int("world.lanes", 1, "how many histories TestLong plays at once")
	tell      = flag.Bool("world.tell", false, "TestSeed tells a history that breaks no law, too")
)

// empty is a migrated database with one merchant, as bytes: each history begins with a copy.
var (
	empty  []byte
	folder string
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	// Memory, if there is such a place: these tests are about states. What is on disk when a process
	// dies is asked by crashtest.
	dir, err := os.MkdirTemp("/dev/shm", "world-")
	if err != nil {
		if dir, err = os.MkdirTemp("", "world-"); err != nil {
			return 1, err
		}
	}
	defer func() { _ = os.RemoveAll(dir) }()
	folder = dir
	file := filepath.Join(dir, "empty.db")
	store, err := db.Open(context.Background(), db.Options{URL: "sqlite:" + file, CreateIfEmpty: true, Now: func() time.Time { return start }})
	if err != nil {
		return 1, err
	}
	if err := errors.Join(openShop(store), store.Close()); err != nil {
		return 1, err
	}
	if empty, err = os.ReadFile(file); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// openShop makes the merchant and its accounts with both gateways.
func openShop(store *db.DB) error {
	client := gateways.NewClient(gateways.ClientOptions{})
	both := map[string]gateways.Gateway{"gardeshpay": gardeshpay.New(client), "ghesta": ghesta.New(client)}
	e := payments.New(payments.Options{DB: store, Box: box, Live: both, Test: both, Random: random(0, "shop"), Log: slog.New(slog.DiscardHandler)})
	ctx := context.Background()
	err := store.Update(ctx, func(tx *db.Tx) error {
		return tx.InsertMerchant(&checkout.Merchant{ID: merchantID, Slug: "pottery", Name: "Pottery", Locale: "fa", CreatedAt: tx.Now()})
	})
	sc := payments.Scope{MerchantID: merchantID, Live: true}
	return errors.Join(err,
		e.SetAccount(ctx, sc, "gardeshpay", map[string]string{"enabled": "true"}, checkout.Actor{}),
		e.SetAccount(ctx, sc, "ghesta", map[string]string{"token": "rial-shop"}, checkout.Actor{}))
}

// wipe removes a database and what stands beside it.
func wipe(path string) {
	for _, tail := range []string{"", "-wal", "-shm", ".lock", ".migrating"} {
		_ = os.Remove(path + tail)
	}
}
