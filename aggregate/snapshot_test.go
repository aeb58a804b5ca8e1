package aggregate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
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

// journal is a logger that can be asked what it was told.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// lines returns the lines that contain text.
func (j *journal) lines(text string) (found []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.buf.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

func snapshotOf(t testing.TB, s store.Adapter, id hlc.Timestamp) *types.Snapshot {
	t.Helper()
	got, err := s.LatestSnapshot(t.Context(), id, store.Range{})
	require.NoError(t, err)
	return got
}

// unmarked is a snapshot's JSON without the library's mark: what Maestro takes for the state.
func unmarked(t testing.TB, s *types.Snapshot) string {
	t.Helper()
	var object map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(s.Body, &object))
	delete(object, store.MarkKey)
	text, err := json.Marshal(object)
	require.NoError(t, err)
	return string(text)
}

func TestASnapshotIsTakenEveryNEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		root := newRoot(t, s, nil, func(d *aggregate.Definition[tally]) { d.Snapshots.Every = 3 })
		id := newID(t, root)
		for n, want := range []types.Sequence{0, 0, 3, 3, 3, 6} {
			evaluate(t, root, adds(id, 1))
			synctest.Wait()
			if got := snapshotOf(t, s, id); want == 0 {
				require.Nil(t, got)
			} else {
				require.Equal(t, want, got.Sequence, "after %d events", n+1)
				require.JSONEq(t, `{"total": `+string('0'+rune(want))+`}`, unmarked(t, got))
			}
		}
	})
}

func TestASnapshotIsTakenAfterALongReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, id := logged(t, types.NewEvent("added", added{1}), types.NewEvent("added", added{1}), types.NewEvent("added", added{1}))
		after := func(n int) func(*aggregate.Definition[tally]) {
			return func(d *aggregate.Definition[tally]) { d.Snapshots.AfterReplay = n }
		}
		get(t, newRoot(t, s, nil, after(3)), id)
		synctest.Wait()
		require.Nil(t, snapshotOf(t, s, id), "not more than 3")
		get(t, newRoot(t, s, nil, after(2)), id)
		synctest.Wait()
		require.EqualValues(t, 3, snapshotOf(t, s, id).Sequence)
	})
}

func TestAColdAggregateStartsFromItsSnapshot(t *testing.T) {
	t.Parallel()
	s := newTap()
	var loaded aggregate.Loaded
	o := &aggregate.Options{Hooks: aggregate.Hooks{Load: func(_ context.Context, l aggregate.Loaded) { loaded = l }}}
	root := newRoot(t, s, nil)
	id := newID(t, root)
	evaluate(t, root, adds(id, 1), adds(id, 2))
	require.NoError(t, root.Snapshot(t.Context(), id))
	evaluate(t, root, adds(id, 4))

	cold := newRoot(t, s, o)
	require.Equal(t, 7, get(t, cold, id).Total)
	require.EqualValues(t, 2, loaded.Snapshot)
	require.Equal(t, 1, loaded.Events)
	require.EqualValues(t, 3, loaded.Sequence)
}

func TestPrepareAndUseSnapshotGiveItsShape(t *testing.T) {
	t.Parallel()
	s := memory.New()
	shape := func(d *aggregate.Definition[tally]) {
		d.Initial = func() tally { return tally{Notes: []string{"initial"}} }
		d.PrepareSnapshot = func(c aggregate.Instance[tally]) (any, error) {
			return map[string]any{"t": c.State.Total, "at": c.Sequence}, nil
		}
		d.UseSnapshot = func(c aggregate.Instance[tally], s types.Snapshot) (tally, error) {
			var b struct{ T int }
			err := json.Unmarshal(s.Body, &b)
			require.Zero(t, c.Sequence)
			c.State.Total = b.T
			return c.State, err
		}
	}
	root := newRoot(t, s, nil, shape)
	id := newID(t, root)
	evaluate(t, root, adds(id, 5))
	require.NoError(t, root.Snapshot(t.Context(), id))
	require.JSONEq(t, `{"at": 1, "t": 5}`, unmarked(t, snapshotOf(t, s, id)))
	require.Equal(t, tally{Total: 5, Notes: []string{"initial"}}, get(t, newRoot(t, s, nil, shape), id))
}

func TestAVersionByHandIsTheShape(t *testing.T) {
	t.Parallel()
	s := memory.New()
	version := func(n int) func(*aggregate.Definition[tally]) {
		return func(d *aggregate.Definition[tally]) { d.SnapshotVersion = n }
	}
	root := newRoot(t, s, nil, version(2))
	id := newID(t, root)
	evaluate(t, root, adds(id, 5))
	require.NoError(t, root.Snapshot(t.Context(), id))
	require.JSONEq(t, `{"total": 5}`, unmarked(t, snapshotOf(t, s, id)))

	var l aggregate.Loaded
	for v, used := range map[int]types.Sequence{2: 1, 1: 0, 0: 0} {
		j := new(journal)
		o := &aggregate.Options{Logger: j.logger(), Hooks: aggregate.Hooks{Load: func(_ context.Context, got aggregate.Loaded) { l = got }}}
		require.Equal(t, 5, get(t, newRoot(t, s, o, version(v)), id).Total)
		require.Equal(t, used, l.Snapshot, "version %d", v)
		require.Len(t, j.lines("level=INFO msg=\"snapshot passed over\""), 1-int(used))
	}
	require.NoError(t, s.CommitSnapshot(t.Context(), types.Snapshot{AggregateID: id, Sequence: 2, Body: json.RawMessage(foreign99)}))
	require.Equal(t, 5, get(t, newRoot(t, s, nil, version(2)), id).Total, "one without a mark is of no version")
}

// foreign99 is a snapshot as Maestro writes them.
const foreign99 = `{"total": 99, "notes": null, "marks": null}`

// TestASnapshotThatIsOfNoUseIsPassedOver puts a snapshot of a wrong state beside a log that adds up
// to 3: whoever used it would be seen.
func TestASnapshotThatIsOfNoUseIsPassedOver(t *testing.T) {
	t.Parallel()
	refuse := func(e error) func(*aggregate.Definition[tally]) {
		return func(d *aggregate.Definition[tally]) {
			d.UseSnapshot = func(c aggregate.Instance[tally], _ types.Snapshot) (tally, error) { return tally{Total: 99}, e }
		}
	}
	for name, test := range map[string]struct {
		at     types.Sequence
		body   string
		change func(*aggregate.Definition[tally])
		reason string
	}{
		"refused by UseSnapshot": {2, `{}`, refuse(errors.New("an old shape")), "an old shape"},
		"UseSnapshot panics": {2, `{}`, func(d *aggregate.Definition[tally]) {
			d.UseSnapshot = func(aggregate.Instance[tally], types.Snapshot) (tally, error) { panic("boom") }
		}, "panic: boom"},
		"truncated":              {2, `{"total": `, nil, "unexpected end of JSON"},
		"empty":                  {2, ``, nil, "unexpected end of JSON"},
		"another shape":          {2, `{"total": "99", "notes": null, "marks": null}`, nil, "cannot unmarshal"},
		"a field lacks":          {2, `{"total": 99, "marks": null}`, nil, "snapshot at sequence 2: lacks the field S.Notes"},
		"no object":              {2, `99`, nil, "lacks the field S"},
		"newer than the log":     {9, foreign99, nil, "snapshot at sequence 9 is newer than the log"},
		"one newer than the log": {3, foreign99, nil, "snapshot at sequence 3 is newer than the log"},
		"at no sequence":         {0, foreign99, nil, "snapshot at sequence 0"},
		"of another log": {2, `{"total": 99, "maestro": {"shape": "version 7", "at": "0190b0a0000000000000000000000001"}}`, func(d *aggregate.Definition[tally]) {
			d.SnapshotVersion = 7
		}, "snapshot at sequence 2 was made of another log: the event there is another one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTap()
			var id hlc.Timestamp
			s.Store, id = logged(t, types.NewEvent("added", added{1}), types.NewEvent("added", added{2}))
			s.load = withSnapshot(s, id, types.Snapshot{AggregateID: id, Sequence: test.at, Body: json.RawMessage(test.body)})
			j := new(journal)
			var change []func(*aggregate.Definition[tally])
			if test.change != nil {
				change = append(change, test.change)
			}
			root := newRoot(t, s, &aggregate.Options{Logger: j.logger()}, change...)
			require.Equal(t, 3, get(t, root, id).Total)
			warnings := j.lines("")
			require.Len(t, warnings, 1, "exactly one warning")
			require.Contains(t, warnings[0], `level=WARN msg="snapshot passed over" root=tally aggregate=`+id.String())
			require.Contains(t, warnings[0], test.reason)
			state, err := root.Replay(t.Context(), id, 2)
			require.NoError(t, err)
			require.Equal(t, 3, state.Total)
			evaluate(t, root, adds(id, 4))
			require.Equal(t, 7, get(t, root, id).Total)
			require.Len(t, j.lines("passed over"), 1)
		})
	}
}

func TestASnapshotOfAnotherAggregateIsPassedOver(t *testing.T) {
	t.Parallel()
	s := newTap()
	var id hlc.Timestamp
	s.Store, id = logged(t, types.NewEvent("added", added{1}), types.NewEvent("added", added{2}))
	s.load = withSnapshot(s, id, types.Snapshot{AggregateID: hlc.Timestamp{1}, Sequence: 2, Body: json.RawMessage(`{"total":99}`)})
	require.Equal(t, 3, get(t, newRoot(t, s, nil), id).Total)
}

func TestASnapshotThatCantBeStoredIsTheCallersErrorOrAWarning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, j, oops := newTap(), new(journal), errors.New("disk full")
		s.commitSnapshot = func(context.Context, types.Snapshot, func() error) error { return oops }
		root := newRoot(t, s, &aggregate.Options{Logger: j.logger()}, func(d *aggregate.Definition[tally]) { d.Snapshots.Every = 2 })
		id := newID(t, root)
		evaluate(t, root, adds(id, 1))
		err := root.Snapshot(t.Context(), id)
		require.ErrorIs(t, err, oops)
		require.EqualError(t, err, "aggregate: store the snapshot: disk full")
		evaluate(t, root, adds(id, 1))
		synctest.Wait()
		require.Len(t, j.lines("snapshot not stored"), 1)
		require.Equal(t, 2, get(t, root, id).Total)
	})
}

func TestAFailingPrepareSnapshotIsTheCallersError(t *testing.T) {
	t.Parallel()
	oops := errors.New("oops")
	root, id := tallyOf(t, func(d *aggregate.Definition[tally]) {
		d.PrepareSnapshot = func(c aggregate.Instance[tally]) (any, error) {
			if c.State.Total > 1 {
				panic(oops)
			}
			return nil, oops
		}
	})
	evaluate(t, root, adds(id, 1))
	require.EqualError(t, root.Snapshot(t.Context(), id), "aggregate: prepare the snapshot: oops")
	evaluate(t, root, adds(id, 1))
	err := root.Snapshot(t.Context(), id)
	var p *types.PanicError
	require.ErrorAs(t, err, &p)
	require.ErrorIs(t, err, oops)
}

func TestASnapshotInTheBackgroundIsOfItsOwnSequence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		root := newRoot(t, s, nil, func(d *aggregate.Definition[tally]) {
			d.Snapshots.Every = 2
			d.PrepareSnapshot = func(c aggregate.Instance[tally]) (any, error) {
				time.Sleep(time.Second) // the aggregate goes on meanwhile
				return c.State, nil
			}
		})
		id := newID(t, root)
		evaluate(t, root, notes(id, "a", "a"))
		evaluate(t, root, notes(id, "a"))
		time.Sleep(2 * time.Second)
		require.JSONEq(t, `{"total": 0, "notes": ["a", "a"], "marks": {"a": 2}}`, unmarked(t, snapshotOf(t, s, id)))
	})
}

func TestASnapshotOfAnotherShapeIsNotStoredWithoutUseSnapshot(t *testing.T) {
	t.Parallel()
	var shape any
	s := memory.New()
	root := newRoot(t, s, nil, func(d *aggregate.Definition[tally]) {
		d.PrepareSnapshot = func(aggregate.Instance[tally]) (any, error) { return shape, nil }
	})
	id := newID(t, root)
	evaluate(t, root, adds(id, 5))
	for text, other := range map[string]any{"map[string]int": map[string]int{"t": 5}, "<nil>": nil} {
		shape = other
		require.EqualError(t, root.Snapshot(t.Context(), id), "aggregate: prepare the snapshot: PrepareSnapshot returned "+text+
			", which is not the state, and UseSnapshot is missing: set that too")
	}
	for _, state := range []any{tally{Total: 5}, &tally{Total: 5}} {
		shape = state
		require.NoError(t, root.Snapshot(t.Context(), id))
	}
	require.JSONEq(t, `{"total": 5}`, unmarked(t, snapshotOf(t, s, id)))
}
