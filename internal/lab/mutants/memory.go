package main

var memoryMutants = []mutant{
	{"store/memory/commit.go", "a conflict is not noticed", `case before < end &&`, `case before < end-1 &&`, memorySuites},
	{"store/memory/commit.go", "a gap is stored", `before > end || before > 0 &&`, `before > end+1 || before == end && before > 0 &&`, memorySuites},
	{"store/memory/commit.go", "the timestamp of the predecessor is not compared", `events[before-1].Timestamp != c.Predecessor:`, `events[before-1].Timestamp.IsZero():`, memorySuites},
	{"store/memory/commit.go", "a missing predecessor is told before a conflict", `	case before < end && len(c.Events) > 0:`, `	case before < end && len(c.Events) > 0 && before > 0 && !c.Predecessor.IsZero() && events[before-1].Timestamp != c.Predecessor:
		return &store.PredecessorError{AggregateID: c.AggregateID, Sequence: before, Timestamp: c.Predecessor}
	case before < end && len(c.Events) > 0:`, memorySuites},
	{"store/memory/commit.go", "the news of a conflict lacks the predecessor", `since(events, before)`, `since(events, before+1)`, memorySuites},
	{"store/memory/read.go", "a used command ID is not noticed", `for _, c := range [...]*content{&v.own, &v.store.kept} {`, `for _, c := range [...]*content{&v.own} {`, memorySuites},
	{"store/memory/commit.go", "a command ID can be in a commit twice", `if twice || `, `if twice && r.After > 99 || `, memorySuites},
	{"store/memory/commit.go", "a timestamp can be used twice", `own || kept {`, `(own || kept) && len(c.Events) > 99 {`, memorySuites},
	{"store/memory/commit.go", "a reader gets the bodies that are kept", `	e.Body = slices.Clone(e.Body)
`, ``, memorySuites},
	{"store/memory/change.go", "a redaction writes to the events that readers have", `events := slices.Clone(c.events[r.AggregateID])`, `events := slices.Clip(c.events[r.AggregateID])`, memorySuites},
	{"store/memory/change.go", "a redacted event is still in the snapshot", `present.Sequence >= r.First():`, `present.Sequence > 99+r.First():`, memorySuites},
	{"store/memory/store.go", "an older snapshot replaces a newer one", `if store.Replaces(sn, c.snapshots[sn.AggregateID]) {`, `if true {`, memorySuites},
	{"store/memory/store.go", "what is stored after the store went back is written to what readers have", `events[id] = slices.Clip(events[id])`, `events[id] = events[id]`, memorySuites},
	{"store/memory/projection.go", "a projection that refuses is passed over", `return &store.ProjectionError{Event: own(e), Err: err}`, `_ = own(e)`, memorySuites},
	{"store/memory/projection.go", "what a projection wrote before it refused stays in the transaction", `			tx.own.tables = saved
`, `			_ = saved
`, memorySuites},
	{"store/memory/read.go", "a transaction that was overtaken is stored", `int(own[0].Sequence)-1 != len(v.store.kept.events[id])`, `int(own[0].Sequence)-1 > len(v.store.kept.events[id])`, memorySuites},
	{"store/memory/tx.go", "a transaction that began before the store went back is stored", `if tx.epoch != tx.store.epoch {`, `if tx.epoch > tx.store.epoch {`, memorySuites},
	{"store/memory/read.go", "what a transaction adds overwrites what readers have", `events = slices.Concat(events[:min(int(own[0].Sequence)-1, len(events))], own)`, `events = append(events[:min(int(own[0].Sequence)-1, len(events))], own...)`, memorySuites},
	{"store/memory/tx.go", "a transaction goes on after a staged commit was refused", `			tx.broken = true
			return err`, `			return err`, memorySuites},
	{"store/memory/tx.go", "a transaction that was aborted keeps its locks", `	tx.release()
`, ``, memorySuites},
	{"store/memory/lines.go", "a deadlock is not noticed", `holder == tx {`, `holder == tx && len(line) > 99 {`, memorySuites},
	{"store/memory/lines.go", "who gives up stays in line", `return other == tx })`, `return false })`, memorySuites},
}
