package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func lockClauses() []clause {
	return needing(FeatureOwnTransactions, []clause{
		{name: "a lock tells the log from a sequence on", run: lockTells},
		{name: "those who lock an aggregate before they look at it never conflict", run: lockersNeverConflict},
		{name: "who does not lock is not kept out", run: lockKeepsNobodyElseOut},
		{name: "a transaction may lock an aggregate twice", run: lockTwice},
		{name: "of two transactions that wait for each other one is refused", run: func(v *env) { v.ring(2) }},
		{name: "of three transactions that wait for each other in a ring one is refused", run: func(v *env) { v.ring(3) }},
		{name: "a lock is a line: who comes first is first", run: lockInOrder, needs: FeatureLine},
		{name: "who holds a lock that others wait for gets no other one by it", run: lockElsewhere, needs: FeatureLine},
		{name: "a lock is held until the end of the transaction, or its abort", run: lockHeld, needs: FeatureLine},
		{name: "a context ends the wait for a lock, and the next in line gets it", run: lockContext, needs: FeatureLine},
		{name: "a lock goes with the connection, and so does what was sent", run: lockLost, needs: FeatureConnections},
	})
}

func (v *env) lock(tx store.OwnTx, id hlc.Timestamp) {
	v.Helper()
	_, _, err := tx.Lock(v.Context(), id, 1)
	require.NoError(v, err)
}

func lockTells(v *env) {
	id := v.stamp()
	log := v.history(id, 7)
	for from := types.Sequence(0); from <= 9; from++ {
		_, tx := v.ownTx()
		events, more, err := tx.Lock(v.Context(), id, from)
		require.NoError(v, err)
		v.told(log, from, events, more)
		tx.Abort(v.Context())
	}
	v.holds(id, log...)
	_, tx := v.ownTx()
	events, _, err := tx.Lock(v.Context(), v.stamp(), 1)
	require.NoError(v, err)
	require.Empty(v, events, "of an aggregate that there is not")
	much := v.events(v.stamp(), 1, 3000)
	v.must(much...)
	events, more, err := tx.Lock(v.Context(), much[0].AggregateID, 2)
	require.NoError(v, err)
	v.told(much, 2, events, more)
}

// lockersNeverConflict lets eight count on at once, in as many processes as there are. Some of them
// think better of it.
func lockersNeverConflict(v *env) {
	id := v.stamp()
	adapters := []store.Adapter{v.a}
	if !v.h.lacks(FeatureProcesses) {
		adapters = v.processes()
	}
	const lockers, rounds = 8, 10
	stored := make([]int, lockers)
	for _, err := range race(lockers, func(i int) error {
		for round := range rounds {
			ended, err := v.on(adapters[i%len(adapters)]).appendLocked(id, (i+round)%5 == 0)
			if err != nil {
				return fmt.Errorf("locker %d, round %d: %w", i, round, err)
			}
			if ended {
				stored[i]++
			}
		}
		return nil
	}) {
		require.NoError(v, err)
	}
	total := 0
	for _, n := range stored {
		total += n
	}
	require.Len(v, v.read(id, store.Range{}), total)
}

// appendLocked stores the next event in a transaction of its own, or aborts that.
func (v *env) appendLocked(id hlc.Timestamp, abort bool) (stored bool, err error) {
	tx, err := v.a.(store.Transactor).BeginTx(v.Context())
	if err != nil {
		return false, err
	}
	defer tx.Abort(v.Context())
	events, more, err := tx.Lock(v.Context(), id, 1)
	if err != nil {
		return false, err
	}
	if more {
		if events, err = readAll(v.Context(), tx, id, store.Range{}); err != nil {
			return false, err
		}
	}
	c := of(v.event(id, types.Sequence(len(events)+1)))
	if len(events) > 0 {
		c.Predecessor = events[len(events)-1].Timestamp
	}
	runtime.Gosched()
	if err := tx.Stage(c); err != nil || abort {
		return false, err
	}
	return true, tx.End(v.Context())
}

func lockKeepsNobodyElseOut(v *env) {
	id := v.stamp()
	log := v.history(id, 1)
	_, tx := v.ownTx()
	v.lock(tx, id)
	next := v.event(id, 2)
	v.must(next)
	v.holds(id, append(log, next)...)
	_, other := v.ownTx()
	v.lock(other, v.stamp())
	require.NoError(v, other.End(v.Context()))
	require.NoError(v, tx.End(v.Context()))
}

func lockTwice(v *env) {
	id := v.stamp()
	log := v.history(id, 3)
	_, tx := v.ownTx()
	v.lock(tx, id)
	events, more, err := tx.Lock(v.Context(), id, 2)
	require.NoError(v, err)
	v.told(log, 2, events, more)
	require.NoError(v, tx.End(v.Context()))
	_, tx = v.ownTx()
	v.lock(tx, id)
}

// ring lets n transactions lock an aggregate each, and then that of the next. The ones that are
// refused abort.
func (v *env) ring(n int) {
	v.Helper()
	for range 5 {
		ids := make([]hlc.Timestamp, n)
		txs := make([]store.OwnTx, n)
		for i := range txs {
			ids[i] = v.stamp()
			_, txs[i] = v.ownTx()
			v.lock(txs[i], ids[i])
		}
		refused := 0
		for i, err := range race(n, func(i int) error {
			_, _, err := txs[i].Lock(v.Context(), ids[(i+1)%n], 1)
			if err == nil {
				err = txs[i].Stage(of(v.event(ids[i], 1)))
			}
			if err == nil {
				return txs[i].End(v.Context())
			}
			txs[i].Abort(v.Context())
			return err
		}) {
			if err == nil {
				require.Len(v, v.read(ids[i], store.Range{}), 1)
				continue
			}
			require.ErrorIs(v, err, store.ErrDeadlock)
			v.holds(ids[i])
			refused++
		}
		require.Equal(v, 1, refused)
	}
}

// lockElsewhere has a transaction wait for one aggregate while others wait for one that it holds.
func lockElsewhere(v *env) {
	wanted, held := v.stamp(), v.stamp()
	_, holder := v.ownTx()
	v.lock(holder, wanted)
	_, middle := v.ownTx()
	v.lock(middle, held)
	got := make(chan error, 1)
	go func() {
		_, _, err := middle.Lock(v.Context(), wanted, 1)
		got <- err
	}()
	for v.h.Waiting(v, v.a) != 1 {
		runtime.Gosched()
	}
	last, done := v.arrive(v.Context(), held, 1)
	for range 1000 {
		runtime.Gosched()
		require.Empty(v, got, "it has what holder has")
	}
	require.NoError(v, holder.End(v.Context()))
	require.NoError(v, <-got)
	require.NoError(v, middle.End(v.Context()))
	require.NoError(v, <-done)
	require.NoError(v, last.End(v.Context()))
}

// arrive begins a transaction that locks id, and returns once it stands in line behind others.
func (v *env) arrive(ctx context.Context, id hlc.Timestamp, behind int) (store.OwnTx, <-chan error) {
	v.Helper()
	from := v.a
	if !v.h.lacks(FeatureProcesses) {
		from = v.h.Other(v, v.a) // a pool of connections may be smaller than a line
	}
	_, tx := v.on(from).ownTx()
	done := make(chan error, 1)
	go func() {
		_, _, err := tx.Lock(ctx, id, 1)
		done <- err
	}()
	for v.h.Waiting(v, v.a) != behind+1 {
		select {
		case err := <-done:
			require.FailNow(v, "it did not wait", "Lock: %v", err)
		default:
			runtime.Gosched()
		}
	}
	return tx, done
}

func lockInOrder(v *env) {
	id := v.stamp()
	_, first := v.ownTx()
	v.lock(first, id)
	var mu sync.Mutex
	var order []int
	var all sync.WaitGroup
	for i := range 5 {
		tx, done := v.arrive(v.Context(), id, i)
		all.Go(func() {
			if <-done == nil {
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
			}
			_ = tx.End(v.Context())
		})
	}
	require.NoError(v, first.End(v.Context()))
	all.Wait()
	require.Equal(v, []int{0, 1, 2, 3, 4}, order)
}

func lockHeld(v *env) {
	id := v.stamp()
	log := v.history(id, 1)
	inside, tx := v.ownTx()
	v.lock(tx, id)
	next := v.event(id, 2)
	second, locked := v.arrive(v.Context(), id, 0)
	inside.must(next)
	require.Equal(v, 1, v.h.Waiting(v, v.a), "after a commit in the transaction")
	require.NoError(v, tx.End(v.Context()))
	require.NoError(v, <-locked)
	third, locked := v.arrive(v.Context(), id, 0)
	second.Abort(v.Context())
	require.NoError(v, <-locked)
	events, more, err := third.Lock(v.Context(), id, 1)
	require.NoError(v, err)
	v.told(append(log, next), 1, events, more)
}

func lockContext(v *env) {
	id := v.stamp()
	_, tx := v.ownTx()
	v.lock(tx, id)
	ctx, cancel := context.WithCancel(v.Context())
	impatient, gaveUp := v.arrive(ctx, id, 0)
	next, locked := v.arrive(v.Context(), id, 1)
	cancel()
	require.ErrorIs(v, <-gaveUp, context.Canceled)
	impatient.Abort(v.Context())
	require.NoError(v, tx.End(v.Context()))
	require.NoError(v, <-locked)
	require.NoError(v, next.End(v.Context()))
}

func lockLost(v *env) {
	id := v.stamp()
	log := v.history(id, 1)
	_, tx := v.ownTx()
	v.lock(tx, id)
	require.NoError(v, tx.Stage(of(v.event(id, 2))))
	require.NoError(v, tx.Send(v.Context()))
	v.h.Sever(v, v.a, tx)
	_, next := v.ownTx()
	events, more, err := next.Lock(v.Context(), id, 1)
	require.NoError(v, err)
	v.told(log, 1, events, more)
	require.NoError(v, next.End(v.Context()))
	err = tx.End(v.Context())
	require.Error(v, err)
	require.False(v, slices.ContainsFunc([]error{store.ErrConflict, store.ErrNoPredecessor, store.ErrInvalidEvent},
		func(other error) bool { return errors.Is(err, other) }), "%v", err)
	tx.Abort(v.Context())
	v.holds(id, log...)
}

func flushClauses() []clause {
	return needing(FeatureFlush, []clause{
		{name: "what is visible can be flushed, however often", run: flushes},
		{name: "a flush whose context has ended says so", run: flushWithEndedContext},
	})
}

func flushes(v *env) {
	f := v.a.(store.Flusher)
	require.NoError(v, f.Flush(v.Context(), hlc.Timestamp{}), "of nothing")
	id := v.stamp()
	log := v.history(id, 2)
	for _, err := range race(8, func(int) error { return f.Flush(v.Context(), id) }) {
		require.NoError(v, err)
	}
	v.holds(id, log...)
}

func flushWithEndedContext(v *env) {
	require.ErrorIs(v, v.a.(store.Flusher).Flush(v.ended(), v.stamp()), context.Canceled)
}
