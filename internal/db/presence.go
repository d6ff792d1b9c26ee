package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// On PostgreSQL many servers may serve one database, and a restore must know that none does. Each
// server holds a shared advisory lock, on a connection of its own, as long as it lives; a restore
// needs it alone. (On SQLite it is the lock file.)

// ErrRestored: the database is being replaced at this moment.
var ErrRestored = errors.New("a restore is replacing this database")

const (
	presenceEvery = 2 * time.Second
	presenceShort = 5 * time.Second
	// presenceKeys are the lock's two numbers: "Darg", and which schema of the database.
	presenceKeys = `1147237991, hashtext(current_schema())`
)

// presence keeps a server's lock, through lost connections too.
type presence struct {
	pool   *sql.DB
	conn   *sql.Conn // nil while lost
	cancel context.CancelFunc
	kept   sync.WaitGroup
}

func openPresence(ctx context.Context, db *DB) (*presence, error) {
	pool, err := openPostgresPool(db.target.url, 1)
	if err != nil {
		return nil, err
	}
	p := &presence{pool: pool}
	if p.conn, err = p.take(ctx); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.kept.Go(func() { p.keep(ctx, db) })
	return p, nil
}

func (p *presence) take(ctx context.Context) (*sql.Conn, error) {
	conn, err := p.pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	var held bool
	if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock_shared(`+presenceKeys+`)`).Scan(&held); err != nil {
		return nil, errors.Join(fmt.Errorf("lock for serving: %w", err), conn.Close())
	}
	if !held {
		return nil, errors.Join(ErrRestored, conn.Close())
	}
	return conn, nil
}

// keep looks after the lock until ctx ends. A server whose connection was lost and who finds a restore
// in its place is over: what it remembers is of a database that is gone.
func (p *presence) keep(ctx context.Context, db *DB) {
	tick := time.NewTicker(presenceEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		short, cancel := context.WithTimeout(ctx, presenceShort)
		if p.conn != nil {
			if _, err := p.conn.ExecContext(short, "SELECT 1"); err != nil && ctx.Err() == nil {
				_ = p.conn.Close()
				p.conn = nil
			}
		}
		if p.conn == nil && ctx.Err() == nil {
			conn, err := p.take(short)
			if errors.Is(err, ErrRestored) {
				db.give(err)
			}
			p.conn = conn
		}
		cancel()
	}
}

func (p *presence) close() error {
	p.cancel()
	p.kept.Wait()
	var err error
	if p.conn != nil {
		// PostgreSQL would notice the closed connection a moment later.
		short, cancel := context.WithTimeout(context.Background(), presenceShort)
		_, _ = p.conn.ExecContext(short, `SELECT pg_advisory_unlock_shared(`+presenceKeys+`)`)
		cancel()
		err = p.conn.Close()
	}
	return errors.Join(err, p.pool.Close())
}

// alone takes the lock for a restore; it goes with the connection. It waits a moment for that of a
// server that was killed just now.
func (e *end) alone(ctx context.Context) error {
	for began := time.Now(); ; {
		var held bool
		if err := e.conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock(`+presenceKeys+`)`).Scan(&held); err != nil {
			return fmt.Errorf("lock %s: %w", e, err)
		}
		if held {
			return nil
		}
		if time.Since(began) > presenceEvery {
			return fmt.Errorf("%s: %w", e, ErrServed)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
