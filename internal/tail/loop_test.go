package tail_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventmaestro/maestro/internal/tail"
	"github.com/eventmaestro/maestro/store"
	"github.com/stretchr/testify/require"
)

// looks runs a loop for so long, and returns when it took steps, as times after the beginning.
func looks(t *testing.T, d time.Duration, o tail.Options, step func(n int, wake chan struct{}) (bool, error)) (at []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Name, o.Failed = "a", func(error, int) {}
		o, err := o.Complete("a", tail.Options{Poll: time.Second, MaxBackoff: time.Second})
		require.NoError(t, err)
		wake := make(chan struct{}, 1)
		ctx, stop := context.WithTimeout(t.Context(), d)
		defer stop()
		begin := time.Now()
		l := tail.Loop{Options: o, Wake: wake}
		err = l.Run(ctx, func(context.Context) (bool, error) {
			at = append(at, time.Since(begin))
			return step(len(at), wake)
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	return at
}

func TestATailThatHasNothingToDoLooksWhenItWasToldTo(t *testing.T) {
	t.Parallel()
	at := looks(t, 10*time.Minute+time.Second, tail.Options{Poll: time.Minute}, func(int, chan struct{}) (bool, error) {
		return false, nil
	})
	require.Len(t, at, 11)
	for i, d := range at {
		require.Equal(t, time.Duration(i)*time.Minute, d)
	}
}

func TestATailThatHasMoreToDoDoesNotWait(t *testing.T) {
	t.Parallel()
	at := looks(t, time.Minute, tail.Options{Poll: time.Hour}, func(n int, _ chan struct{}) (bool, error) {
		if n < 100 {
			return true, nil
		}
		return false, nil
	})
	require.Len(t, at, 100)
	require.Zero(t, at[99])
}

func TestATailThatIsNotifiedLooksOnceMore(t *testing.T) {
	t.Parallel()
	at := looks(t, time.Hour, tail.Options{Poll: 2 * time.Hour}, func(n int, wake chan struct{}) (bool, error) {
		if n == 1 {
			time.AfterFunc(time.Minute, func() { wake <- struct{}{} })
		}
		return false, nil
	})
	require.Equal(t, []time.Duration{0, time.Minute}, at)
}

// A notification is no reason to try again sooner what has just failed.
func TestATailThatFailsWaitsLongerEachTimeAndNotLongerThanItsBound(t *testing.T) {
	t.Parallel()
	at := looks(t, time.Hour, tail.Options{MaxBackoff: time.Minute}, func(_ int, wake chan struct{}) (bool, error) {
		select {
		case wake <- struct{}{}:
		default:
		}
		return false, errors.New("not today")
	})
	pause := 100 * time.Millisecond
	for i := 1; i < len(at); i++ {
		d := at[i] - at[i-1]
		require.GreaterOrEqual(t, d, pause/2, "%d", i)
		require.LessOrEqual(t, d, pause+1, "%d", i)
		pause = min(2*pause, time.Minute)
	}
	require.Greater(t, len(at), 60)
}

func TestALoopEndsWhenItIsDoneOrRefused(t *testing.T) {
	t.Parallel()
	refused := &store.TailError{Tail: "a"}
	for _, test := range []struct{ last, want error }{{tail.ErrDone, nil}, {refused, refused}} {
		l := tail.Loop{Options: tail.Options{Failed: func(error, int) {}}}
		n := 0
		require.Equal(t, test.want, l.Run(t.Context(), func(context.Context) (bool, error) {
			if n++; n < 3 {
				return true, nil
			}
			return true, test.last
		}))
		require.Equal(t, 3, n)
	}
}
