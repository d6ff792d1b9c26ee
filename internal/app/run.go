package app

import (
	"context"
	"errors"
	"net"
	"time"

	"dargah/internal/app/worker"
)

const (
	// drainSlack is what a verify needs beyond the gateway's own time-out, to write its answer down.
	drainSlack = 5 * time.Second
	// lostPatience is what requests get to hear that the storage is gone.
	lostPatience = time.Second
)

// Start runs the stored jobs and the schedules. Stop ends them.
func (a *App) Start(ctx context.Context) {
	a.ran.Go(func() { a.worker.Run(context.WithoutCancel(ctx)) })
}

// Serve answers on l until ctx ends, then stops gracefully. It owns l.
func (a *App) Serve(ctx context.Context, l net.Listener) error {
	served := make(chan error, 1)
	go func() {
		if a.certs != nil {
			served <- a.Server.ServeTLS(l, a.certs.config())
			return
		}
		served <- a.Server.Serve(l)
	}()
	var failed error
	patience := a.patience()
	select {
	case <-ctx.Done():
		failed = a.linger(served)
		a.log.Info("stopping: no new requests, finishing what is under way")
	case failed = <-served:
	case <-a.db.Lost():
		// Nothing can be written down any more, so there is nothing to wait for.
		failed, patience = a.db.LostBy(), lostPatience
		a.log.Error("stopping: the next start reads what is really there", "err", failed)
	}
	return errors.Join(failed, a.stop(ctx, patience))
}

// linger serves on for a while, and says at /readyz that it is about to end: whoever leads requests here needs
// time to see it.
func (a *App) linger(served <-chan error) error {
	if a.cfg.Drain == 0 {
		return nil
	}
	a.Server.Leave()
	a.log.Info("about to stop: requests are still taken", "for", a.cfg.Drain.String())
	select {
	case <-time.After(a.cfg.Drain):
		return nil
	case err := <-served:
		return err
	case <-a.db.Lost():
		return a.db.LostBy()
	}
}

// Stop drains the house: requests first, since they may have to hand on a verify, then the verifies
// under way, each for as long as a gateway may take. What is left over is stored, and is taken up
// again at the next start.
func (a *App) Stop(ctx context.Context) error { return a.stop(ctx, a.patience()) }

func (a *App) patience() time.Duration { return a.cfg.GatewayTimeout + drainSlack }

func (a *App) stop(ctx context.Context, patience time.Duration) error {
	down, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	a.Engine.StopCounts()
	err := a.Server.Shutdown(down)
	if drained := a.worker.Drain(patience); errors.Is(drained, worker.ErrImpatient) {
		a.log.Warn("work was cut off; it goes on after the next start")
	} else {
		err = errors.Join(err, drained)
	}
	a.ran.Wait()
	return errors.Join(err, a.db.Close())
}
