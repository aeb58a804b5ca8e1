package main

var (
	tailTests  = suite{"store/postgres", "-test.run=^Test(Tail|ATail|ALargeTransaction|AnOlderRun)"}
	tailProof  = suite{"internal/lab/tailproof", ""} // the short form of make tail
	tailSuites = []suite{tailTests, tailProof}
)

var tailMutants = []mutant{
	{"store/postgres/sql_tail.go", "two work on the same place of a tail", `ORDER BY t.stop IS NULL, t.round LIMIT 1 FOR UPDATE OF t SKIP LOCKED`, `ORDER BY t.stop IS NULL, t.round LIMIT 1`, tailSuites},
	{"store/postgres/sql_tail.go", "a window of a tail has no upper bound", `AND e.transaction_id < $6::text::xid8 AND e.transaction_id <> ALL ((SELECT $7::text::xid8[])::xid8[]) AND ` + "`", `AND $6::text IS NOT NULL AND $7::text IS NOT NULL AND ` + "`", tailSuites},
	{"store/postgres/sql_tail.go", "a tail's next parts begin before the last have ended", `	AND NOT EXISTS (SELECT FROM {tails} o WHERE o.name = $1::text AND o.stop IS NOT NULL))
ORDER BY`, `	)
ORDER BY`, tailSuites},
	{"store/postgres/sql_tail.go", "numbers of another cluster stay in the log", `UPDATE {log} SET transaction_id = NULL
WHERE`, `UPDATE {log} SET transaction_id = NULL
WHERE false AND`, tailSuites},
	{"store/postgres/tail_snapshot.go", "a tail takes what is under way for committed", `	if list == "" {
		return s, nil`, `	if true {
		return s, nil`, tailSuites},
	{"store/postgres/tail_snapshot.go", "a tail does not come back for what ended late", `		if then.shows(x) {`, `		if false && then.shows(x) {`, tailSuites},
	{"store/postgres/tail_window.go", "a tail hands a window out in the order of transactions", `	if !cut {
		w.rows.sort(rows)
	}
`, ``, tailSuites},
	{"store/postgres/tail_cut.go", "a tail cuts a window between an event and the next", `			return shown.minus(out), rows, nil`, `			return shown, rows, nil`, tailSuites},
	{
		"store/postgres/tail_step.go", "what a tail's function writes is a transaction of its own", `	if err := s.f(ctx, borrowedTx{s.tx, errTailTx}, events); err != nil {`,
		`	if err := pgx.BeginFunc(ctx, s.t.pool, func(tx pgx.Tx) error { return s.f(ctx, borrowedTx{tx, errTailTx}, events) }); err != nil {`, tailSuites,
	},
	{"store/postgres/tail_step.go", "a tail saves its place before its function has succeeded", `	if err := s.hand(ctx, next); err != nil {
		return false, false, err
	}
	has, err = s.end(ctx, next, ahead)`, `	saved := *next
	has, err = s.end(ctx, &saved, ahead)
	if err == nil {
		err = s.hand(ctx, next)
	}`, tailSuites},
	{"store/postgres/tail_step.go", "a batch of a tail that failed takes others along", `	s.again = &limit
`, `	_ = limit
`, tailSuites},
	{"store/postgres/tail_step.go", "a tail does not see that another was faster between two batches", `	has = s.place.key() == next.then.key()`, `	has = true`, tailSuites},
	{"store/postgres/sql_tail.go", "a tail's place that is gone counts as saved", `SELECT 1 / count(*) FROM saved`, `SELECT count(*) FROM saved`, tailSuites},
	{"store/postgres/tail_listen.go", "what a tail was not told while nobody listened waits for the next look", `	for {
		for _, w := range wake { // at first for what was said while nobody listened
			select {
			case w <- struct{}{}:
			default:
			}
		}
		if _, err := conn.Conn().WaitForNotification(ctx); err != nil {
			return err
		}
	}`, `	for {
		if _, err := conn.Conn().WaitForNotification(ctx); err != nil {
			return err
		}
		for _, w := range wake {
			select {
			case w <- struct{}{}:
			default:
			}
		}
	}`, tailSuites},
	{"store/postgres/tail_listen.go", "a tail listens on a proxy's connection", `	if process != conn.Conn().PgConn().PID() {`, `	if process == 0 {`, tailSuites},
	{"internal/tail/tail.go", "a tail that is notified after a failure tries again at once", `pause, wake = pause/2+rand.N(pause/2+1), nil`, `pause = pause/2 + rand.N(pause/2+1)`, []suite{{"internal/tail", ""}}},
	{"store/postgres/tail_ahead.go", "a tail reads ahead on another server", `	if started != s.started {`, `	if false && started != s.started {`, tailSuites},
	{"store/postgres/tail_cut.go", "a tail sweeps all that it is behind", `	shown, err := w.reach(ctx, tx, p, last+1, limit)`, `	shown, err := limit, error(nil)`, tailSuites},
	{"store/postgres/tail_cut.go", "a tail sweeps an event before the one that it follows", `		if len(out) == 0 {`, `		if true {`, tailSuites},
	{"store/postgres/tail_replica.go", "a tail takes what its replica has for all", `	if !there {`, `	if false {`, tailSuites},
}
