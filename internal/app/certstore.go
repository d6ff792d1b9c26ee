package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"

	"dargah/internal/app/checkout"
	"dargah/internal/app/seal"
	"dargah/internal/db"
)

// certStore keeps certificates in the database, sealed, so that all processes share them and their
// locks. It speaks certmagic's language of files and folders.
type certStore struct {
	db    *db.DB
	box   *seal.Box
	owner string

	mu   sync.Mutex
	held map[string]func() // ends the renewal of a lock
}

const (
	certLease = time.Minute
	certRenew = 15 * time.Second
	certPoll  = time.Second
)

func newCertStore(store *db.DB, box *seal.Box) *certStore {
	return &certStore{db: store, box: box, owner: rand.Text(), held: map[string]func(){}}
}

// certPlace binds a sealed file to its name.
func certPlace(name string) string { return "certificates/" + name }

// missing is how certmagic hears that there is no such file.
func missing(err error) error {
	if errors.Is(err, checkout.NotFound) {
		return fs.ErrNotExist
	}
	return err
}

// Store stores a file.
func (s *certStore) Store(ctx context.Context, key string, value []byte) error {
	c := &db.Certificate{Name: key, Sealed: s.box.Seal(value, certPlace(key)), Size: int64(len(value))}
	return s.db.Update(ctx, func(tx *db.Tx) error { return tx.PutCertificate(c) })
}

func (s *certStore) read(ctx context.Context, key string) (c *db.Certificate, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) (err error) {
		c, err = tx.Certificate(key)
		return err
	})
	return c, missing(err)
}

// Load reads a file.
func (s *certStore) Load(ctx context.Context, key string) ([]byte, error) {
	c, err := s.read(ctx, key)
	if err != nil {
		return nil, err
	}
	plain, err := s.box.Open(c.Sealed, certPlace(key))
	if err != nil {
		return nil, fmt.Errorf("open certificate %s: %w", key, err)
	}
	return plain, nil
}

// names lists all files at or below a path.
func (s *certStore) names(ctx context.Context, path string) ([]string, error) {
	var all []string
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		all, err = tx.CertificateNames()
		return err
	})
	path = strings.Trim(path, "/")
	var list []string
	for _, name := range all {
		if path == "" || name == path || strings.HasPrefix(name, path+"/") {
			list = append(list, name)
		}
	}
	return list, err
}

// Delete removes a file, or a folder with all that is in it.
func (s *certStore) Delete(ctx context.Context, key string) error {
	list, err := s.names(ctx, key)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *db.Tx) error {
		for _, name := range list {
			if err := tx.DeleteCertificate(name); err != nil {
				return err
			}
		}
		return nil
	})
}

// Exists reports whether there is such a file or folder.
func (s *certStore) Exists(ctx context.Context, key string) bool {
	list, err := s.names(ctx, key)
	return err == nil && len(list) > 0
}

// List names what is in a folder: with recursive the files at any depth, otherwise what is directly in it.
func (s *certStore) List(ctx context.Context, path string, recursive bool) ([]string, error) {
	list, err := s.names(ctx, path)
	if err != nil || recursive {
		return list, err
	}
	path = strings.Trim(path, "/")
	seen := map[string]bool{}
	var direct []string
	for _, name := range list {
		rest := strings.TrimPrefix(strings.TrimPrefix(name, path), "/")
		first, _, _ := strings.Cut(rest, "/")
		at := strings.TrimPrefix(path+"/"+first, "/")
		if first != "" && !seen[at] {
			seen[at] = true
			direct = append(direct, at)
		}
	}
	if len(direct) == 0 {
		return nil, fs.ErrNotExist
	}
	return direct, nil
}

// Stat tells about a file or a folder.
func (s *certStore) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	c, err := s.read(ctx, key)
	if errors.Is(err, fs.ErrNotExist) && s.Exists(ctx, key) {
		return certmagic.KeyInfo{Key: key}, nil
	}
	if err != nil {
		return certmagic.KeyInfo{}, err
	}
	return certmagic.KeyInfo{Key: key, Modified: c.ChangedAt, Size: c.Size, IsTerminal: true}, nil
}

// Lock waits until the lock is ours, and keeps it until Unlock. That of a process which died runs out.
func (s *certStore) Lock(ctx context.Context, name string) error {
	for {
		ours, err := s.take(ctx, name)
		if err != nil {
			return err
		}
		if ours {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(certPoll):
		}
	}
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(certRenew)
		defer tick.Stop()
		for {
			select {
			case <-keeping.Done():
				return
			case <-tick.C:
				_, _ = s.take(keeping, name) // the lease is long enough for the next try
			}
		}
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[name] = func() { stop(); <-done }
	return nil
}

func (s *certStore) take(ctx context.Context, name string) (ours bool, err error) {
	err = s.db.Update(ctx, func(tx *db.Tx) (err error) {
		ours, err = tx.LockCertificate(name, s.owner, tx.Now().Add(certLease))
		return err
	})
	return ours, err
}

// Unlock gives the lock back.
func (s *certStore) Unlock(ctx context.Context, name string) error {
	s.mu.Lock()
	end := s.held[name]
	delete(s.held, name)
	s.mu.Unlock()
	if end != nil {
		end()
	}
	return s.db.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error { return tx.UnlockCertificate(name, s.owner) })
}
