package sim

import (
	"fmt"

	"github.com/eventmaestro/maestro/store/storetest"
)

// faulty returns the store as a new life sees it, with faults of its own.
func (w *world) faulty(life int) *storetest.Faults {
	share := float64(w.scene.trouble) / 100
	rates := func(faults ...storetest.Fault) storetest.Rates {
		r := storetest.Rates{}
		for _, f := range faults {
			r[f] = share / float64(len(faults))
		}
		return r
	}
	return storetest.NewFaults(w.store, w.config.Seed<<8+uint64(life), &storetest.FaultOptions{
		Rates: map[storetest.Op]storetest.Rates{
			storetest.OpCommit: rates(storetest.FaultConflict, storetest.FaultRefused, storetest.FaultSlow,
				storetest.FaultPanic, storetest.FaultReplyLost, storetest.FaultRequestLost, storetest.FaultLate),
			storetest.OpEnd: rates(storetest.FaultConflict, storetest.FaultRefused, storetest.FaultSlow,
				storetest.FaultPanic, storetest.FaultReplyLost, storetest.FaultRequestLost, storetest.FaultLate),
			storetest.OpTx:   rates(storetest.FaultRefused, storetest.FaultSlow, storetest.FaultPanic, storetest.FaultDeadlock),
			storetest.OpRead: rates(storetest.FaultRefused, storetest.FaultSlow, storetest.FaultPanic, storetest.FaultCut),
			storetest.OpCommitSnapshot: rates(storetest.FaultRefused, storetest.FaultSlow, storetest.FaultPanic,
				storetest.FaultReplyLost, storetest.FaultRequestLost),
		},
		Slow: 2 * jump,
		Late: lateness * jump / 2,
	})
}

// countFaults adds what happened to the counts.
func (w *world) countFaults() {
	w.counts["conflicts"] = int(w.conflicts.Load())
	for _, l := range w.all {
		for op, name := range map[storetest.Op]string{
			storetest.OpCommit: "commit", storetest.OpRead: "read", storetest.OpCommitSnapshot: "save",
			storetest.OpTx: "transaction", storetest.OpEnd: "end",
		} {
			for f := storetest.FaultConflict; f <= storetest.FaultCut; f++ {
				if n := l.seam.faulty.Count(op, f); n > 0 {
					w.counts[fmt.Sprintf("fault: %s %v", name, f)] += n
				}
			}
		}
	}
}
