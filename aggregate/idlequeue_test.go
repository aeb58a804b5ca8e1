package aggregate

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
)

func TestAnAggregateThatWakesUpStandsInTheQueueOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sup, err := NewSupervisor(memory.New(), nil)
		require.NoError(t, err)
		root, err := New(sup, Definition[int]{
			Commands: Commands[int]{"nothing": CommandFunc[int](func(context.Context, Instance[int], types.Command) ([]types.Uncommitted, error) { return nil, nil })},
			Events:   Events[int]{"never": EventFunc[int](func(s int, _ types.Event) (int, error) { return s, nil })},
		})
		require.NoError(t, err)
		id, err := root.New(t.Context())
		require.NoError(t, err)
		queued := func() int {
			sup.idle.mu.Lock()
			defer sup.idle.mu.Unlock()
			return len(root.family.parked.entries)
		}
		for range 3 {
			_, err := root.Get(t.Context(), id)
			require.NoError(t, err)
			synctest.Wait()
			require.Equal(t, 1, queued())
			time.Sleep(2 * DefaultHibernate)
			synctest.Wait()
			require.Zero(t, queued(), "it is asleep")
		}
		require.NoError(t, sup.Shutdown(t.Context()))
	})
}
