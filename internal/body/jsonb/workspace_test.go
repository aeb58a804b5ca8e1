package jsonb

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWorkspaceIsKeptOnlyWhileItIsSmall(t *testing.T) {
	t.Parallel()
	w := &workspace{
		open:    make([]member, 3, largestKept),
		kept:    make([]member, 3, largestKept),
		objects: make([]object, 3, largestKept),
		text:    make([]byte, 3, 16*largestKept),
	}
	require.True(t, w.empty())
	require.Empty(t, w.open)
	require.Empty(t, w.kept)
	require.Empty(t, w.objects)
	require.Empty(t, w.text)

	for _, large := range []*workspace{
		{open: make([]member, largestKept+1)},
		{kept: make([]member, largestKept+1)},
		{objects: make([]object, largestKept+1)},
		{text: make([]byte, 16*largestKept+1)},
	} {
		require.False(t, large.empty())
	}
}
