package types_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventmaestro/maestro/types"
)

func TestTheTextsOfErrors(t *testing.T) {
	t.Parallel()
	refused := &types.OptionsError{Package: "aggregate", Field: "Options.MaxBatch", Reason: "is negative: use 0 for the default"}
	require.EqualError(t, refused, "aggregate: Options.MaxBatch is negative: use 0 for the default")
	require.EqualError(t, &types.PanicError{Value: "boom"}, "panic: boom")
	oops := errors.New("oops")
	require.ErrorIs(t, &types.PanicError{Value: oops}, oops)
}
