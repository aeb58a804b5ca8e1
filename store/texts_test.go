package store_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// TestTheTextsOfErrors pins what people read, one line an error.
func TestTheTextsOfErrors(t *testing.T) {
	t.Parallel()
	const text = "2026-11-21T19:43:29.036Z-0001-0000000000000007"
	id, err := hlc.Parse(text)
	require.NoError(t, err)
	for _, test := range []struct {
		err  error
		text string
	}{
		{store.ErrConflict, "store: sequence conflict"},
		{store.ErrDuplicateTimestamp, "store: duplicate timestamp"},
		{store.ErrDuplicateCommand, "store: duplicate command id"},
		{store.ErrInvalidEvent, "store: invalid event"},
		{store.ErrOutcomeUnknown, "store: outcome unknown"},
		{store.ErrUnavailable, "store: unavailable"},
		{store.ErrNoEvent, "store: no such event"},
		{store.ErrUnsupported, "store: not supported"},
		{
			&store.InvalidEventError{AggregateID: id, Sequence: 2, Field: "type", Reason: "is empty"},
			"store: invalid event: aggregate " + text + ", sequence 2: type is empty",
		},
		{
			&store.InvalidEventError{AggregateID: id, Sequence: 2, Field: "body", Reason: "can't be stored", Err: errors.New("jsonb: too long")},
			"store: invalid event: aggregate " + text + ", sequence 2: body can't be stored: jsonb: too long",
		},
		{store.Commit{AggregateID: id}.Check(), "store: invalid event: aggregate " + text + ": commit has no events"},
		{store.Commit{}.Check(), "store: invalid event: aggregate id is zero"},
		{
			&store.ProjectionError{Event: types.Event{AggregateID: id, Sequence: 2, Type: "opened"}, Err: errors.New("taken")},
			`store: projection of event "opened", aggregate ` + text + ", sequence 2: taken",
		},
		{
			&store.ProjectionError{Event: types.Event{AggregateID: id, Sequence: 2, Type: "opened"}, Err: &types.PanicError{Value: "boom"}},
			`store: projection of event "opened", aggregate ` + text + ", sequence 2: panic: boom",
		},
	} {
		require.EqualError(t, test.err, test.text)
	}
}
