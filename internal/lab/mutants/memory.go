package main

var memoryMutants = []mutant{
	{"store/memory/commit.go", "a conflict is not noticed", `		if before < end {`, `		if before < end-1 {`, memorySuites},
	{"store/memory/commit.go", "a gap is stored", `before > end || before > 0 &&`, `before > end+1 || before == end && before > 0 &&`, memorySuites},
	{"store/memory/commit.go", "the timestamp of the predecessor is not compared", `events[before-1].Timestamp != a.Predecessor {`, `events[before-1].Timestamp.IsZero() {`, memorySuites},
	{"store/memory/commit.go", "a missing predecessor is told before a conflict", `		if before < end {
			news, more`, `		if before < end && before > 0 && !a.Predecessor.IsZero() && events[before-1].Timestamp != a.Predecessor {
			return &store.PredecessorError{AggregateID: a.AggregateID, Sequence: before, Timestamp: a.Predecessor}
		}
		if before < end {
			news, more`, memorySuites},
	{"store/memory/commit.go", "the news of a conflict lacks the predecessor", `since(events, before)`, `since(events, before+1)`, memorySuites},
	{"store/memory/commit.go", "a used command ID is not noticed", `if _, ok := c.commands[commandKey{a.AggregateID, r.ID}]; ok {`, `if _, ok := c.commands[commandKey{a.AggregateID, r.ID}]; ok && r.After > 99 {`, memorySuites},
	{"store/memory/commit.go", "a command ID can be in a commit twice", `if own[r.ID] {`, `if own[r.ID] && r.After > 99 {`, memorySuites},
	{"store/memory/commit.go", "a timestamp can be used twice", `if _, ok := c.timestamps[a.events[i].Timestamp]; ok {`, `if _, ok := c.timestamps[a.events[i].Timestamp]; ok && len(a.events) > 99 {`, memorySuites},
	{"store/memory/commit.go", "a reader gets the bodies that are kept", `	e.Body = slices.Clone(e.Body)
`, ``, memorySuites},
	{"store/memory/extras.go", "a redaction writes to the events that readers have", `events := slices.Clone(c.events[r.AggregateID])`, `events := slices.Clip(c.events[r.AggregateID])`, memorySuites},
	{"store/memory/extras.go", "a redacted event is still in the snapshot", `len(changed) > 0 && present.Sequence >= r.First():`, `len(changed) > 0 && present.Sequence > 99+r.First():`, memorySuites},
	{"store/memory/store.go", "an older snapshot replaces a newer one", `if store.Replaces(sn, c.snapshots[sn.AggregateID]) {`, `if true {`, memorySuites},
	{"store/memory/store.go", "what is stored after the store went back is written to what readers have", `events[id] = slices.Clip(events[id])`, `events[id] = events[id]`, memorySuites},
	{"store/memory/tx.go", "a projection that refuses is passed over", `	if err := run(ctx, &tx.tables, projections, c.Events); err != nil {
		return err
	}`, `	_ = run(ctx, &tx.tables, projections, c.Events)`, memorySuites},
	{"store/memory/tx.go", "what a projection wrote before it refused stays in the transaction", `	defer func() { undo() }()`, `	_ = undo`, memorySuites},
	{"store/memory/tx.go", "a transaction that was overtaken is stored", `int(own[0].Sequence)-1 != len(tx.store.kept.events[id])`, `int(own[0].Sequence)-1 > len(tx.store.kept.events[id])`, memorySuites},
	{"store/memory/tx.go", "a transaction that began before the store went back is stored", `if tx.epoch != tx.store.epoch {`, `if tx.epoch > tx.store.epoch {`, memorySuites},
	{"store/memory/tx.go", "what a transaction adds overwrites what readers have", `events = slices.Concat(events[:min(int(own[0].Sequence)-1, len(events))], own)`, `events = append(events[:min(int(own[0].Sequence)-1, len(events))], own...)`, memorySuites},
	{"store/memory/tx.go", "a transaction goes on after a staged commit was refused", `			tx.broken = true
			return err`, `			return err`, memorySuites},
	{"store/memory/tx.go", "a transaction that was aborted keeps its locks", `	tx.store.release(&tx.party)
`, ``, memorySuites},
	{"store/memory/lines.go", "a deadlock is not noticed", `if first = s.lines[first.waits][0]; first == p {`, `if first = s.lines[first.waits][0]; first == p && len(p.holds) > 99 {`, memorySuites},
	{"store/memory/lines.go", "who gives up stays in line", `	s.leave(p, id)
	return err`, `	return err`, memorySuites},
}
