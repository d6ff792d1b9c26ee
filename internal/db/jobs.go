package db

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
)

// While a job is leased, its run_at_ms stands at the end of the lease: should the worker die, that
// is when it is due again. A run_at_ms before the end of the lease says that somebody enqueued the
// job meanwhile; then finishing it leaves it there to run once more, so that no call is lost. The
// first fence of a job is the time it was made, so that a fence of a finished job never fits a
// later one of the same key.
const (
	jobColumns = `kind, key, payload, run_at_ms, due_ms, lease_until_ms, fence, failures, last_failure, dead_at_ms, created_at_ms`
	jobAsked   = `(lease_until_ms IS NOT NULL AND run_at_ms < lease_until_ms)`
)

// EnqueueJob stores a job, or moves the one of that key to the earlier time with the new payload.
// A dead one lives again. Those who wait for the kind are woken after the commit.
func (tx *Tx) EnqueueJob(job checkout.Job) error {
	_, err := tx.exec(`INSERT INTO jobs (kind, key, payload, run_at_ms, due_ms, fence, created_at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT (kind, key) DO UPDATE SET
  payload = excluded.payload,
  run_at_ms = CASE
    WHEN jobs.dead_at_ms IS NOT NULL THEN excluded.run_at_ms
    WHEN jobs.lease_until_ms IS NOT NULL AND excluded.run_at_ms >= jobs.lease_until_ms AND jobs.run_at_ms >= jobs.lease_until_ms THEN jobs.lease_until_ms - 1
    WHEN excluded.run_at_ms < jobs.run_at_ms THEN excluded.run_at_ms
    ELSE jobs.run_at_ms END,
  due_ms = CASE WHEN jobs.dead_at_ms IS NOT NULL OR excluded.due_ms < jobs.due_ms THEN excluded.due_ms ELSE jobs.due_ms END,
  failures = CASE WHEN jobs.dead_at_ms IS NOT NULL THEN 0 ELSE jobs.failures END,
  last_failure = CASE WHEN jobs.dead_at_ms IS NOT NULL THEN '' ELSE jobs.last_failure END,
  dead_at_ms = NULL`,
		job.Kind, job.Key, job.Payload, ms(job.RunAt), ms(jobDue(job)), ms(tx.now))
	if err != nil {
		return fmt.Errorf("enqueue %s: %w", job.Kind, err)
	}
	tx.wake(job.Kind)
	return nil
}

// EnqueueLeased stores a job that the caller begins at once: it is leased from the start, and nobody
// looks at its RunAt. Whoever had the one of that key is fenced out. Nearly always there is none, and a
// plain insert says so: one that may also update and returns a row costs twice as much.
func (tx *Tx) EnqueueLeased(job checkout.Job, leaseUntil time.Time) (fence int64, err error) {
	const insert = `INSERT INTO jobs (kind, key, payload, run_at_ms, due_ms, lease_until_ms, fence, created_at_ms)
VALUES ($1, $2, $3, $4, $5, $4, $6, $6)
ON CONFLICT (kind, key) DO `
	fence = ms(tx.now)
	args := []any{job.Kind, job.Key, job.Payload, ms(leaseUntil), ms(jobDue(job)), fence}
	stored, err := tx.exec(insert+`NOTHING`, args...)
	if err == nil && stored == 0 {
		err = tx.row(insert+`UPDATE SET
  payload = excluded.payload, run_at_ms = excluded.run_at_ms, lease_until_ms = excluded.lease_until_ms, due_ms = excluded.due_ms,
  fence = jobs.fence + 1, failures = 0, last_failure = '', dead_at_ms = NULL
RETURNING fence`, args...).Scan(&fence)
	}
	if err != nil {
		return 0, fmt.Errorf("enqueue leased %s: %w", job.Kind, err)
	}
	return fence, nil
}

// ScheduleJob stores a job for a time, or moves the one of that key there, whoever holds it. For
// callers whose right to do so rests on something else than the job's fence.
func (tx *Tx) ScheduleJob(job checkout.Job) error {
	_, err := tx.exec(`INSERT INTO jobs (kind, key, payload, run_at_ms, due_ms, fence, created_at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT (kind, key) DO UPDATE SET
  payload = excluded.payload, run_at_ms = excluded.run_at_ms, due_ms = excluded.due_ms, lease_until_ms = NULL,
  fence = jobs.fence + 1, failures = 0, last_failure = '', dead_at_ms = NULL`,
		job.Kind, job.Key, job.Payload, ms(job.RunAt), ms(jobDue(job)), ms(tx.now))
	if err != nil {
		return fmt.Errorf("schedule %s: %w", job.Kind, err)
	}
	tx.wake(job.Kind)
	return nil
}

// HastenJobs brings the jobs of a kind that lie beyond latest to it: after the machine's clock was
// set back, their times are of another age.
func (tx *Tx) HastenJobs(kind string, latest time.Time) error {
	_, err := tx.exec(`UPDATE jobs SET run_at_ms = $1 WHERE kind = $2 AND run_at_ms > $1 AND lease_until_ms IS NULL AND dead_at_ms IS NULL`, ms(latest), kind)
	if err != nil {
		return fmt.Errorf("hasten %s: %w", kind, err)
	}
	return nil
}

// HastenAsking makes every job of a kind due now whose key begins with the id of an attempt that is
// being verified or waits for its turn. A job that somebody runs is left to him. All ids have one length, so that each of
// the few waiting jobs costs one look at its attempt, however many attempts there are.
func (tx *Tx) HastenAsking(kind string) error {
	_, err := tx.exec(`UPDATE jobs SET run_at_ms = $1 WHERE kind = $2 AND run_at_ms > $1 AND lease_until_ms IS NULL AND dead_at_ms IS NULL
AND EXISTS (SELECT 1 FROM attempts a WHERE a.id = SUBSTR(jobs.key, 1, $3) AND (a.status = 'verifying' OR a.status = 'returned'))`,
		ms(tx.now), kind, int64(len(checkout.PrefixAttempt)+checkout.IDDigits))
	if err != nil {
		return fmt.Errorf("hasten %s: %w", kind, err)
	}
	return nil
}

// HastenJob makes one job due now. One that somebody runs, or that is not there, is left as it is.
func (tx *Tx) HastenJob(kind, key string) error {
	_, err := tx.exec(`UPDATE jobs SET run_at_ms = $1 WHERE kind = $2 AND key = $3 AND run_at_ms > $1 AND lease_until_ms IS NULL AND dead_at_ms IS NULL`, ms(tx.now), kind, key)
	if err != nil {
		return fmt.Errorf("hasten %s: %w", kind, err)
	}
	tx.wake(kind)
	return nil
}

// jobDue is by when the job should have run.
func jobDue(job checkout.Job) time.Time {
	if job.Due.IsZero() {
		return job.RunAt
	}
	return job.Due
}

func (tx *Tx) wake(kind string) {
	if tx.woken == nil {
		tx.woken = map[string]struct{}{}
	}
	tx.woken[kind] = struct{}{}
}

// ClaimJobs leases up to limit jobs that may run, those first whose window closes first. The CTE
// is materialized because PostgreSQL may run a bare subselect with LIMIT and row locks twice.
func (tx *Tx) ClaimJobs(kinds []string, limit int, leaseUntil time.Time) ([]checkout.Job, error) {
	if len(kinds) == 0 || limit < 1 {
		return nil, nil
	}
	args := []any{ms(tx.now), ms(leaseUntil), int64(limit)}
	in, args := inKinds(kinds, args)
	jobs, err := tx.jobs(`WITH due AS MATERIALIZED (
  SELECT kind, key FROM jobs
  WHERE dead_at_ms IS NULL AND run_at_ms <= $1 AND (lease_until_ms IS NULL OR lease_until_ms <= $1) AND kind IN (`+in+`)
  ORDER BY due_ms, run_at_ms, key LIMIT CAST($3 AS BIGINT) FOR UPDATE SKIP LOCKED)
UPDATE jobs SET lease_until_ms = $2, run_at_ms = $2, fence = fence + 1
WHERE (kind, key) IN (SELECT kind, key FROM due)
RETURNING `+jobColumns, args...)
	if err != nil {
		return nil, fmt.Errorf("claim jobs: %w", err)
	}
	slices.SortFunc(jobs, func(a, b checkout.Job) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Key, b.Key))
	})
	return jobs, nil
}

// inKinds adds the kinds to args and returns their placeholders.
func inKinds(kinds []string, args []any) (string, []any) {
	marks := make([]string, len(kinds))
	for i, kind := range kinds {
		args = append(args, kind)
		marks[i] = "$" + strconv.Itoa(len(args))
	}
	return strings.Join(marks, ", "), args
}

// RenewJob lengthens a lease. False: it is another's now, or the job is gone.
func (tx *Tx) RenewJob(kind, key string, fence int64, leaseUntil time.Time) (bool, error) {
	return tx.held("renew", kind, `UPDATE jobs
SET run_at_ms = CASE WHEN `+jobAsked+` THEN run_at_ms ELSE $4 END, lease_until_ms = $4
WHERE kind = $1 AND key = $2 AND fence = $3 AND dead_at_ms IS NULL AND lease_until_ms IS NOT NULL`, kind, key, fence, ms(leaseUntil))
}

// FinishJob ends a job well. It stays, free, if somebody enqueued it since it was claimed. False:
// it is another's now.
func (tx *Tx) FinishJob(kind, key string, fence int64) (bool, error) {
	done, err := tx.held("finish", kind, `DELETE FROM jobs
WHERE kind = $1 AND key = $2 AND fence = $3 AND dead_at_ms IS NULL AND NOT `+jobAsked, kind, key, fence)
	if err != nil || done {
		return done, err
	}
	return tx.freeAsked(kind, key, fence)
}

// freeAsked gives back a job that somebody enqueued while it was leased.
func (tx *Tx) freeAsked(kind, key string, fence int64) (bool, error) {
	freed, err := tx.held("free", kind, `UPDATE jobs
SET lease_until_ms = NULL, fence = fence + 1, failures = 0, last_failure = ''
WHERE kind = $1 AND key = $2 AND fence = $3 AND dead_at_ms IS NULL AND `+jobAsked, kind, key, fence)
	if freed {
		tx.wake(kind)
	}
	return freed, err
}

// PutOffJob gives the job back to run at runAt, or earlier if somebody enqueued it meanwhile. With
// a failure it counts one more in a row, with "" the row of failures ends. False: it is another's.
func (tx *Tx) PutOffJob(kind, key string, fence int64, runAt time.Time, failure string) (bool, error) {
	put, err := tx.held("put off", kind, `UPDATE jobs
SET run_at_ms = CASE WHEN `+jobAsked+` AND run_at_ms < $4 THEN run_at_ms ELSE $4 END, lease_until_ms = NULL, fence = fence + 1,
  failures = CASE WHEN $5 = '' THEN 0 ELSE failures + 1 END, last_failure = $5
WHERE kind = $1 AND key = $2 AND fence = $3 AND dead_at_ms IS NULL`, kind, key, fence, ms(runAt), failure)
	if put {
		tx.wake(kind) // whoever sleeps until the next job learns that there is an earlier one
	}
	return put, err
}

// KillJob gives the job up to a person. It runs again only if somebody enqueues it, or did so
// since it was claimed. False: it is another's now.
func (tx *Tx) KillJob(kind, key string, fence int64, failure string) (bool, error) {
	killed, err := tx.held("kill", kind, `UPDATE jobs
SET dead_at_ms = $4, lease_until_ms = NULL, fence = fence + 1, failures = failures + 1, last_failure = $5
WHERE kind = $1 AND key = $2 AND fence = $3 AND dead_at_ms IS NULL AND NOT `+jobAsked, kind, key, fence, ms(tx.now), failure)
	if err != nil || killed {
		return killed, err
	}
	return tx.freeAsked(kind, key, fence)
}

// DeleteJob takes a job away, whoever holds it. False: there was none.
func (tx *Tx) DeleteJob(kind, key string) (bool, error) {
	return tx.held("delete", kind, `DELETE FROM jobs WHERE kind = $1 AND key = $2`, kind, key)
}

func (tx *Tx) held(act, kind, query string, args ...any) (bool, error) {
	n, err := tx.exec(query, args...)
	if err != nil {
		return false, fmt.Errorf("%s %s: %w", act, kind, err)
	}
	return n == 1, nil
}

// ReleaseLeases voids every lease. On SQLite at start: the only process that could hold one is
// gone, and customers wait for what it held.
func (tx *Tx) ReleaseLeases() error {
	_, err := tx.exec(`UPDATE jobs SET lease_until_ms = NULL, fence = fence + 1, run_at_ms = CASE WHEN run_at_ms < $1 THEN run_at_ms ELSE $1 END
WHERE lease_until_ms IS NOT NULL`, ms(tx.now))
	if err != nil {
		return fmt.Errorf("release leases: %w", err)
	}
	return nil
}

// NextJobAt is when the next job of the kinds may be claimed, zero when there is none.
func (tx *Tx) NextJobAt(kinds []string) (time.Time, error) {
	if len(kinds) == 0 {
		return time.Time{}, nil
	}
	in, args := inKinds(kinds, nil)
	var at int64
	err := tx.row(`SELECT run_at_ms FROM jobs
WHERE dead_at_ms IS NULL AND NOT `+jobAsked+` AND kind IN (`+in+`) ORDER BY run_at_ms LIMIT 1`, args...).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read next job: %w", err)
	}
	return fromMS(at), nil
}

// Job reads one job. checkout.NotFound when there is none.
func (tx *Tx) Job(kind, key string) (*checkout.Job, error) {
	jobs, err := tx.jobs(`SELECT `+jobColumns+` FROM jobs WHERE kind = $1 AND key = $2`, kind, key)
	if err != nil {
		return nil, fmt.Errorf("read job %s: %w", kind, err)
	}
	if len(jobs) == 0 {
		return nil, fmt.Errorf("read job %s: %w", kind, checkout.NotFound)
	}
	return &jobs[0], nil
}

// DeadJobs lists what was given up to a person, the newest first.
func (tx *Tx) DeadJobs(limit int) ([]checkout.Job, error) {
	jobs, err := tx.jobs(`SELECT `+jobColumns+` FROM jobs WHERE dead_at_ms IS NOT NULL ORDER BY dead_at_ms DESC, kind, key LIMIT $1`, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("read dead jobs: %w", err)
	}
	return jobs, nil
}

func (tx *Tx) jobs(query string, args ...any) ([]checkout.Job, error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var jobs []checkout.Job
	for rows.Next() {
		var j checkout.Job
		var runAt, due, created int64
		var lease, dead sql.NullInt64
		err := rows.Scan(&j.Kind, &j.Key, &j.Payload, &runAt, &due, &lease, &j.Fence, &j.Failures, &j.LastFailure, &dead, &created)
		if err != nil {
			return nil, err
		}
		j.RunAt, j.Due, j.CreatedAt = fromMS(runAt), fromMS(due), fromMS(created)
		j.LeaseUntil, j.DeadAt = fromNullMS(lease), fromNullMS(dead)
		jobs = append(jobs, j)
	}
	return jobs, rows.Err()
}
