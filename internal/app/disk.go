package app

import (
	"path/filepath"
	"strings"
)

// freeDisk is what is left where an SQLite file lies; no path for a database that is elsewhere.
func freeDisk(databaseURL string) (path string, free int64, err error) {
	file, lite := strings.CutPrefix(databaseURL, "sqlite:")
	if !lite {
		return "", 0, nil
	}
	if path, err = filepath.Abs(filepath.Dir(file)); err != nil {
		return file, 0, err
	}
	free, err = freeBytes(path)
	return path, free, err
}
