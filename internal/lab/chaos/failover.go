package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgserver"
)

// kind is what a round is about.
type kind string

const (
	single       kind = "single" // one server, which comes back with all that it had
	asynchronous kind = "async"  // a standby is promoted that may lack the last commits
	synchronous  kind = "sync"   // commits wait for the standby that is promoted
)

// follower is what the primary calls its standby.
const follower = "follower"

// promotion is one change of what the database is.
type promotion struct {
	how      string
	from     int64          // when the standby may have begun to lack commits, or when rows could be seen that it lacks
	switched int64          // when the writers were led to it
	base     map[[2]int]int // the last sequence of each aggregate, at that moment
}

// unsteady is how long after a promotion an answer may still come from before, and how long before
// it a standby that was streaming may lag behind.
const unsteady = int64(3 * time.Second)

// follow gives the server a standby.
func (a *arena) follow(ctx context.Context) (err error) {
	if a.spare, err = a.server.Standby(ctx, follower); err != nil {
		return err
	}
	return a.steady(ctx)
}

// steady waits until the standby has all that the server has, and lets commits wait for it if they
// are to.
func (a *arena) steady(ctx context.Context) error {
	if a.kind == synchronous {
		if err := a.server.Synchronous(ctx, follower); err != nil {
			return err
		}
	}
	return a.server.CaughtUp(ctx, a.spare)
}

// promote lets the server fail in one of many ways, and its standby take its place.
func (a *arena) promote(ctx context.Context, rng *rand.Rand) error {
	p := promotion{from: now() - unsteady}
	var err error
	if a.kind == synchronous {
		p.how, err = a.holdUp(ctx, rng)
	} else {
		p.how, err = a.fallBehind(ctx, rng)
	}
	if err != nil {
		return err
	}
	// From here on not bound to ctx, whose end would leave the writers without a server.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	if err := a.fail(ctx, rng); err != nil {
		return err
	}
	a.proxy.Fence() // as whoever promotes a standby has to: see What is not promised
	if !a.spare.Running() {
		if err := a.spare.Start(ctx); err != nil {
			return err
		}
	}
	if err := a.spare.Promote(ctx); err != nil {
		return err
	}
	a.server, a.spare = a.spare, a.server
	if p.base, err = a.lastSequences(ctx); err != nil {
		return err
	}
	a.proxy.Turn(a.server.Address())
	p.switched = now()
	a.promotions = append(a.promotions, p)
	a.say("promotion %d: %s", len(a.promotions), p.how)
	a.plan.Count("promotion: " + p.how)
	if err := a.spare.Rejoin(ctx, a.server, follower); err != nil {
		return err
	}
	return a.steady(ctx)
}

// fallBehind lets the standby of an asynchronous pair lack some commits, or as few as it happens
// to.
func (a *arena) fallBehind(ctx context.Context, rng *rand.Rand) (string, error) {
	if rng.IntN(4) == 0 {
		return "streaming", nil
	}
	if err := a.spare.Detach(ctx); err != nil {
		return "", err
	}
	pause(ctx, 100*time.Millisecond+time.Duration(rng.Int64N(int64(900*time.Millisecond))))
	return "behind", nil
}

// holdUp takes the standby away for which commits wait, or not, and injures those that do.
func (a *arena) holdUp(ctx context.Context, rng *rand.Rand) (string, error) {
	// One after the other, so that even a short round has each of the first four.
	number := len(a.promotions) % 6
	if number == 5 {
		return "streaming", nil
	}
	if err := a.leave(ctx, rng); err != nil {
		return "", err
	}
	waiting := 2*a.commitTimeout() + time.Duration(rng.Int64N(int64(time.Second)))
	end := time.Now().Add(waiting)
	switch number {
	case 0:
		return "commits are cancelled", a.pester(ctx, end, "pg_cancel_backend")
	case 1:
		return "commits are terminated", a.pester(ctx, end, "pg_terminate_backend")
	case 2:
		pause(ctx, waiting/2)
		mode := []pgserver.Mode{pgserver.Fast, pgserver.Immediate}[rng.IntN(2)]
		err := a.server.Restart(ctx, mode)
		pause(ctx, waiting/2)
		return "restart while commits wait", err
	}
	pause(ctx, waiting)
	return "commits wait", nil
}

// leave takes the standby away from its primary.
func (a *arena) leave(ctx context.Context, rng *rand.Rand) error {
	switch rng.IntN(3) {
	case 0:
		return a.spare.Detach(ctx)
	case 1:
		return a.spare.Kill(ctx)
	}
	return a.spare.Stop(ctx, pgserver.Fast)
}

// pester does something to the commits that wait for the standby, again and again.
func (a *arena) pester(ctx context.Context, end time.Time, function string) error {
	conn, err := pgx.Connect(ctx, a.server.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for time.Now().Before(end) && pause(ctx, 50*time.Millisecond) {
		var n int
		err := conn.QueryRow(ctx, fmt.Sprintf(`SELECT count(%s(pid)) FROM (SELECT pid FROM pg_stat_activity
WHERE wait_event = 'SyncRep' AND application_name = $1 ORDER BY random() LIMIT 2) AS waiting`, function), writerName).Scan(&n)
		if err != nil {
			return err
		}
		for range n {
			a.plan.Count(function + " of a commit that waits")
		}
	}
	return nil
}

// fail ends the server.
func (a *arena) fail(ctx context.Context, rng *rand.Rand) error {
	switch rng.IntN(3) {
	case 0:
		return a.server.Kill(ctx)
	case 1:
		if a.kind == asynchronous {
			return a.server.Stop(ctx, pgserver.Fast)
		}
	}
	return a.server.Stop(ctx, pgserver.Immediate)
}

// lastSequences reads how far each aggregate has come.
func (a *arena) lastSequences(ctx context.Context) (map[[2]int]int, error) {
	conn, err := pgx.Connect(ctx, a.server.URL("postgres"))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	rows, _ := conn.Query(ctx, `SELECT aggregate_id, max(sequence) FROM event_log GROUP BY aggregate_id`)
	last := map[[2]int]int{}
	var raw []byte
	var sequence int
	_, err = pgx.ForEachRow(rows, []any{&raw, &sequence}, func() error {
		id, err := hlc.FromBytes(raw)
		if err != nil {
			return err
		}
		period, index := a.field.place(id)
		last[[2]int{period, index}] = sequence
		return nil
	})
	return last, err
}

// failovers are the faults of a round with a standby: promotions, one after the other, while now
// and then a connection is cut and a writer killed.
func (a *arena) failovers(ctx context.Context) []injury {
	done := make(chan error, 1)
	rng := rand.New(rand.NewPCG(a.seed, 4))
	a.plan.Share.Store(50)
	go func() {
		defer close(done)
		for range a.promotionsOf(a.kind) {
			if !pause(ctx, 300*time.Millisecond+time.Duration(rng.Int64N(int64(1500*time.Millisecond)))) {
				return
			}
			if err := a.promote(ctx, rng); err != nil {
				done <- fmt.Errorf("chaos: promotion %d: %w", len(a.promotions)+1, err)
				return
			}
			if rng.IntN(3) == 0 {
				if err := a.kill(ctx, rng); err != nil {
					done <- err
					return
				}
			}
		}
		pause(ctx, time.Second)
	}()
	return []injury{done}
}
