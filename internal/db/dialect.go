package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	sqlite3 "modernc.org/sqlite/lib"

	"dargah/internal/app/checkout"
)

// ErrOutcomeUnknown: the connection was lost while a commit was under way. The transaction may or
// may not stand. Never done again silently: the caller reads first.
var ErrOutcomeUnknown = errors.New("outcome of the commit is unknown")

// ErrClosed: the database was closed.
var ErrClosed = errors.New("database is closed")

var errTaken = errors.New("already there")

// IsUnique reports whether err says that a row with that key is there already. It is asked about
// the result of Update: inside a transaction a violation is never caught, because PostgreSQL
// aborts it.
func IsUnique(err error) bool {
	if errors.Is(err, errTaken) {
		return true
	}
	var lite coded
	if errors.As(err, &lite) {
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}

// unavailable reports whether err says that the store did not answer, as opposed to having
// answered no.
func unavailable(err error) bool {
	var lite coded
	if errors.As(err, &lite) {
		return !statementFault(lite)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// 08 connection, 25006 read-only server, 25P03 we stood still, 40 serialization (our retries are used up),
		// 53 resources, 55P03 lock not available, 57 operator, 58 system, XX internal.
		for _, class := range []string{"08", "25006", "25P03", "40", "53", "55P03", "57", "58", "XX"} {
			if strings.HasPrefix(pg.Code, class) {
				return true
			}
		}
		return false
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, ErrClosed) || errors.Is(err, ErrLost) || errors.Is(err, errTooSlow) || errors.Is(err, ErrOutcomeUnknown) ||
		(errors.As(err, &network) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)) ||
		errors.As(err, &connect)
}

// statementFault reports whether SQLite refused one statement and left the transaction as it was.
// Everything else (full disk, I/O, corruption, no memory, locked) may have ended the whole
// transaction, so nothing in it can be trusted any more.
func statementFault(err coded) bool {
	switch err.Code() & 0xff {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISUSE:
		return true
	}
	return false
}

// fatalSQLite returns err when it may have ended the whole transaction.
func fatalSQLite(err error) bool {
	var lite coded
	return errors.As(err, &lite) && !statementFault(lite)
}

// lockedSQLite reports whether another connection was writing for as long as this one waited.
func lockedSQLite(err error) bool {
	var lite coded
	return errors.As(err, &lite) && lite.Code()&0xff == sqlite3.SQLITE_BUSY
}

// retryable reports whether PostgreSQL rolled the transaction back for reasons that another try
// may not meet: a serialization failure or a deadlock.
func retryable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// commitRefused reports whether a failed COMMIT certainly committed nothing. Of what a server says then, two
// things prove it: that the transaction broke a constraint (class 23), or was rolled back for another's sake
// (class 40; but not 40003, by which CockroachDB says that it does not know). YugabyteDB gives a COMMIT whose
// outcome it does not know an error like any other, so every other one means that nobody knows.
// pgconn.SafeToRetry is no witness here: when the line is cut after COMMIT was sent, pgx 5.12 answers
// "conn closed", which calls itself safe to retry (seen in TestPostgres_CutAtCommit).
func commitRefused(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Severity == "ERROR" && pg.Code != "40003" && (strings.HasPrefix(pg.Code, "23") || strings.HasPrefix(pg.Code, "40"))
	}
	return errors.Is(err, pgx.ErrTxCommitRollback)
}

// answered gives an error of a silent store its kind, and leaves all others as they are.
func answered(err error) error {
	if err == nil {
		return nil
	}
	var known *checkout.Error
	if errors.As(err, &known) || !unavailable(err) {
		return err
	}
	return &checkout.Error{Kind: checkout.Unavailable, Key: "error.unavailable", Err: err}
}
