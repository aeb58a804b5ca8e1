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
	{"aggregate/lifecycle.go", "an aggregate at work can leave memory", `if !m.idle() || !m.owner.farewell() {`, `if !m.owner.farewell() {`, aggregateSuites},
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
}

var stateMutants = []mutant{
	{"aggregate/cell.go", "the state counts as fresh from one batch to the next", `	c.fresh = false
	for len(w.batch) > 0 {`, `	for len(w.batch) > 0 {`, aggregateSuites},
	{"aggregate/cell.go", "a read that failed counts as done", `	if err != nil {
		return sup.ended(err)
	}
	c.draft, c.saved`, `	c.draft, c.saved`, aggregateSuites},
	{"aggregate/cell.go", "the clock does not learn from the log", `	if err := c.family.sup.clock.Observe(c.last); errors.Is(err, hlc.ErrDrift) {`, `	if err := error(nil); errors.Is(err, hlc.ErrDrift) {`, aggregateSuites},
	{"aggregate/decide.go", "an expected sequence is not looked at", `if command.Expected != nil && *command.Expected != d.seq {`, `if false {`, aggregateSuites},
	{"aggregate/decide.go", "all events of a command have one sequence", `Sequence: d.seq + types.Sequence(i) + 1,`, `Sequence: d.seq + 1,`, aggregateSuites},
	{"aggregate/decide.go", "timestamps don't follow those of the log", `	old, last := len(log), d.last
`, `	old, last := len(log), hlc.Timestamp{}
`, aggregateSuites},
	{"aggregate/decide.go", "events are not applied before they are sent", `			return log[:old], &EventError{AggregateID: id, Sequence: log[i].Sequence, Type: log[i].Type, Err: err}`, `			return log, nil`, aggregateSuites},
	{"aggregate/load.go", "a gap in the log is not noticed", `	case e.Sequence != d.seq+1:`, `	case false:`, aggregateSuites},
	{"aggregate/load.go", "a snapshot beyond the log is believed", `if l.snapshot != 0 && l.last.IsZero() {`, `if false {`, aggregateSuites},
	{"aggregate/load.go", "the event at a snapshot's sequence is applied again", `		case l.snapshot != 0 && entry.Event.Sequence == l.snapshot:
			l.last = entry.Event.Timestamp`, `		case l.snapshot != 0 && entry.Event.Sequence == l.snapshot:
			l.last, l.seq = entry.Event.Timestamp, l.seq-1
			if err := k.replay(&l.draft, id, &entry.Event); err != nil {
				return l, err
			}`, aggregateSuites},
}

var memoryMutants = []mutant{
	{"store/memory/attempt.go", "a conflict is not noticed", `		if first <= end {
			return store.ErrConflict
		}`, ``, memorySuites},
	{"store/memory/attempt.go", "a used command ID is not noticed", `if hasCommand(r.ID) || repeated(p.commit.Commands[:i], r.ID) {`, `if repeated(p.commit.Commands[:i], r.ID) {`, memorySuites},
	{"store/memory/commit.go", "a timestamp can be used twice", `if len(p.records) > 0 && !s.timestamps.add(p.records) {`, `if len(p.records) > 0 && !s.timestamps.add(p.records) && len(p.records) > 99 {`, memorySuites},
	{"store/memory/commit.go", "a commit does not wait for one with projections", `if turn == nil {`, `if true {`, memorySuites},
	{"store/memory/projection.go", "a projection that refuses is passed over", `	if err := run(ctx, tx, projections, p.commit.Events); err != nil {
		return err
	}`, `	_ = run(ctx, tx, projections, p.commit.Events)`, memorySuites},
}

var postgresMutants = []mutant{
	{"store/postgres/translate.go", "an answer that does not come counts as a refusal", `	case pgErr == nil || !definite(pgErr):
		return fateUnknown`, `	case pgErr == nil || !definite(pgErr):
		return fateGeneral`, postgresSuites},
	{"store/postgres/translate.go", "the end of a session counts as a refusal", `	case severity != "ERROR", e.Code == codeCompletionUnknown:`, `	case e.Code == codeCompletionUnknown:`, postgresSuites},
	{"store/postgres/translate.go", "what a proxy says counts as the server's word", `	case hasClass(e.Code, "08", "58"), strings.HasPrefix(e.Code, "57P"):
		return false`, `	case false:
		return false`, postgresSuites},
	{"store/postgres/translate.go", "a deadlock is an error like others", `	case pgErr.Code == codeSerialization || pgErr.Code == codeDeadlock:`, `	case pgErr.Code == codeSerialization:`, postgresSuites},
	{"store/postgres/translate.go", "a forgotten statement is an error like others", `	case pgErr.Code == codeNoStatement || pgErr.Code`, `	case pgErr.Code`, postgresSuites},
	{"store/postgres/combiner.go", "one aggregate's commits share a statement", `		c.busy[p.commit.AggregateID] = struct{}{}
		batch, size = append(batch, p), size+weight(p)`, `		batch, size = append(batch, p), size+weight(p)`, postgresSuites},
	{"store/postgres/combiner.go", "who waits is not told", `		if p.done != nil {
			close(p.done)
		}`, `		_ = p`, postgresSuites},
	{"store/postgres/combiner.go", "an aggregate stays busy for ever", `		delete(c.busy, p.commit.AggregateID)
`, `		_ = p
`, postgresSuites},
	{"store/postgres/combiner.go", "who withdraws is sent", `	c.waiting = slices.Delete(c.waiting, i, i+1)
`, ``, postgresSuites},
	{"store/postgres/combiner.go", "committers are never replaced", `	go c.drain()
`, `	c.active--
`, postgresSuites},
	{"store/postgres/commit.go", "rows that are not there count as stored", `	case p.stored:
		p.err = nil`, `	case p.stored || len(p.commit.Commands) == 0:
		p.err = nil`, postgresSuites},
	{"store/postgres/commit.go", "a bad row spoils the statement for all", `	default:
		s.isolate(batch, err, func(part []*pending) { s.share(ctx, conn, part, s.isolatingLock) })`, `	default:
		for _, p := range batch {
			p.err = translate("commit events", err)
		}`, postgresSuites},
}
