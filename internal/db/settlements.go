package db

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
)

const settlementColumns = `id, merchant_id, live, gateway, file_name, file_hash, user_id, from_ms, to_ms, status, columns, figures, created_at_ms`

// InsertSettlement stores a new one that is still to be matched, with the first piece of its file.
func (tx *Tx) InsertSettlement(s *checkout.Settlement) error {
	_, err := tx.exec(`INSERT INTO settlements (`+settlementColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'draft', '', '', $10)`,
		s.ID, s.MerchantID, bit(s.Live), s.Gateway, s.FileName, s.FileHash, s.UserID, ms(s.From), ms(s.To), ms(s.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert settlement: %w", err)
	}
	return nil
}

// InsertSettlementFile stores one piece of a settlement's file.
func (tx *Tx) InsertSettlementFile(id string, part int, data string) error {
	if _, err := tx.exec(`INSERT INTO settlement_files (settlement_id, part, data) VALUES ($1, $2, $3)`, id, int64(part), data); err != nil {
		return fmt.Errorf("insert file of settlement %s: %w", id, err)
	}
	return nil
}

// SettlementFile passes the pieces of a settlement's file in order.
func (tx *Tx) SettlementFile(id string, piece func(data string) error) error {
	rows, err := tx.query(`SELECT data FROM settlement_files WHERE settlement_id = $1 ORDER BY part`, id)
	if err != nil {
		return fmt.Errorf("read file of settlement %s: %w", id, err)
	}
	defer rows.Close()
	for rows.Next() {
		var data string
		if err := rows.Scan(&data); err != nil {
			return fmt.Errorf("read file of settlement %s: %w", id, err)
		}
		if err := piece(data); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Settlement reads one of a merchant's in one mode. checkout.NotFound when it is not theirs.
func (tx *Tx) Settlement(merchantID string, live bool, id string) (*checkout.Settlement, error) {
	list, err := tx.settlements(`SELECT `+settlementColumns+` FROM settlements WHERE id = $1 AND merchant_id = $2 AND live = $3`, id, merchantID, bit(live))
	if err == nil && len(list) == 0 {
		err = checkout.NotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read settlement: %w", err)
	}
	return &list[0], nil
}

// AnySettlement reads one, whosever it is: its merchant and mode say who may see it.
func (tx *Tx) AnySettlement(id string) (*checkout.Settlement, error) {
	list, err := tx.settlements(`SELECT `+settlementColumns+` FROM settlements WHERE id = $1`, id)
	if err == nil && len(list) == 0 {
		err = checkout.NotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read settlement: %w", err)
	}
	return &list[0], nil
}

// SettlementOfFile finds the newest one of the same file, nil for none.
func (tx *Tx) SettlementOfFile(merchantID string, live bool, hash string) (*checkout.Settlement, error) {
	list, err := tx.settlements(`SELECT `+settlementColumns+` FROM settlements WHERE merchant_id = $1 AND live = $2 AND file_hash = $3 ORDER BY id DESC LIMIT 1`,
		merchantID, bit(live), hash)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// Settlements lists a merchant's, newest first, those before one ("" for the newest).
func (tx *Tx) Settlements(merchantID string, live bool, before string, limit int) ([]checkout.Settlement, error) {
	w := where{}
	w.add("merchant_id = ? AND live = ?", merchantID, bit(live))
	if before != "" {
		w.add("id < ?", before)
	}
	return tx.settlements(`SELECT `+settlementColumns+` FROM settlements`+w.sql()+` ORDER BY id DESC`+w.limit(limit), w.args...)
}

func (tx *Tx) settlements(query string, args ...any) ([]checkout.Settlement, error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("list settlements: %w", err)
	}
	defer rows.Close()
	var list []checkout.Settlement
	for rows.Next() {
		var s checkout.Settlement
		var live, from, to, created int64
		var status string
		err := rows.Scan(&s.ID, &s.MerchantID, &live, &s.Gateway, &s.FileName, &s.FileHash, &s.UserID, &from, &to, &status, &s.Columns, &s.Figures, &created)
		if err != nil {
			return nil, fmt.Errorf("list settlements: %w", err)
		}
		s.Live, s.Done, s.From, s.To, s.CreatedAt = live == 1, status == "done", fromMS(from), fromMS(to), fromMS(created)
		list = append(list, s)
	}
	return list, rows.Err()
}

// ClaimSettlement takes a draft for matching. False when somebody else is at it, or it is done.
func (tx *Tx) ClaimSettlement(id string, until time.Time) (bool, error) {
	n, err := tx.exec(`UPDATE settlements SET lease_until_ms = $1 WHERE id = $2 AND status = 'draft' AND (lease_until_ms IS NULL OR lease_until_ms < $3)`,
		ms(until), id, ms(tx.now))
	if err != nil {
		return false, fmt.Errorf("claim settlement: %w", err)
	}
	return n == 1, nil
}

// ReleaseSettlement gives a draft back that could not be matched.
func (tx *Tx) ReleaseSettlement(id string) error {
	if _, err := tx.exec(`UPDATE settlements SET lease_until_ms = NULL WHERE id = $1 AND status = 'draft'`, id); err != nil {
		return fmt.Errorf("release settlement: %w", err)
	}
	return nil
}

// DeleteSettledLines takes away what an interrupted matching left.
func (tx *Tx) DeleteSettledLines(id string) error {
	if _, err := tx.exec(`DELETE FROM settlement_lines WHERE settlement_id = $1`, id); err != nil {
		return fmt.Errorf("delete lines of settlement %s: %w", id, err)
	}
	return nil
}

// InsertSettledLines stores lines that do not agree.
func (tx *Tx) InsertSettledLines(id string, lines []checkout.SettledLine) error {
	if len(lines) == 0 {
		return nil
	}
	const columns = 9
	args := make([]any, 0, columns*len(lines))
	for i := range lines {
		l := &lines[i]
		args = append(args, id, l.Kind, l.Line, l.Reference, l.Tracking, nullRial(l.Theirs), nullRial(l.Ours), l.InvoiceID, l.Note)
	}
	_, err := tx.exec(`INSERT INTO settlement_lines (settlement_id, kind, line, reference, tracking, theirs_rial, ours_rial, invoice_id, note) VALUES `+rowsOf(len(lines), columns), args...)
	if err != nil {
		return fmt.Errorf("insert lines of settlement %s: %w", id, err)
	}
	return nil
}

func nullRial(a money.Rial) any {
	if a == 0 {
		return nil
	}
	return int64(a)
}

// FinishSettlement writes what came of a draft, remembers its columns for the account's next file, and
// lets go of the file.
func (tx *Tx) FinishSettlement(s *checkout.Settlement) error {
	n, err := tx.exec(`UPDATE settlements SET status = 'done', columns = $1, figures = $2, lease_until_ms = NULL WHERE id = $3 AND status = 'draft'`, s.Columns, s.Figures, s.ID)
	if err := one("finish settlement "+s.ID, n, err); err != nil {
		return err
	}
	if _, err := tx.exec(`DELETE FROM settlement_files WHERE settlement_id = $1`, s.ID); err != nil {
		return fmt.Errorf("delete file of settlement %s: %w", s.ID, err)
	}
	_, err = tx.exec(`INSERT INTO settlement_columns (merchant_id, live, gateway, columns) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id, live, gateway) DO UPDATE SET columns = excluded.columns`, s.MerchantID, bit(s.Live), s.Gateway, s.Columns)
	if err != nil {
		return fmt.Errorf("remember columns: %w", err)
	}
	return nil
}

// SettlementColumns is how an account's files are read, "" when nobody has said it yet.
func (tx *Tx) SettlementColumns(merchantID string, live bool, gateway string) (string, error) {
	var columns string
	err := tx.row(`SELECT columns FROM settlement_columns WHERE merchant_id = $1 AND live = $2 AND gateway = $3`, merchantID, bit(live), gateway).Scan(&columns)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read columns: %w", err)
	}
	return columns, nil
}

// SettledLines lists one of a settlement's lists, those behind a line (0 for the first).
func (tx *Tx) SettledLines(id, kind string, after int64, limit int) ([]checkout.SettledLine, error) {
	w := where{}
	w.add("settlement_id = ? AND kind = ? AND line > ?", id, kind, after)
	rows, err := tx.query(`SELECT kind, line, reference, tracking, theirs_rial, ours_rial, invoice_id, note FROM settlement_lines`+w.sql()+` ORDER BY line`+w.limit(limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("list lines of settlement %s: %w", id, err)
	}
	defer rows.Close()
	var list []checkout.SettledLine
	for rows.Next() {
		var l checkout.SettledLine
		var theirs, ours sql.NullInt64
		if err := rows.Scan(&l.Kind, &l.Line, &l.Reference, &l.Tracking, &theirs, &ours, &l.InvoiceID, &l.Note); err != nil {
			return nil, fmt.Errorf("list lines of settlement %s: %w", id, err)
		}
		l.Theirs, l.Ours = money.Rial(theirs.Int64), money.Rial(ours.Int64)
		list = append(list, l)
	}
	return list, rows.Err()
}

// DropDrafts forgets a merchant's uploads that nobody matched since a moment.
func (tx *Tx) DropDrafts(merchantID string, live bool, before time.Time) error {
	const stale = ` (SELECT id FROM settlements WHERE merchant_id = $1 AND live = $2 AND status = 'draft' AND created_at_ms < $3 AND (lease_until_ms IS NULL OR lease_until_ms < $3))`
	for _, text := range []string{`DELETE FROM settlement_files WHERE settlement_id IN` + stale, `DELETE FROM settlement_lines WHERE settlement_id IN` + stale, `DELETE FROM settlements WHERE id IN` + stale} {
		if _, err := tx.exec(text, merchantID, bit(live), ms(before)); err != nil {
			return fmt.Errorf("forget uploads: %w", err)
		}
	}
	return nil
}
