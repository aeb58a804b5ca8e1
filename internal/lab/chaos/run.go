package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/internal/lab/pgproxy"
	"github.com/eventmaestro/maestro/internal/lab/pgserver"
	"github.com/eventmaestro/maestro/migrations"
	"github.com/eventmaestro/maestro/store/postgres"
)

// arena is all that a round needs.
type arena struct {
	settings
	kind   kind
	plan   *pgproxy.Plan
	server *pgserver.Server // the primary, where there are two
	spare  *pgserver.Server // its standby, or nil
	proxy  *pgproxy.Proxy
	crew   *crew
	dir    string
	field  field

	seen paths // by the proxy

	promotions []promotion // read when all is over
}

// run makes a round of each kind that is wanted, and reports whether a promise was broken.
func run(ctx context.Context, s settings) (found bool, err error) {
	for _, k := range s.kinds() {
		broken, err := round(ctx, s, k)
		if err != nil {
			return false, fmt.Errorf("%s: %w", k, err)
		}
		found = found || broken
	}
	return found, nil
}

func round(ctx context.Context, s settings, k kind) (found bool, err error) {
	a := &arena{settings: s, kind: k, plan: pgproxy.NewPlan(s.seed)}
	a.plan.Asked, a.plan.Said = a.seen.ask, a.seen.hear
	if k == single {
		a.plan.Beyond = 2*a.commitTimeout() + a.settling() + 2*time.Second
	}
	a.say("%s, seed %d", k, s.seed)
	if s.keep != "" {
		a.dir = filepath.Join(s.keep, string(k))
		err = os.MkdirAll(a.dir, 0o755)
	} else if a.dir, err = os.MkdirTemp("", "maestro-chaos-"); err == nil {
		defer os.RemoveAll(a.dir)
	}
	if err != nil {
		return false, err
	}
	a.server, err = pgserver.Start(ctx, &pgserver.Config{Durable: true, Settings: map[string]string{
		"shared_buffers": "64MB", "max_wal_size": "1GB", "idle_in_transaction_session_timeout": "5s",
	}})
	if err != nil {
		return false, err
	}
	defer func() { _ = a.server.Close() }() // which may be another one then
	if err := a.prepare(ctx); err != nil {
		return false, err
	}
	if k != single {
		if err := a.follow(ctx); err != nil {
			return false, err
		}
		defer func() { _ = a.spare.Close() }()
	}
	began := time.Now()
	a.field = field{Began: began, Period: a.period(), Size: 6}
	if err := a.injure(ctx); err != nil {
		return false, err
	}
	a.say("wrote for %v", time.Since(began).Round(time.Second))
	v, err := a.verify(ctx)
	if err != nil {
		return false, err
	}
	v.print(os.Stdout, k, a.plan)
	return v.broken(), nil
}

// prepare makes the tables.
func (a *arena) prepare(ctx context.Context) error {
	pool, err := pgxpool.New(ctx, a.server.URL("postgres"))
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Apply(ctx, pool, &migrations.Options{Metadata: true, Commands: true}); err != nil {
		return err
	}
	_, err = pool.Exec(ctx, projectionSQL)
	return err
}

// injure lets writers write while everything breaks.
func (a *arena) injure(ctx context.Context) error {
	var err error
	if a.proxy, err = pgproxy.Listen(a.server.Address(), a.plan); err != nil {
		return err
	}
	defer a.proxy.Close()
	address, err := url.Parse(a.server.URL("postgres"))
	if err != nil {
		return err
	}
	address.Host = a.proxy.Address()
	a.crew = &crew{arena: a, url: address.String()}
	injuries := a.injuries(ctx)
	if err := a.crew.work(ctx); err != nil {
		return err
	}
	for _, injury := range injuries {
		err = errors.Join(err, <-injury)
	}
	a.plan.Share.Store(0)
	return errors.Join(err, ctx.Err(), a.crew.dismiss())
}

// injuries begins the faults of the round's kind.
func (a *arena) injuries(ctx context.Context) []injury {
	if a.kind == single {
		return a.faults(ctx)
	}
	return a.failovers(ctx)
}

// period is how long writers stay with the same aggregates: longer than a promotion takes, where
// there are some.
func (a *arena) period() time.Duration {
	if a.kind == single {
		return 5 * time.Second
	}
	return 15 * time.Second
}

// commitTimeout is that of the writers. Where commits wait for a standby that is gone, the wait is
// to be over soon; and where some arrive later than anybody waits, that is to be before the server
// is stopped.
func (a *arena) commitTimeout() time.Duration {
	return map[kind]time.Duration{single: 2 * time.Second, asynchronous: postgres.DefaultCommitTimeout, synchronous: 700 * time.Millisecond}[a.kind]
}

// settling bounds how long a writer tries to learn what became of a commit.
func (a *arena) settling() time.Duration {
	if a.kind == single {
		return 5 * time.Second
	}
	return 20 * time.Second // longer than a promotion takes
}

func (a *arena) say(format string, args ...any) {
	if a.verbose {
		fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format("15:04:05.000")}, args...)...)
	}
}
