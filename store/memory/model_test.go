package memory_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// model is a store with a transaction beside lists that say what each of them has to show. Commits,
// redactions and the transaction come in any order, and loops that began earlier still run.
type model struct {
	*rapid.T
	s       *memory.Store
	ids     []hlc.Timestamp
	outside map[hlc.Timestamp][]types.Event
	tx      store.OwnTx // nil: none
	inside  map[hlc.Timestamp]own
	loops   []loop
}

// own is what the transaction added to an aggregate, behind base events.
type own struct {
	base   int
	events []types.Event
}

// loop is one that has read its first event.
type loop struct {
	next func() (types.Event, error, bool)
	stop func()
	want []types.Event // the rest
}

// TestReadersSeeWhatWasThereWhateverHappensSince compares the store with the model after each of
// many steps.
func TestReadersSeeWhatWasThereWhateverHappensSince(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{T: rt, s: memory.New(), ids: []hlc.Timestamp{now(), now()}, outside: map[hlc.Timestamp][]types.Event{}}
		rt.Repeat(map[string]func(*rapid.T){
			"commit":   func(*rapid.T) { m.commit() },
			"tx":       func(*rapid.T) { m.commitInTx() },
			"redact":   func(*rapid.T) { m.redact() },
			"end":      func(*rapid.T) { m.endTx() },
			"loop":     func(*rapid.T) { m.beginLoop() },
			"end loop": func(*rapid.T) { m.endLoop() },
			"":         func(*rapid.T) { m.compare() },
		})
		for len(m.loops) > 0 {
			m.endLoop()
		}
	})
}

func (m *model) id() hlc.Timestamp { return rapid.SampledFrom(m.ids).Draw(m.T, "id") }

// events draws new ones, of more types than are found without an index.
func (m *model) events(id hlc.Timestamp, after int) []types.Event {
	c := commitOf(id, types.Sequence(after+1), rapid.SampledFrom([]int{1, 1, 2, 3, 5, 10, 50}).Draw(m.T, "events"))
	for i := range c.Events {
		e := &c.Events[i]
		e.Type = fmt.Sprintf("type_%d", rapid.IntRange(0, 24).Draw(m.T, "type"))
		e.Body = m.body()
		if rapid.Bool().Draw(m.T, "metadata") {
			e.Metadata.Actor = e.Timestamp.String()
		}
	}
	return c.Events
}

func (m *model) body() json.RawMessage {
	return json.RawMessage(fmt.Sprintf("%d", rapid.Uint64().Draw(m.T, "body")>>rapid.IntRange(0, 63).Draw(m.T, "short")))
}

func (m *model) commit() {
	id := m.id()
	events := m.events(id, len(m.outside[id]))
	require.NoError(m, m.s.Commit(m.Context(), store.Commit{AggregateID: id, Events: events}))
	m.outside[id] = append(m.outside[id], events...)
}

func (m *model) commitInTx() {
	if m.tx == nil {
		m.tx, m.inside = begin(m, m.s), map[hlc.Timestamp]own{}
	}
	id := m.id()
	o, staged := m.inside[id]
	if !staged {
		o.base = len(m.outside[id])
	}
	c := store.Commit{AggregateID: id, Events: m.events(id, o.base+len(o.events))}
	err := m.tx.Commit(m.Context(), c)
	if len(m.outside[id]) > o.base {
		require.ErrorIs(m, err, store.ErrConflict)
		return
	}
	require.NoError(m, err)
	o.events = append(o.events, c.Events...)
	m.inside[id] = o
}

func (m *model) endTx() {
	if m.tx == nil {
		return
	}
	overtaken := false
	for id, o := range m.inside {
		overtaken = overtaken || len(m.outside[id]) > o.base
	}
	err := m.tx.End(m.Context())
	m.tx = nil
	if overtaken {
		require.ErrorIs(m, err, store.ErrConflict)
		return
	}
	require.NoError(m, err)
	for id, o := range m.inside {
		m.outside[id] = append(m.outside[id], o.events...)
	}
}

func (m *model) redact() {
	id := m.id()
	if len(m.outside[id]) == 0 {
		return
	}
	i, body := rapid.IntRange(0, len(m.outside[id])-1).Draw(m.T, "event"), m.body()
	require.NoError(m, m.s.Redact(m.Context(), store.Redaction{
		AggregateID: id, Events: []types.Event{{Sequence: types.Sequence(i + 1), Body: body, Metadata: m.outside[id][i].Metadata}},
	}))
	changed := slices.Clone(m.outside[id])
	changed[i].Body = body
	m.outside[id] = changed
}

// view is what a reader has to see, outside or in the transaction.
func (m *model) view(id hlc.Timestamp, inTx bool) (store.Adapter, []types.Event) {
	if !inTx || m.tx == nil {
		return m.s, m.outside[id]
	}
	o, staged := m.inside[id]
	if !staged {
		return m.tx, m.outside[id]
	}
	return m.tx, slices.Concat(m.outside[id][:o.base], o.events)
}

func (m *model) beginLoop() {
	id := m.id()
	from, want := m.view(id, rapid.Bool().Draw(m.T, "in tx"))
	if len(want) == 0 {
		return
	}
	next, stop := iter.Pull2(from.Events(m.Context(), id, store.Range{}))
	l := loop{next: next, stop: stop, want: slices.Clone(want)}
	l.read(m, 1)
	m.loops = append(m.loops, l)
}

func (l *loop) read(m *model, n int) {
	for _, want := range l.want[:n] {
		e, err, ok := l.next()
		require.True(m, ok)
		require.NoError(m, err)
		if !same(want, e) {
			require.Equal(m, want, e)
		}
	}
	l.want = l.want[n:]
}

func (m *model) endLoop() {
	if len(m.loops) == 0 {
		return
	}
	l := m.loops[0]
	m.loops = m.loops[1:]
	defer l.stop()
	l.read(m, len(l.want))
	_, _, more := l.next()
	require.False(m, more)
}

func (m *model) compare() {
	for _, id := range m.ids {
		for _, inTx := range []bool{false, true} {
			from, want := m.view(id, inTx)
			var got []types.Event
			for e, err := range from.Events(m.Context(), id, store.Range{}) {
				require.NoError(m, err)
				got = append(got, e)
			}
			if !slices.EqualFunc(got, want, same) {
				require.Equal(m, want, got)
			}
		}
	}
}

// same spares the time of reflection.
func same(a, b types.Event) bool {
	return a.Timestamp == b.Timestamp && a.AggregateID == b.AggregateID && a.Sequence == b.Sequence &&
		a.Type == b.Type && string(a.Body) == string(b.Body) && a.Metadata == b.Metadata
}
