package storetest

import (
	"github.com/eventmaestro/maestro/store"
	"github.com/stretchr/testify/require"
)

func processClauses() []clause {
	return needing(FeatureProcesses, []clause{
		{name: "what one process stored another reads", run: otherReads},
		{name: "a sequence that one process took is a conflict for another", run: otherConflicts},
		{name: "of sixteen writers in three processes one succeeds and fifteen conflict", run: processesRace},
		{name: "of racing commits of several events from three processes one is stored whole", run: processesRaceWhole},
		{name: "writers in three processes that try again lose and repeat nothing", run: processesAppend},
		{name: "a snapshot of one process is only replaced by a newer one of another", run: otherSnapshot},
	})
}

// processes returns the store as three processes have it.
func (v *env) processes() []store.Adapter {
	return []store.Adapter{v.a, v.h.Other(v, v.a), v.h.Other(v, v.a)}
}

func otherReads(v *env) {
	other := v.on(v.h.Other(v, v.a))
	id := v.stamp()
	log := v.history(id, 3)
	v.save(snapshot(id, 2))
	v.holds(id, log...)
	other.holds(id, log...)
	other.loads(id, store.Range{}, 2, log[1:])
	next := other.event(id, 4)
	other.must(next)
	v.holds(id, append(log, next)...)
}

func otherConflicts(v *env) {
	other := v.on(v.h.Other(v, v.a))
	id := v.stamp()
	log := v.history(id, 2)
	other.conflicts(other.event(id, 2))
	other.conflicts(log[1])
	other.holds(id, log...)
}

func processesRace(v *env) { v.racing(v.processes(), 1) }

func processesRaceWhole(v *env) { v.racing(v.processes(), 4) }

func processesAppend(v *env) { v.appending(v.processes()) }

func otherSnapshot(v *env) {
	other := v.on(v.h.Other(v, v.a))
	id := v.stamp()
	v.save(snapshot(id, 5))
	other.save(snapshot(id, 4))
	v.keeps(snapshot(id, 5))
	other.save(snapshot(id, 6))
	v.keeps(snapshot(id, 6))
	require.NotSame(v, v.a, other.a)
}
