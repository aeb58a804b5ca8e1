package aggregate_test

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/stretchr/testify/require"
)

// mute answers no read before its context ends, and then says why it did.
type mute struct{ store.Adapter }

func (mute) Load(ctx context.Context, _ hlc.Timestamp, _ store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		<-ctx.Done()
		yield(store.Entry{}, fmt.Errorf("%w: load", context.Cause(ctx)))
	}
}

func TestAReadThatIsOverdueIsUnavailableForACallerWithoutADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		root := newRoot(t, mute{memory.New()}, &aggregate.Options{ReadTimeout: 3 * time.Second})
		id, err := root.NewID(t.Context())
		require.NoError(t, err)
		_, err = root.Fetch(t.Context(), id)
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "no answer within 3s (Options.ReadTimeout): load")
	})
}
