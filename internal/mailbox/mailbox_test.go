package mailbox

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
)

// clerk is an owner that does what requests wish, and takes note of the batches.
type clerk struct {
	Mailbox
	batches []int
	begun   []*Request
	aborted int
	staying bool
}

func (c *clerk) Serve(batch []*Request) {
	c.batches = append(c.batches, len(batch))
	c.begun = append(c.begun[:0], batch...)
	for _, r := range batch {
		r.Wish.(func())()
		r.Answer(nil)
	}
}

var errAborted = errors.New("aborted")

func (c *clerk) Aborted() {
	c.aborted++
	for _, r := range c.begun {
		r.Answer(errAborted)
	}
}

func (c *clerk) BeforeExit() bool { return !c.staying }

// office is a registry with one family, of clerks.
type office struct {
	Registry
	family Family
}

func newOffice(c Config, f Family) *office {
	o := &office{family: f}
	o.Init(c)
	o.Add(&o.family)
	return o
}

func (o *office) clerk(t *testing.T, id hlc.Timestamp) *clerk {
	t.Helper()
	m, err := o.Get(t.Context(), id, func() *Mailbox {
		c := new(clerk)
		c.Init(id, &o.family, c)
		return &c.Mailbox
	})
	require.NoError(t, err)
	return m.Owner.(*clerk)
}

func wishes(ctx context.Context, wish func()) *Request {
	r := new(Request)
	r.Prepare(ctx, wish)
	return r
}

func nothing() {}

func (o *office) end(t *testing.T) {
	t.Helper()
	o.Close()
	for o.Busy() {
		<-o.Quiet()
	}
	o.Stop()
}

func TestRequestsAreServedInOrderAndInBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(Config{}, Family{Size: 10, MaxBatch: 3})
		c := o.clerk(t, hlc.Timestamp{1})
		gate := make(chan struct{})
		first := wishes(t.Context(), func() { <-gate })
		require.Equal(t, Delivered, c.Put(first))
		synctest.Wait()
		var order []int
		var all []*Request
		for i := range 7 {
			all = append(all, wishes(t.Context(), func() { order = append(order, i) }))
			require.Equal(t, Delivered, c.Put(all[i]))
		}
		close(gate)
		for _, r := range all {
			require.True(t, r.Wait())
			require.NoError(t, r.Err)
		}
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6}, order)
		require.Equal(t, []int{1, 3, 3, 1}, c.batches)
		o.end(t)
	})
}

func TestWhoLeavesTheQueueIsToldWhetherItWasFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(Config{}, Family{Size: 1, MaxBatch: 3})
		c := o.clerk(t, hlc.Timestamp{1})
		gate := make(chan struct{})
		require.Equal(t, Delivered, c.Put(wishes(t.Context(), func() { <-gate })))
		synctest.Wait()
		inside, outside := wishes(t.Context(), nothing), wishes(t.Context(), nothing)
		c.Put(inside)
		c.Put(outside)
		waiting, full := c.Withdraw(outside)
		require.True(t, waiting && full)
		require.Equal(t, Gone, outside.Phase())
		waiting, full = c.Withdraw(inside)
		require.True(t, waiting && !full)
		waiting, _ = c.Withdraw(inside)
		require.False(t, waiting)
		close(gate)
		o.end(t)
	})
}

func TestAGoroutineThatWasEndedIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(Config{}, Family{Size: 10, MaxBatch: 3})
		c := o.clerk(t, hlc.Timestamp{1})
		bad, good := wishes(t.Context(), runtime.Goexit), wishes(t.Context(), nothing)
		c.Put(bad)
		require.True(t, bad.Wait())
		require.ErrorIs(t, bad.Err, errAborted)
		c.Put(good)
		require.True(t, good.Wait())
		require.NoError(t, good.Err)
		require.Equal(t, 1, c.aborted)
		o.end(t)
	})
}

func TestAMailboxThatWakesUpStandsInTheQueueOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const hibernate = time.Second
		o := newOffice(Config{}, Family{Size: 10, MaxBatch: 3, Hibernate: hibernate})
		c := o.clerk(t, hlc.Timestamp{1})
		queued := func() int {
			o.idle.mu.Lock()
			defer o.idle.mu.Unlock()
			return len(o.family.parked.entries)
		}
		for range 3 {
			r := wishes(t.Context(), nothing)
			c.Put(r)
			require.True(t, r.Wait())
			synctest.Wait()
			require.Equal(t, 1, queued())
			require.True(t, c.Status().Awake)
			time.Sleep(2 * hibernate)
			synctest.Wait()
			require.Zero(t, queued(), "it is asleep")
			require.False(t, c.Status().Awake)
		}
		o.end(t)
	})
}

func TestAFullRegistryLetsTheLeastRecentlyUsedGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var left []hlc.Timestamp
		o := newOffice(Config{MaxLive: 2, Exited: func(m *Mailbox) { left = append(left, m.ID) }}, Family{Size: 1, MaxBatch: 1})
		first := o.clerk(t, hlc.Timestamp{1})
		time.Sleep(time.Second)
		second := o.clerk(t, hlc.Timestamp{2})
		require.Equal(t, Delivered, second.Visit())
		time.Sleep(time.Second)
		o.clerk(t, hlc.Timestamp{3})
		require.Equal(t, []hlc.Timestamp{{1}}, left)
		require.Equal(t, Departed, first.Put(wishes(t.Context(), nothing)))
		require.Nil(t, o.Find(hlc.Timestamp{1}))

		ctx, cancel := context.WithCancel(t.Context())
		o.family.registry.Find(hlc.Timestamp{3}).Owner.(*clerk).staying = true
		go func() { time.Sleep(time.Second); cancel() }()
		_, err := o.Get(ctx, hlc.Timestamp{4}, nil)
		require.ErrorIs(t, err, context.Canceled, "one is visited, one doesn't want to leave")
		second.EndVisit()
		o.end(t)
		require.Equal(t, Refused, second.Put(wishes(t.Context(), nothing)))
		_, err = o.Get(t.Context(), hlc.Timestamp{4}, nil)
		require.ErrorIs(t, err, ErrClosed)
	})
}

func TestATurnIsGivenInTheOrderOfArrival(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var turn Turn
		require.NoError(t, turn.Lock(t.Context()))
		var order []int
		for i := range 3 {
			go func() {
				if turn.Lock(t.Context()) == nil {
					order = append(order, i)
					turn.Unlock()
				}
			}()
			synctest.Wait()
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, turn.Lock(ended), context.Canceled)
		turn.Unlock()
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2}, order)
		require.NoError(t, turn.Lock(t.Context()))
	})
}
