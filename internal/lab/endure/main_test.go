package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatGrowsIsNoticed(t *testing.T) {
	t.Parallel()
	flat := sample{heap: 20, goroutines: 100, connections: 4}
	for name, c := range map[string]struct {
		last  sample
		left  int
		grows bool
	}{
		"nothing":                      {flat, workers, false},
		"goroutines while it is busy":  {sample{20, 200, 4}, 0, false},
		"a heap within the noise":      {sample{26, 100, 4}, 0, false},
		"the heap":                     {sample{28, 100, 4}, 0, true},
		"connections":                  {sample{20, 100, 6}, 0, true},
		"goroutines that nobody needs": {flat, workers + 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := judge([]sample{flat, flat, c.last}, &work{}, c.left)
			require.Equal(t, c.grows, err != nil, "%v", err)
		})
	}
	require.Error(t, judge([]sample{flat, flat}, &work{}, 0), "too few to compare")
}
