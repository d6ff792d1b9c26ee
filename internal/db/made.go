package db

import (
	"fmt"
	"os"
)

// madeSuffix names the file beside a SQLite database under whose lock its schema is settled. Once
// a schema is in the database, the file says so: a database that is missing or empty afterwards
// was lost (a file moved away, a volume that is not mounted, a copy that failed), and to begin anew
// in its place would hide that, with every payment in it. Who does want to begin anew removes this
// file as well.
const madeSuffix = ".migrating"

const madeHere = "a database was made here\n"

// markMade writes it down. An error would say only that the folder cannot be written.
func markMade(path string) {
	if info, err := os.Stat(path + madeSuffix); err != nil || info.Size() > 0 {
		return
	}
	f, err := os.OpenFile(path+madeSuffix, os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	_, _ = f.WriteString(madeHere)
	_ = f.Close()
}

// refuseGone comes before anything is made or opened: SQLite would play an orphaned log into a new
// file.
func refuseGone(path string) error {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return nil
	}
	if mark, err := os.Stat(path + madeSuffix); err != nil || mark.Size() == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w (to begin with an empty one, remove %s)", path, ErrGone, path+madeSuffix)
}
