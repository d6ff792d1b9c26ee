package db

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"dargah/internal/app/checkout"
)

// When a standby of PostgreSQL's is promoted, or a cluster is put back to an earlier moment, its timeline
// gets a new number, and what the old one had committed last may be gone: as after a restore of a backup,
// nobody knows what was given out. A comment on the table of settings says on which timeline of which
// cluster the database was written; the first connection to another one begins the new series of
// everything that must never come twice. (A comment, because it is no data: a copy does not take it along.)

// errStandby is said of a server that may take writes once it is promoted: come again.
var errStandby = &checkout.Error{Kind: checkout.Unavailable, Key: "error.unavailable", Err: errors.New("this PostgreSQL server is a standby, which takes no writes")}

const whereNow = `SELECT (SELECT CAST(system_identifier AS TEXT) FROM pg_control_system()) || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
 COALESCE(obj_description(to_regclass('settings'), 'pg_class'), '') FROM pg_class WHERE oid = to_regclass('settings')`

// lookAtHistory comes before a connection is used for the first time. A standby is refused to a server:
// a connection to it would outlive the promotion, and nobody would look again.
func (db *DB) lookAtHistory(serve bool) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		if err := settlePostgres(ctx, conn); err != nil {
			return err
		}
		var standby bool
		var version string
		err := conn.QueryRow(ctx, `SELECT pg_is_in_recovery(), version()`).Scan(&standby, &version)
		switch {
		case lacks(err), yugabyte(version):
			// Each node of YugabyteDB's has files of PostgreSQL's of its own, in which no commit stands.
			db.lacksHistory.Store(true)
		case err != nil:
			return fmt.Errorf("ask whether this is a standby: %w", err)
		case standby && serve:
			return errStandby
		}
		if standby || db.lacksHistory.Load() {
			return nil
		}
		err = db.lookAtTimeline(ctx, conn)
		if noTimeline(err) {
			db.lacksHistory.Store(true)
			return nil
		}
		return err
	}
}

func (db *DB) lookAtTimeline(ctx context.Context, conn *pgx.Conn) error {
	var now, known string
	err := conn.QueryRow(ctx, whereNow).Scan(&now, &known)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && now == known {
		return nil // there is no schema yet, or all is as it was
	}
	if err != nil {
		return fmt.Errorf("read PostgreSQL's timeline: %w", err)
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return newHistory(ctx, tx, db.now()) })
}

// noTimeline: there is none here, or we may not read it or write it down. Then the numbers go on as the data say.
func noTimeline(err error) bool {
	var refused *pgconn.PgError
	return lacks(err) || errors.As(err, &refused) && refused.Code == "42501"
}

// newHistory writes down where the database is now, and begins the new series when that is the same
// cluster on another timeline. Another cluster it came to by a copy or a restore, which did their part.
func newHistory(ctx context.Context, tx pgx.Tx, at time.Time) error {
	var schema, now, known string
	err := tx.QueryRow(ctx, schemaNow).Scan(&schema)
	if err == nil {
		_, err = tx.Exec(ctx, `SELECT pg_advisory_xact_lock(`+lockOf(lockHistory, schema)+`)`)
	}
	if err == nil {
		err = tx.QueryRow(ctx, whereNow).Scan(&now, &known)
	}
	if err != nil {
		return fmt.Errorf("read the timeline: %w", err)
	}
	if known == now {
		return nil // another connection was the first here
	}
	if strings.Trim(now, "0123456789ABCDEF/") != "" {
		return fmt.Errorf("PostgreSQL names its timeline %q", now)
	}
	if _, err := tx.Exec(ctx, `COMMENT ON TABLE settings IS '`+now+`'`); err != nil {
		return fmt.Errorf("write down the timeline: %w", err)
	}
	cluster, _, _ := strings.Cut(now, "/")
	if !strings.HasPrefix(known, cluster+"/") {
		return nil
	}
	for _, c := range givenOut {
		var last int64
		if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(`+c.column+`), 0) FROM `+c.table).Scan(&last); err != nil {
			return fmt.Errorf("begin a new series: %w", err)
		}
		if _, err := tx.Exec(ctx, fmt.Sprintf(c.begin, max(last, c.first(at)))); err != nil {
			return fmt.Errorf("begin a new series: %w", err)
		}
	}
	return nil
}
