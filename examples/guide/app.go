package guide

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
	"github.com/eventmaestro/maestro/types"
	"github.com/jackc/pgx/v5/pgxpool"
)

// App is what an application keeps: one supervisor, one root a kind.
type App struct {
	Supervisor *aggregate.Supervisor
	Accounts   *aggregate.Root[Account]
}

// Start makes the app on a pool that belongs to its caller.
func Start(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) (*App, error) {
	events := postgres.New(pool, &postgres.Options{Logger: log})
	if err := events.Validate(ctx); err != nil {
		return nil, err // the database is away, or the migration was forgotten
	}
	sup := aggregate.NewSupervisor(events, &aggregate.Options{Logger: log, MaxLive: 100_000})
	definition := Production()
	definition.Projections = []store.Projection{Balances()}
	accounts, err := aggregate.New(sup, definition)
	if err != nil {
		return nil, err
	}
	return &App{Supervisor: sup, Accounts: accounts}, nil
}

// Stop ends the app: what waits is still answered.
func (a *App) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return a.Supervisor.Shutdown(ctx)
}

// Production is the definition with policies for a busy system.
func Production() aggregate.Definition[Account] {
	d := Definition()
	d.Snapshots = aggregate.SnapshotPolicy{Every: 500, AfterReplay: 200}
	d.Idle = aggregate.IdlePolicy{Exit: 5 * time.Minute, Snapshot: true}
	return d
}

// Withdraw shows what a caller does about each kind of answer.
func (a *App) Withdraw(ctx context.Context, id hlc.Timestamp, cents int64) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := a.Accounts.Evaluate(ctx, types.Command{AggregateID: id, Type: "withdraw_money", Data: Withdraw{Cents: cents}})
	var unknown *aggregate.OutcomeUnknownError
	switch {
	case err == nil:
		return "done", nil
	case errors.Is(err, aggregate.ErrRejected):
		return err.Error(), nil // for the person who asked
	case errors.As(err, &unknown):
		found, err := a.Accounts.Lookup(context.WithoutCancel(ctx), id, unknown.Timestamps)
		if err == nil && len(found) > 0 && len(found) == len(unknown.Timestamps) {
			return "done", nil
		}
		return "not known yet, look again", err
	default:
		return "", err // not stored: log it, try again later
	}
}
