package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// bench is a combiner whose database takes a second for a batch and writes down what it got.
type bench struct {
	*combiner
	mu      sync.Mutex
	batches [][]uint64 // of aggregates
	now     int        // batches that are being sent
	most    int
}

func newBench(limit, most int) *bench {
	b := &bench{}
	b.combiner = &combiner{
		bounds: func() (int, int) { return limit, most }, patience: 10 * time.Second,
		acquire: func(context.Context) (*pgxpool.Conn, error) { return &pgxpool.Conn{}, nil },
		run:     b.send1s,
		busy:    make(map[hlc.Timestamp]struct{}),
	}
	return b
}

func (b *bench) send1s(_ context.Context, _ *pgxpool.Conn, batch []*pending) {
	b.mu.Lock()
	b.now++
	b.most = max(b.most, b.now)
	var ids []uint64
	for _, p := range batch {
		ids = append(ids, binary.BigEndian.Uint64(p.commit.AggregateID[8:]))
	}
	b.batches = append(b.batches, ids)
	b.mu.Unlock()
	time.Sleep(time.Second)
	b.mu.Lock()
	b.now--
	b.mu.Unlock()
}

func of(aggregate uint64) *pending {
	p := &pending{commit: &store.Commit{}, done: make(chan struct{}, 1)}
	binary.BigEndian.PutUint64(p.commit.AggregateID[8:], aggregate)
	return p
}

func (b *bench) sizes() []int {
	var sizes []int
	for _, batch := range b.batches {
		sizes = append(sizes, len(batch))
	}
	return sizes
}

func TestALoneCommitWaitsForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(2, 10)
		start := time.Now()
		b.do(t.Context(), of(1))
		require.Equal(t, time.Second, time.Since(start))
		require.Zero(t, b.active)
		require.Empty(t, b.busy)
	})
}

func TestWhatWaitsIsSentTogetherAndInBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1, 10)
		start := time.Now()
		var group sync.WaitGroup
		for i := range uint64(26) {
			group.Go(func() { b.do(t.Context(), of(i)) })
			synctest.Wait()
		}
		group.Wait()
		synctest.Wait()
		require.Equal(t, []int{1, 10, 10, 5}, b.sizes())
		require.Equal(t, 4*time.Second, time.Since(start))
		require.Zero(t, b.active)
	})
}

func TestCommitsOfOneAggregateAreNeverUnderWayTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(2, 10)
		var group sync.WaitGroup
		for i := range uint64(12) {
			group.Go(func() { b.do(t.Context(), of(i%2)) })
			synctest.Wait()
		}
		start := time.Now()
		group.Wait()
		synctest.Wait()
		require.Equal(t, 6*time.Second, time.Since(start), "six after each other of each aggregate")
		require.LessOrEqual(t, b.most, 2)
		require.Zero(t, b.active)
		require.Empty(t, b.busy)
	})
}

func TestOnlySoManyCommittersAreAtWork(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 2, 5} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(limit, 3)
			var group sync.WaitGroup
			for i := range uint64(60) {
				group.Go(func() { b.do(t.Context(), of(i)) })
			}
			group.Wait()
			synctest.Wait()
			require.Equal(t, limit, b.most)
			require.Zero(t, b.active)
		})
	}
}

func TestLongCommitsTravelByThemselves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1, 10)
		of := func(i uint64, events int) *pending {
			p := of(i)
			p.commit.Events = make([]types.Event, events)
			return p
		}
		const long = maxWeight / 256
		var group sync.WaitGroup
		for _, p := range []*pending{of(0, 1), of(1, long), of(2, long), of(3, 1), of(4, long/2), of(5, long)} {
			group.Go(func() { b.do(t.Context(), p) })
			synctest.Wait()
		}
		group.Wait()
		synctest.Wait()
		require.Equal(t, [][]uint64{{0}, {1}, {2}, {3, 4}, {5}}, b.batches)
	})
}

func TestACallerThatGivesUpInTheQueueIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1, 10)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		gone := of(1)
		group.Go(func() { b.do(t.Context(), of(0)) })
		synctest.Wait()
		group.Go(func() { b.do(ctx, gone) })
		synctest.Wait()
		group.Go(func() { b.do(t.Context(), of(2)) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		require.ErrorIs(t, gone.err, context.Canceled)
		group.Wait()
		synctest.Wait()
		require.Equal(t, [][]uint64{{0}, {2}}, b.batches)
	})
}

func TestACallerThatGivesUpWhileBeingSentHearsTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1, 10)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		p := of(1)
		group.Go(func() { b.do(t.Context(), of(0)) })
		synctest.Wait()
		group.Go(func() { b.do(ctx, p) })
		time.Sleep(1500 * time.Millisecond)
		cancel()
		group.Wait()
		synctest.Wait()
		require.NoError(t, p.err)
		require.Len(t, b.batches, 2)
	})
}

func TestWithoutAConnectionEveryoneWhoWaitsIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1, 10)
		b.acquire = func(context.Context) (*pgxpool.Conn, error) {
			time.Sleep(time.Second)
			return nil, fmt.Errorf("%w: refused", store.ErrUnavailable)
		}
		var group sync.WaitGroup
		var all []*pending
		for i := range uint64(15) {
			p := of(i)
			all = append(all, p)
			group.Go(func() { b.do(t.Context(), p) })
		}
		group.Wait()
		synctest.Wait()
		for _, p := range all {
			require.ErrorIs(t, p.err, store.ErrUnavailable)
		}
		require.Zero(t, b.active)
		require.Empty(t, b.busy)
	})
}

func TestAHookThatPanicsForAConnectionIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1, 10)
		b.acquire = func(context.Context) (*pgxpool.Conn, error) {
			time.Sleep(time.Second)
			panic("hook")
		}
		var group sync.WaitGroup
		var all []*pending
		for i := range uint64(3) { // a leader, and two for whom a committer comes
			p := of(i)
			all = append(all, p)
			group.Go(func() { b.do(t.Context(), p) })
			synctest.Wait()
		}
		group.Wait()
		synctest.Wait()
		for _, p := range all {
			var panicked *types.PanicError
			require.ErrorIs(t, p.err, store.ErrUnavailable)
			require.ErrorAs(t, p.err, &panicked)
			require.Equal(t, "hook", panicked.Value)
		}
		require.Zero(t, b.active)
		require.Empty(t, b.busy)
	})
}

func TestALeaderThatGivesUpLeavesTheOthersToACommitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1, 10)
		b.acquire = func(ctx context.Context) (*pgxpool.Conn, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(5 * time.Second):
				return &pgxpool.Conn{}, nil
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		leader, other := of(0), of(1)
		var group sync.WaitGroup
		group.Go(func() { b.do(ctx, leader) })
		synctest.Wait()
		group.Go(func() { b.do(t.Context(), other) })
		synctest.Wait()
		cancel()
		group.Wait()
		synctest.Wait()
		require.ErrorIs(t, leader.err, context.Canceled)
		require.NoError(t, other.err)
		require.Equal(t, [][]uint64{{1}}, b.batches)
	})
}

func TestForOthersAConnectionIsWaitedForOnlySoLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1, 10)
		first := true
		b.acquire = func(ctx context.Context) (*pgxpool.Conn, error) {
			if first {
				first = false
				return &pgxpool.Conn{}, nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		var group sync.WaitGroup
		p := of(1)
		group.Go(func() { b.do(t.Context(), of(0)) })
		synctest.Wait()
		group.Go(func() { b.do(t.Context(), p) })
		start := time.Now()
		group.Wait()
		synctest.Wait()
		require.ErrorIs(t, p.err, store.ErrUnavailable)
		require.NotErrorIs(t, p.err, context.DeadlineExceeded, "it was not the caller's")
		require.Equal(t, 11*time.Second, time.Since(start))
	})
}

func TestACommitterStaysForWhatCameAtTheLastMoment(t *testing.T) {
	t.Parallel()
	b := newBench(2, 10)
	b.active, b.waiting = 1, []*pending{of(1)}
	require.False(t, b.idle(0), "it is the only one")
	b.active = 2
	require.True(t, b.idle(0), "another is at work, which is what all that waits is waiting for")
	b.active = 3
	require.True(t, b.idle(1), "there are too many")
	b.active = 2
	require.False(t, b.idle(1))
	b.waiting = nil
	require.True(t, b.idle(1))
}

// Whatever comes when, and whoever gives up, everyone is answered and no aggregate is under way
// twice.
func TestCombinerProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		limit, size := rapid.IntRange(1, 4).Draw(rt, "limit"), rapid.IntRange(1, 6).Draw(rt, "max")
		n := rapid.IntRange(1, 40).Draw(rt, "commits")
		aggregates := rapid.SliceOfN(rapid.Uint64Range(0, 6), n, n).Draw(rt, "aggregates")
		delays := rapid.SliceOfN(rapid.IntRange(0, 1500), n, n).Draw(rt, "delays")
		patience := rapid.SliceOfN(rapid.IntRange(0, 4000), n, n).Draw(rt, "patience")
		synctest.Test(t, func(t *testing.T) {
			b := newBench(limit, size)
			under := map[uint64]bool{}
			var mu sync.Mutex
			var sent int
			send := b.run
			b.run = func(ctx context.Context, conn *pgxpool.Conn, batch []*pending) {
				mu.Lock()
				for _, p := range batch {
					id := binary.BigEndian.Uint64(p.commit.AggregateID[8:])
					require.False(t, under[id], "aggregate %d is under way twice", id)
					under[id] = true
					sent++
				}
				mu.Unlock()
				send(ctx, conn, batch)
				mu.Lock()
				defer mu.Unlock()
				for _, p := range batch {
					delete(under, binary.BigEndian.Uint64(p.commit.AggregateID[8:]))
				}
			}
			var group sync.WaitGroup
			all := make([]*pending, n)
			for i := range n {
				all[i] = of(aggregates[i])
				group.Go(func() {
					time.Sleep(time.Duration(delays[i]) * time.Millisecond)
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(patience[i])*time.Millisecond)
					defer cancel()
					b.do(ctx, all[i])
				})
			}
			group.Wait()
			synctest.Wait()
			given := 0
			for _, p := range all {
				if p.err != nil {
					require.True(t, errors.Is(p.err, context.DeadlineExceeded))
					given++
				}
			}
			require.Equal(t, n-given, sent)
			require.LessOrEqual(t, b.most, limit)
			require.Zero(t, b.active)
			require.Empty(t, b.busy)
			for _, batch := range b.sizes() {
				require.LessOrEqual(t, batch, size)
			}
		})
	})
}
