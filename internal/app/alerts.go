package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/i18n"
	"dargah/internal/app/payments"
	"dargah/internal/db"
)

// What needs the operator. Those of one machine carry its name behind an @.
const (
	alertVerify      = "verify_late"
	alertReview      = "review"
	alertStray       = "stray"
	alertDead        = "dead_jobs"
	alertDisk        = "disk"
	alertClock       = "clock"
	alertCertificate = "certificate"
	alertBackup      = "backup"
)

func alertCodes() []string {
	return []string{alertVerify, alertReview, alertStray, alertDead, alertDisk, alertClock, alertCertificate, alertBackup}
}

const (
	// jobAlert tells the operator's own program; its key is the alert, its payload what is said.
	jobAlert = "alert"
	// forgottenAfter is when the alert of another machine is dropped, which may be gone. One that is
	// there tells it anew.
	forgottenAfter = 24 * time.Hour
	alertEvery     = 30 * time.Second
)

// judge says which alerts are on here and now.
func (o *observer) judge(v *db.Vitals, b *backupState, now time.Time) []string {
	m := o.machine.Load()
	at := func(code string) string { return code + "@" + o.host }
	on := map[string]bool{
		alertVerify:          v.Late,
		alertReview:          v.Review > 0,
		alertStray:           v.Strays > 0,
		alertDead:            v.Dead > 0,
		alertBackup:          o.app.cfg.BackupDir != "" && b.old(now, o.app.cfg.BackupEvery),
		at(alertDisk):        m.free != nil && *m.free < diskWarn,
		at(alertClock):       m.ahead != nil && m.ahead.Abs() > clockWarn,
		at(alertCertificate): m.ends != nil && m.ends.Sub(now) < certificateWarn,
	}
	maps.DeleteFunc(on, func(_ string, on bool) bool { return !on })
	return slices.Sorted(maps.Keys(on))
}

// watch compares what is on with what was, and tells people of what is new: once for all processes.
func (o *observer) watch(ctx context.Context) error {
	o.lookHere()
	return o.app.db.Update(ctx, func(tx *db.Tx) error {
		v, err := tx.Vitals(payments.JobVerify)
		if err != nil {
			return err
		}
		kept, err := tx.Alerts()
		if err != nil {
			return err
		}
		b, err := readBackupState(tx)
		if err != nil {
			return err
		}
		on, changed := o.judge(&v, &b, tx.Now()), false
		for name, since := range kept {
			_, host, local := strings.Cut(name, "@")
			theirs := local && host != o.host
			if theirs && tx.Now().Sub(since) < forgottenAfter || !theirs && slices.Contains(on, name) {
				continue
			}
			delete(kept, name)
			changed = true
			if err := o.tell(tx, name, since, "resolved"); err != nil {
				return err
			}
		}
		for _, name := range on {
			if _, known := kept[name]; known {
				continue
			}
			kept[name], changed = tx.Now(), true
			if err := errors.Join(o.tell(tx, name, tx.Now(), "firing"), alertLetters(tx, name)); err != nil {
				return err
			}
		}
		if !changed {
			return nil
		}
		return tx.SaveAlerts(kept)
	})
}

// alertLetters writes to everybody who rules the installation.
func alertLetters(tx *db.Tx, name string) error {
	people, err := tx.Operators()
	if err != nil {
		return err
	}
	code, host, _ := strings.Cut(name, "@")
	for _, p := range people {
		_, err := tx.EnqueueLetter(&checkout.Letter{
			Live: true, Kind: checkout.LetterAlert, Key: "alert/" + name + "/" + strconv.FormatInt(tx.Now().UnixMilli(), 10) + "/" + p.ID,
			Recipient: p.Email, Locale: string(i18n.FA), Facts: checkout.LetterFacts{What: code, Name: host, At: tx.Now()},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// said is what the operator's own program is told.
type said struct {
	Alert  string    `json:"alert"`
	Status string    `json:"status"` // firing or resolved
	Host   string    `json:"host,omitempty"`
	Text   string    `json:"text"`
	Since  time.Time `json:"since"`
	URL    string    `json:"url"`
}

func (o *observer) tell(tx *db.Tx, name string, since time.Time, status string) error {
	if o.app.cfg.AlertURL == "" {
		return nil
	}
	code, host, _ := strings.Cut(name, "@")
	body, err := json.Marshal(said{code, status, host, i18n.EN.T("alert.text." + code), since.UTC(), o.app.cfg.BaseURL + "/admin/attention"})
	if err != nil {
		return fmt.Errorf("say alert: %w", err)
	}
	return tx.EnqueueJob(checkout.Job{Kind: jobAlert, Key: name + "/" + status, Payload: string(body), RunAt: tx.Now()})
}

// alertClient follows no redirect: the second request would be a GET without the alert, and its 200 no word of
// anybody who heard it.
var alertClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// sayAlert is the job that calls the operator's own program.
func (o *observer) sayAlert(ctx context.Context, job checkout.Job) error {
	ctx, cancel := context.WithTimeout(ctx, perCheck)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.app.cfg.AlertURL, bytes.NewReader([]byte(job.Payload)))
	if err != nil {
		return errors.New("tell of an alert: the address cannot be called")
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := alertClient.Do(req)
	if err != nil {
		return fmt.Errorf("tell of an alert: %s", short(err)) // the address may hold a secret
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("tell of an alert: answered %d", resp.StatusCode)
	}
	return nil
}
