package db

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
)

const jobColumns = `kind, key, payload, run_at_ms, due_ms, lease_until_ms, fence, failures, last_failure, dead_at_ms, created_at_ms`

// EnqueueJob stores a job, or moves the stored one of the same kind and key to the earlier time with
// the new payload; a dead one lives again. After the commit its kind is woken.
func (tx *Tx) EnqueueJob(j checkout.Job) error {
	_, err := tx.exec(`INSERT INTO jobs (kind, key, payload, run_at_ms, due_ms, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (kind, key) DO UPDATE
SET payload = excluded.payload, due_ms = excluded.due_ms, dead_at_ms = NULL, failures = 0,
    run_at_ms = CASE WHEN jobs.run_at_ms < excluded.run_at_ms AND jobs.dead_at_ms IS NULL THEN jobs.run_at_ms ELSE excluded.run_at_ms END`,
		j.Kind, j.Key, j.Payload, ms(j.RunAt), ms(due(j)), ms(tx.now))
	if err != nil {
		return fmt.Errorf("enqueue %s: %w", j.Kind, err)
	}
	if tx.woken == nil {
		tx.woken = map[string]struct{}{}
	}
	tx.woken[j.Kind] = struct{}{}
	return nil
}

// EnqueueLeased stores a job that the caller itself does right after the commit, already leased to
// it. Whoever held a lease on it has lost it. It returns the fence.
func (tx *Tx) EnqueueLeased(j checkout.Job, until time.Time) (int64, error) {
	var fence int64
	err := tx.row(`INSERT INTO jobs (kind, key, payload, run_at_ms, due_ms, lease_until_ms, fence, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, 1, $7)
ON CONFLICT (kind, key) DO UPDATE
SET payload = excluded.payload, run_at_ms = excluded.run_at_ms, due_ms = excluded.due_ms, lease_until_ms = excluded.lease_until_ms,
    fence = jobs.fence + 1, dead_at_ms = NULL, failures = 0
RETURNING fence`,
		j.Kind, j.Key, j.Payload, ms(j.RunAt), ms(due(j)), ms(until), ms(tx.now)).Scan(&fence)
	if err != nil {
		return 0, fmt.Errorf("enqueue leased %s: %w", j.Kind, err)
	}
	return fence, nil
}

func due(j checkout.Job) time.Time {
	if j.Due.IsZero() {
		return j.RunAt
	}
	return j.Due
}

// ClaimJobs leases up to limit jobs of the kinds that are due and nobody holds, the one whose due
// time is closest first. Two claimers never get the same one.
func (tx *Tx) ClaimJobs(kinds []string, limit int, until time.Time) ([]checkout.Job, error) {
	args := []any{ms(until), ms(tx.now), int64(limit)}
	in := make([]string, len(kinds))
	for i, k := range kinds {
		args = append(args, k)
		in[i] = "$" + strconv.Itoa(len(args))
	}
	return tx.jobs(`UPDATE jobs SET lease_until_ms = $1, fence = fence + 1
WHERE (kind, key) IN (
  SELECT kind, key FROM jobs
  WHERE run_at_ms <= $2 AND dead_at_ms IS NULL AND (lease_until_ms IS NULL OR lease_until_ms <= $2) AND kind IN (`+strings.Join(in, ", ")+`)
  ORDER BY due_ms, run_at_ms LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING `+jobColumns, args...)
}

// RenewJob keeps a lease. False: the job is gone or has another holder.
func (tx *Tx) RenewJob(kind, key string, fence int64, until time.Time) (bool, error) {
	return tx.verdict("renew", `UPDATE jobs SET lease_until_ms = $1 WHERE kind = $2 AND key = $3 AND fence = $4 AND lease_until_ms IS NOT NULL`, ms(until), kind, key, fence)
}

// FinishJob removes a job that is done. False: it is gone or has another holder.
func (tx *Tx) FinishJob(kind, key string, fence int64) (bool, error) {
	return tx.verdict("finish", `DELETE FROM jobs WHERE kind = $1 AND key = $2 AND fence = $3 AND lease_until_ms IS NOT NULL`, kind, key, fence)
}

// PutOffJob gives a job back for another time. A failure counts and is kept; "" is none. False: it
// is gone or has another holder.
func (tx *Tx) PutOffJob(kind, key string, fence int64, runAt time.Time, failure string) (bool, error) {
	return tx.verdict("put off", `UPDATE jobs
SET run_at_ms = $1, lease_until_ms = NULL, fence = fence + 1,
    failures = CASE WHEN $2 = '' THEN 0 ELSE failures + 1 END, last_failure = CASE WHEN $2 = '' THEN last_failure ELSE $2 END
WHERE kind = $3 AND key = $4 AND fence = $5 AND lease_until_ms IS NOT NULL`, ms(runAt), failure, kind, key, fence)
}

// KillJob gives a job up to a person. False: it is gone or has another holder.
func (tx *Tx) KillJob(kind, key string, fence int64, failure string) (bool, error) {
	return tx.verdict("kill", `UPDATE jobs
SET dead_at_ms = $1, lease_until_ms = NULL, fence = fence + 1, failures = failures + 1, last_failure = $2
WHERE kind = $3 AND key = $4 AND fence = $5 AND lease_until_ms IS NOT NULL`, ms(tx.now), failure, kind, key, fence)
}

// DeleteJob removes a job whoever holds it.
func (tx *Tx) DeleteJob(kind, key string) error {
	_, err := tx.exec(`DELETE FROM jobs WHERE kind = $1 AND key = $2`, kind, key)
	if err != nil {
		return fmt.Errorf("delete job: %w", err)
	}
	return nil
}

// ReleaseLeases voids all leases: on SQLite, at the start of the only server, they are a dead one's.
func (tx *Tx) ReleaseLeases() (int64, error) {
	n, err := tx.exec(`UPDATE jobs SET lease_until_ms = NULL, fence = fence + 1 WHERE lease_until_ms IS NOT NULL`)
	if err != nil {
		return 0, fmt.Errorf("release leases: %w", err)
	}
	return n, nil
}

// NextJobAt says when a job of the kinds is due next; false when none is stored.
func (tx *Tx) NextJobAt(kinds []string) (time.Time, bool, error) {
	var args []any
	in := make([]string, len(kinds))
	for i, k := range kinds {
		args = append(args, k)
		in[i] = "$" + strconv.Itoa(len(args))
	}
	var at sql.NullInt64
	err := tx.row(`SELECT MIN(CASE WHEN lease_until_ms > run_at_ms THEN lease_until_ms ELSE run_at_ms END)
FROM jobs WHERE dead_at_ms IS NULL AND kind IN (`+strings.Join(in, ", ")+`)`, args...).Scan(&at)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("next job: %w", err)
	}
	return fromNullMS(at), at.Valid, nil
}

// Job reads one job. checkout.NotFound when there is none.
func (tx *Tx) Job(kind, key string) (*checkout.Job, error) {
	list, err := tx.jobs(`SELECT `+jobColumns+` FROM jobs WHERE kind = $1 AND key = $2`, kind, key)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("read job: %w", checkout.NotFound)
	}
	return &list[0], nil
}

// DeadJobs lists what was given up, newest first.
func (tx *Tx) DeadJobs(limit int) ([]checkout.Job, error) {
	return tx.jobs(`SELECT `+jobColumns+` FROM jobs WHERE dead_at_ms IS NOT NULL ORDER BY dead_at_ms DESC, kind, key LIMIT $1`, int64(limit))
}

func (tx *Tx) verdict(what, query string, args ...any) (bool, error) {
	n, err := tx.exec(query, args...)
	if err != nil {
		return false, fmt.Errorf("%s job: %w", what, err)
	}
	return n == 1, nil
}

func (tx *Tx) jobs(query string, args ...any) ([]checkout.Job, error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	defer rows.Close()
	var list []checkout.Job
	for rows.Next() {
		var j checkout.Job
		var run, due, failures, created int64
		var lease, dead sql.NullInt64
		if err := rows.Scan(&j.Kind, &j.Key, &j.Payload, &run, &due, &lease, &j.Fence, &failures, &j.LastFailure, &dead, &created); err != nil {
			return nil, fmt.Errorf("jobs: %w", err)
		}
		j.RunAt, j.Due, j.CreatedAt = fromMS(run), fromMS(due), fromMS(created)
		j.LeaseUntil, j.DeadAt, j.Failures = fromNullMS(lease), fromNullMS(dead), int(failures)
		list = append(list, j)
	}
	return list, rows.Err()
}

// none turns the driver's no-row into the house's not-found.
func none(what string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%s: %w", what, checkout.NotFound)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
