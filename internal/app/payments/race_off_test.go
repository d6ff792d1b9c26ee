//go:build !race

package payments_test

// diskStride: every statement has its turn to fail.
const diskStride = 1
