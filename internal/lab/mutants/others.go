package main

var mailboxMutants = []mutant{
	{"internal/mailbox/mailbox.go", "a request that meets an exit is lost in the old mailbox", `	if m.closed || m.draining {
		closed :=`, `	if m.draining {
		closed :=`, aggregateSuites},
	{"internal/mailbox/mailbox.go", "a goroutine that was dismissed ends although there is work", `	if m.dismissed { // it was to hibernate and has not seen it yet
		m.dismissed = false
		m.watchIdle()
	}
	m.rouse()`, `	if !m.dismissed {
		m.rouse()
	}`, aggregateSuites},
	{"internal/mailbox/lifecycle.go", "an aggregate at work can leave memory", `if !m.idle() || !m.Owner.BeforeExit() {`, `if !m.Owner.BeforeExit() {`, aggregateSuites},
	{"internal/mailbox/lifecycle.go", "the goroutine of a busy aggregate is given back", `asleep, parked := m.wake == nil, m.parked`, `asleep, parked := m.wake == nil, m.wake != nil`, aggregateSuites},
	{"aggregate/core.go", "nobody is answered after a handler ended the goroutine", `		told[q] = true
`, `		told[q] = true
		if true {
			continue
		}
`, aggregateSuites},
	{"internal/mailbox/mailbox.go", "the queue turns around", `			m.unlink(r)
			r.Begin()
			batch = append(batch, r)`, `			m.unlink(r)
			r.Begin()
			batch = append([]*Request{r}, batch...)`, aggregateSuites},
	{"internal/mailbox/mailbox.go", "batches have no bound", `m.head != nil && len(batch) < m.Family.MaxBatch {`, `m.head != nil {`, aggregateSuites},
	{"internal/mailbox/mailbox.go", "a crowd that was answered is not waited for", `		if len(batch) > 1 {
`, `		if false {
`, aggregateSuites},
	{"aggregate/core.go", "whose commit is under way is told that nothing is stored after a handler ended the goroutine", `		if q.Phase() == mailbox.Claimed {
			err =`, `		if false {
			err =`, aggregateSuites},
}

var stateMutants = []mutant{
	{"aggregate/core.go", "the state counts as fresh from one batch to the next", `	c.fresh = false
	for len(r.batch) > 0 {`, `	for len(r.batch) > 0 {`, aggregateSuites},
	{"aggregate/core.go", "a read that failed counts as done", `	if err != nil {
		return sup.orClosed(c.family.orOther(err))
	}
	if err := c.hold(ctx); err != nil {`, `	if err := c.hold(ctx); err != nil {`, aggregateSuites},
	{"aggregate/core.go", "the clock does not learn from the log", `	if err := c.family.sup.clock.Observe(c.last); errors.Is(err, hlc.ErrDrift) {`, `	if err := error(nil); errors.Is(err, hlc.ErrDrift) {`, aggregateSuites},
	{"aggregate/decide.go", "an expected sequence is not looked at", `case command.Expected == nil || *command.Expected == s:`, `case true:`, aggregateSuites},
	{"aggregate/decide.go", "all events of a command have one sequence", `Sequence: d.seq + types.Sequence(i) + 1,`, `Sequence: d.seq + 1,`, aggregateSuites},
	{"aggregate/decide.go", "timestamps don't follow those of the log", `	old, last := len(log), d.last
`, `	old, last := len(log), hlc.Timestamp{}
`, aggregateSuites},
	{"aggregate/decide.go", "events are not applied before they are sent", `			return log[:old], &EventError{AggregateID: id, Sequence: log[i].Sequence, Type: log[i].Type, Err: err}`, `			return log, nil`, aggregateSuites},
	{"aggregate/load.go", "a gap in the log is not noticed", `	case e.Sequence != d.seq+1:`, `	case false:`, aggregateSuites},
	{"aggregate/load.go", "a snapshot beyond the log is believed", `if l.snapshot != 0 && l.last.IsZero() {`, `if false {`, aggregateSuites},
	{"aggregate/load.go", "the event at a snapshot's sequence is applied again", `			l.unused = fmt.Errorf("snapshot at sequence %d was made of another log: the event there is another one", l.snapshot)
		}
		return nil`, `			l.unused = fmt.Errorf("snapshot at sequence %d was made of another log: the event there is another one", l.snapshot)
		}
		l.seq--
		return k.applyStored(&l.draft, id, e)`, aggregateSuites},
}
