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
)

// presence keeps a server's lock, through lost connections too.
type presence struct {
	pool   *sql.DB
	name   string    // of the lock
	conn   *sql.Conn // nil while lost
	cancel context.CancelFunc
	kept   sync.WaitGroup
}

// openPresence returns nil where no lock keeps anybody out.
func openPresence(ctx context.Context, db *DB) (*presence, error) {
	pool, err := openPostgresPool(db.target.url, 1, settlePostgres)
	if err != nil {
		return nil, err
	}
	p := &presence{pool: pool}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect: %w", err), pool.Close())
	}
	holds, err := locksHold(ctx, conn, db.target.url)
	if err == nil && holds {
		p.name, err = lockOn(ctx, conn, lockPresence)
	}
	if err = errors.Join(err, conn.Close()); err != nil || !holds {
		return nil, errors.Join(err, pool.Close())
	}
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
	if err := tryForAWhile(ctx, conn, `SELECT pg_try_advisory_lock_shared(`+p.name+`)`, ErrRestored); err != nil {
		return nil, errors.Join(err, conn.Close())
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
			if err == nil && db.pooled {
				// A pooler hides that another server has taken over; this connection saw the old one go.
				if err = db.lookDirect(short, conn); err != nil {
					_ = conn.Close()
					conn = nil
				}
			}
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
	if p.conn != nil {
		// PostgreSQL would notice the closed connection a moment later.
		short, cancel := context.WithTimeout(context.Background(), presenceShort)
		_, _ = p.conn.ExecContext(short, `SELECT pg_advisory_unlock_shared(`+p.name+`)`)
		cancel()
		_ = p.conn.Close() // it may be gone: what ended keep may have cut its last look short
	}
	return p.pool.Close()
}

// alone takes the lock for a restore or a copy, until the end is closed. errUnguarded: it would keep nobody out.
func (e *end) alone(ctx context.Context) error {
	holds, err := locksHold(ctx, e.conn, e.url)
	if err == nil && !holds {
		err = errUnguarded
	}
	var name string
	if err == nil {
		name, err = lockOn(ctx, e.conn, lockPresence)
	}
	if err == nil {
		err = tryForAWhile(ctx, e.conn, `SELECT pg_try_advisory_lock(`+name+`)`, ErrServed)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", e, err)
	}
	return nil
}

// tryForAWhile takes an advisory lock, or returns taken. It waits a moment for that of a process that
// ended just now: PostgreSQL notices it a little later.
func tryForAWhile(ctx context.Context, conn *sql.Conn, query string, taken error) error {
	for began := time.Now(); ; {
		var held bool
		if err := conn.QueryRowContext(ctx, query).Scan(&held); err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		if held {
			return nil
		}
		if time.Since(began) > presenceEvery {
			return taken
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
