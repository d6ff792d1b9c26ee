//go:build !linux

package dbtest

import "testing"

// launch needs the kernel's promise to end the server with the tests.
func launch(string) (base, missing string, err error) {
	return "", "a throwaway server is started on Linux only; set " + ServerEnv, nil
}

// Pooler needs the same.
func Pooler(t testing.TB, _ string) string {
	Missing(t, "pgbouncer", "a throwaway one is started on Linux only")
	return ""
}
