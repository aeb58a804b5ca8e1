package store_test

import (
	"testing"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

func TestARangeExcludesAfterAndIncludesMax(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		r    store.Range
		want []types.Sequence
	}{
		"everything": {store.Range{}, []types.Sequence{1, 2, 3, 4, 5, types.MaxSequence}},
		"after":      {store.Range{After: 3}, []types.Sequence{4, 5, types.MaxSequence}},
		"up to":      {store.Range{Max: 3}, []types.Sequence{1, 2, 3}},
		"between":    {store.Range{After: 2, Max: 4}, []types.Sequence{3, 4}},
		"one":        {store.Range{After: 4, Max: 5}, []types.Sequence{5}},
		"none":       {store.Range{After: 4, Max: 4}, nil},
		"inverted":   {store.Range{After: 5, Max: 2}, nil},
		"the last":   {store.Range{After: types.MaxSequence - 1}, []types.Sequence{types.MaxSequence}},
		"past it":    {store.Range{After: types.MaxSequence}, nil},
	} {
		var got []types.Sequence
		for _, s := range []types.Sequence{0, 1, 2, 3, 4, 5, types.MaxSequence} {
			if test.r.Contains(s) {
				got = append(got, s)
			}
		}
		require.Equal(t, test.want, got, name)
	}
}
