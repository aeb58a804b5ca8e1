package postgres

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// looks runs a worker for so long, and returns when it looked, as times after the beginning.
func looks(t *testing.T, d time.Duration, o TailOptions, step func(n int, wake chan struct{}) (outcome, error)) (at []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		full, err := (&o).withDefaults()
		require.NoError(t, err)
		w := &tailWorker{t: &Tail{o: full}, wake: make(chan struct{}, 1)}
		ctx, stop := context.WithTimeout(t.Context(), d)
		defer stop()
		begin := time.Now()
		err = w.each(ctx, func(context.Context) (outcome, error) {
			at = append(at, time.Since(begin))
			return step(len(at), w.wake)
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	return at
}

func TestATailThatHasNothingToDoLooksWhenItWasToldTo(t *testing.T) {
	t.Parallel()
	at := looks(t, 10*time.Minute+time.Second, TailOptions{Name: "a", Poll: time.Minute}, func(int, chan struct{}) (outcome, error) {
		return stepNothing, nil
	})
	require.Len(t, at, 11)
	for i, d := range at {
		require.Equal(t, time.Duration(i)*time.Minute, d)
	}
}

func TestATailThatHasMoreToDoDoesNotWait(t *testing.T) {
	t.Parallel()
	at := looks(t, time.Minute, TailOptions{Name: "a", Poll: time.Hour}, func(n int, _ chan struct{}) (outcome, error) {
		if n < 100 {
			return stepMore, nil
		}
		return stepNothing, nil
	})
	require.Len(t, at, 100)
	require.Zero(t, at[99])
}

func TestATailThatIsNotifiedLooksOnceMore(t *testing.T) {
	t.Parallel()
	at := looks(t, time.Hour, TailOptions{Name: "a", Poll: 2 * time.Hour}, func(n int, wake chan struct{}) (outcome, error) {
		if n == 1 {
			time.AfterFunc(time.Minute, func() { wake <- struct{}{} })
		}
		return stepNothing, nil
	})
	require.Equal(t, []time.Duration{0, time.Minute}, at)
}

// A notification is no reason to try again sooner what has just failed.
func TestATailThatFailsWaitsLongerEachTimeAndNotLongerThanItsBound(t *testing.T) {
	t.Parallel()
	at := looks(t, time.Hour, TailOptions{Name: "a", MaxBackoff: time.Minute}, func(_ int, wake chan struct{}) (outcome, error) {
		select {
		case wake <- struct{}{}:
		default:
		}
		return stepNothing, errors.New("not today")
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
