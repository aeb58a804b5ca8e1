package storetest

import (
	"fmt"
	"testing"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/store/memory"
	"github.com/eventmaestro/maestro/types"
	"github.com/stretchr/testify/require"
)

// everything is rates at which most calls fail.
func everything() *FaultOptions {
	return &FaultOptions{
		LateCalls: 5,
		Rates: map[Op]Rates{
			OpCommit: {
				FaultConflict: 0.1, FaultRefused: 0.1, FaultPanic: 0.05,
				FaultReplyLost: 0.15, FaultRequestLost: 0.1, FaultLate: 0.15,
			},
			OpRead:           {FaultRefused: 0.1, FaultCut: 0.2},
			OpCommitSnapshot: {FaultRefused: 0.3},
		},
	}
}

func TestTheSameSeedAndCallsMeetTheSameFaults(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (trace string) {
		v, f := faulty(t, seed, everything())
		v.node = 7
		id := hlc.Timestamp{15: 1}
		for i := range 200 {
			func() {
				defer func() {
					if p := recover(); p != nil {
						trace += fmt.Sprint(p)
					}
				}()
				trace += fmt.Sprintln(v.commit(v.event(id, types.Sequence(i/3+1))))
			}()
			events, err := readAll(t.Context(), f, id, store.Range{})
			trace += fmt.Sprintln(len(events), err)
		}
		f.Settle()
		return trace
	}
	require.Equal(t, run(42), run(42))
	require.NotEqual(t, run(42), run(43))
}

func TestPauseLetsCallsPass(t *testing.T) {
	t.Parallel()
	v, f := faulty(t, 1, &FaultOptions{Rates: map[Op]Rates{OpCommit: {FaultRefused: 1}}})
	id := v.stamp()
	require.Error(t, v.commit(v.event(id, 1)))
	resume := f.Pause()
	v.history(id, 3)
	resume()
	resume()
	require.Error(t, v.commit(v.event(id, 4)))
	require.Equal(t, 2, f.Total())
}

func TestRatesThatCannotBeMeantPanic(t *testing.T) {
	t.Parallel()
	for name, rates := range map[string]map[Op]Rates{
		"more than always":        {OpCommit: {FaultRefused: 0.6, FaultLate: 0.6}},
		"less than never":         {OpRead: {FaultRefused: -0.1}},
		"a fault of another call": {OpRead: {FaultConflict: 0.1}},
		"an unknown fault":        {OpCommit: {Fault(99): 0.1}},
		"an unknown operation":    {Op(9): {FaultSlow: 0.1}},
	} {
		require.Panics(t, func() { NewFaults(memory.New(), 1, &FaultOptions{Rates: rates}) }, name)
	}
	require.Panics(t, func() { NewFaults(memory.New(), 1, nil).Next(OpCommit, FaultCut) })
	require.Equal(t, "Fault(99)", Fault(99).String())
}
