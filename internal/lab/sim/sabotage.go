package sim

import (
	"github.com/eventmaestro/maestro/aggregate"
	"github.com/eventmaestro/maestro/hlc"
)

// sabotage breaks the world in one way. The zero value doesn't.
type sabotage struct {
	wrap   func(w *world, s logged) logged // the store that all nodes share, and that is judged
	define func(d *aggregate.Definition[ledger])
	twins  bool // all nodes count as one process
	races  bool // it is a data race as well

	forgets bool // the tail's consumer leaves events out
}

func (s sabotage) store(w *world, sound logged) logged {
	if s.wrap == nil {
		return sound
	}
	return s.wrap(w, sound)
}

func (s sabotage) definition(d *aggregate.Definition[ledger]) {
	if s.define != nil {
		s.define(d)
	}
}

func (s sabotage) watch(w *world) *watch {
	if s.twins && len(w.all) > 0 {
		return w.all[0].watch
	}
	return &watch{inUse: map[hlc.Timestamp]bool{}}
}
