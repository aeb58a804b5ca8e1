package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func tailClauses() []tailClause {
	return []tailClause{
		{"what was there and what comes is handed out once and in the order of its aggregate", (*tailEnv).handsOutAll},
		{"a transaction that ends late loses nothing", (*tailEnv).waitsForTheLate},
		{"writers and transactions at the same time lose, repeat and swap nothing", (*tailEnv).crowd},
		{"no batch is larger than told", (*tailEnv).batches},
		{"only the types asked for", (*tailEnv).onlyTypes},
		{"an error takes the writes back and the same batch comes again", (*tailEnv).errorsRepeat},
		{"a panic takes the writes back and the same batch comes again", (*tailEnv).panicsRepeat},
		{"tails with different names know nothing of each other", (*tailEnv).namesAreApart},
		{"a name is not used with other types", (*tailEnv).otherTypes},
		{"of two that run one works at a time and the other takes over", (*tailEnv).takesOver},
		{"several consumers share the aggregates", (*tailEnv).parts},
		{"the number of consumers may change", (*tailEnv).partsChange},
		{"progress counts what is committed and not handed out", (*tailEnv).progress},
		{"a rewind begins again", (*tailEnv).rewinds},
		{"a rewind to a time hands out what is later and never goes forward", (*tailEnv).rewindsToATime},
		{"a run without a function is refused", func(v *tailEnv) {
			require.Error(v, v.s.Tail(v, TailSetting{Name: "a"}).Run(v.Context(), nil))
		}},
	}
}

func (v *tailEnv) handsOutAll() {
	a, b := v.stamp(), v.stamp()
	v.history(a, 5)
	v.running(TailSetting{Name: "copy"}, copyAll)
	v.writes(5)
	v.history(b, 7)
	v.must(v.event(a, 6))
	v.complete(v.writes(13), a, b)
}

func (v *tailEnv) waitsForTheLate() {
	a, b := v.stamp(), v.stamp()
	tx := v.s.Begin(v)
	inside := v.on(tx.Adapter)
	inside.must(v.events(a, 1, 2)...)
	v.running(TailSetting{Name: "copy"}, copyAll)
	v.history(b, 4)
	v.writes(4)
	inside.must(v.event(a, 3))
	require.NoError(v, tx.Commit(v.Context()))
	v.complete(v.writes(7), a, b)
	v.must(v.event(a, 4))
	v.complete(v.writes(8), a, b)

	lost := v.s.Begin(v)
	v.on(lost.Adapter).must(v.event(v.stamp(), 1))
	require.NoError(v, lost.Rollback(v.Context()))
	v.must(v.event(a, 5))
	v.complete(v.writes(9), a, b)
}

// crowd has writers that take their transaction's number before others' events that they follow.
func (v *tailEnv) crowd() {
	const aggregates, rounds = 6, 12
	ids := make([]hlc.Timestamp, aggregates)
	next := make([]types.Sequence, aggregates)
	locks := make([]sync.Mutex, aggregates)
	for i := range ids {
		ids[i] = v.stamp()
	}
	v.running(TailSetting{Name: "copy", MaxBatch: 3}, copyAll)
	failed := make(chan error, 3)
	for w := range 3 {
		go func() { failed <- v.crowded(w, rounds, ids, next, locks) }()
	}
	for range 3 {
		require.NoError(v, <-failed)
	}
	total := 0
	for _, n := range next {
		total += int(n)
	}
	v.complete(v.writes(total), ids...)
}

func (v *tailEnv) crowded(w, rounds int, ids []hlc.Timestamp, next []types.Sequence, locks []sync.Mutex) error {
	one := func(a store.Adapter, i int) error {
		id := ids[i]
		c := store.Commit{AggregateID: id, Events: v.events(id, next[i]+1, 2)}
		if err := a.Commit(v.Context(), c); err != nil {
			return err
		}
		next[i] += 2
		return nil
	}
	for r := range rounds {
		i, k := (w+r)%len(ids), (w+3*r+1)%len(ids)
		if i == k {
			k = (k + 1) % len(ids)
		}
		locks[min(i, k)].Lock()
		locks[max(i, k)].Lock()
		tx := v.s.Begin(v)
		err := errors.Join(one(tx.Adapter, i), one(tx.Adapter, k))
		err = errors.Join(err, tx.Commit(v.Context()), one(v.a, i))
		locks[i].Unlock()
		locks[k].Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *tailEnv) batches() {
	a, b := v.stamp(), v.stamp()
	v.must(v.events(a, 1, 25)...)
	v.history(b, 25)
	var largest atomic.Int64
	v.running(TailSetting{Name: "copy", MaxBatch: 4}, func(ctx context.Context, write func(types.Event) error, events []types.Event) error {
		largest.Store(max(largest.Load(), int64(len(events))))
		return copyAll(ctx, write, events)
	})
	v.writes(50)
	v.must(v.events(a, 26, 25)...)
	v.history(v.stamp(), 3)
	v.writes(78)
	require.EqualValues(v, 4, largest.Load())
}

func (v *tailEnv) onlyTypes() {
	a := v.stamp()
	events := v.events(a, 1, 9)
	var asked []types.Event
	for i := range events {
		if i%3 == 0 {
			events[i].Type = "asked"
			asked = append(asked, events[i])
		}
	}
	for _, e := range events {
		v.must(e)
	}
	v.running(TailSetting{Name: "copy", MaxBatch: 2, Types: []string{"asked", "never"}}, copyAll)
	v.same(asked, v.writes(3))
}

func (v *tailEnv) errorsRepeat() {
	v.repeats(func() error { return errors.New("not today") }, "not today")
}

func (v *tailEnv) panicsRepeat() {
	v.repeats(func() error { panic("not today") }, "panic: not today")
}

func (v *tailEnv) repeats(fail func() error, text string) {
	a := v.stamp()
	v.history(a, 6)
	var calls [][]types.Event
	var attempts []int
	var told []string
	stop := v.running(TailSetting{Name: "copy", MaxBatch: 10, Failed: func(err error, attempt int) {
		told, attempts = append(told, err.Error()), append(attempts, attempt)
		if attempt == 1 {
			v.must(v.event(a, types.Sequence(7))) // does not join the batch that failed
		}
	}}, func(ctx context.Context, write func(types.Event) error, events []types.Event) error {
		calls = append(calls, events)
		if err := copyAll(ctx, write, events); err != nil || len(calls) > 3 {
			return err
		}
		return fail()
	})
	v.complete(v.writes(7), a)
	stop()
	require.Equal(v, []int{1, 2, 3}, attempts)
	for i := range 3 {
		require.Contains(v, told[i], text)
		v.same(calls[0], calls[i+1])
	}
}

func (v *tailEnv) namesAreApart() {
	a := v.stamp()
	events := v.history(a, 3)
	stop := v.running(TailSetting{Name: "one"}, copyAll)
	v.writes(3)
	stop()
	v.running(TailSetting{Name: "two"}, copyAll)
	v.same(slices.Concat(events, events), v.writes(6))
}

func (v *tailEnv) otherTypes() {
	v.history(v.stamp(), 1)
	const counted = "counter_incremented"
	stop := v.running(TailSetting{Name: "copy", Types: []string{counted, "a", "a"}}, copyAll)
	v.writes(1)
	stop()
	for _, other := range [][]string{nil, {"a"}, {"a", "c"}} {
		err := v.s.Tail(v, TailSetting{Name: "copy", Types: other}).Run(v.Context(), copyAll)
		var refused *store.TailError
		require.ErrorAs(v, err, &refused)
		require.Equal(v, store.TailOtherTypes, refused.Reason)
		require.ErrorContains(v, err, "tail copy: the name is in use with the types [a counter_incremented], not ["+joined(other)+"]: choose another name")
	}
	v.must(v.event(v.stamp(), 1))
	v.running(TailSetting{Name: "copy", Types: []string{"a", counted}}, copyAll)
	v.writes(2)
}

func joined(texts []string) string {
	text := fmt.Sprint(texts)
	return text[1 : len(text)-1]
}

func (v *tailEnv) takesOver() {
	a := v.stamp()
	var working atomic.Int32
	together := atomic.Bool{}
	f := func(ctx context.Context, write func(types.Event) error, events []types.Event) error {
		if working.Add(1) > 1 {
			together.Store(true)
		}
		defer working.Add(-1)
		return copyAll(ctx, write, events)
	}
	first := v.running(TailSetting{Name: "copy", MaxBatch: 1}, f)
	v.running(TailSetting{Name: "copy", MaxBatch: 1}, f)
	v.history(a, 30)
	v.writes(30)
	first()
	v.must(v.events(a, 31, 30)...)
	v.complete(v.writes(60), a)
	require.False(v, together.Load())
}

func (v *tailEnv) parts() {
	ids := make([]hlc.Timestamp, 24)
	for i := range ids {
		ids[i] = v.stamp()
	}
	v.running(TailSetting{Name: "copy", Of: 4, MaxBatch: 5}, copyAll)
	for i, id := range ids {
		v.history(id, 1+i%5)
	}
	total := 0
	for i := range ids {
		total += 1 + i%5
	}
	v.complete(v.writes(total), ids...)
}

func (v *tailEnv) partsChange() {
	ids := make([]hlc.Timestamp, 16)
	for i := range ids {
		ids[i] = v.stamp()
	}
	next := types.Sequence(1)
	for _, of := range []int{1, 4, 3, 3, 1, 2} {
		for _, id := range ids {
			v.must(v.events(id, next, 3)...)
		}
		next += 3
		var calls atomic.Int32
		ctx, cancel := context.WithCancel(v.Context())
		// It ends in the midst of its work.
		err := v.s.Tail(v, TailSetting{Name: "copy", Of: of, MaxBatch: 2}).Run(ctx,
			func(ctx context.Context, write func(types.Event) error, events []types.Event) error {
				if calls.Add(1) > 6 {
					cancel()
				}
				return copyAll(ctx, write, events)
			})
		cancel()
		require.ErrorIs(v, err, context.Canceled)
	}
	v.running(TailSetting{Name: "copy", Of: 5, MaxBatch: 7}, copyAll)
	v.complete(v.writes(16*int(next-1)), ids...)
}

func (v *tailEnv) progress() {
	tail := v.s.Tail(v, TailSetting{Name: "copy", Types: []string{"counter_incremented"}})
	p, err := tail.Progress(v.Context())
	require.NoError(v, err)
	require.Equal(v, store.TailProgress{}, p)

	events := v.history(v.stamp(), 6)
	other := v.event(v.stamp(), 1)
	other.Type = "another"
	v.must(other)
	p, err = tail.Progress(v.Context())
	require.NoError(v, err)
	require.EqualValues(v, 6, p.Events)
	require.GreaterOrEqual(v, p.Behind, time.Since(events[0].Timestamp.Time())-time.Minute)

	stop := v.running(TailSetting{Name: "copy", Types: []string{"counter_incremented"}}, copyAll)
	v.writes(6)
	stop()
	p, err = tail.Progress(v.Context())
	require.NoError(v, err)
	require.EqualValues(v, 6, p.Delivered)
	require.Zero(v, p.Events)
	require.Zero(v, p.Behind)
	require.WithinDuration(v, time.Now(), p.SavedAt, time.Minute)
	v.history(v.stamp(), 2)
	p, err = tail.Progress(v.Context())
	require.NoError(v, err)
	require.EqualValues(v, 2, p.Events)
}

func (v *tailEnv) rewinds() {
	a := v.stamp()
	events := v.history(a, 5)
	o := TailSetting{Name: "copy", MaxBatch: 2}
	v.running(o, copyAll)
	v.writes(5)
	require.NoError(v, v.s.Tail(v, o).Rewind(v.Context(), time.Time{}))
	v.same(slices.Concat(events, events), v.writes(10))
}

func (v *tailEnv) rewindsToATime() {
	a, b := v.stamp(), v.stamp()
	early := v.history(a, 3)
	middle := v.stamp()
	late := v.events(a, 4, 2)
	for _, e := range late {
		v.must(e)
	}
	o := TailSetting{Name: "copy"}
	stop := v.running(o, copyAll)
	v.writes(5)
	stop()
	v.must(v.event(b, 1))
	require.NoError(v, v.s.Tail(v, o).Rewind(v.Context(), v.stamp().Time()))
	v.running(o, copyAll)
	v.writes(6)
	require.NoError(v, v.s.Tail(v, o).Rewind(v.Context(), middle.Time()))
	written := v.writes(9)
	again := slices.DeleteFunc(written[6:], func(e types.Event) bool { return e.AggregateID != a })
	v.same(late, again)
	v.same(early, written[:3])
}
