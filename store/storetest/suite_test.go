package storetest

import (
	"slices"
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
	return slices.Concat(commitMutants, readMutants, snapshotMutants, projectionMutants, commandMutants, txMutants, predecessorMutants, ownTxMutants, dullMutants)
}

func sound() *broken { return &broken{} }

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
	Run(t, harness(sound))
}

func TestTheSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	clauses := allClauses()
	for _, m := range allMutants() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			c, ok := clauses[m.caughtBy]
			require.True(t, ok, "no clause %q", m.caughtBy)
			require.True(t, caught(t, c, m), "not noticed by %q", m.caughtBy)
		})
	}
}

// TestEveryClauseCanFail looks for a mutant that fails it, for each clause that no mutant names.
func TestEveryClauseCanFail(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	for _, m := range allMutants() {
		named[m.caughtBy] = true
	}
	for name, c := range allClauses() {
		if named[name] || c.without != "" {
			continue // what an adapter does without a feature is tested below
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.True(t, slices.ContainsFunc(allMutants(), func(m mutant) bool { return caught(t, c, m) }), "nothing fails it")
		})
	}
}

// caught tries several times: a race that is lost once in a while is lost.
func caught(t *testing.T, c clause, m mutant) bool {
	t.Helper()
	tries := 1
	if c.name == m.caughtBy {
		tries = 20
	}
	for range tries {
		if outcome(t, c, harness(m.make)) != "" {
			return true
		}
	}
	return false
}
