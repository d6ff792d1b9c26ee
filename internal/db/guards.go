package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Databases that speak PostgreSQL's language know its tables, indexes and row locks, which alone decide about
// money, but not all that it offers beside them. A server starts there all the same, says what is missing, and
// does not do what only that would make safe. What it cannot do without is in settlePostgres.

// Guard is something that keeps people from mistakes, and that not every database has.
type Guard string

const (
	// Locks are advisory locks, by which a restore, a copy and a migration know of servers and of each other.
	Locks Guard = "advisory locks"
	// History is the cluster's timeline, by which a server knows that commits may have been lost.
	History Guard = "timeline"
)

// Unless says what an operator must do himself without it.
func (g Guard) Unless() string {
	switch g {
	case Locks:
		return "nothing keeps a restore, or a second migration, away from a running server: stop every server first"
	case History:
		return "a standby that took over, or a database put back to an earlier moment, is not noticed: stop every server, and begin new series by hand"
	}
	return ""
}

// Missing lists what a server found its database to lack.
func (db *DB) Missing() []Guard {
	var list []Guard
	if db.lacksLocks {
		list = append(list, Locks)
	}
	if db.lacksHistory.Load() {
		list = append(list, History)
	}
	return list
}

var (
	errUnguarded = errors.New("the database has no advisory locks, so nobody can know whether a server runs on it")
	// ErrNoRestore: the rows of a database that others may be using, or that may be left half empty, are not
	// replaced.
	ErrNoRestore = errors.New("a restore replaces all rows in one transaction and under a lock, which of the databases that speak PostgreSQL's language only PostgreSQL is known to do: restore into an SQLite file, stop every server, and copy that into an empty database (checkout db copy)")
)

// yugabyte tells YugabyteDB by what it calls its version, "PostgreSQL 15.12-YB-2025.2…".
func yugabyte(version string) bool { return strings.Contains(version, "-YB-") }

// lacks reports whether a database said that it does not have what was asked for: no such function, feature
// not supported.
func lacks(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (refused.Code == "42883" || refused.Code == "0A000")
}

// What our advisory locks are called: what for, and which schema of the database.
const (
	lockPresence = 1147237991 // "Darg"
	lockHistory  = lockPresence + 1
	lockTrial    = lockPresence + 2
)

const schemaNow = `SELECT COALESCE(current_schema(), '')`

func lockOf(class int, schema string) string {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(schema))
	return fmt.Sprintf("%d, %d", class, int32(sum.Sum32()))
}

func lockOn(ctx context.Context, conn *sql.Conn, class int) (string, error) {
	var schema string
	if err := conn.QueryRowContext(ctx, schemaNow).Scan(&schema); err != nil {
		return "", fmt.Errorf("lock: %w", err)
	}
	return lockOf(class, schema), nil
}

// locksHold reports whether advisory locks of a database keep anybody out. That the functions are there proves
// nothing (CockroachDB has some that do nothing, and YugabyteDB has a switch for the same): a lock that conn
// takes is asked for on another connection.
func locksHold(ctx context.Context, conn *sql.Conn, url string) (holds bool, err error) {
	other, err := openPostgresPool(url, 1, settlePostgres)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, other.Close()) }()
	name := fmt.Sprintf("%d, %d", lockTrial, rand.Int32())
	var taken, again bool
	err = conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock_shared(`+name+`)`).Scan(&taken)
	if err == nil {
		err = other.QueryRowContext(ctx, `SELECT pg_try_advisory_lock(`+name+`)`).Scan(&again)
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, `SELECT pg_advisory_unlock_shared(`+name+`)`)
	}
	if lacks(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("try the database's locks: %w", err)
	}
	return taken && !again, nil
}
