package aggregate_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/internal/lab/pgtest"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

// checkpoint keeps what is stored, and returns what goes back to it.
type checkpoint func() (goBack func())

// onEveryLostLog runs a test on stores of which goBack drops what was stored after keep was called,
// as the promotion of a standby does that lacks the last commits.
func onEveryLostLog(t *testing.T, test func(t *testing.T, s store.Adapter, keep checkpoint)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		s := memory.New()
		test(t, s, s.Checkpoint)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		pool := pgtest.Plain(t, fewConnections)
		test(t, pgtest.Store(t, pool, nil), func() func() {
			sql := func(text string) {
				_, err := pool.Exec(t.Context(), text)
				require.NoError(t, err)
			}
			sql(`DROP TABLE IF EXISTS kept, kept_snapshots; CREATE TABLE kept AS SELECT * FROM event_log; CREATE TABLE kept_snapshots AS SELECT * FROM snapshots`)
			return func() {
				sql(`TRUNCATE event_log, snapshots; INSERT INTO event_log SELECT * FROM kept; INSERT INTO snapshots SELECT * FROM kept_snapshots`)
			}
		})
	})
}

// wentBack counts what is told of logs that went back.
func wentBack(n *atomic.Int32) *aggregate.Options {
	return &aggregate.Options{Hooks: aggregate.Hooks{LogWentBack: func(context.Context, *aggregate.LogWentBackError) { n.Add(1) }}}
}

func requireWholeLog(t *testing.T, root *aggregate.Root[tally], id hlc.Timestamp, want types.Sequence) {
	t.Helper()
	last := types.Sequence(0)
	for e, err := range root.History(t.Context(), id, store.Range{}) {
		require.NoError(t, err)
		require.Equal(t, last+1, e.Sequence, "no gap")
		last = e.Sequence
	}
	require.Equal(t, want, last)
}

// A process that has more in memory than the log decides on what the log has, and leaves no gap.
func TestACommandAfterTheLogWentBackIsDecidedOnTheLog(t *testing.T) {
	t.Parallel()
	onEveryLostLog(t, func(t *testing.T, s store.Adapter, keep checkpoint) {
		var told atomic.Int32
		root := newRoot(t, s, wentBack(&told))
		id := newID(t, root)
		for range 5 {
			evaluate(t, root, adds(id, 1))
		}
		goBack := keep()
		for range 5 {
			evaluate(t, root, adds(id, 10))
		}
		goBack()
		state, err := root.EvaluateState(t.Context(), adds(id, 100))
		require.NoError(t, err)
		require.Equal(t, 105, state.Total, "the lost events are not in the state")
		requireWholeLog(t, root, id, 6)
		require.EqualValues(t, 1, told.Load(), "told once")
		evaluate(t, root, adds(id, 1))
		requireWholeLog(t, root, id, 7)
		require.EqualValues(t, 1, told.Load())
	})
}

// Others may have written at the lost sequences, up to the very one at which the state in memory
// is.
func TestAStateOfALostHistoryIsDroppedAlsoWhereTheLogHasGrownAgain(t *testing.T) {
	t.Parallel()
	onEveryLostLog(t, func(t *testing.T, s store.Adapter, keep checkpoint) {
		for name, look := range map[string]func(p process, id hlc.Timestamp) error{
			"command":   func(p process, id hlc.Timestamp) error { return p.root.Evaluate(t.Context(), adds(id, 100)) },
			"rejection": func(p process, id hlc.Timestamp) error { _ = p.root.Evaluate(t.Context(), adds(id, -1)); return nil },
			"fetch":     func(p process, id hlc.Timestamp) error { _, err := p.root.Fetch(t.Context(), id); return err },
			"snapshot":  func(p process, id hlc.Timestamp) error { return p.root.Snapshot(t.Context(), id) },
			"transaction": func(p process, id hlc.Timestamp) error {
				return p.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
					_, err := p.root.EvaluateTx(ctx, tx, adds(id, 100))
					return err
				})
			},
		} {
			t.Log(name)
			var told atomic.Int32
			p, other := newProcess(t, s, wentBack(&told)), newProcess(t, s, nil)
			id := newID(t, p.root)
			evaluate(t, p.root, adds(id, 1))
			goBack := keep()
			for range 3 {
				evaluate(t, p.root, adds(id, 10))
			}
			goBack()
			for range 3 {
				evaluate(t, other.root, adds(id, 1))
			}
			require.NoError(t, look(p, id))
			got, err := p.root.Fetch(t.Context(), id)
			require.NoError(t, err)
			want, err := newRoot(t, s, nil).Fetch(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, want, got, "hot equals cold")
			require.EqualValues(t, 1, told.Load())
		}
	})
}

// process is a supervisor with a root of tallies.
type process struct {
	sup  *aggregate.Supervisor
	root *aggregate.Root[tally]
}

func newProcess(t testing.TB, s store.Adapter, o *aggregate.Options, change ...func(*aggregate.Definition[tally])) process {
	t.Helper()
	sup := newSupervisor(t, s, o)
	root, err := aggregate.NewRoot(sup, tallies(change...))
	require.NoError(t, err)
	return process{sup, root}
}

// gated is a store whose reads of events can be made to wait.
type gated struct {
	*memory.Store
	wait atomic.Pointer[func()]
}

func (g *gated) Events(ctx context.Context, id hlc.Timestamp, r store.Range) iter.Seq2[types.Event, error] {
	return func(yield func(types.Event, error) bool) {
		if wait := g.wait.Load(); wait != nil {
			(*wait)()
		}
		g.Store.Events(ctx, id, r)(yield)
	}
}

// holdNext makes the next read wait for goOn, and tells when it does.
func (g *gated) holdNext() (waits, goOn chan struct{}) {
	waits, goOn = make(chan struct{}), make(chan struct{})
	wait := func() {
		g.wait.Store(nil)
		close(waits)
		<-goOn
	}
	g.wait.Store(&wait)
	return waits, goOn
}

// A transaction finds out that the log went back, and drops the state, while the aggregate reads
// what follows it.
func TestAStateThatIsDroppedDuringAReadIsReadFromTheStart(t *testing.T) {
	t.Parallel()
	s := &gated{Store: memory.New()}
	p, other := newProcess(t, s, nil), newProcess(t, s, nil)
	id := newID(t, p.root)
	evaluate(t, p.root, adds(id, 1))
	goBack := s.Checkpoint()
	for range 3 {
		evaluate(t, p.root, adds(id, 10))
	}
	goBack()
	for range 3 {
		evaluate(t, other.root, adds(id, 1))
	}
	reads, goOn := s.holdNext()
	fetched := make(chan error, 1)
	go func() {
		_, err := p.root.Fetch(t.Context(), id)
		fetched <- err
	}()
	<-reads
	runs := 0
	require.NoError(t, p.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
		if runs++; runs == 2 {
			close(goOn)
			require.NoError(t, <-fetched)
		}
		_, err := p.root.EvaluateTx(ctx, tx, adds(id, 100))
		return err
	}))
	require.Equal(t, 2, runs)
	require.Equal(t, 104, totalOf(t, p, id))
}

// slowNews answers a commit that is refused only after something else has happened.
type slowNews struct {
	*memory.Store
	meanwhile func()
}

func (s *slowNews) Commit(ctx context.Context, c store.Commit) error {
	err := s.Store.Commit(ctx, c)
	if s.meanwhile != nil && errors.Is(err, store.ErrConflict) {
		s.meanwhile()
	}
	return err
}

// A transaction of the same process moves the state on while a commit is under way; what the
// commit's refusal tells is older then than the state, and no sign of a log that went back.
func TestARefusalThatIsOlderThanTheStateIsNoLogThatWentBack(t *testing.T) {
	t.Parallel()
	s := &slowNews{Store: memory.New()}
	var back atomic.Int64
	sup := newSupervisor(t, s, &aggregate.Options{Hooks: aggregate.Hooks{
		LogWentBack: func(context.Context, *aggregate.LogWentBackError) { back.Add(1) },
	}})
	root, err := aggregate.NewRoot(sup, bells()) // whose state is a plain value: a transaction may move it on during a commit
	require.NoError(t, err)
	other, err := aggregate.NewRoot(newSupervisor(t, s.Store, nil), bells())
	require.NoError(t, err)
	id := newID(t, root)
	require.NoError(t, root.Evaluate(t.Context(), ring(id)))
	require.NoError(t, other.Evaluate(t.Context(), ring(id)))
	s.meanwhile = func() {
		s.meanwhile = nil
		require.NoError(t, sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
			_, err := root.EvaluateTx(ctx, tx, ring(id))
			return err
		}))
	}
	require.NoError(t, root.Evaluate(t.Context(), ring(id)))
	require.Zero(t, back.Load())
	state, err := root.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, bell{4}, state)
}

// A rejection was decided on an old state, and a transaction of the same process moves that on
// while the rejection is confirmed: it is decided again.
func TestARejectionIsNotConfirmedByWhatATransactionLearnedMeanwhile(t *testing.T) {
	t.Parallel()
	s := &gated{Store: memory.New()}
	spends := func(d *aggregate.Definition[tally]) {
		d.Commands = maps.Clone(d.Commands)
		d.Commands["spend"] = aggregate.CommandFunc[tally](func(_ context.Context, c aggregate.Instance[tally], _ types.Command) ([]types.Uncommitted, error) {
			if c.State.Total < 30 {
				return nil, aggregate.Reject("%d is not enough", c.State.Total)
			}
			return types.Events(types.NewEvent("added", added{-30})), nil
		})
	}
	p, other := newProcess(t, s, nil, spends), newProcess(t, s, nil)
	id := newID(t, p.root)
	evaluate(t, p.root, adds(id, 1))
	evaluate(t, other.root, adds(id, 50))
	reads, goOn := s.holdNext()
	done := make(chan error, 1)
	go func() { done <- p.root.Evaluate(t.Context(), types.Command{AggregateID: id, Type: "spend"}) }()
	<-reads
	require.NoError(t, p.sup.Transact(t.Context(), func(ctx context.Context, tx store.Tx) error {
		_, err := p.root.EvaluateTx(ctx, tx, adds(id, 8))
		return err
	}))
	close(goOn)
	require.NoError(t, <-done)
	require.Equal(t, 29, totalOf(t, p, id))
}
