package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"filippo.io/age"

	"dargah/internal/app/admin"
	"dargah/internal/db"
)

const (
	// backupKept is the setting that says what became of the last scheduled backup.
	backupKept = "backup_last"
	// lookForBackup is how late one may begin; backupAgain is how long after a failed or a lost one the
	// next is tried.
	lookForBackup = time.Minute
	backupAgain   = time.Hour
)

// backupState is what became of the scheduled backups.
type backupState struct {
	Since time.Time `json:"since"` // when the first one began
	Tried time.Time `json:"tried"` // when the last one began, by whichever process
	Good  time.Time `json:"good"`  // when the last good one began
	File  string    `json:"file"`
	Bytes int64     `json:"bytes"`
	Rows  int64     `json:"rows"`
	// Chains are the invoices' histories that proved themselves.
	Chains int64  `json:"chains"`
	Error  string `json:"error"` // of the last one; "" after a good one
}

// due reports whether it is time for another one.
func (s *backupState) due(now time.Time, every time.Duration) bool {
	return now.Sub(s.Good) >= every && now.Sub(s.Tried) >= min(every, backupAgain)
}

// old reports whether the last good one is missing for longer than the schedule explains.
func (s *backupState) old(now time.Time, every time.Duration) bool {
	last := s.Good
	if last.IsZero() {
		last = s.Since
	}
	return s.Error != "" || !last.IsZero() && now.Sub(last) > every+every/2+backupAgain
}

func readBackupState(tx *db.Tx) (s backupState, err error) {
	raw, err := tx.SettingOr(backupKept, "{}")
	if err == nil {
		err = json.Unmarshal([]byte(raw), &s)
	}
	if err != nil {
		return s, fmt.Errorf("read what became of the last backup: %w", err)
	}
	return s, nil
}

// shownBackups is what an operator reads of them.
func (a *App) shownBackups(tx *db.Tx) (admin.Backups, error) {
	s, err := readBackupState(tx)
	if err != nil || a.cfg.BackupDir == "" {
		return admin.Backups{}, err
	}
	return admin.Backups{
		Every: a.cfg.BackupEvery, Keep: a.cfg.BackupKeep, Tried: s.Tried, Good: s.Good, Bytes: s.Bytes, Rows: s.Rows, Chains: s.Chains,
		Failure: s.Error, Bad: s.old(tx.Now(), a.cfg.BackupEvery),
	}, nil
}

func writeBackupState(tx *db.Tx, s *backupState) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("keep what became of a backup: %w", err)
	}
	return tx.SetSetting(backupKept, string(raw))
}

// scheduleBackups makes a backup whenever one is due. Of several processes one does.
func (a *App) scheduleBackups() {
	if a.cfg.BackupDir == "" {
		return
	}
	a.worker.Every("backup", lookForBackup, func(ctx context.Context) error {
		var now time.Time
		ours := false
		err := a.db.Update(ctx, func(tx *db.Tx) error {
			ours = false
			s, err := readBackupState(tx)
			if now = tx.Now(); err != nil || !s.due(now, a.cfg.BackupEvery) {
				return err
			}
			if s.Tried, ours = now, true; s.Since.IsZero() {
				s.Since = now
			}
			return writeBackupState(tx, &s)
		})
		if err != nil || !ours {
			return err
		}
		return a.backUp(ctx, now)
	})
}

// backUp makes one backup, opens and checks it, seals it, and forgets those that are too many.
func (a *App) backUp(ctx context.Context, now time.Time) error {
	b, size, failed := a.writeBackup(ctx, now)
	err := a.db.Update(ctx, func(tx *db.Tx) error {
		s, err := readBackupState(tx)
		if err != nil {
			return err
		}
		s.Error = ""
		if failed != nil {
			s.Error = failed.Error()
			return writeBackupState(tx, &s)
		}
		s.Good, s.File, s.Bytes, s.Rows, s.Chains = now, b.File, size, b.Rows, b.Chains
		return writeBackupState(tx, &s)
	})
	if failed == nil {
		a.log.Info("backup made and checked", "file", b.File, "bytes", size, "rows", b.Rows, "histories", b.Chains)
	}
	return errors.Join(failed, err)
}

func (a *App) writeBackup(ctx context.Context, now time.Time) (b Backup, size int64, err error) {
	if err := os.MkdirAll(a.cfg.BackupDir, 0o700); err != nil {
		return b, 0, fmt.Errorf("make the folder for backups: %w", err)
	}
	b.File = filepath.Join(a.cfg.BackupDir, "checkout-"+now.UTC().Format("20060102T150405Z")+".db")
	contents, err := a.db.Backup(ctx, b.File, false, b.look(ctx, a.cfg))
	if err != nil {
		return b, 0, err
	}
	b.note(contents)
	if a.cfg.BackupRecipient != nil {
		plain := b.File
		b.File += ".age"
		if err := encryptFile(plain, b.File, a.cfg.BackupRecipient); err != nil {
			return b, 0, err
		}
	}
	info, err := os.Stat(b.File)
	if err != nil {
		return b, 0, fmt.Errorf("look at the backup: %w", err)
	}
	return b, info.Size(), forgetBackups(a.cfg.BackupDir, a.cfg.BackupKeep)
}

// encryptFile leaves only the encrypted copy, under its name when it is whole.
func encryptFile(plain, to string, recipient age.Recipient) (err error) {
	from, err := os.Open(plain)
	if err != nil {
		return fmt.Errorf("encrypt the backup: %w", err)
	}
	defer func() { _ = from.Close() }()
	part, err := os.OpenFile(to+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("encrypt the backup: %w", err)
	}
	w, err := age.Encrypt(part, recipient)
	if err == nil {
		_, err = io.Copy(w, from)
		err = errors.Join(err, w.Close())
	}
	if err = errors.Join(err, part.Sync(), part.Close()); err == nil {
		err = os.Rename(part.Name(), to)
	}
	if err != nil {
		return fmt.Errorf("encrypt the backup: %w", errors.Join(err, os.Remove(part.Name())))
	}
	return os.Remove(plain)
}

var backupName = regexp.MustCompile(`^checkout-\d{8}T\d{6}Z\.db(\.age)?$`)

// forgetBackups leaves the newest so many. Files of other names are not ours to remove.
func forgetBackups(dir string, keep int) error {
	all, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list backups: %w", err)
	}
	var names []string
	for _, f := range all {
		if f.Type().IsRegular() && backupName.MatchString(f.Name()) {
			names = append(names, f.Name())
		}
	}
	slices.Sort(names)
	for len(names) > keep {
		if err := os.Remove(filepath.Join(dir, names[0])); err != nil {
			return fmt.Errorf("remove an old backup: %w", err)
		}
		names = names[1:]
	}
	return nil
}

func setBackupKeep(c *Config, value string) error {
	if n, err := fmt.Sscanf(value, "%d", &c.BackupKeep); err != nil || n != 1 || c.BackupKeep < 1 || fmt.Sprint(c.BackupKeep) != value {
		return errors.New("how many backups are kept, 1 or more")
	}
	return nil
}

func setBackupRecipient(c *Config, value string) error {
	r, err := age.ParseX25519Recipient(value)
	if err != nil {
		return errors.New("a public key of age, such as age-keygen prints: age1…")
	}
	c.BackupRecipient = r
	return nil
}
