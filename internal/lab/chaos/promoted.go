package main

// had reports whether the state was ever that of the log.
func (h *history) had(s counter) bool { return s.Events < len(h.states) && h.states[s.Events] == s }

// unsteady reports whether a promotion lies between question and answer, or so near that the answer
// may be about what the promoted standby had not got.
func (o *op) unsteady(r *record) bool {
	for _, p := range r.promotions {
		if o.during(p) {
			return true
		}
	}
	return false
}

func (o *op) during(p promotion) bool {
	return o.told != nil && o.asked.At < p.switched && o.told.At < p.switched+unsteady && o.told.At > p.from
}

// beyond reports whether the answer tells of a state that came after all that a promoted standby
// had got, and was given before it was promoted. The log has no such state, and nobody promises one
// that is not replicated.
func (o *op) beyond(r *record) bool {
	if o.told == nil || o.told.State == nil {
		return false
	}
	// What stored nothing may tell of an event that went with the primary, and that its own command
	// stored once more.
	if h := r.logs[o.place()]; h != nil && h.had(*o.told.State) && o.stored(r) {
		return false
	}
	for _, p := range r.promotions {
		if o.during(p) && o.told.State.Events > p.base[o.place()] {
			return true
		}
	}
	return false
}

// excused reports whether the answer's state was lost as it may be: that of anything with an
// asynchronous standby; of what stored nothing with a synchronous one, since Postgres shows rows
// that are not replicated once their commit has given up its wait.
func (o *op) excused(r *record) bool {
	return o.beyond(r) && (r.kind == asynchronous || !o.stored(r))
}

// stored reports whether the command, which was acknowledged, must have stored something.
func (o *op) stored(r *record) bool {
	switch n, _ := o.inLog(r); {
	case o.asked.Read:
		return false
	case o.asked.Parts > 0 || n > 0:
		return true
	}
	// One that sets the value to a minimum stores nothing if it is as high: hardly ever exactly as
	// high.
	return o.told.State.Value == o.asked.To
}

// replicationLost reports whether the command was acknowledged, and lost with its asynchronous
// primary.
func (o *op) replicationLost(r *record) bool {
	if r.kind != asynchronous || o.class() != acked {
		return false
	}
	if n, _ := o.inLog(r); o.asked.Pair != "" { // told without a state
		return n == 0 && o.unsteady(r)
	}
	return o.stored(r) && o.beyond(r)
}

// judgePromotions makes sure that a promotion took only ends away: what an aggregate had at one, it
// has at the next.
func (v *verdict) judgePromotions(r *record) {
	for i, p := range r.promotions[:max(0, len(r.promotions)-1)] {
		for place, last := range p.base {
			if next := r.promotions[i+1].base[place]; next < last {
				v.find(&v.lost, "%v: %d events at promotion %d, %d at the next", place, last, i+1, next)
			}
		}
	}
	for place, h := range r.logs {
		for i, p := range r.promotions {
			if len(h.events) < p.base[place] {
				v.find(&v.lost, "%v: %d events at promotion %d, %d in the end", place, p.base[place], i+1, len(h.events))
			}
		}
	}
}
