package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventmaestro/maestro/internal/lab/pgserver"
)

// injury is a series of faults of one kind; it tells when all have happened.
type injury <-chan error

// faults begins all of them, spread over the round's duration.
func (a *arena) faults(ctx context.Context) []injury {
	rng := rand.New(rand.NewPCG(a.seed, 2))
	return []injury{
		a.series(ctx, a.restarts, rng.Uint64(), a.restart),
		a.series(ctx, a.kills, rng.Uint64(), a.kill),
		a.series(ctx, a.terminates, rng.Uint64(), a.terminate),
		a.cut(ctx),
	}
}

// series does something n times, at random moments of the duration.
func (a *arena) series(ctx context.Context, n int, seed uint64, do func(context.Context, *rand.Rand) error) injury {
	done := make(chan error, 1)
	rng := rand.New(rand.NewPCG(seed, 3))
	go func() {
		defer close(done)
		for i := range n {
			rest := time.Duration(rng.Float64() * 2 * float64(a.duration) / float64(n))
			if i == 0 {
				rest /= 2
			}
			if !pause(ctx, rest) {
				return
			}
			if err := do(ctx, rng); err != nil && ctx.Err() == nil {
				done <- err
				return
			}
		}
	}()
	return done
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// cut steers the proxy, so that the cuts are spread over the duration too.
func (a *arena) cut(ctx context.Context) injury {
	done := make(chan error, 1)
	go func() {
		defer close(done)
		defer a.plan.Share.Store(0)
		began, share := time.Now(), int64(100)
		for int(a.plan.Cuts.Load()) < a.cuts {
			due := float64(a.cuts) * min(1, float64(time.Since(began))/float64(a.duration))
			switch behind := due - float64(a.plan.Cuts.Load()); {
			case behind > 5:
				share = min(share+share/10+1, 6000)
			case behind < 0:
				share = max(share-share/5, 10)
			}
			a.plan.Share.Store(share)
			if !pause(ctx, 100*time.Millisecond) {
				return
			}
		}
	}()
	return done
}

// restart stops the server as a crash would, and starts it again after a while.
func (a *arena) restart(ctx context.Context, rng *rand.Rand) error {
	a.say("restart")
	if err := a.server.Stop(ctx, pgserver.Immediate); err != nil {
		return err
	}
	pause(ctx, time.Duration(rng.Int64N(int64(800*time.Millisecond))))
	// Not bound to ctx, whose end would leave the server down.
	starting, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := a.server.Start(starting); err != nil {
		return err
	}
	a.plan.Count("restart of the server")
	return nil
}

func (a *arena) kill(_ context.Context, rng *rand.Rand) error {
	number := rng.IntN(a.writers)
	a.say("kill writer %d", number)
	a.plan.Count("kill -9 of a writer")
	return a.crew.kill(number)
}

// terminate ends a backend, one that is at work if there is any.
func (a *arena) terminate(ctx context.Context, _ *rand.Rand) error {
	for {
		switch pid, err := a.terminateOne(ctx); {
		case err == nil && pid != 0:
			a.say("terminate backend %d", pid)
			a.plan.Count("terminate a backend")
			return nil
		case !pause(ctx, 50*time.Millisecond): // the server is down, or nobody is connected
			return nil
		}
	}
}

func (a *arena) terminateOne(ctx context.Context) (pid int, err error) {
	conn, err := pgx.Connect(ctx, a.server.URL("postgres"))
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, `SELECT coalesce(max(pid), 0) FROM (
	SELECT pid, pg_terminate_backend(pid) FROM (
		SELECT pid FROM pg_stat_activity WHERE application_name = $1
		ORDER BY state = 'active' DESC, random() LIMIT 1) AS victim
) AS done`, writerName).Scan(&pid)
	return pid, err
}
