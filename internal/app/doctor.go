package app

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"dargah/internal/app/i18n"
	"dargah/internal/app/mail"
	"dargah/internal/db"
)

// What a check found: all is well, well for now, or something that keeps payments from working. Skipped
// is what cannot be looked at here.
const (
	FindingOK   = "ok"
	FindingWarn = "warning"
	FindingBad  = "failed"
	FindingSkip = "skipped"
)

// Finding is one line of checkout doctor.
type Finding struct {
	Check   string `json:"check"`
	Subject string `json:"subject,omitempty"`
	Status  string `json:"status"`
	Text    string `json:"text"`
}

// Diagnosis is what checkout doctor found.
type Diagnosis struct {
	OK       bool      `json:"ok"` // nothing failed
	Findings []Finding `json:"findings"`
}

// DoctorOptions are the flags of checkout doctor.
type DoctorOptions struct {
	Language string // fa or en
	Getenv   func(string) string
	// Say is told each finding as it comes. May be nil.
	Say func(Finding)
}

// perCheck is how long one check may take.
const perCheck = 15 * time.Second

// doctor looks at an installation from the machine it runs on.
type doctor struct {
	DoctorOptions
	locale i18n.Locale
	cfg    Config
	clocks []clockSeen
	out    map[string]bool // our addresses, as the gateways' servers see them if nothing stands between
	found  Diagnosis
}

// clockSeen is what a server's Date says about our clock.
type clockSeen struct {
	server string
	ahead  time.Duration // of ours
}

func (d *doctor) find(check, subject, status, key string, args ...any) {
	f := Finding{Check: check, Subject: subject, Status: status, Text: d.locale.T(key, args...)}
	d.found.Findings = append(d.found.Findings, f)
	d.found.OK = d.found.OK && status != FindingBad
	if d.Say != nil {
		d.Say(f)
	}
}

// Doctor looks at everything that has to work before a customer can pay. It changes nothing, and asks
// the gateways about payments that cannot exist only.
func Doctor(ctx context.Context, o DoctorOptions) Diagnosis {
	locale, _ := i18n.ParseLocale(o.Language)
	d := &doctor{DoctorOptions: o, locale: locale, out: map[string]bool{}, found: Diagnosis{OK: true, Findings: []Finding{}}}
	if !d.configuration() {
		return d.found
	}
	office := d.database(ctx)
	d.disk()
	d.origin(ctx)
	d.smtp(ctx)
	if office != nil {
		d.gateways(ctx, office)
		_ = office.Close()
	}
	d.clock()
	return d.found
}

func (d *doctor) configuration() bool {
	cfg, err := Load(d.Getenv)
	if err == nil {
		err = errors.Join(cfg.NeedBaseURL(), cfg.NeedSecretKey())
	}
	if err != nil {
		for _, e := range parts(err) {
			d.find("configuration", "", FindingBad, "doctor.configuration.wrong", "error", e.Error())
		}
		return false
	}
	d.cfg = cfg
	d.find("configuration", "", FindingOK, "doctor.configuration.ok")
	return true
}

// parts are the errors of a joined one.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// database opens it as a command does, but makes nothing: doctor leaves no empty database behind.
func (d *doctor) database(ctx context.Context) *Office {
	ctx, cancel := context.WithTimeout(ctx, perCheck)
	defer cancel()
	if file, lite := strings.CutPrefix(d.cfg.DatabaseURL, "sqlite:"); lite {
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			d.find("database", "", FindingBad, "doctor.database.empty")
			return nil // to open it would make the file
		}
	}
	store, err := db.Open(ctx, db.Options{URL: d.cfg.DatabaseURL})
	switch {
	case errors.Is(err, db.ErrEmpty):
		d.find("database", "", FindingBad, "doctor.database.empty")
		return nil
	case errors.Is(err, db.ErrSchemaOld):
		d.find("database", "", FindingBad, "doctor.database.old")
		return nil
	case errors.Is(err, db.ErrSchemaNewer):
		d.find("database", "", FindingBad, "doctor.database.newer")
		return nil
	case err != nil:
		d.find("database", "", FindingBad, "doctor.database.closed", "error", err.Error())
		return nil
	}
	office := officeOn(d.cfg, store)
	if err := store.TryToWrite(ctx); err != nil {
		d.find("database", "", FindingBad, "doctor.database.readonly", "error", err.Error())
		return office
	}
	served, known, err := store.Served(ctx)
	version, _, more := store.SchemaState(ctx)
	if err := errors.Join(err, more); err != nil {
		d.find("database", "", FindingBad, "doctor.database.closed", "error", err.Error())
		return office
	}
	d.find("database", "", FindingOK, "doctor.database.ok", "engine", store.Engine(), "schema", strconv.FormatInt(version, 10))
	switch {
	case !known:
		d.find("server", "", FindingWarn, "doctor.server.unknown")
	case !served:
		d.find("server", "", FindingWarn, "doctor.server.stopped")
	default:
		d.find("server", "", FindingOK, "doctor.server.ok")
	}
	switch seen, err := opens(ctx, store, d.cfg); {
	case err != nil:
		d.find("key", "", FindingBad, "doctor.key.wrong")
	case !seen:
		d.find("key", "", FindingSkip, "doctor.key.unused")
	default:
		d.find("key", "", FindingOK, "doctor.key.ok")
	}
	return office
}

// What is left on the disk of an SQLite file: below the first nothing more may come in soon.
const (
	diskBad  = 256 << 20
	diskWarn = 2 << 30
)

func (d *doctor) disk() {
	path, free, err := freeDisk(d.cfg.DatabaseURL)
	mib := strconv.FormatInt(free>>20, 10)
	switch {
	case path == "":
		d.find("disk", "", FindingSkip, "doctor.disk.elsewhere")
	case err != nil:
		d.find("disk", path, FindingSkip, "doctor.disk.unknown", "error", err.Error())
	case free < diskBad:
		d.find("disk", path, FindingBad, "doctor.disk.full", "mib", mib)
	case free < diskWarn:
		d.find("disk", path, FindingWarn, "doctor.disk.low", "mib", mib)
	default:
		d.find("disk", path, FindingOK, "doctor.disk.ok", "mib", mib)
	}
}

func (d *doctor) smtp(ctx context.Context) {
	if d.cfg.SMTPURL == "" {
		d.find("mail", "", FindingSkip, "doctor.mail.off")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, perCheck)
	defer cancel()
	room, err := mail.New(mail.Options{BaseURL: d.cfg.BaseURL, SMTP: d.cfg.SMTPURL, From: d.cfg.MailFrom, Now: time.Now})
	if err == nil {
		err = room.Check(ctx)
	}
	if err != nil {
		d.find("mail", "", FindingBad, "doctor.mail.refused", "error", err.Error())
		return
	}
	d.find("mail", "", FindingOK, "doctor.mail.ok")
}

// How far our clock may be from others'. Verify windows are minutes; second factors have 30 seconds.
const (
	clockBad  = 30 * time.Second
	clockWarn = 5 * time.Second
)

// clock compares ours with those of the servers that were asked.
func (d *doctor) clock() {
	if len(d.clocks) == 0 {
		d.find("clock", "", FindingSkip, "doctor.clock.alone")
		return
	}
	best := d.best()
	status, key := FindingOK, "doctor.clock.ok"
	switch {
	case best.ahead.Abs() > clockBad:
		status, key = FindingBad, "doctor.clock.wrong"
	case best.ahead.Abs() > clockWarn:
		status, key = FindingWarn, "doctor.clock.wrong"
	}
	d.find("clock", best.server, status, key, "seconds", strconv.FormatInt(int64(best.ahead.Abs()/time.Second), 10))
}

// best is, of the clocks that were seen, the one that agrees best with ours: a gateway's may be wrong as well.
func (d *doctor) best() clockSeen {
	best := d.clocks[0]
	for _, c := range d.clocks {
		if c.ahead.Abs() < best.ahead.Abs() {
			best = c
		}
	}
	return best
}
