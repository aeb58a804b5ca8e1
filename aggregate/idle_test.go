package aggregate_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// lifecycle records what becomes of aggregates.
type lifecycle struct {
	mu   sync.Mutex
	list []string
}

func (l *lifecycle) note(what string) func(aggregate.Lifecycle) {
	return func(e aggregate.Lifecycle) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.list = append(l.list, what+" "+e.Root)
	}
}

func (l *lifecycle) hooks() aggregate.Hooks {
	return aggregate.Hooks{Start: l.note("start"), Hibernate: l.note("hibernate"), Exit: l.note("exit")}
}

func (l *lifecycle) seen() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.list...)
}

func TestAnIdleAggregateHibernatesAndLaterExits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, s := new(lifecycle), newTap()
		root := newRoot(t, s, &aggregate.Options{Hooks: l.hooks()})
		id := newID(t, root)
		evaluate(t, root, adds(id, 1))
		require.Equal(t, []string{"start tally"}, l.seen())

		time.Sleep(aggregate.DefaultHibernate - time.Millisecond)
		synctest.Wait()
		live, there := root.Whereis(id)
		require.True(t, there && live.Awake)
		time.Sleep(aggregate.DefaultHibernate/10 + 2*time.Millisecond)
		synctest.Wait()
		live, there = root.Whereis(id)
		require.True(t, there)
		require.False(t, live.Awake, "the goroutine was given back")
		require.EqualValues(t, 1, live.Sequence, "the state stays")
		require.Equal(t, []string{"start tally", "hibernate tally"}, l.seen())
		require.Equal(t, 1, get(t, root, id).Total)
		require.EqualValues(t, 1, s.loads.Load(), "waking up reads nothing")

		time.Sleep(aggregate.DefaultExit - time.Second)
		synctest.Wait()
		_, there = root.Whereis(id)
		require.True(t, there)
		time.Sleep(aggregate.DefaultExit/10 + time.Second)
		synctest.Wait()
		_, there = root.Whereis(id)
		require.False(t, there)
		require.Equal(t, []string{"start tally", "hibernate tally", "hibernate tally", "exit tally"}, l.seen())

		require.Equal(t, 1, get(t, root, id).Total)
		require.EqualValues(t, 2, s.loads.Load(), "it started again from the store")
	})
}

func TestWhoIsUsedStaysAwake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(lifecycle)
		root := newRoot(t, memory.New(), &aggregate.Options{Hooks: l.hooks()})
		id := newID(t, root)
		for range 100 {
			time.Sleep(aggregate.DefaultHibernate - time.Second)
			evaluate(t, root, adds(id, 1))
		}
		require.Equal(t, []string{"start tally"}, l.seen())
	})
}

func TestANegativeDurationMeansNever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(lifecycle)
		root := newRoot(t, memory.New(), &aggregate.Options{Hooks: l.hooks()}, func(d *aggregate.Definition[tally]) {
			d.Idle = aggregate.IdlePolicy{Hibernate: -1, Exit: -1}
		})
		evaluate(t, root, adds(newID(t, root), 1))
		time.Sleep(1000 * time.Hour)
		require.Equal(t, []string{"start tally"}, l.seen())
	})
}

func TestABusyAggregateNeitherHibernatesNorExits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(lifecycle)
		root := newRoot(t, memory.New(), &aggregate.Options{Hooks: l.hooks()}, func(d *aggregate.Definition[tally]) {
			d.Idle = aggregate.IdlePolicy{Hibernate: time.Second, Exit: 2 * time.Second}
		})
		id := newID(t, root)
		evaluate(t, root, runs(id, func(context.Context, aggregate.Instance[tally]) ([]types.Uncommitted, error) {
			time.Sleep(time.Hour)
			require.Equal(t, []string{"start tally"}, l.seen())
			live, _ := root.Whereis(id)
			require.Zero(t, live.Idle)
			return nil, nil
		}))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"start tally", "hibernate tally", "exit tally"}, l.seen())
	})
}

func TestASnapshotIsSavedBeforeAnExitIfThePolicySaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTap()
		root := newRoot(t, s, nil, func(d *aggregate.Definition[tally]) {
			d.Idle = aggregate.IdlePolicy{Exit: time.Minute, Snapshot: true}
		})
		id := newID(t, root)
		evaluate(t, root, adds(id, 1), adds(id, 1))
		gone := func() {
			t.Helper()
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			_, there := root.Whereis(id)
			require.False(t, there)
		}
		gone()
		require.EqualValues(t, 2, snapshotOf(t, s, id).Sequence)
		require.EqualValues(t, 1, s.snapshots.Load())
		get(t, root, id)
		gone()
		require.EqualValues(t, 1, s.snapshots.Load(), "nothing new, nothing saved")
	})
}

func TestRootsOfOneSupervisorHaveTheirOwnPolicies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := new(lifecycle)
		sup := newSupervisor(t, memory.New(), &aggregate.Options{Hooks: l.hooks()})
		for name, exit := range map[string]time.Duration{"quick": time.Second, "slow": time.Hour} {
			root, err := aggregate.NewRoot(sup, tallies(func(d *aggregate.Definition[tally]) {
				d.Name, d.Idle = name, aggregate.IdlePolicy{Hibernate: -1, Exit: exit}
			}))
			require.NoError(t, err)
			evaluate(t, root, adds(newID(t, root), 1))
		}
		time.Sleep(2 * time.Second)
		require.Equal(t, "exit quick", l.seen()[2])
		time.Sleep(2 * time.Hour)
		require.Equal(t, "exit slow", l.seen()[3])
	})
}

func TestWhereisDescribesWhatIsLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sup := newSupervisor(t, memory.New(), nil)
		root, err := aggregate.NewRoot(sup, tallies())
		require.NoError(t, err)
		other, err := aggregate.NewRoot(sup, tallies(func(d *aggregate.Definition[tally]) { d.Name = "other" }))
		require.NoError(t, err)
		id := newID(t, root)
		evaluate(t, root, adds(id, 1), adds(id, 1))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		want := aggregate.Live{Root: "tally", AggregateID: id, Sequence: 2, Awake: true, Idle: 3 * time.Second}
		live, there := root.Whereis(id)
		require.True(t, there)
		require.Equal(t, want, live)
		_, there = other.Whereis(id)
		require.False(t, there, "another root's is not this one's")
		_, there = root.Whereis(hlc.Timestamp{})
		require.False(t, there)

		evaluate(t, other, adds(newID(t, other), 1))
		found := map[string]int{}
		for live := range sup.Aggregates() {
			found[live.Root]++
		}
		require.Equal(t, map[string]int{"tally": 1, "other": 1}, found)
		for range sup.Aggregates() {
			break
		}
	})
}
