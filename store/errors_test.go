package store_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnInvalidEventErrorMatchesItsSentinelAndItsCause(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("commit: %w", &store.InvalidEventError{Field: "body", Reason: "is refused", Err: io.ErrUnexpectedEOF})
	require.ErrorIs(t, err, store.ErrInvalidEvent)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NotErrorIs(t, err, store.ErrConflict)
	require.NoError(t, errors.Unwrap(&store.InvalidEventError{}))
}

func TestAProjectionErrorLeadsToItsCause(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("commit: %w", &store.ProjectionError{Event: types.Event{Sequence: 3}, Err: io.ErrUnexpectedEOF})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	var refusal *store.ProjectionError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, types.Sequence(3), refusal.Event.Sequence)
}

func TestNoSentinelIsAnother(t *testing.T) {
	t.Parallel()
	all := []error{
		store.ErrConflict, store.ErrDuplicateTimestamp, store.ErrDuplicateCommand, store.ErrInvalidEvent,
		store.ErrOutcomeUnknown, store.ErrUnavailable, store.ErrNoEvent, store.ErrUnsupported,
	}
	for i, a := range all {
		for j, b := range all {
			require.Equal(t, i == j, errors.Is(a, b), "%v, %v", a, b)
		}
	}
}

func ExampleInvalidEventError() {
	id, _ := hlc.New(1_700_000_000_000, 0, 1)
	c := store.Commit{AggregateID: id, Events: []types.Event{{AggregateID: id, Sequence: 1, Timestamp: id, Type: "added"}}}
	err := c.Check()
	var fault *store.InvalidEventError
	fmt.Println(errors.As(err, &fault), fault.Field, fault.Reason)
	fmt.Println(err)
	// Output:
	// true body is empty
	// store: invalid event: aggregate 2023-11-14T22:13:20.000Z-0000-0000000000000001, sequence 1: body is empty
}
