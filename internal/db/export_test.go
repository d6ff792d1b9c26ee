package db

// Exec lets tests run statements of their own: faults are made with pragmas, rows are counted.
func (tx *Tx) Exec(query string, args ...any) error {
	_, err := tx.exec(query, args...)
	return err
}

// Int reads one number.
func (tx *Tx) Int(query string, args ...any) (n int64, err error) {
	err = tx.row(query, args...).Scan(&n)
	return n, err
}
