package db

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/money"
)

const runColumns = `id, merchant_id, live, actor, name, unit, status, letters, total, fine, wrong, doubles, addressed, fine_rial, made, failed, created_at_ms, started_at_ms, ended_at_ms`

// InsertRun stores a new run.
func (tx *Tx) InsertRun(r *checkout.Run) error {
	_, err := tx.exec(`INSERT INTO runs (`+runColumns+`)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
		r.ID, r.MerchantID, bit(r.Live), r.Actor, r.Name, r.Unit, string(r.Status), bit(r.Letters), int64(r.Total), int64(r.Fine), int64(r.Wrong),
		int64(r.Doubles), int64(r.Addressed), int64(r.FineRial), int64(r.Made), int64(r.Failed), ms(r.CreatedAt), nullMS(r.StartedAt), nullMS(r.EndedAt))
	if err != nil {
		return fmt.Errorf("insert run: %w", err)
	}
	return nil
}

// SaveRun writes what changes of a run.
func (tx *Tx) SaveRun(r *checkout.Run) error {
	n, err := tx.exec(`UPDATE runs SET status = $1, letters = $2, total = $3, fine = $4, wrong = $5, doubles = $6, addressed = $7, fine_rial = $8, made = $9, failed = $10,
  started_at_ms = $11, ended_at_ms = $12 WHERE id = $13`,
		string(r.Status), bit(r.Letters), int64(r.Total), int64(r.Fine), int64(r.Wrong), int64(r.Doubles), int64(r.Addressed), int64(r.FineRial),
		int64(r.Made), int64(r.Failed), nullMS(r.StartedAt), nullMS(r.EndedAt), r.ID)
	return one("save run", n, err)
}

// Run reads one run. checkout.NotFound when there is none.
func (tx *Tx) Run(id string) (*checkout.Run, error) {
	r, err := scanRun(tx.row(`SELECT `+runColumns+` FROM runs WHERE id = $1`, id))
	return r, none("read run", err)
}

// LockRun is Run, and holds it until the transaction ends: of two who go on with it, one waits.
func (tx *Tx) LockRun(id string) (*checkout.Run, error) {
	r, err := scanRun(tx.row(`SELECT `+runColumns+` FROM runs WHERE id = $1 FOR UPDATE`, id))
	return r, none("read run", err)
}

// Runs lists the runs of a merchant in one mode from before a moment (zero: now), newest first.
func (tx *Tx) Runs(merchantID string, live bool, beforeAt time.Time, beforeID string, limit int) ([]checkout.Run, error) {
	w := where{}
	w.add("merchant_id = ?", merchantID)
	w.add("live = ?", bit(live))
	if beforeID != "" {
		w.add("(created_at_ms, id) < (?, ?)", ms(beforeAt), beforeID)
	}
	rows, err := tx.query(`SELECT `+runColumns+` FROM runs`+w.sql()+` ORDER BY created_at_ms DESC, id DESC`+w.limit(limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	defer rows.Close()
	var list []checkout.Run
	for rows.Next() {
		r, err := scanRun(rows)
		if err != nil {
			return nil, fmt.Errorf("list runs: %w", err)
		}
		list = append(list, *r)
	}
	return list, rows.Err()
}

func scanRun(row scanner) (*checkout.Run, error) {
	var r checkout.Run
	var status string
	var live, letters, total, fine, wrong, doubles, addressed, rial, made, failed, created int64
	var started, ended sql.NullInt64
	err := row.Scan(&r.ID, &r.MerchantID, &live, &r.Actor, &r.Name, &r.Unit, &status, &letters, &total, &fine, &wrong, &doubles, &addressed, &rial, &made, &failed, &created, &started, &ended)
	if err != nil {
		return nil, err
	}
	r.Live, r.Letters, r.Status, r.FineRial = live == 1, letters == 1, checkout.RunStatus(status), money.Rial(rial)
	r.Total, r.Fine, r.Wrong, r.Doubles, r.Addressed, r.Made, r.Failed = int(total), int(fine), int(wrong), int(doubles), int(addressed), int(made), int(failed)
	r.CreatedAt, r.StartedAt, r.EndedAt = fromMS(created), fromNullMS(started), fromNullMS(ended)
	return &r, nil
}

const rowColumns = `run_id, line, status, ask, problems, invoice_id, same, may_double, made_at_ms`

// InsertRunRows stores lines of a run.
func (tx *Tx) InsertRunRows(list []checkout.RunRow) error {
	if len(list) == 0 {
		return nil
	}
	w := where{}
	var values []string
	for i := range list {
		r := &list[i]
		ask, problems, err := rowJSON(r)
		if err != nil {
			return err
		}
		values = append(values, w.numbered(`(?, CAST(? AS BIGINT), ?, ?, ?, ?, ?, CAST(? AS BIGINT), CAST(? AS BIGINT))`,
			r.RunID, int64(r.Line), string(r.Status), ask, problems, r.InvoiceID, r.Same, bit(r.MayDouble), nullMS(r.MadeAt)))
	}
	if _, err := tx.exec(`INSERT INTO run_rows (`+rowColumns+`) VALUES `+strings.Join(values, ", "), w.args...); err != nil {
		return fmt.Errorf("insert lines of a run: %w", err)
	}
	return nil
}

func rowJSON(r *checkout.RunRow) (ask, problems string, err error) {
	b, err := json.Marshal(r.Ask)
	if err != nil {
		return "", "", fmt.Errorf("line %d: %w", r.Line, err)
	}
	if len(r.Problems) == 0 {
		return string(b), "", nil
	}
	p, err := json.Marshal(r.Problems)
	return string(b), string(p), err
}

// SaveRunRow writes what became of a line that was ready. False: it was not.
func (tx *Tx) SaveRunRow(r *checkout.RunRow) (bool, error) {
	_, problems, err := rowJSON(r)
	if err != nil {
		return false, err
	}
	n, err := tx.exec(`UPDATE run_rows SET status = $1, problems = $2, invoice_id = $3, made_at_ms = $4 WHERE run_id = $5 AND line = $6 AND status = 'ready'`,
		string(r.Status), problems, r.InvoiceID, nullMS(r.MadeAt), r.RunID, int64(r.Line))
	if err != nil {
		return false, fmt.Errorf("save line %d of a run: %w", r.Line, err)
	}
	return n == 1, nil
}

// RunRows lists lines of a run behind one, in the order of the file; status "" is any.
func (tx *Tx) RunRows(runID string, status checkout.RowStatus, after, limit int) ([]checkout.RunRow, error) {
	w := where{}
	w.add("run_id = ?", runID)
	if status != "" {
		w.add("status = ?", string(status))
	}
	w.add("line > ?", int64(after))
	rows, err := tx.query(`SELECT `+rowColumns+` FROM run_rows`+w.sql()+` ORDER BY line`+w.limit(limit), w.args...)
	if err != nil {
		return nil, fmt.Errorf("list lines of a run: %w", err)
	}
	defer rows.Close()
	var list []checkout.RunRow
	for rows.Next() {
		var r checkout.RunRow
		var line, may int64
		var status, ask, problems string
		var made sql.NullInt64
		if err := rows.Scan(&r.RunID, &line, &status, &ask, &problems, &r.InvoiceID, &r.Same, &may, &made); err != nil {
			return nil, fmt.Errorf("list lines of a run: %w", err)
		}
		r.Line, r.Status, r.MayDouble, r.MadeAt = int(line), checkout.RowStatus(status), may == 1, fromNullMS(made)
		if err := json.Unmarshal([]byte(ask), &r.Ask); err != nil {
			return nil, fmt.Errorf("line %d of %s: %w", r.Line, runID, err)
		}
		if problems != "" {
			if err := json.Unmarshal([]byte(problems), &r.Problems); err != nil {
				return nil, fmt.Errorf("line %d of %s: %w", r.Line, runID, err)
			}
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// MadeBefore tells which of these asks were made since a moment.
func (tx *Tx) MadeBefore(same []string, since time.Time) (map[string]bool, error) {
	made := map[string]bool{}
	if len(same) == 0 {
		return made, nil
	}
	w := where{}
	names := make([]any, len(same))
	for i, s := range same {
		names[i] = s
	}
	w.add("same IN ("+strings.TrimSuffix(strings.Repeat("?, ", len(same)), ", ")+")", names...)
	w.add("made_at_ms >= ?", ms(since))
	found, err := tx.ids(`SELECT DISTINCT same FROM run_rows`+w.sql()+` AND status = 'made'`, w.args...)
	if err != nil {
		return nil, fmt.Errorf("look for the same: %w", err)
	}
	for _, s := range found {
		made[s] = true
	}
	return made, nil
}

// TakeDoubles makes the lines that ask what was asked before ready all the same: somebody said so.
func (tx *Tx) TakeDoubles(runID string) (int64, error) {
	n, err := tx.exec(`UPDATE run_rows SET status = 'ready', may_double = 1 WHERE run_id = $1 AND status = 'double'`, runID)
	if err != nil {
		return 0, fmt.Errorf("take doubles: %w", err)
	}
	return n, nil
}

// OldRun is the oldest run from before a moment, "" when there is none.
func (tx *Tx) OldRun(before time.Time) (string, error) {
	ids, err := tx.ids(`SELECT id FROM runs WHERE created_at_ms < $1 ORDER BY created_at_ms LIMIT 1`, ms(before))
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[0], nil
}

// ForgetRun removes up to limit lines of a run, and the run itself with the last of them. True: it is gone.
func (tx *Tx) ForgetRun(id string, limit int) (bool, error) {
	n, err := tx.exec(`DELETE FROM run_rows WHERE run_id = $1 AND line IN (SELECT line FROM run_rows WHERE run_id = $1 ORDER BY line LIMIT CAST($2 AS BIGINT))`, id, int64(limit))
	if err != nil {
		return false, fmt.Errorf("forget a run: %w", err)
	}
	if n == int64(limit) {
		return false, nil
	}
	if _, err := tx.exec(`DELETE FROM runs WHERE id = $1`, id); err != nil {
		return false, fmt.Errorf("forget a run: %w", err)
	}
	return true, nil
}
