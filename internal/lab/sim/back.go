package sim

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/eventmaestro/maestro/hlc"
	"github.com/eventmaestro/maestro/store"
	"github.com/eventmaestro/maestro/types"
)

// checkpoint is what a standby has that is going to be promoted.
type checkpoint struct {
	goBack func()
	tick   int
}

// retreat is a moment at which the store went back: all that came after a checkpoint is gone,
// although it was acknowledged. Nobody promises otherwise; what is promised is that nobody makes it
// worse.
type retreat struct {
	from, at int              // ticks: of the checkpoint, and of the loss
	gone     map[int][]string // by aggregate: the tokens of its log before, where that lost something
	kept     map[int]int      // how many of them are still there
	shown    map[string]bool  // commands with events that the store had said were there
	open     map[*op]bool     // operations under way
}

// turnBack remembers the store, or takes it back to what was remembered.
func (w *world) turnBack() {
	if w.kept.goBack == nil {
		w.kept = checkpoint{goBack: w.memory.Checkpoint(), tick: w.tick}
		w.note("checkpoint")
		return
	}
	r := retreat{from: w.kept.tick, gone: map[int][]string{}, kept: map[int]int{}, open: map[*op]bool{}}
	before := make([][]string, len(w.ids))
	for i, id := range w.ids {
		before[i] = w.tokens(id)
	}
	records := len(w.recorded())
	w.kept.goBack()
	w.kept = checkpoint{}
	w.tick++
	r.at = w.tick
	lost := 0
	for i, id := range w.ids {
		r.kept[i] = len(w.tokens(id))
		if r.kept[i] < len(before[i]) {
			r.gone[i] = before[i]
			lost += len(before[i]) - r.kept[i]
		}
	}
	if len(w.recorded()) < records { // a record without events: nobody knows of which aggregate
		for i := range w.ids {
			if r.gone[i] == nil {
				r.gone[i] = before[i]
			}
		}
	}
	for _, o := range w.ops {
		r.open[o] = o.returned == 0
	}
	w.mu.Lock()
	r.shown, w.shown = w.shown, map[string]bool{}
	w.mu.Unlock()
	w.retreats = append(w.retreats, r)
	w.counts["the store went back"]++
	w.counts["events lost with it"] += lost
	w.note("the store goes back: %d events lost", lost)
}

// tokens reads an aggregate's log past all faults.
func (w *world) tokens(id hlc.Timestamp) (tokens []string) {
	for e, err := range w.memory.Events(background, id, store.Range{}) {
		if err == nil {
			tokens = append(tokens, tokenOf(e))
		}
	}
	return tokens
}

func tokenOf(e types.Event) string {
	var n note
	_ = json.Unmarshal(e.Body, &n) // a body of another shape has no token
	return n.Token
}

// recorded returns the command IDs that the store knows.
func (w *world) recorded() (known []string) {
	for _, c := range w.commands {
		if r, err := w.memory.LookupCommand(background, w.ids[c.aggregate], c.ID); err == nil && r != nil {
			known = append(known, c.ID)
		}
	}
	return known
}

// show notes that the store said that events are there: by its answer to their commit, to a read,
// or to who came too late.
func (w *world) show(events ...types.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range events {
		w.shown[commandOf(tokenOf(e))] = true
	}
}

// showRefused is show for a commit that was refused.
func (w *world) showRefused(err error) error {
	if told, ok := errors.AsType[*store.ConflictError](err); ok {
		w.show(told.Events...)
	}
	return err
}

// lost reports whether the command was acknowledged, and is gone with the store that had it: it was
// answered before that went back, or its answer was under way.
func (w *world) lost(o *op) bool {
	for _, r := range w.retreats {
		was := slices.ContainsFunc(r.gone[o.aggregate], func(token string) bool { return commandOf(token) == o.token })
		if was && o.invoked < r.at && (!r.open[o] || r.shown[o.token]) {
			return true
		}
	}
	return false
}

// bygone reports whether a state with these tokens is one of a log that is gone, and o may still
// have been told of it.
func (w *world) bygone(o *op, tokens []string) bool {
	for _, r := range w.retreats {
		gone := r.gone[o.aggregate]
		// Get may be stale: it does not ask the store.
		if len(tokens) <= len(gone) && slices.Equal(tokens, gone[:len(tokens)]) && (o.invoked < r.at || o.kind == opGet) {
			return true
		}
	}
	return false
}

// uncertain reports whether the answer of o may rest on what is gone, so that no order of the rest
// explains it. A repeat is answered by the record of its ID, which may be that of an attempt whose
// answer does.
func (w *world) uncertain(o *op, h *history) bool {
	return w.restsOnGone(o, h) || o.ID != "" && slices.ContainsFunc(w.ops, func(other *op) bool {
		return other != o && other.ID == o.ID && other.aggregate == o.aggregate && w.restsOnGone(other, h)
	})
}

func (w *world) restsOnGone(o *op, h *history) bool {
	for _, r := range w.retreats {
		if r.gone[o.aggregate] == nil || o.invoked >= r.at || !r.open[o] && o.returned <= r.from {
			continue
		}
		own := func(token string) bool { return commandOf(token) == o.token }
		// One that is there may have been carried out once more, by a repeat with its ID.
		if o.ID != "" || !slices.ContainsFunc(h.tokens, own) || slices.ContainsFunc(r.gone[o.aggregate][r.kept[o.aggregate]:], own) {
			return true
		}
	}
	return false
}
