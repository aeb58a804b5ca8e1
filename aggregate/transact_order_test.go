package aggregate_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/postgres"
)

// A transaction that is rolled back, by an error, a panic, a refusal or its caller, is as if it had
// never been: in memory, in snapshots and for hooks.
func TestARolledBackTransactionLeavesNoTrace(t *testing.T) {
	t.Parallel()
	onEveryTransactor(t, func(t *testing.T, open func() store.Adapter) {
		var commits, conflicts, saved atomic.Int32
		o := &aggregate.Options{Hooks: aggregate.Hooks{
			Commit:   func(context.Context, aggregate.Committed) { commits.Add(1) },
			Conflict: func(context.Context, aggregate.Conflict) { conflicts.Add(1) },
			Snapshot: func(aggregate.Saved) { saved.Add(1) },
		}}
		s := open()
		p := newProcess(t, s, o, func(d *aggregate.Definition[tally]) { d.Snapshots.Every = 2 })
		a, b := newID(t, p.root), newID(t, p.root)
		require.NoError(t, p.both(t.Context(), adds(a, 1), adds(b, 1)))
		began := commits.Load()
		fail := errors.New("no seat left")
		for name, end := range map[string]func(cancel context.CancelFunc, tx store.Tx) error{
			"an error": func(context.CancelFunc, store.Tx) error { return fail },
			"a panic":  func(context.CancelFunc, store.Tx) error { panic(fail) },
			"a refusal": func(_ context.CancelFunc, tx store.Tx) error {
				_, err := p.root.EvaluateTx(t.Context(), tx, adds(b, -1))
				return err
			},
			"a caller that leaves": func(cancel context.CancelFunc, _ store.Tx) error {
				cancel()
				return nil
			},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			err := func() (err error) {
				defer func() {
					if v := recover(); v != nil {
						err = fail
					}
				}()
				return p.sup.Transact(ctx, func(ctx context.Context, tx store.Tx) error {
					for range 3 {
						if _, err := p.root.EvaluateTx(ctx, tx, adds(a, 1)); err != nil {
							return err
						}
					}
					return end(cancel, tx)
				})
			}()
			cancel()
			require.Error(t, err, name)
			for id, want := range map[hlc.Timestamp]int{a: 1, b: 1} {
				live, ok := p.root.Whereis(id)
				require.True(t, ok)
				require.EqualValues(t, 1, live.Sequence, name)
				state, err := p.root.Get(t.Context(), id)
				require.NoError(t, err)
				require.Equal(t, want, state.Total, name)
			}
		}
		require.Equal(t, began, commits.Load())
		require.Zero(t, conflicts.Load())
		require.NoError(t, p.sup.Shutdown(t.Context()))
		require.Zero(t, saved.Load())
		require.Equal(t, 1, totalOf(t, newProcess(t, s, nil), a))
	})
}

// noDetector keeps the server from ending a deadlock.
func noDetector(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["deadlock_timeout"] = "1h" }

// crossing lets two processes, or one, run a transaction each: of a and b, and of b and a. Each has
// its first aggregate, and sends it if send says so, before either asks for its second. It returns
// how often the functions ran.
func crossing(t *testing.T, p, q process, a, b hlc.Timestamp, send bool) (runs int32) {
	t.Helper()
	var ran atomic.Int32
	var met sync.WaitGroup
	met.Add(2)
	var done sync.WaitGroup
	for i, first := range []hlc.Timestamp{a, b} {
		who, second := []process{p, q}[i], []hlc.Timestamp{b, a}[i]
		done.Go(func() {
			own := 0
			assertNoError(t, who.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
				ran.Add(1)
				own++
				if _, err := who.root.EvaluateTx(ctx, tx, adds(first, 1)); err != nil {
					return err
				}
				if send {
					if _, err := postgres.TxOf(ctx, tx); err != nil {
						return err
					}
				}
				if own == 1 {
					met.Done()
					met.Wait()
				}
				_, err := who.root.EvaluateTx(ctx, tx, adds(second, 1))
				return err
			}))
		})
	}
	done.Wait()
	require.Equal(t, 2, totalOf(t, p, a))
	require.Equal(t, 2, totalOf(t, p, b))
	return ran.Load()
}

// In one process the one that asks out of order is told at once, without a look at the database.
func TestOfTwoTransactionsInOppositeOrderOneRunsTwice(t *testing.T) {
	t.Parallel()
	onEveryTransactor(t, func(t *testing.T, open func() store.Adapter) {
		p := newProcess(t, open(), nil)
		a, b := newID(t, p.root), newID(t, p.root)
		require.NoError(t, p.both(t.Context(), adds(a, 0), adds(b, 0)))
		require.EqualValues(t, 3, crossing(t, p, p, a, b, false))
	})
	pool := pgtest.Plain(t, fewConnections, noDetector)
	p := newProcess(t, pgtest.Store(t, pool, nil), nil)
	a, b := newID(t, p.root), newID(t, p.root)
	require.EqualValues(t, 3, crossing(t, p, p, a, b, true), "with the rows of the first taken already")
}

// Between two processes it is the rows: who waits for one out of order gives up after a tenth of a
// second. Transactions that send nothing before their end take their rows in order, and can't meet
// so.
func TestOfTwoProcessesInOppositeOrderOneRunsTwice(t *testing.T) {
	t.Parallel()
	pool := pgtest.Plain(t, fewConnections, noDetector)
	for _, send := range []bool{false, true} {
		p, q := newProcess(t, pgtest.Store(t, pool, nil), nil), newProcess(t, pgtest.Store(t, pool, nil), nil)
		a, b := newID(t, p.root), newID(t, p.root)
		start := time.Now()
		runs := crossing(t, p, q, a, b, send)
		t.Logf("sent before: %v: %v, %d runs", send, time.Since(start), runs)
		require.GreaterOrEqual(t, runs, int32(3))
		require.LessOrEqual(t, runs, int32(4), "the loser finds the winner's rows at once, or when it has come to its end")
	}
}

// Who has an aggregate gets it again, however many wait for it.
func TestATransactionIsNeverBehindAStrangerForWhatItHas(t *testing.T) {
	t.Parallel()
	pool := pgtest.Plain(t, fewConnections, noDetector)
	p, q := newProcess(t, pgtest.Store(t, pool, nil), nil), newProcess(t, pgtest.Store(t, pool, nil), nil)
	a, b := newID(t, p.root), newID(t, p.root)
	evaluate(t, p.root, adds(a, 1))
	var strangers sync.WaitGroup
	asked := make(chan struct{}, 1)
	once := sync.OnceFunc(func() {
		for _, who := range []process{p, q} {
			strangers.Go(func() { assertNoError(t, who.root.Evaluate(t.Context(), adds(a, 10))) })
			strangers.Go(func() {
				assertNoError(t, who.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
					asked <- struct{}{}
					_, err := who.root.EvaluateTx(ctx, tx, adds(a, 100))
					return err
				}))
			})
			<-asked
		}
	})
	runs := 0
	require.NoError(t, p.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
		runs++
		if _, err := p.root.EvaluateTx(ctx, tx, adds(a, 1)); err != nil {
			return err
		}
		if _, err := postgres.TxOf(ctx, tx); err != nil {
			return err
		}
		once()
		requireBlocked(t, pool, 2)
		for _, id := range []hlc.Timestamp{a, b, a} {
			if _, err := p.root.EvaluateTx(ctx, tx, adds(id, 1)); err != nil {
				return err
			}
		}
		return nil
	}))
	require.Equal(t, 1, runs)
	go func() { // strangers may run again
		for range asked {
		}
	}()
	strangers.Wait()
	close(asked)
	require.Equal(t, 1+3+20+200, totalOf(t, p, a))
}

// Commands that come without a pause leave a transaction its turn.
func TestATransactionGetsThroughACrowdOfCommands(t *testing.T) {
	t.Parallel()
	onEveryTransactor(t, func(t *testing.T, open func() store.Adapter) {
		p := newProcess(t, open(), nil)
		a, b := newID(t, p.root), newID(t, p.root)
		var over atomic.Bool
		var crowd sync.WaitGroup
		for range 8 {
			crowd.Go(func() {
				for !over.Load() && assertNoError(t, p.root.Evaluate(t.Context(), adds(a, 1))) {
				}
			})
		}
		runs := 0
		require.Eventually(t, func() bool { live, _ := p.root.Whereis(a); return live.Sequence > 100 }, time.Minute, time.Millisecond)
		for range 40 {
			err := p.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
				runs++
				if _, err := p.root.EvaluateTx(ctx, tx, adds(a, 1)); err != nil {
					return err
				}
				_, err := p.root.EvaluateTx(ctx, tx, adds(b, 1))
				return err
			})
			if !assertNoError(t, err) {
				break
			}
		}
		t.Log("runs of 40 transactions:", runs)
		over.Store(true)
		crowd.Wait()
		require.Equal(t, 40, totalOf(t, p, b))
	})
}

// A meter needs to know of bookings, how often they had to run, and of their conflicts.
func TestHooksTellOfTransactions(t *testing.T) {
	t.Parallel()
	onEveryTransactor(t, func(t *testing.T, open func() store.Adapter) {
		var told []aggregate.Transacted
		var attempts []int
		p := newProcess(t, open(), &aggregate.Options{Hooks: aggregate.Hooks{
			Transact: func(_ context.Context, tx aggregate.Transacted) { told = append(told, tx) },
			Conflict: func(_ context.Context, c aggregate.Conflict) { attempts = append(attempts, c.Attempt) },
		}})
		other := newProcess(t, open(), nil)
		a, b := newID(t, p.root), newID(t, p.root)
		require.NoError(t, p.both(t.Context(), adds(a, 1), adds(b, 1)))
		evaluate(t, other.root, adds(b, 1))
		require.NoError(t, p.both(t.Context(), adds(a, 1), adds(b, 1)), "after somebody else")
		require.ErrorIs(t, p.both(t.Context(), adds(a, 1), adds(b, -1)), aggregate.ErrRejected)
		require.ErrorIs(t, p.sup.Transact(t.Context(), func(context.Context, store.Tx) error { return context.Canceled }), context.Canceled)
		require.Len(t, told, 4)
		for i, want := range []aggregate.Transacted{
			{Aggregates: 2, Events: 2, Attempts: 1},
			{Aggregates: 2, Events: 2, Attempts: 2},
			{Aggregates: 2, Events: 1, Attempts: 1, Err: aggregate.ErrRejected},
			{Attempts: 1, Err: context.Canceled},
		} {
			require.ErrorIs(t, told[i].Err, want.Err)
			require.NotZero(t, told[i].Start)
			require.Positive(t, told[i].Duration)
			told[i].Err, told[i].Start, told[i].Duration = want.Err, want.Start, want.Duration
			require.Equal(t, want, told[i])
		}
		require.Equal(t, []int{1, 1}, attempts, "of both aggregates: a conflict takes the whole back")
	})
}
