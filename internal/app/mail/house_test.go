package mail_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"dargah/internal/app/checkout"
	"dargah/internal/app/mail"
	"dargah/internal/app/seal"
	"dargah/internal/app/worker"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// postbox is a mail server (emersion/go-smtp) that does as it is told and keeps what it took.
type postbox struct {
	testing.TB
	address string
	roots   *x509.CertPool

	mu       sync.Mutex
	onMail   error
	onRcpt   func(to string) error
	onData   error
	hang     chan struct{} // closed to go on; nil: no hanging
	taken    []taken
	senders  int // how often it was asked to take a letter
	logins   int
	user     string
	password string
	inTLS    bool // whether the last login was
}

// taken is one message that the server took.
type taken struct {
	from string
	to   []string
	raw  []byte
}

type postboxOptions struct {
	tls      bool // offers STARTTLS
	implicit bool // TLS from the first byte
	user     string
	password string
	utf8     bool
}

func newPostbox(t testing.TB, o postboxOptions) *postbox {
	t.Helper()
	p := &postbox{TB: t, user: o.user, password: o.password}
	s := smtp.NewServer(p)
	s.Domain, s.AllowInsecureAuth, s.EnableSMTPUTF8 = "mail.example.test", !o.tls && !o.implicit, o.utf8
	s.ReadTimeout, s.WriteTimeout = 20*time.Second, 20*time.Second
	s.ErrorLog = quiet{}
	if o.tls || o.implicit {
		var cert tls.Certificate
		cert, p.roots = certificate(t, "mail.example.test")
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr().String()
	if o.implicit {
		l = tls.NewListener(l, s.TLSConfig)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return p
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// certificate makes one for a name, and the authority that vouches for it.
func certificate(t testing.TB, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return certificateOf(t, name, key)
}

func certificateOf(t testing.TB, name string, key crypto.Signer) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(made)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func (p *postbox) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &talk{box: p, conn: c}, nil
}

// talk is one conversation.
type talk struct {
	box  *postbox
	conn *smtp.Conn
	m    taken
	in   bool
}

func (s *talk) AuthMechanisms() []string {
	if s.box.user == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *talk) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.box.mu.Lock()
		defer s.box.mu.Unlock()
		if user != s.box.user || password != s.box.password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no such login"}
		}
		s.box.logins++
		_, s.box.inTLS = s.conn.TLSConnectionState()
		s.in = true
		return nil
	}), nil
}

func (s *talk) Mail(from string, _ *smtp.MailOptions) error {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	if s.box.user != "" && !s.in {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "log in first"}
	}
	s.m = taken{from: from}
	s.box.senders++
	return s.box.onMail
}

func (s *talk) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.box.mu.Lock()
	on := s.box.onRcpt
	s.box.mu.Unlock()
	s.m.to = append(s.m.to, to)
	if on != nil {
		return on(to)
	}
	return nil
}

func (s *talk) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.box.mu.Lock()
	on, hang := s.box.onData, s.box.hang
	s.box.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if on != nil {
		return on
	}
	s.m.raw = raw
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.taken = append(s.box.taken, s.m)
	return nil
}

func (s *talk) Reset()        { s.m = taken{} }
func (s *talk) Logout() error { return nil }

// does sets how the server answers from now on.
func (p *postbox) does(fn func(p *postbox)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn(p)
}

// got is what the server took so far.
func (p *postbox) got() []taken {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]taken(nil), p.taken...)
}

func code(n int, words string) error {
	return &smtp.SMTPError{Code: n, EnhancedCode: smtp.EnhancedCode{n / 100, 0, 0}, Message: words}
}

// desk is a room on a database of its own, with a worker that runs when told to.
type desk struct {
	testing.TB
	room  *mail.Room
	db    *db.DB
	box   *seal.Box
	clock *clock
	inv   checkout.Invoice
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// numbers are of invoices: a merchant has each once.
var numbers atomic.Int64

// newDesk opens a room before a mail server, nil for none. change may set options.
func newDesk(t testing.TB, d *db.DB, c *clock, change func(*mail.Options)) *desk {
	t.Helper()
	box, err := seal.New(seal.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	o := mail.Options{
		DB: d, Box: box, BaseURL: "https://pay.example.ir", From: "pay@example.ir", Now: c.now, Talk: 5 * time.Second,
		Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	room, err := mail.New(o)
	if err != nil {
		t.Fatal(err)
	}
	k := &desk{TB: t, room: room, db: d, box: box, clock: c}
	k.inv = checkout.Invoice{
		ID: checkout.NewID(checkout.PrefixInvoice, c.now(), rand.Reader), MerchantID: "mer_1", Live: true, Number: strconv.FormatInt(numbers.Add(1), 10), Token: checkout.NewToken(rand.Reader),
		Status: checkout.InvoiceOpen, Amount: 27_050_000, Reference: "MP-1217", Gateways: []string{"gardeshpay"}, Locale: "fa",
		Customer:  checkout.Customer{Name: "خانم احمدی", Email: "sara@example.com"},
		CreatedAt: c.now(), ExpiresAt: c.now().Add(7 * 24 * time.Hour),
	}
	k.update(func(tx *db.Tx) error {
		if _, err := tx.Merchant("mer_1"); errors.Is(err, checkout.NotFound) {
			m := &checkout.Merchant{ID: "mer_1", Slug: "meybod", Name: "خانهٔ سفال میبد", Email: "shop@example.ir", Locale: "fa", CreatedAt: tx.Now()}
			if err := tx.InsertMerchant(m); err != nil {
				return err
			}
		}
		return tx.InsertInvoice(&k.inv)
	})
	return k
}

// onBoth runs a test of what the store decides on both engines.
func onBoth(t *testing.T, test func(t *testing.T, d *db.DB, c *clock)) {
	dbtest.Each(t, func(t *testing.T, open func(db.Options) *db.DB) {
		c := &clock{at: now}
		test(t, open(db.Options{Now: c.now}), c)
	})
}

// onOne is one SQLite database.
func onOne(t testing.TB) (*db.DB, *clock) {
	c := &clock{at: now}
	return dbtest.Open(t, db.Options{URL: dbtest.SQLiteURL(t), Now: c.now}), c
}

func (k *desk) update(fn func(*db.Tx) error) {
	k.Helper()
	if err := k.db.Update(context.Background(), fn); err != nil {
		k.Fatal(err)
	}
}

// write puts a letter about the desk's invoice into the outbox.
func (k *desk) write(kind checkout.LetterKind, key string, change func(*checkout.Letter)) string {
	k.Helper()
	l := &checkout.Letter{MerchantID: "mer_1", Live: true, Kind: kind, Key: key, InvoiceID: k.inv.ID, Recipient: "sara@example.com", Locale: "fa", Facts: paidFacts()}
	if change != nil {
		change(l)
	}
	k.update(func(tx *db.Tx) error { _, err := tx.EnqueueLetter(l); return err })
	return l.ID
}

func (k *desk) letter(id string) *checkout.Letter {
	k.Helper()
	var l *checkout.Letter
	k.update(func(tx *db.Tx) (err error) { l, err = tx.Letter(id); return err })
	return l
}

// claim takes what is due.
func (k *desk) claim() []checkout.Job {
	k.Helper()
	var jobs []checkout.Job
	k.update(func(tx *db.Tx) (err error) {
		jobs, err = tx.ClaimJobs([]string{checkout.JobLetter}, 50, tx.Now().Add(worker.Lease))
		return err
	})
	return jobs
}

// work sends what is due, as the worker would, and returns how many letters that was.
func (k *desk) work() int {
	k.Helper()
	jobs := k.claim()
	for _, j := range jobs {
		k.run(j)
	}
	return len(jobs)
}

func (k *desk) run(j checkout.Job) {
	k.Helper()
	if err := k.room.RunLetter(context.Background(), j); err != nil {
		k.Fatal(err)
	}
	// What the worker does after a handler that is content.
	k.update(func(tx *db.Tx) error { _, err := tx.FinishJob(j.Kind, j.Key, j.Fence); return err })
}

// jobs is how many stored jobs there are.
func (k *desk) jobs(id string) bool {
	k.Helper()
	found := true
	k.update(func(tx *db.Tx) error {
		_, err := tx.Job(checkout.JobLetter, id)
		if errors.Is(err, checkout.NotFound) {
			found = false
			return nil
		}
		return err
	})
	return found
}

// at points a room to a postbox as to a server in the world: by name, over TLS that is proven.
func (p *postbox) at(scheme, login string) func(*mail.Options) {
	return func(o *mail.Options) {
		_, port, _ := net.SplitHostPort(p.address)
		o.SMTP, o.Roots = scheme+"://"+login+"mail.example.test:"+port, p.roots
		o.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, p.address)
		}
	}
}

// here points a room to a postbox as to a server on this machine.
func (p *postbox) here(o *mail.Options) { o.SMTP = "smtp://" + p.address }
