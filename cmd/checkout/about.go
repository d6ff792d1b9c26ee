package main

import (
	"fmt"
	"runtime/debug"
	"text/tabwriter"

	"dargah/internal/app"
)

type keyCmd struct {
	New    keyNewCmd    `cmd:"" help:"Print a fresh secret key for CHECKOUT_SECRET_KEY."`
	Rotate keyRotateCmd `cmd:"" help:"Seal again, under the first key of CHECKOUT_SECRET_KEY, what the older ones behind it sealed. Beside a running server, and as often as you like."`
}

type keyNewCmd struct{}

// Run prints a key and keeps no copy.
func (keyNewCmd) Run(s *shell) error {
	key := app.NewKey()
	return s.print(map[string]string{"key": key}, "%s", key)
}

type keyRotateCmd struct{}

// Run seals everything again.
func (keyRotateCmd) Run(s *shell) error {
	return s.withOffice(func(o *app.Office) error {
		r, err := o.RotateKey(s.ctx)
		if err != nil {
			return err
		}
		more := ""
		if len(r.Older) > 0 {
			more = "\nThe older keys open nothing that is stored any more. Leave them behind the new one for another month: addresses to which gateways send customers back were signed with them."
		}
		return s.print(r, "Sealed again under key %s: %d gateway accounts, %d second factors, %d link keys, %d webhook endpoints, %d kept answers, %d letters, %d files of certificates.%s",
			r.Key, r.Accounts, r.Factors, r.LinkKeys, r.Webhooks, r.Answers, r.Letters, r.Files, more)
	})
}

// released is the name under which .ci/release built this program.
var released string

type versionCmd struct{}

// Run prints what the Go linker wrote down.
func (versionCmd) Run(s *shell) error {
	v := struct {
		Version  string `json:"version"`
		Revision string `json:"revision,omitempty"`
		Go       string `json:"go"`
	}{Version: "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version, v.Go = info.Main.Version, info.GoVersion
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				v.Revision = setting.Value
			}
		}
	}
	if released != "" {
		v.Version = released
	}
	return s.print(v, "checkout %s (%s)", v.Version, v.Go)
}

type helpCmd struct {
	Topic []string `arg:"" optional:"" help:"A command, or env."`
}

// Run prints help on a command, or the table of the environment.
func (c *helpCmd) Run(s *shell) error {
	if len(c.Topic) == 1 && c.Topic[0] == "env" {
		return printEnv(s)
	}
	// --help ends the program with 0 inside Parse; coming back means that there is no such command.
	_, err := s.parser.Parse(append(c.Topic, "--help"))
	if err != nil {
		return &usageError{err.Error()}
	}
	return nil
}

func printEnv(s *shell) error {
	type row struct {
		Name    string `json:"name"`
		File    string `json:"file,omitempty"`
		Default string `json:"default"`
		Text    string `json:"text"`
	}
	var rows []row
	for _, v := range app.Variables() {
		r := row{Name: v.Name, Default: v.Default, Text: v.Text}
		if v.Secret {
			r.File = v.Name + "_FILE"
		}
		rows = append(rows, r)
	}
	if s.json {
		return s.print(rows, "")
	}
	table := tabwriter.NewWriter(s.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "VARIABLE\tDEFAULT\tMEANING")
	for _, v := range app.Variables() {
		fmt.Fprintf(table, "%s\t%s\t%s\n", v.Name, v.Shown(), v.Text)
		if v.Secret {
			fmt.Fprintf(table, "%s_FILE\t\ta file that holds it\n", v.Name)
		}
	}
	return table.Flush()
}
