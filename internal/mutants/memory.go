package main

var memoryMutants = []mutant{
	{"store/memory/attempt.go", "a conflict is not noticed", `		if first <= end {
			return store.ErrConflict
		}`, ``, memorySuites},
	{"store/memory/attempt.go", "a used command ID is not noticed", `if hasCommand(r.ID) || repeated(p.commit.Commands[:i], r.ID) {`, `if repeated(p.commit.Commands[:i], r.ID) {`, memorySuites},
	{"store/memory/commit.go", "a timestamp can be used twice", `!s.timestamps.add(p.log.rows) {`, `!s.timestamps.add(p.log.rows) && len(p.log.rows) > 99 {`, memorySuites},
	{"store/memory/commit.go", "a commit does not wait for one with projections", `if turn == nil {`, `if true {`, memorySuites},
	{"store/memory/projection.go", "a projection that refuses is passed over", `	if err := run(ctx, tx, projections, p.commit.Events); err != nil {
		return err
	}`, `	_ = run(ctx, tx, projections, p.commit.Events)`, memorySuites},
	{"store/memory/log.go", "the bodies after a redacted one keep their places", `		c.rows[j].body += len(body) - len(old)
`, `		_ = j
`, memorySuites},
	{"store/memory/log.go", "a redaction writes to the rows that readers have", `c.rows, c.text = slices.Clone(l.rows), `, `c.rows, c.text = l.rows, `, memorySuites},
	{"store/memory/log.go", "a redaction writes to the text that readers have", `slices.Concat(l.text[:start], body, l.text[start+len(old):])`, `slices.Replace(l.text, start, start+len(old), body...)`, memorySuites},
	{"store/memory/log.go", "what is appended has the places of its own text", `		r.body += shift
`, `		_ = shift
`, memorySuites},
	{"store/memory/log.go", "what is appended has its own numbers of types", `		r.kind = l.kind(other.types[r.kind])`, `		_ = l.kind(other.types[r.kind])`, memorySuites},
	{"store/memory/log.go", "metadata that is appended goes to the first events", `l.describe(n+i, meta)`, `l.describe(i, meta)`, memorySuites},
	{"store/memory/log.go", "what a transaction appends to all events is seen outside", `		c.rows, c.text, c.metas = slices.Clip(c.rows), slices.Clip(c.text), slices.Clip(c.metas)
`, ``, memorySuites},
	{"store/memory/log.go", "the types of what a transaction appends to all events are seen outside", `		c.types = slices.Clip(c.types)
`, ``, memorySuites},
	{"store/memory/log.go", "the index of types is shared with a transaction", `		c.kinds = nil
`, ``, memorySuites},
	{"store/memory/log.go", "what a transaction appends to some events overwrites the next rows", `log{rows: l.rows[:n:n], types`, `log{rows: l.rows[:n], types`, memorySuites},
	{"store/memory/log.go", "what a transaction appends to some events overwrites the next bodies", `l.text[:l.rows[n].body:l.rows[n].body]`, `l.text[:l.rows[n].body]`, memorySuites},
	{"store/memory/log.go", "what a transaction appends to some events overwrites the next metadata", `	c.metas = l.metas[:m:m]`, `	c.metas = l.metas[:m]`, memorySuites},
	{"store/memory/log.go", "the types of what a transaction appends to some events are seen outside", `types: slices.Clip(l.types)}`, `types: l.types}`, memorySuites},
	{"store/memory/log.go", "a log that is used again remembers the numbers of types", `types: l.types[:0], metas`, `types: l.types[:0], kinds: l.kinds, metas`, memorySuites},
	{"store/memory/log.go", "the index of many types lacks those before it", `			l.kinds[s] = uint32(i)`, `			l.kinds[s] = 0 * uint32(i)`, memorySuites},
	{"store/memory/timestamps.go", "the word that was used last serves for other blocks", `if s.word == nil || s.recent != b {`, `if s.word == nil {`, memorySuites},
	{"store/memory/timestamps.go", "the word that was used last serves for other nodes", `s.recent != b {`, `s.recent.number != b.number {`, memorySuites},
	{"store/memory/timestamps.go", "the word that was used last outlives its removal", `		s.word = nil
`, ``, memorySuites},
	{"store/memory/timestamps.go", "a commit that is refused keeps its timestamps", `for _, r := range rows[:i] {`, `for _, r := range rows[:0] {`, memorySuites},
	{"store/memory/timestamps.go", "a commit that is refused gives back those of its neighbours", `	if *word &^= p.bit; *word == 0 {`, `	if *word = 0; *word != 0 {`, memorySuites},
	{"store/memory/timestamps.go", "timestamps that differ in the lowest bits are taken for one", `mix(b.number, b.node)>>(64-setBits) + lane)`, `mix(b.number, b.node)>>(64-setBits) + 0*lane)`, memorySuites},
	{"store/memory/timestamps.go", "nodes are not told apart", `block{node: t.Node(), number`, `block{node: 0 * t.Node(), number`, memorySuites},
	{"store/memory/timestamps.go", "a used timestamp is not noticed before the projections run", `t.sets[p.set].has(p) {
			return true`, `t.sets[p.set].has(p) {
			return false`, memorySuites},
}
