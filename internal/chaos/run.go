package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventmaestro/maestro/internal/pgserver"
	"github.com/eventmaestro/maestro/migrations"
)

// arena is all that a round needs.
type arena struct {
	settings
	plan   *plan
	server *pgserver.Server
	proxy  *proxy
	crew   *crew
	dir    string
	field  field
}

// run makes a round, and reports whether a promise was broken.
func run(ctx context.Context, s settings) (found bool, err error) {
	a := &arena{settings: s, plan: newPlan(s.seed)}
	a.say("seed %d", s.seed)
	if a.dir = s.keep; a.dir == "" {
		if a.dir, err = os.MkdirTemp("", "maestro-chaos-"); err != nil {
			return false, err
		}
		defer os.RemoveAll(a.dir)
	}
	a.server, err = pgserver.Start(ctx, &pgserver.Config{Durable: true, Settings: map[string]string{
		"shared_buffers": "64MB", "max_wal_size": "1GB", "idle_in_transaction_session_timeout": "5s",
	}})
	if err != nil {
		return false, err
	}
	defer a.server.Close()
	if err := a.prepare(ctx); err != nil {
		return false, err
	}
	began := time.Now()
	a.field = field{Began: began, Period: 5 * time.Second, Size: 6}
	if err := a.injure(ctx); err != nil {
		return false, err
	}
	a.say("wrote for %v", time.Since(began).Round(time.Second))
	v, err := a.verify(ctx)
	if err != nil {
		return false, err
	}
	v.print(os.Stdout, a.plan)
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
	if a.proxy, err = listen(a.server.Address(), a.plan); err != nil {
		return err
	}
	defer a.proxy.close()
	address, err := url.Parse(a.server.URL("postgres"))
	if err != nil {
		return err
	}
	address.Host = a.proxy.listener.Addr().String()
	a.crew = &crew{arena: a, url: address.String()}
	limited, cancel := context.WithTimeout(ctx, a.limit)
	defer cancel()
	injuries := a.faults(limited)
	if err := a.crew.work(limited); err != nil {
		return err
	}
	for _, injury := range injuries {
		err = errors.Join(err, <-injury)
	}
	a.plan.share.Store(0)
	if limited.Err() != nil && ctx.Err() == nil {
		err = errors.Join(err, fmt.Errorf("chaos: not all faults happened within %v", a.limit))
	}
	return errors.Join(err, ctx.Err(), a.crew.dismiss())
}

func (a *arena) say(format string, args ...any) {
	if a.verbose {
		fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format("15:04:05.000")}, args...)...)
	}
}
