// Command checkout is Dargah: the server, the demo, and what an operator does from a shell.
// This room holds flags, output and exit codes; what a command does is the roof's.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // Tehran's time, also in an image that holds nothing else

	"github.com/alecthomas/kong"

	"dargah/internal/app"
)

// Exit codes of CONTRACT §2.
const (
	exitFailed = 1
	exitUsage  = 2
)

// cli is every command and flag.
type cli struct {
	JSON bool `name:"json" help:"Print machine-readable output on stdout."`

	Demo      demoCmd      `cmd:"" help:"The whole product with nothing configured: simulated gateways, a seeded merchant, invoices in every state."`
	Serve     serveCmd     `cmd:"" help:"The production server. Migrates the database first."`
	Simulator simulatorCmd `cmd:"" help:"The two simulated gateways alone, as a separate process."`
	Migrate   migrateCmd   `cmd:"" help:"Bring the database's schema up to date."`
	Backup    backupCmd    `cmd:"" help:"Write the whole database to one file, also while the server runs."`
	Restore   restoreCmd   `cmd:"" help:"Put a backup back. No server may be running; a new series of invoice numbers begins."`
	Doctor    doctorCmd    `cmd:"" help:"Look at configuration, database, clock, TLS, mail and gateways: one line each, ok or the mend."`
	DB        dbCmd        `cmd:"" name:"db" help:"The database as a whole."`
	Key       keyCmd       `cmd:"" help:"Secret keys."`
	Merchant  merchantCmd  `cmd:"" help:"Merchants: the shops of this installation."`
	User      userCmd      `cmd:"" help:"Logins."`
	APIKey    apikeyCmd    `cmd:"" name:"apikey" help:"Keys of the API."`
	LinkKey   linkkeyCmd   `cmd:"" name:"linkkey" help:"Keys that sign payment links offline."`
	Gateway   gatewayCmd   `cmd:"" help:"A merchant's settings for a gateway."`
	Invoice   invoiceCmd   `cmd:"" help:"Invoices."`
	Webhook   webhookCmd   `cmd:"" help:"Where a merchant's programs hear of what happens."`
	VerifyLog verifyLogCmd `cmd:"" name:"verify-log" help:"Prove that an evidence file was not changed: without a database, anywhere."`
	Version   versionCmd   `cmd:"" help:"What this program was built from."`
	Help      helpCmd      `cmd:"" help:"Help on a command; 'help env' prints the table of environment variables."`
}

// shell is what a command may use of the world around it.
type shell struct {
	ctx    context.Context
	in     io.Reader
	out    io.Writer
	err    io.Writer
	json   bool
	getenv func(string) string
	parser *kong.Kong
}

// config reads the environment.
func (s *shell) config() (app.Config, error) { return app.Load(s.getenv) }

// print writes the result of a command: v with --json, otherwise the line.
func (s *shell) print(v any, format string, args ...any) error {
	if !s.json {
		_, err := fmt.Fprintf(s.out, format+"\n", args...)
		return err
	}
	enc := json.NewEncoder(s.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// usageError is a mistake in how a command was called.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for the drain
	s := &shell{ctx: ctx, in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}
	code := s.run(os.Args[1:])
	stop()
	os.Exit(code)
}

// run does one command and returns its exit code.
func (s *shell) run(args []string) int {
	trusted := trustRoots()
	var c cli
	parser, err := kong.New(
		&c, kong.Name("checkout"), kong.Writers(s.out, s.err),
		kong.Description("Dargah: a payment page of your own."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
	)
	if err != nil {
		return s.fail(fmt.Errorf("read the list of commands: %w", err))
	}
	s.parser = parser
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return s.fail(&usageError{err.Error()})
	}
	s.json = c.JSON
	<-trusted
	err = parsed.Run(s)
	if errors.Is(err, errUnwell) {
		return exitFailed
	}
	if err != nil {
		return s.fail(err)
	}
	return 0
}

// fail prints one line that says what went wrong, and returns the exit code.
func (s *shell) fail(err error) int {
	line := strings.Join(strings.Fields(app.Explain(err)), " ")
	fmt.Fprintf(s.err, "checkout: %s\n", line)
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}
