package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Run checks every clause of the contract that the adapter offers, each in a subtest that is named
// after it. Clauses run in parallel, each on a store of its own. For a feature that the harness
// lists as lacking, the clauses that say how an adapter behaves without it run instead.
func Run(t *testing.T, h Harness) {
	t.Helper()
	require.NoError(t, h.check(t))
	for _, g := range groups() {
		t.Run(g.subject, func(t *testing.T) {
			t.Parallel()
			for _, c := range g.clauses {
				if !c.applies(&h) {
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(newEnv(t, &h))
				})
			}
		})
	}
}

// group is the clauses about one subject.
type group struct {
	subject string
	clauses []clause
}

// clause is one sentence of the contract, with the code that checks it.
type clause struct {
	name    string
	run     func(v *env)
	needs   Feature // checked only where it is offered
	also    Feature // and this
	without Feature // checked only where it is not
}

func (c *clause) applies(h *Harness) bool {
	for _, f := range []Feature{c.needs, c.also} {
		if f != "" && h.lacks(f) {
			return false
		}
	}
	return c.without == "" || h.lacks(c.without)
}

// needing marks clauses as those of a feature.
func needing(f Feature, clauses []clause) []clause {
	for i := range clauses {
		if clauses[i].without == "" {
			clauses[i].also = f
		}
	}
	return clauses
}

func groups() []group {
	return []group{
		{"commit", commitClauses()},
		{"conflict", conflictClauses()},
		{"news", newsClauses()},
		{"predecessor", predecessorClauses()},
		{"order", orderClauses()},
		{"range", rangeClauses()},
		{"load", loadClauses()},
		{"snapshot", snapshotClauses()},
		{"bad input", badInputClauses()},
		{"ownership", ownershipClauses()},
		{"context", contextClauses()},
		{"concurrency", concurrencyClauses()},
		{"processes", processClauses()},
		{"projections", projectionClauses()},
		{"metadata", metadataClauses()},
		{"commands", commandClauses()},
		{"redaction", redactionClauses()},
		{"transactions", transactionClauses()},
		{"own transactions", ownTxClauses()},
		{"lock", lockClauses()},
		{"flush", flushClauses()},
		{"model", modelClauses()},
	}
}
