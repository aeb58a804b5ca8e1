package aggregate_test

import (
	"context"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// lifecycleCommands is how many commands the lifecycle tests send; MAESTRO_TEST_LIFECYCLE=1000000
// is the long form.
func lifecycleCommands(t *testing.T) int {
	t.Helper()
	text := os.Getenv("MAESTRO_TEST_LIFECYCLE")
	if text == "" {
		return 50_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "MAESTRO_TEST_LIFECYCLE")
	return n
}

// guardedTallies are tallies whose handlers notice when two of one aggregate run at once.
func guardedTallies(overlaps *atomic.Int64) func(*aggregate.Definition[tally]) {
	var busy sync.Map // hlc.Timestamp → *atomic.Bool
	enter := func(id hlc.Timestamp) func() {
		flag, _ := busy.LoadOrStore(id, new(atomic.Bool))
		if flag.(*atomic.Bool).Swap(true) {
			overlaps.Add(1)
		}
		return func() { flag.(*atomic.Bool).Store(false) }
	}
	return func(d *aggregate.Definition[tally]) {
		eval, apply := d.Commands["add"], d.Events["added"]
		d.Commands["add"] = aggregate.CommandFunc[tally](func(ctx context.Context, c aggregate.Instance[tally], cmd types.Command) ([]types.Uncommitted, error) {
			defer enter(c.ID)()
			return eval.Eval(ctx, c, cmd)
		})
		d.Events["added"] = aggregate.EventFunc[tally](func(s tally, e types.Event) (tally, error) {
			defer enter(e.AggregateID)()
			return apply.Apply(s, e)
		})
	}
}

// TestCommandsAtTheInstantOfAnExitAreNotLost lets aggregates leave memory while commands come in.
func TestCommandsAtTheInstantOfAnExitAreNotLost(t *testing.T) {
	const workers, aggregates = 128, 64
	for name, policy := range map[string]aggregate.IdlePolicy{
		"exit":                {Exit: time.Millisecond, Hibernate: -1},
		"hibernate":           {Exit: -1, Hibernate: time.Millisecond},
		"both, with snapshot": {Exit: time.Millisecond, Hibernate: time.Millisecond / 2, Snapshot: true},
	} {
		t.Run(name, func(t *testing.T) {
			var exits, sleeps, overlaps atomic.Int64
			s := memory.New()
			root := newRoot(t, s, &aggregate.Options{Hooks: aggregate.Hooks{
				Exit:      func(aggregate.Lifecycle) { exits.Add(1) },
				Hibernate: func(aggregate.Lifecycle) { sleeps.Add(1) },
			}}, guardedTallies(&overlaps), func(d *aggregate.Definition[tally]) { d.Idle = policy })
			ids := make([]hlc.Timestamp, aggregates)
			for i := range ids {
				ids[i] = newID(t, root)
			}
			each := lifecycleCommands(t) / workers / 3 // at least
			// How many leave in that time depends on the machine: it goes on until the test has tested
			// something.
			enough := func() bool { return exits.Load()+sleeps.Load() > 4*aggregates }
			var done [aggregates]atomic.Int64
			var all sync.WaitGroup
			for w := range workers {
				all.Go(func() {
					tick := time.NewTimer(0)
					defer tick.Stop()
					for i := 0; i < each || !enough() && i < 100*each; i++ {
						if err := root.Evaluate(t.Context(), adds(ids[w%aggregates], 1)); err != nil {
							t.Error(err)
							return
						}
						done[w%aggregates].Add(1)
						if i%4 == 0 { // come back when the aggregate is about to leave
							tick.Reset(time.Duration(900+(i*37+w)%300) * time.Microsecond)
							<-tick.C
						}
					}
				})
			}
			all.Wait()
			for i, id := range ids {
				require.Len(t, logOf(t, s, id), int(done[i].Load()))
				require.EqualValues(t, done[i].Load(), fetch(t, root, id).Total)
			}
			require.Zero(t, overlaps.Load(), "two handlers at once")
			require.True(t, enough(), "too few left: the test tested little")
			require.Eventually(t, func() bool {
				for _, id := range ids {
					if live, _ := root.Whereis(id); live.Awake {
						return false
					}
				}
				return true
			}, 10*time.Second, time.Millisecond, "in the end nobody keeps a goroutine")
			t.Logf("%d exits, %d times asleep", exits.Load(), sleeps.Load())
		})
	}
}

// TestEvictionUnderLoadLosesNothing makes aggregates leave for want of room instead.
func TestEvictionUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	const workers, aggregates = 16, 24
	var exits, overlaps atomic.Int64
	s := memory.New()
	root := newRoot(t, s, &aggregate.Options{MaxLive: 8, Hooks: aggregate.Hooks{
		Exit: func(aggregate.Lifecycle) { exits.Add(1) },
	}}, guardedTallies(&overlaps))
	ids := make([]hlc.Timestamp, aggregates)
	for i := range ids {
		ids[i] = newID(t, root)
	}
	each := lifecycleCommands(t) / workers / 10
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range each {
				if err := root.Evaluate(t.Context(), adds(ids[(w*7+i*5)%aggregates], 1)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	total := 0
	for _, id := range ids {
		total += len(logOf(t, s, id))
	}
	require.Equal(t, each*workers, total)
	require.Zero(t, overlaps.Load())
	require.NotZero(t, exits.Load())
}
