package storetest

import (
	"context"
	"testing"

	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

// plain is an adapter without any optional feature.
type plain struct{ store.Adapter }

func (p plain) Commit(ctx context.Context, c store.Commit) error {
	if len(c.Commands) > 0 {
		return store.ErrUnsupported
	}
	c.Events = clone(c.Events)
	for i := range c.Events {
		c.Events[i].Metadata = types.Metadata{}
	}
	return p.Adapter.Commit(ctx, c)
}

func plainHarness() Harness {
	return Harness{
		New:   func(testing.TB) store.Adapter { return plain{memory.New()} },
		Lacks: []Feature{FeatureProcesses, FeatureProjections, FeatureTransactions, FeatureMetadata, FeatureCommands, FeatureRedaction, FeatureOwnTransactions, FeatureFlush, FeatureLine, FeatureConnections, FeatureCheckpoint},
	}
}

func TestTheSuitePassesAnAdapterThatLacksEveryFeature(t *testing.T) {
	t.Parallel()
	Run(t, plainHarness())
}

func TestAFeatureIsOfferedOrStatedAsLacking(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(h *Harness)
		reason string
	}{
		"as it should be":        {func(*Harness) {}, ""},
		"New is missing":         {func(h *Harness) { h.New = nil }, "Harness.New is nil"},
		"a feature is forgotten": {func(h *Harness) { h.Lacks = h.Lacks[1:] }, `"processes" is neither offered`},
		"a feature is denied": {func(h *Harness) {
			h.New = func(testing.TB) store.Adapter { return memory.New() }
		}, "which is offered"},
		"the projections are for another store": {func(h *Harness) {
			h.New = func(testing.TB) store.Adapter { return memory.New() }
			h.Projection = func(func(context.Context, types.Event) error) store.Projection { return foreign{} }
		}, `makes them for "storetest: another kind", the adapter runs those for "memory"`},
		"half a feature is offered": {func(h *Harness) { h.Lacks, h.Projection = h.Lacks[:1], callback }, "neither offered"},
		"a feature is unknown":      {func(h *Harness) { h.Lacks = append(h.Lacks, "speed") }, `"speed", which is no feature`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := plainHarness()
			test.change(&h)
			err := h.check(t)
			if test.reason == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.reason)
		})
	}
}

func TestTheClausesForALackingFeatureCanFail(t *testing.T) {
	t.Parallel()
	for _, c := range allClauses() {
		if c.without == "" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// The sound adapter has the feature, so it does not behave as one without.
			require.NotEmpty(t, outcome(t, c, harness(sound)))
			require.Empty(t, outcome(t, c, plainHarness()))
		})
	}
}
