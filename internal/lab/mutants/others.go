package main

var mailboxMutants = []mutant{
	{"aggregate/mailbox.go", "a request that meets an exit is lost in the old mailbox", `	if m.closed || m.draining {
		closed :=`, `	if m.draining {
		closed :=`, aggregateSuites},
	{"aggregate/mailbox.go", "a goroutine that was dismissed ends although there is work", `	if m.dismissed { // it was to hibernate and has not seen it yet
		m.dismissed = false
		m.family.watch(m)
	}
	m.rouse()`, `	if !m.dismissed {
		m.rouse()
	}`, aggregateSuites},
	{"aggregate/lifecycle.go", "an aggregate at work can leave memory", `if !m.idle() || !m.owner.beforeExit() {`, `if !m.owner.beforeExit() {`, aggregateSuites},
	{"aggregate/lifecycle.go", "the goroutine of a busy aggregate is given back", `	if !m.parked || m.head != nil {
		return false
	}
	m.dismiss()`, `	if !m.running {
		return false
	}
	m.dismiss()`, aggregateSuites},
	{"aggregate/mailbox.go", "nobody is answered after a handler ended the goroutine", `		told[r] = true
`, `		told[r] = true
		if true {
			continue
		}
`, aggregateSuites},
	{"aggregate/mailbox.go", "the queue turns around", `			m.unlink(r)
			r.phase.Store(taken)
			batch = append(batch, r)`, `			m.unlink(r)
			r.phase.Store(taken)
			batch = append([]*request{r}, batch...)`, aggregateSuites},
	{"aggregate/mailbox.go", "batches have no bound", `m.head != nil && len(batch) < m.family.maxBatch {`, `m.head != nil {`, aggregateSuites},
	{"aggregate/mailbox.go", "a crowd that was answered is not waited for", `		if len(buffer) > 1 {
`, `		if false {
`, aggregateSuites},
	{"aggregate/mailbox.go", "after a handler ended the goroutine the timestamps to look up are in a request that is used again", `				unknown.Timestamps = slices.Clone(stamps.list)
			}
			err`, `				unknown.Timestamps = slices.Clip(stamps.list)
			}
			err`, aggregateSuites},
}

var stateMutants = []mutant{
	{"aggregate/cell.go", "the state counts as fresh from one batch to the next", `	c.fresh = false
	for len(w.batch) > 0 {`, `	for len(w.batch) > 0 {`, aggregateSuites},
	{"aggregate/cell.go", "a read that failed counts as done", `	if err != nil {
		return sup.ended(c.family.orOther(err))
	}
	if err := c.hold(ctx); err != nil {`, `	if err := c.hold(ctx); err != nil {`, aggregateSuites},
	{"aggregate/cell.go", "the clock does not learn from the log", `	if err := c.family.sup.clock.Observe(c.last); errors.Is(err, hlc.ErrDrift) {`, `	if err := error(nil); errors.Is(err, hlc.ErrDrift) {`, aggregateSuites},
	{"aggregate/exists.go", "an expected sequence is not looked at", `case command.Expected == nil || *command.Expected == s:`, `case true:`, aggregateSuites},
	{"aggregate/decide.go", "all events of a command have one sequence", `Sequence: d.seq + types.Sequence(i) + 1,`, `Sequence: d.seq + 1,`, aggregateSuites},
	{"aggregate/decide.go", "timestamps don't follow those of the log", `	old, last := len(log), d.last
`, `	old, last := len(log), hlc.Timestamp{}
`, aggregateSuites},
	{"aggregate/decide.go", "events are not applied before they are sent", `			return log[:old], &EventError{AggregateID: id, Sequence: log[i].Sequence, Type: log[i].Type, Err: err}`, `			return log, nil`, aggregateSuites},
	{"aggregate/load.go", "a gap in the log is not noticed", `	case e.Sequence != d.seq+1:`, `	case false:`, aggregateSuites},
	{"aggregate/load.go", "a snapshot beyond the log is believed", `if l.snapshot != 0 && l.last.IsZero() {`, `if false {`, aggregateSuites},
	{"aggregate/load.go", "the event at a snapshot's sequence is applied again", `			l.passed = fmt.Errorf("snapshot at sequence %d was made of another log: the event there is another one", l.snapshot)
		}
		return nil`, `			l.passed = fmt.Errorf("snapshot at sequence %d was made of another log: the event there is another one", l.snapshot)
		}
		l.seq--
		return k.replay(&l.draft, id, e)`, aggregateSuites},
}
