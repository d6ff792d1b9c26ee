package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// A pooler in transaction mode lends a connection for one transaction. What belongs to a connection does
// not pass it: prepared statements (older PgBouncers know none), SET, advisory locks of a session. So our
// transactions ask for none of these, and what needs a connection of its own (migrations, the lock that
// keeps a restore away, restores and commands) goes by the direct URL.

var (
	errPoolBlind     = errors.New("the database has no advisory locks, by which a server sees where its pooler leads: take CHECKOUT_DATABASE_POOL_URL away")
	errPoolElsewhere = errors.New("the pooler leads to another database than the direct URL, or to another server")
	errPoolCareless  = errors.New("the database answers commits before they are on disk, and a pooler passes no SET: ALTER DATABASE … SET synchronous_commit = on")
)

// openTransactions opens the way of View and Update.
func (db *DB) openTransactions(ctx context.Context, poolURL string) (*sql.DB, error) {
	if poolURL == "" {
		look := db.lookAtHistory(db.serve)
		return openPostgresPool(db.target.url, pgConnections, func(ctx context.Context, conn *pgx.Conn) error {
			if err := look(ctx, conn); err != nil {
				return err
			}
			return db.hurry(ctx, conn)
		})
	}
	if db.lacksLocks {
		return nil, errPoolBlind
	}
	config, err := pgx.ParseConfig(poolURL)
	if err != nil {
		return nil, errors.New("URL of the pooler: not a valid postgres:// URL") // err would show the password
	}
	// Unnamed statements, sent whole with each call; their types are asked for once.
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(db.settlePooled))
	pool.SetMaxOpenConns(pgConnections)
	pool.SetMaxIdleConns(pgConnections)
	if db.serve {
		if err := db.sameServer(ctx, pool); err != nil {
			return nil, errors.Join(err, pool.Close())
		}
	}
	return pool, nil
}

// lookDirect is lookAtHistory on a connection that no pooler gave.
func (db *DB) lookDirect(ctx context.Context, conn *sql.Conn) error {
	return conn.Raw(func(driver any) error { return db.lookAtHistory(true)(ctx, driver.(*stdlib.Conn).Conn()) })
}

// settlePooled believes no default of the server's either, but cannot set one.
func (db *DB) settlePooled(ctx context.Context, conn *pgx.Conn) error {
	var commit, encoding string
	var standby, patient bool
	err := conn.QueryRow(ctx, "SELECT current_setting('synchronous_commit'), current_setting('server_encoding'), pg_is_in_recovery(), "+pgPatient).
		Scan(&commit, &encoding, &standby, &patient)
	switch {
	case err != nil:
		return settingsUnread(err)
	case encoding != "UTF8":
		return fmt.Errorf("the database's encoding is %s, needed is UTF8", encoding)
	case standby:
		return errStandby
	case commit == "off" || commit == "local":
		return errPoolCareless
	}
	db.patient.Store(patient) // then each transaction asks for less
	return nil
}

// sameServer looks through the pooler for the lock that we hold on the direct way, and on that one whether
// another server has taken over since the last time.
func (db *DB) sameServer(ctx context.Context, pool *sql.DB) error {
	direct, err := openPostgresPool(db.target.url, 1, db.lookAtHistory(true))
	if err != nil {
		return err
	}
	if err := errors.Join(direct.PingContext(ctx), direct.Close()); err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	var here bool
	err = pool.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = $1
 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`, lockPresence).Scan(&here)
	if err != nil {
		return fmt.Errorf("connect through the pooler: %w", err)
	}
	if !here {
		return errPoolElsewhere
	}
	return nil
}
