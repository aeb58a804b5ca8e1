package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func allClauses() map[string]clause {
	all := map[string]clause{}
	for _, g := range groups() {
		for _, c := range g.clauses {
			all[c.name] = c
		}
	}
	return all
}

func allMutants() []mutant {
	return slices.Concat(commitMutants, readMutants, snapshotMutants, projectionMutants, commandMutants, txMutants)
}

func TestTheSuiteHasItsClausesUnderNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	count := 0
	for _, g := range groups() {
		count += len(g.clauses)
		require.NotEmpty(t, g.clauses, g.subject)
	}
	require.Len(t, allClauses(), count)
	require.GreaterOrEqual(t, count, 100)
}

func TestTheSuitePassesAnAdapterThatKeepsTheContract(t *testing.T) {
	t.Parallel()
	Run(t, harness(func() *broken { return &broken{} }))
}

func TestTheSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, len(allMutants()), 30)
	for _, m := range allMutants() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			c, ok := allClauses()[m.caughtBy]
			require.True(t, ok, "no clause %q", m.caughtBy)
			require.Empty(t, outcome(t, c, harness(func() *broken { return &broken{} })), "of an adapter that is not broken")
			h := harness(m.make)
			for range 20 { // a race that is lost once in a while is lost
				if outcome(t, c, h) != "" {
					return
				}
			}
			require.FailNow(t, "passed", "%q was not noticed by %q", m.name, m.caughtBy)
		})
	}
}

func TestMatrix(t *testing.T) {
	var mu sync.Mutex
	fails := map[string][]string{}
	var wg sync.WaitGroup
	sem := make(chan struct{}, 4)
	for _, m := range allMutants() {
		for _, c := range allClauses() {
			if c.without != "" {
				continue
			}
			wg.Add(1)
			sem <- struct{}{}
			go func() {
				defer wg.Done()
				if outcome(t, c, harness(m.make)) != "" {
					mu.Lock()
					fails[c.name] = append(fails[c.name], m.name)
					mu.Unlock()
				}
				<-sem
			}()
		}
	}
	wg.Wait()
	for name, c := range allClauses() {
		if c.without == "" && len(fails[name]) == 0 {
			fmt.Println("NEVER", name)
		}
	}
	_ = strings.Join
}
