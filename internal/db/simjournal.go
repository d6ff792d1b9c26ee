package db

import "fmt"

// AppendSimulatorEntry adds an entry to the simulated gateways' journal. Its bytes are theirs. The
// last number stands in a row of its own: two servers on PostgreSQL would read the same MAX(seq).
func (tx *Tx) AppendSimulatorEntry(entry []byte) error {
	var seq int64
	err := tx.row(`INSERT INTO settings (name, value) VALUES ('simulator.last_entry', '1')
ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(settings.value AS BIGINT) + 1 AS TEXT) RETURNING CAST(value AS BIGINT)`).Scan(&seq)
	if err != nil {
		return fmt.Errorf("number simulator entry: %w", err)
	}
	_, err = tx.exec(`INSERT INTO simulator_journal (seq, entry) VALUES ($1, $2)`, seq, string(entry))
	if err != nil {
		return fmt.Errorf("append simulator entry: %w", err)
	}
	return nil
}

// SimulatorEntries reads the journal behind its first entries, oldest first.
func (tx *Tx) SimulatorEntries(after int) ([][]byte, error) {
	rows, err := tx.query(`SELECT entry FROM simulator_journal WHERE seq > $1 ORDER BY seq`, int64(after))
	if err != nil {
		return nil, fmt.Errorf("read simulator journal: %w", err)
	}
	defer rows.Close()
	var list [][]byte
	for rows.Next() {
		var entry string
		if err := rows.Scan(&entry); err != nil {
			return nil, fmt.Errorf("read simulator journal: %w", err)
		}
		list = append(list, []byte(entry))
	}
	return list, rows.Err()
}
