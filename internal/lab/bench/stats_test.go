package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMedianIsTheMiddleWhateverTheOrder(t *testing.T) {
	t.Parallel()
	require.Equal(t, 3.0, median([]float64{9, 1, 3}))
	require.Equal(t, 2.5, median([]float64{1, 9, 2, 3}))
	require.Zero(t, median([]time.Duration{}))
}

func TestMedianLeavesItsArgumentAsItWas(t *testing.T) {
	t.Parallel()
	values := []float64{3, 1, 2}
	median(values)
	require.Equal(t, []float64{3, 1, 2}, values)
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	sorted := make([]int, 200)
	for i := range sorted {
		sorted[i] = i + 1
	}
	require.Equal(t, 100, percentile(sorted, 50))
	require.Equal(t, 198, percentile(sorted, 99))
	require.Equal(t, 1, percentile([]int{1, 2, 3}, 1))
	require.Equal(t, 3, percentile([]int{1, 2, 3}, 99))
	require.Zero(t, percentile([]int{}, 99))
}

func TestMediansAreTakenOfEachPart(t *testing.T) {
	t.Parallel()
	require.Equal(t, figure{2, 20, 200, 7}, medians([]figure{{1, 30, 200, 7}, {2, 10, 100, 8}, {3, 20, 300, 6}}))
}

func TestLatenciesAreThoseOfAllCallersTogether(t *testing.T) {
	t.Parallel()
	p50, p99 := latencies([][]time.Duration{{4, 1}, {3}, {2, 5}})
	require.Equal(t, time.Duration(3), p50)
	require.Equal(t, time.Duration(5), p99)
}
