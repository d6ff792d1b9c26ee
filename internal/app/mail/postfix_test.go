package mail_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dargah/internal/app/checkout"
	"dargah/internal/app/mail"
	"dargah/internal/app/mail/mailtest"
	"dargah/internal/db"
	"dargah/internal/db/dbtest"
)

// postfix is Debian's mail server, with TLS and a login, which hands on what it took to a postbox.
type postfix struct {
	port  int
	roots *x509.CertPool
	next  *mailtest.Postbox

	dir   string
	cmd   *exec.Cmd // while it is up
	ended chan struct{}
	said  said
}

const (
	postUser, postPassword = "dargah@mail.example.test", "correct horse/battery"
	postDaemons            = "/usr/lib/postfix/sbin"
)

// startPostfix starts one of its own, on files and a port of its own, beside any that the machine may
// run; it skips the test where it is not installed. Only root can start it.
func startPostfix(t *testing.T) *postfix {
	t.Helper()
	for _, program := range []string{"/usr/sbin/postfix", "/usr/sbin/saslpasswd2", postDaemons + "/master"} {
		if _, err := os.Stat(program); err != nil {
			dbtest.Missing(t, "mail", program+" is not installed (postfix, sasl2-bin, libsasl2-modules)")
		}
	}
	if os.Geteuid() != 0 {
		dbtest.Missing(t, "mail", "postfix is started by root")
	}
	dir, err := os.MkdirTemp("/tmp", "postfix") // its own user looks into it: t.TempDir lets nobody
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &postfix{next: mailtest.Open(t), dir: dir}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	cert, roots := certificateOf(t, "mail.example.test", key)
	p.roots = roots
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.port = l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	for name, text := range map[string]string{
		"cert.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})),
		"key.pem":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		// Debian looks for it there, whatever cyrus_sasl_config_path says.
		"etc/sasl/smtpd.conf": "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: " + dir + "/logins\nmech_list: " + "PLAIN LOGIN\n",
		"etc/main.cf":         strings.NewReplacer("DIR", dir, "NEXT", strings.Replace(p.next.Address, "127.0.0.1", "[127.0.0.1]", 1)).Replace(mainCF),
		"etc/master.cf":       strings.ReplaceAll(masterCF, "PORT", fmt.Sprint(p.port)),
		"spool/.keep":         "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(in string, name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Stdin = strings.NewReader(in)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
	}
	run(postPassword, "/usr/sbin/saslpasswd2", "-p", "-c", "-f", dir+"/logins", "-u", "mail.example.test", "dargah")
	run("", "install", "-d", "-o", "postfix", dir+"/data")
	run("", "chown", "postfix", dir+"/logins")
	t.Cleanup(func() {
		p.down()
		if t.Failed() {
			t.Logf("postfix said:\n%s", &p.said)
		}
	})
	p.up(t)
	return p
}

// up starts it, and waits until it listens.
func (p *postfix) up(t *testing.T) {
	t.Helper()
	p.cmd, p.ended = exec.Command("/usr/sbin/postfix", "-c", p.dir+"/etc", "start-fg"), make(chan struct{})
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, ended := p.cmd, p.ended
	go func() { _ = cmd.Wait(); close(ended) }()
	for limit := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.port))
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-p.ended:
			t.Fatalf("postfix ended:\n%s", &p.said)
		default:
		}
		if time.Now().After(limit) {
			t.Fatalf("postfix does not listen:\n%s", &p.said)
		}
	}
}

// down stops it, as its keeper does.
func (p *postfix) down() {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	_ = exec.Command("/usr/sbin/postfix", "-c", p.dir+"/etc", "stop").Run()
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
	}
	p.cmd = nil
}

// desk is a room that gives its letters to it, over a proven name and with a login.
func (p *postfix) desk(t *testing.T, password string) *desk {
	t.Helper()
	d, c := onOne(t)
	c.at = time.Now()
	return newDesk(t, d, c, func(m *mail.Options) {
		m.SMTP = fmt.Sprintf("smtp://%s:%s@mail.example.test:%d", url.PathEscape(postUser), url.PathEscape(password), p.port)
		m.Roots, m.Talk = p.roots, 30*time.Second
		m.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, _ := net.SplitHostPort(address)
			return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
		}
	})
}

const mainCF = `compatibility_level = 3.6
queue_directory = DIR/spool
data_directory = DIR/data
command_directory = /usr/sbin
daemon_directory = ` + postDaemons + `
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.test
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
smtpd_tls_cert_file = DIR/cert.pem
smtpd_tls_key_file = DIR/key.pem
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access inline:{refused.example=REJECT}, permit_sasl_authenticated, reject
relayhost = NEXT
disable_dns_lookups = yes
maillog_file = /dev/stdout
`

const masterCF = `127.0.0.1:PORT inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
`

// said is what a process wrote.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// TestPostfix: against a mail server that the world runs, over STARTTLS that proves its name and
// with a login: every letter is taken and handed on as it was written; a wrong password and a reader
// that it will not have are told apart.
func TestPostfix(t *testing.T) {
	o := startPostfix(t)
	k := o.desk(t, postPassword)
	want := map[string]string{} // Message-ID to subject
	for _, s := range samples() {
		for _, lang := range []string{"fa", "en"} {
			out, _ := s.written(t, lang)
			id := k.write(s.letter.Kind, s.name+"."+lang, func(l *checkout.Letter) {
				l.Facts, l.Locale, l.Live, l.MerchantID = s.letter.Facts, lang, true, s.letter.MerchantID
				if l.Kind == checkout.LetterRequest || l.Kind == checkout.LetterReminder {
					l.Facts.Number = k.inv.Number
				}
				if l.Kind == checkout.LetterReminder {
					l.MerchantID = "mer_1"
				}
				if l.Kind.Asks() {
					l.Recipient = fmt.Sprintf("%s.%s@example.com", s.name, lang) // their number is limited
					k.inv.Customer.Email = l.Recipient
				}
			})
			want["<"+id+"@example.ir>"] = out.Subject
			if s.letter.Kind == checkout.LetterRequest || s.letter.Kind == checkout.LetterReminder {
				k.update(func(tx *db.Tx) error {
					_, err := tx.ReaderOf("mer_1", k.inv.Customer.Email, id)
					rules := checkout.Rules{MerchantID: "mer_1"}                          // no quiet hours
					return errors.Join(err, tx.SaveRules(&rules), tx.EditInvoice(&k.inv)) // asked of this address
				})
				want["<"+id+"@example.ir>"] = "" // it says what the invoice says
			}
			for _, j := range k.claim() {
				k.run(j)
			}
			if l := k.letter(id); l.Status != checkout.LetterSent || !strings.HasPrefix(l.Answer, "2") {
				t.Fatalf("%s.%s: %+v", s.name, lang, l)
			}
		}
	}
	for limit := time.Now().Add(60 * time.Second); len(o.next.Taken()) < len(want) && time.Now().Before(limit); {
		time.Sleep(50 * time.Millisecond)
	}
	for _, m := range o.next.Taken() {
		subject, known := want[m.Head(t, "Message-Id")]
		if !known || (subject != "" && m.Head(t, "Subject") != subject) || !strings.Contains(m.Text(t), "</html>") {
			t.Errorf("handed on: %s", m.Raw)
		}
		delete(want, m.Head(t, "Message-Id"))
	}
	if len(want) != 0 {
		t.Errorf("not handed on: %v", want)
	}

	id := k.write(checkout.LetterReceipt, "refused", func(l *checkout.Letter) { l.Recipient = "x@refused.example" })
	k.work()
	if l := k.letter(id); l.Status != checkout.LetterRefused || l.Reason != checkout.ReasonServer || !strings.HasPrefix(l.Answer, "5") {
		t.Errorf("a reader it will not have: %+v", l)
	}
	wrong := o.desk(t, "another password")
	id = wrong.write(checkout.LetterReceipt, "wrong", nil)
	wrong.work()
	if l := wrong.letter(id); l.Status != checkout.LetterQueued || l.Reason != checkout.ReasonTrouble || !strings.HasPrefix(l.Answer, "535") {
		t.Errorf("a wrong password: %+v", l)
	}
}

// TestPostfix_DownForAnHour: the world's mail server is stopped for an hour by our clock. What is written
// meanwhile waits where people see it and why, a server that is not there is not knocked at for each letter,
// and when it is up again every letter leaves within minutes, once.
func TestPostfix_DownForAnHour(t *testing.T) {
	o := startPostfix(t)
	k := o.desk(t, postPassword)
	want := map[string]bool{}
	write := func(i int) string {
		id := k.write(checkout.LetterReceipt, fmt.Sprint("receipt ", i), func(l *checkout.Letter) { l.Recipient = fmt.Sprintf("c%d@example.com", i) })
		want["<"+id+"@example.ir>"] = true
		return id
	}
	state := func() (s db.OutboxState) {
		k.update(func(tx *db.Tx) (err error) { s, err = tx.Outbox("mer_1", true); return err })
		return s
	}
	first := write(0)
	k.work()
	if l := k.letter(first); l.Status != checkout.LetterSent {
		t.Fatalf("%+v", l)
	}
	o.down()
	var ids []string
	for minute := range 60 {
		if minute%5 == 0 {
			ids = append(ids, write(1+minute))
		}
		k.work()
		k.clock.add(time.Minute)
	}
	tries := 0
	for _, id := range ids {
		l := k.letter(id)
		if l.Status != checkout.LetterQueued || !k.jobs(id) {
			t.Errorf("while it is down: %+v", l)
		}
		if l.Reason != checkout.ReasonTrouble { // the page of letters says so
			t.Errorf("waits without a reason: %+v", l)
		}
		tries += l.Tries
	}
	if s := state(); s.Waiting != len(ids) || tries < 3 || tries > 30 {
		t.Errorf("%+v; knocked %d times for %d letters", s, tries, len(ids))
	}
	o.up(t)
	minutes := 0
	for ; state().Waiting > 0 && minutes < 15; minutes++ {
		k.clock.add(time.Minute)
		k.work()
	}
	t.Logf("%d letters waited, %d knocks; all gone %d minutes after it came back", len(ids), tries, minutes)
	for limit := time.Now().Add(60 * time.Second); len(o.next.Taken()) < len(want) && time.Now().Before(limit); {
		time.Sleep(50 * time.Millisecond)
	}
	for _, m := range o.next.Taken() {
		if id := m.Head(t, "Message-Id"); !want[id] {
			t.Errorf("%s came unasked, or twice", id)
		} else {
			delete(want, id)
		}
	}
	if len(want) != 0 || state().Waiting != 0 {
		t.Errorf("lost: %v; %+v", want, state())
	}
}
