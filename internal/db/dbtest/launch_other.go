//go:build !linux

package dbtest

// launch needs the kernel's promise to end the server with the tests.
func launch(string) (base, missing string, err error) {
	return "", "a throwaway server is started on Linux only; set " + ServerEnv, nil
}
