package main

import (
	"context"

	"dargah/internal/app"
)

type serveCmd struct {
	NoMigrate bool `help:"Refuse to start on an older schema instead of migrating it."`
}

// Run serves until SIGTERM or an interrupt.
func (c *serveCmd) Run(s *shell) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	return app.Serve(s.ctx, cfg, app.ServeOptions{NoMigrate: c.NoMigrate, LogTo: s.err, Setup: func(url string) error {
		return s.print(map[string]string{"setup_url": url}, "There is no operator yet. Set up at %s (works once, within 24 hours).", url)
	}})
}

type demoCmd struct {
	Addr  string `default:"127.0.0.1:8080" help:"Address to listen on."`
	Data  string `default:"data/demo" type:"path" help:"Folder for the demo's database and key."`
	Fresh bool   `help:"Throw away what an earlier demo left in that folder."`
}

// Run shows the whole product.
func (c *demoCmd) Run(s *shell) error {
	return app.Demo(s.ctx, app.DemoOptions{
		Addr: c.Addr, Dir: c.Data, Fresh: c.Fresh, LogTo: s.err,
		Ready: func(_ context.Context, d app.DemoLinks) error { return s.print(d, "%s", d.Text()) },
	})
}

type simulatorCmd struct {
	Addr string `default:"127.0.0.1:9090" help:"Address to listen on."`
}

// Run serves the two vendors and their control API.
func (c *simulatorCmd) Run(s *shell) error {
	return app.Simulator(s.ctx, c.Addr, func(url string) error {
		return s.print(map[string]string{"url": url}, "The simulated gateways listen on %s (stop with Ctrl-C).", url)
	})
}

type migrateCmd struct{}

// Run brings the schema up to date.
func (migrateCmd) Run(s *shell) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	version, err := app.Migrate(s.ctx, cfg)
	if err != nil {
		return err
	}
	return s.print(map[string]int64{"schema": version}, "The schema is at version %d.", version)
}
