package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// State is how the installation is doing at a moment. A nil pointer is not known and not told.
type State struct {
	OldestUnverified time.Duration // 0 when none waits
	Review, Strays   int
	DeadJobs         int
	Webhooks         int
	Letters          int

	Updates, Commits, Reruns int64
	CommitSeconds            float64

	DiskFree   *int64
	ClockAhead *time.Duration
	CertEnds   *time.Time
	BackupAt   *time.Time // of the last good one
	BackupBad  bool
	Alerts     map[string]bool // every alert there is, and whether it is on
}

// patience is how long one who asks may wait for the database.
const patience = 5 * time.Second

type value struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(s *State) (float64, bool)
}

// states is told from what read returns whenever somebody asks.
type states struct {
	read   func(ctx context.Context) (State, error)
	values []value
	up     *prometheus.Desc
	alert  *prometheus.Desc
}

// Tell lets everybody who asks have the state of the installation.
func (m *Metrics) Tell(read func(ctx context.Context) (State, error)) {
	m.registry.MustRegister(&states{
		read: read, values: values(),
		up:    prometheus.NewDesc("checkout_database_up", "Whether the database answered.", nil, nil),
		alert: prometheus.NewDesc("checkout_alert", "What needs the operator: 1 while it lasts.", []string{"alert"}, nil),
	})
}

func values() []value {
	gauge := func(name, help string, read func(s *State) (float64, bool)) value {
		return value{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, read}
	}
	counter := func(name, help string, read func(s *State) float64) value {
		return value{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, func(s *State) (float64, bool) { return read(s), true }}
	}
	whole := func(n int) (float64, bool) { return float64(n), true }
	return []value{
		gauge("checkout_oldest_unverified_seconds", "How long the oldest callback waits for the word of its gateway.", func(s *State) (float64, bool) { return s.OldestUnverified.Seconds(), true }),
		gauge("checkout_attempts_needing_review", "Attempts that wait for a person (up to 10000).", func(s *State) (float64, bool) { return whole(s.Review) }),
		gauge("checkout_stray_callbacks", "Callbacks of attempts that are not in the database, as after a restore.", func(s *State) (float64, bool) { return whole(s.Strays) }),
		gauge("checkout_dead_jobs", "Stored work that was given up.", func(s *State) (float64, bool) { return whole(s.DeadJobs) }),
		gauge("checkout_webhook_backlog", "Webhook deliveries that wait (up to 10000).", func(s *State) (float64, bool) { return whole(s.Webhooks) }),
		gauge("checkout_letter_backlog", "Letters that wait (up to 10000).", func(s *State) (float64, bool) { return whole(s.Letters) }),
		counter("checkout_database_updates_total", "Updates that were committed.", func(s *State) float64 { return float64(s.Updates) }),
		counter("checkout_database_commits_total", "Commits that served them: updates by commits is the size of a batch.", func(s *State) float64 { return float64(s.Commits) }),
		counter("checkout_database_commit_seconds_total", "Time spent in commits.", func(s *State) float64 { return s.CommitSeconds }),
		counter("checkout_database_reruns_total", "Updates that were run again.", func(s *State) float64 { return float64(s.Reruns) }),
		gauge("checkout_disk_free_bytes", "Free room where the SQLite file lies.", func(s *State) (float64, bool) {
			if s.DiskFree == nil {
				return 0, false
			}
			return float64(*s.DiskFree), true
		}),
		gauge("checkout_clock_ahead_seconds", "How far this machine's clock is ahead of the gateways'.", func(s *State) (float64, bool) {
			if s.ClockAhead == nil {
				return 0, false
			}
			return s.ClockAhead.Seconds(), true
		}),
		gauge("checkout_certificate_end_timestamp_seconds", "When the certificate of the public address ends.", func(s *State) (float64, bool) { return unix(s.CertEnds) }),
		gauge("checkout_backup_last_success_timestamp_seconds", "When the last backup was made and proved whole.", func(s *State) (float64, bool) { return unix(s.BackupAt) }),
		gauge("checkout_backup_last_failed", "1 when the last scheduled backup failed.", func(s *State) (float64, bool) {
			if s.BackupBad {
				return 1, true
			}
			return 0, true
		}),
	}
}

func unix(t *time.Time) (float64, bool) {
	if t == nil || t.IsZero() {
		return 0, false
	}
	return float64(t.Unix()), true
}

// Describe names what Collect tells.
func (c *states) Describe(to chan<- *prometheus.Desc) {
	to <- c.up
	to <- c.alert
	for _, v := range c.values {
		to <- v.desc
	}
}

// Collect reads the state. A database that does not answer is told as such, and nothing else is.
func (c *states) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := c.read(ctx)
	if err != nil {
		to <- prometheus.MustNewConstMetric(c.up, prometheus.GaugeValue, 0)
		return
	}
	to <- prometheus.MustNewConstMetric(c.up, prometheus.GaugeValue, 1)
	for _, v := range c.values {
		if n, known := v.read(&s); known {
			to <- prometheus.MustNewConstMetric(v.desc, v.kind, n)
		}
	}
	for name, on := range s.Alerts {
		n := 0.0
		if on {
			n = 1
		}
		to <- prometheus.MustNewConstMetric(c.alert, prometheus.GaugeValue, n, name)
	}
}
