package main

var mutants = slicesOf(roundMutants, settleMutants, requestMutants, mailboxMutants, stateMutants, memoryMutants, postgresMutants, tailMutants)

func slicesOf(lists ...[]mutant) (all []mutant) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

var roundMutants = []mutant{
	{"aggregate/round.go", "a no-op or a refusal is not confirmed", `if len(r.log) == 0 && !c.confirm(ctx, r) {`, `if false && !c.confirm(ctx, r) {`, aggregateSuites},
	{"aggregate/round.go", "a read that brings news confirms all the same", `return err == nil && !news`, `return err == nil`, aggregateSuites},
	{"aggregate/round.go", "a conflict is an error like others", `return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrDuplicateTimestamp) || errors.Is(err, store.ErrNoPredecessor)`, `return errors.Is(err, store.ErrDuplicateTimestamp) || errors.Is(err, store.ErrNoPredecessor)`, aggregateSuites},
	{"aggregate/round.go", "a timestamp of another clock is an error like others", `return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrDuplicateTimestamp) || errors.Is(err, store.ErrNoPredecessor)`, `return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNoPredecessor)`, aggregateSuites},
	{"aggregate/round.go", "after a commit the state counts one event too few", `		c.draft, c.fresh = d, !c.staged
		c.rivals.streak, c.rivals.robbed = 0, false`, `		c.draft, c.fresh = d, false
		c.draft.seq--
		c.rivals.streak, c.rivals.robbed = 0, false`, aggregateSuites},
	{"aggregate/round.go", "a failed round does not drop the state it wrote into", `		c.drop()
		c.had = had
	}
}

// evaluateAll`, `		c.had = had
	}
}

// evaluateAll`, aggregateSuites},
	{"aggregate/round.go", "a refused command leaves what it did to the draft", `			*d = before
			continue`, `			_ = before
			continue`, aggregateSuites},
	{"aggregate/round.go", "a torn state is worked on", `if d.torn && c.root.kind.clone != nil {`, `if false {`, aggregateSuites},
	{"aggregate/round.go", "a command that tore the state is tried for ever", `if q.excluded != nil && q.excludedAt == d.seq && q.excludedOn == base {`, `if false {`, aggregateSuites},
	{"aggregate/round.go", "a commit is sent for a caller that has left", `				claimed.Unclaim()
			}
			return false`, `				claimed.Unclaim()
			}
			return true`, aggregateSuites},
	{"aggregate/round.go", "a conflict does not make the state old", `c.guarded, c.fresh = guardedRounds, false`, `c.guarded = guardedRounds`, aggregateSuites},
	{"aggregate/round.go", "a conflict is answered without a new read", `	if err := c.learnFrom(ctx, r, cause); err != nil {
		c.answerAll(r, err)
	}`, `	_ = cause`, aggregateSuites},
	{"aggregate/round.go", "commands wait for the store after a conflict", `	for _, q := range r.open {
		q.Unclaim()
	}
	if errors.Is(cause`, `	if errors.Is(cause`, aggregateSuites},
	{"aggregate/round.go", "retries have no bound", `q.conflicts < c.family.sup.options.MaxAttempts`, `q.conflicts > 0`, aggregateSuites},
	{"aggregate/round.go", "a clock keeps an id that another has", `	if errors.Is(cause, store.ErrDuplicateTimestamp) {
		c.renewClock()
	}`, ``, aggregateSuites},
	{"aggregate/answer.go", "a shared commit that fails fails for all", `if unknown || senders == 1 || errors.Is(cause, store.ErrUnavailable) {`, `if true {`, aggregateSuites},
	{"aggregate/answer.go", "commands that are to go alone go together", `	c.single = len(r.open)
`, ``, aggregateSuites},
	{"aggregate/answer.go", "after an unknown outcome the state is kept", `	if unknown {
		c.drop()
	}`, ``, aggregateSuites},
	{"aggregate/answer.go", "an unknown outcome is told as a failure", `			q.Answer(q.unknown(c.ID, cause))`, `			q.Answer(errors.New("aggregate: commit failed"))`, aggregateSuites},
	{"aggregate/answer.go", "a used command ID is an error", `		case errors.Is(cause, store.ErrDuplicateCommand):`, `		case false:`, aggregateSuites},
	{"aggregate/answer.go", "a repeat that is refused is told so", `if found, first := c.recall(q); found || first != nil {`, `if found, first := c.recall(q); !found && first != nil {`, aggregateSuites},
	{"aggregate/answer.go", "callers get the handlers' own bytes", `		c[i].Body = slices.Clone(c[i].Body)
`, `		c[i].Body = c[i].Body[:]
`, aggregateSuites},
	{"aggregate/round.go", "a command's record begins a sequence early", `q.record.After, q.record.Last = q.after, d.seq`, `q.record.After, q.record.Last = base, d.seq`, aggregateSuites},
}

var settleMutants = []mutant{
	{"aggregate/settle.go", "a lost answer is not looked into", `	if !errors.Is(doubt, store.ErrOutcomeUnknown) {`, `	if true {`, aggregateSuites},
	{"aggregate/settle.go", "a conflict in doubt counts as our own", `	case found < len(ours):
		return others`, `	case found < len(ours):
		return us`, aggregateSuites},
	{"aggregate/settle.go", "a conflict in doubt counts as another's", `	return us
}`, `	return others
}`, aggregateSuites},
	{"aggregate/settle.go", "a refusal of the repeat counts for the first attempt", `		case err == nil:
			return storedAgain, nil
		case errors.Is(err, store.ErrConflict):`, `		case err == nil || errors.Is(err, store.ErrUnavailable):
			return storedAgain, err
		case errors.Is(err, store.ErrConflict):`, aggregateSuites},
	{"aggregate/settle.go", "the log is compared by sequence alone", `if found == len(ours) || e.Timestamp != ours[found].Timestamp ||`, `if found == len(ours) ||`, aggregateSuites},
	{"aggregate/settle.go", "an event with our timestamp is ours, whatever it says", ` ||
			!body.Same(e.Body, ours[found].Body) {`, ` ||
			!body.Same(e.Body, e.Body) {`, aggregateSuites},
	{"aggregate/settle.go", "a conflict in doubt counts as ours where the log has nothing", `	case found == 0:
		return nobody`, `	case found == 0:
		return us`, aggregateSuites},
	{"aggregate/settle.go", "a panic of the store counts as a refusal", `	defer panics.Recover(&err, store.ErrOutcomeUnknown)`, `	defer panics.Recover(&err, store.ErrUnavailable)`, aggregateSuites},
	{"aggregate/settle.go", "doubt goes on after its end", `time.Now().After(deadline)`, `time.Now().After(deadline.Add(5*time.Second))`, aggregateSuites},
	{"aggregate/settle.go", "a used ID is not taken for an answer while in doubt", `		case errors.Is(err, store.ErrDuplicateCommand):`, `		case false:`, aggregateSuites},
	{"aggregate/round.go", "the error has the wrong timestamps", `!q.claim(r.log[q.low:q.top])`, `!q.claim(r.log[:q.top])`, aggregateSuites},
}

var requestMutants = []mutant{
	{"aggregate/request.go", "who leaves during a commit is told that nothing is stored", `			if r.Leave(mailbox.Claimed) {
				return unknown`, `			if r.Leave(mailbox.Claimed) {
				return cause`, aggregateSuites},
	{"aggregate/request.go", "a commit is claimed although the caller is about to leave", `	if r.Ctx.Err() != nil {
		return false
	}
`, ``, aggregateSuites},
	{"internal/mailbox/request.go", "a claim is never given back", `func (r *Request) Unclaim() { r.phase.CompareAndSwap(Claimed, Begun) }`, `func (r *Request) Unclaim() {}`, aggregateSuites},
	{"aggregate/request.go", "the timestamps to look up are missing", `	r.stamps.Store(s)
`, ``, aggregateSuites},
	{"aggregate/request.go", "a second attempt adds to the timestamps of the first", `	s.list = s.short[:0]
`, `		if s = &r.first; s.list == nil {
			s.list = s.short[:0]
		}
`, aggregateSuites},
	{"aggregate/request.go", "a second attempt writes into the list of the first", `	if s.list != nil { // the caller may be reading it
		s = new(stamps)
	}
`, ``, aggregateSuites},
	{"aggregate/request.go", "the error of who left keeps the request", `unknown.Timestamps = slices.Clone(stamps.list)`, `unknown.Timestamps = slices.Clip(stamps.list)`, aggregateSuites},
}
