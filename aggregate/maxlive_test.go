package aggregate_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func liveIDs(sup *aggregate.Supervisor) map[hlc.Timestamp]bool {
	ids := map[hlc.Timestamp]bool{}
	for live := range sup.Aggregates() {
		ids[live.AggregateID] = true
	}
	return ids
}

func TestTheLeastRecentlyUsedLeaveFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sup := newSupervisor(t, memory.New(), &aggregate.Options{MaxLive: 5})
		roots := make([]*aggregate.Root[tally], 2)
		for i, name := range []string{"a", "b"} {
			root, err := aggregate.NewRoot(sup, tallies(func(d *aggregate.Definition[tally]) { d.Name = name }))
			require.NoError(t, err)
			roots[i] = root
		}
		// The model: ids by last use, the most recent last.
		var used []hlc.Timestamp
		rootOf := map[hlc.Timestamp]*aggregate.Root[tally]{}
		use := func(id hlc.Timestamp) {
			get(t, rootOf[id], id)
			time.Sleep(time.Millisecond)
			synctest.Wait()
			for i := range used {
				if used[i] == id {
					used = append(used[:i], used[i+1:]...)
					break
				}
			}
			used = append(used, id)
			want := map[hlc.Timestamp]bool{}
			for _, id := range used[max(0, len(used)-5):] {
				want[id] = true
			}
			require.Equal(t, want, liveIDs(sup))
		}
		var ids []hlc.Timestamp
		for i := range 12 {
			id := newID(t, roots[i%2])
			rootOf[id], ids = roots[i%2], append(ids, id)
			use(id)
		}
		for i := range 200 {
			use(ids[(i*i*7+i*3)%len(ids)])
		}
	})
}

func TestWhenAllAreBusyARequestWaitsForRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		root := newRoot(t, memory.New(), &aggregate.Options{MaxLive: 2})
		sleep := func(d time.Duration) types.Command {
			return runs(newID(t, root), func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
				time.Sleep(d)
				return nil, nil
			})
		}
		for _, d := range []time.Duration{10 * time.Second, 20 * time.Second} {
			go evaluate(t, root, sleep(d))
		}
		synctest.Wait()
		start := time.Now()
		for range 3 { // all of them get the room that the first one leaves
			evaluate(t, root, adds(newID(t, root), 1))
		}
		require.Equal(t, 10*time.Second, time.Since(start))
		time.Sleep(time.Minute)
	})
}

func TestARequestThatWaitsInVainForRoomSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTap()
		root := newRoot(t, s, &aggregate.Options{MaxLive: 1})
		go evaluate(t, root, runs(newID(t, root), func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			time.Sleep(time.Minute)
			return nil, nil
		}))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		id := newID(t, root)
		err := root.Evaluate(ctx, adds(id, 1))
		require.ErrorIs(t, err, aggregate.ErrTooManyAggregates)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "aggregate: too many live aggregates: MaxLive is 1: context deadline exceeded")
		time.Sleep(2 * time.Minute)
		require.Empty(t, logOf(t, s, id))
		evaluate(t, root, adds(id, 1))
	})
}

func TestManyAggregatesThroughLittleRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		sup := newSupervisor(t, s, &aggregate.Options{MaxLive: 4})
		root, err := aggregate.NewRoot(sup, tallies())
		require.NoError(t, err)
		ids := make([]hlc.Timestamp, 40)
		for i := range ids {
			ids[i] = newID(t, root)
		}
		for i := range 400 {
			go func() {
				if err := root.Evaluate(t.Context(), adds(ids[i%len(ids)], 1)); err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		require.LessOrEqual(t, len(liveIDs(sup)), 4)
		for _, id := range ids {
			require.Len(t, logOf(t, s, id), 10)
		}
	})
}

func TestNoBoundWhereMaxLiveIsZero(t *testing.T) {
	t.Parallel()
	sup := newSupervisor(t, memory.New(), nil)
	root, err := aggregate.NewRoot(sup, tallies())
	require.NoError(t, err)
	for range 10 {
		_, err := root.Get(t.Context(), newID(t, root))
		require.NoError(t, err)
	}
	require.Len(t, liveIDs(sup), 10)
}

func TestWrongArgumentsOfASupervisorAreRefused(t *testing.T) {
	t.Parallel()
	for field, o := range map[string]*aggregate.Options{
		"MailboxSize": {MailboxSize: -1}, "MaxBatch": {MaxBatch: -1}, "MaxAttempts": {MaxAttempts: -1}, "MaxLive": {MaxLive: -1},
		"ReadTimeout": {ReadTimeout: -1}, "SettleTimeout": {SettleTimeout: -1},
	} {
		sup, err := aggregate.NewSupervisor(memory.New(), o)
		require.Nil(t, sup)
		var refused *types.OptionsError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "Options."+field, refused.Field)
		require.EqualError(t, err, "aggregate: Options."+field+" is negative: use 0 for the default")
	}
	for _, none := range []store.Adapter{nil, (*memory.Store)(nil)} {
		_, err := aggregate.NewSupervisor(none, nil)
		require.EqualError(t, err, "aggregate: the store is nil: give NewSupervisor one, such as memory.New()")
	}
	for _, none := range []*aggregate.Supervisor{nil, {}} {
		_, err := aggregate.NewRoot(none, tallies())
		require.EqualError(t, err, "aggregate: the supervisor is nil or empty: make it with NewSupervisor")
	}
}
