package db

import "fmt"

// AppendSimulatorEntry adds an entry to the simulated gateways' journal. Its bytes are theirs.
func (tx *Tx) AppendSimulatorEntry(entry []byte) error {
	_, err := tx.exec(`INSERT INTO simulator_journal (seq, entry) SELECT COALESCE(MAX(seq), 0) + 1, $1 FROM simulator_journal`, string(entry))
	if err != nil {
		return fmt.Errorf("append simulator entry: %w", err)
	}
	return nil
}

// SimulatorEntries reads the journal, oldest first.
func (tx *Tx) SimulatorEntries() ([][]byte, error) {
	rows, err := tx.query(`SELECT entry FROM simulator_journal ORDER BY seq`)
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
