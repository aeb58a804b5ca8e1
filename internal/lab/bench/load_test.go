package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// sleeper is a load whose operations take exactly so long.
func sleeper(callers int, d time.Duration) load {
	return load{callers: callers, caller: func(context.Context, int) (func() error, error) {
		return func() error { time.Sleep(d); return nil }, nil
	}}
}

func TestLoadCountsWhatAllCallersDid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		done, err := sleeper(3, time.Millisecond).run(t.Context(), time.Second)
		require.NoError(t, err)
		require.InDelta(t, 3000, done.value, 10)
		require.InDelta(t, 3300, done.total, 10, "with the warm-up")
		require.Equal(t, time.Millisecond, done.p50)
		require.Equal(t, time.Millisecond, done.p99)
		require.Len(t, done.timed, 3)
	})
}

func TestLoadTimesOneInEvery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := sleeper(1, time.Millisecond)
		l.every = 10
		done, err := l.run(t.Context(), time.Second)
		require.NoError(t, err)
		require.InDelta(t, 1000, done.value, 10)
		require.InDelta(t, 100, len(done.timed[0]), 2)
		require.Equal(t, time.Millisecond, done.p50)
	})
}

func TestLoadSharesAnOperationAmongTheThingsItDid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := sleeper(1, time.Millisecond)
		l.times = 100
		done, err := l.run(t.Context(), time.Second)
		require.NoError(t, err)
		require.InDelta(t, 100_000, done.value, 1000)
		require.Equal(t, 10*time.Microsecond, done.p50)
	})
}

func TestLoadLeavesOutWhatIsNotToBeCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		done, err := load{callers: 1, caller: func(context.Context, int) (func() error, error) {
			return func() error {
				if n++; n%2 == 0 {
					time.Sleep(3 * time.Millisecond)
					return errUncounted
				}
				time.Sleep(time.Millisecond)
				return nil
			}, nil
		}}.run(t.Context(), time.Second)
		require.NoError(t, err)
		require.InDelta(t, 250, done.value, 3)
		require.Equal(t, time.Millisecond, done.p99)
	})
}

func TestLoadEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("no more")
		l := sleeper(2, time.Millisecond)
		inner := l.caller
		l.caller = func(ctx context.Context, i int) (func() error, error) {
			if i == 1 {
				return func() error { return cause }, nil
			}
			return inner(ctx, i)
		}
		_, err := l.run(t.Context(), time.Hour)
		require.ErrorIs(t, err, cause)
	})
}

func TestLoadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := sleeper(2, time.Millisecond).run(ctx, time.Hour)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
