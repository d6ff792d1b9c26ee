package app

import "golang.org/x/sys/windows"

// freeBytes is what this user may still write beside a path.
func freeBytes(path string) (int64, error) {
	at, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(at, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(free), nil //nolint:gosec // below eight exabytes
}
