package main

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
	{"store/postgres/combiner.go", "one aggregate's commits share a statement", ` > maxWeight || !c.occupy(p) {`, ` > maxWeight {`, postgresSuites},
	{"store/postgres/combiner.go", "who waits is not told", `			p.done <- struct{}{} // p is its caller's again
`, ``, postgresSuites},
	{"store/postgres/combiner.go", "an aggregate stays busy for ever", `		delete(c.busy, p.commit.AggregateID)
`, `		_ = p
`, postgresSuites},
	{"store/postgres/combiner.go", "who withdraws is sent", `	c.waiting = slices.Delete(c.waiting, i, i+1)
`, ``, postgresSuites},
	{"store/postgres/combiner.go", "committers are never replaced", `	go c.drain()
`, `	c.active--
`, postgresSuites},
	{"store/postgres/shared.go", "rows that are not there count as stored", `	if p.stored {
		p.err = nil`, `	if p.stored || len(p.commit.Commands) == 0 {
		p.err = nil`, postgresSuites},
	{"store/postgres/shared.go", "a bad row spoils the statement for all", `	default:
		s.blocked(err, budget)
		s.isolate(batch, err, func(part []*pending) { s.share(ctx, conn, part, s.isolatingLock, budget) })`, `	default:
		s.blocked(err, budget)
		for _, p := range batch {
			p.err = translate("commit events", err)
		}`, postgresSuites},
	{"store/postgres/combiner.go", "a commit finds what was left by the one before it", `	*p = pending{done: p.done}
`, `	*p = pending{done: p.done, stored: p.stored, alone: p.alone, tried: p.tried, err: p.err, queued: p.queued}
`, postgresSuites},
	{"store/postgres/combiner.go", "who waited once is told when it leads", `	*p = pending{done: p.done}
`, `	*p = pending{done: p.done, waits: p.waits}
`, postgresSuites},
	{"store/postgres/combiner.go", "who leads is told like those who wait", `		if p.waits {`, `		if true {`, postgresSuites},
	{"store/postgres/combiner.go", "who gives up while being sent does not wait for the answer", `			return
		}
		<-p.done
`, `			return
		}
`, postgresSuites},
	{"store/postgres/combiner.go", "a commit is put back while others hold it", `	p.own = c
	p.commit = &p.own
`, `	p.own = c
	p.commit = &p.own
	s.pool.Put(p)
`, postgresSuites},
}
