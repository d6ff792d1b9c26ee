//go:build race

package payments_test

// diskStride: the race detector makes SQLite ten times slower, and what it looks for shows in few.
const diskStride = 7
