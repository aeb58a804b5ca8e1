package jsonb

import (
	"cmp"
	"slices"
	"sync"
)

// workspace remembers the members of the objects that are being read, and of those that turned out
// to be in another order than jsonb's.
//
// Moving the members of each object when it ends was rejected: in nested objects the inner ones
// would be moved once for every level around them. Here every byte is moved once, at the end.
type workspace struct {
	open    []member // of the objects still open, the innermost last
	kept    []member // of the objects below, each object's in order and without duplicates
	objects []object
	text    []byte
}

// object is an object to be rearranged: its place in the text and its members' place in kept.
type object struct {
	start, end int
	from, to   int
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

// largestKept bounds the memory that a pooled workspace holds on to: this many elements of each
// slice, and 16 times as many bytes of text, make half a megabyte.
const largestKept = 4 << 10

func (w *workspace) release() {
	if w.empty() {
		workspaces.Put(w)
	}
}

// empty makes a workspace ready for the next text, and reports whether it is small enough to be
// kept.
func (w *workspace) empty() bool {
	w.open, w.kept, w.objects, w.text = w.open[:0], w.kept[:0], w.objects[:0], w.text[:0]
	return cap(w.open) <= largestKept && cap(w.kept) <= largestKept && cap(w.objects) <= largestKept &&
		cap(w.text) <= 16*largestKept
}

// pushed returns how many members are open.
func (p *parser) pushed() int {
	if p.work == nil {
		return 0
	}
	return len(p.work.open)
}

func (p *parser) push(m member) {
	if p.work == nil {
		p.work = workspaces.Get().(*workspace)
	}
	p.work.open = append(p.work.open, m)
}

// pop forgets the open members from the given one on.
func (p *parser) pop(first int) {
	if p.work != nil {
		p.work.open = p.work.open[:first]
	}
}

// keep sorts the open members from the given one on, which belong to the object that starts at
// start and has just ended, and keeps the last of each key for rearrange.
func (p *parser) keep(start, first int) {
	w, from := p.work, len(p.work.kept)
	members := w.open[first:]
	slices.SortFunc(members, func(a, b member) int {
		return cmp.Or(p.compare(a, b), a.start-b.start)
	})
	for i, m := range members {
		if i+1 == len(members) || p.compare(m, members[i+1]) != 0 {
			w.kept = append(w.kept, m)
		}
	}
	w.objects = append(w.objects, object{start: start, end: len(p.out), from: from, to: len(w.kept)})
	p.pop(first)
}

// rearrange rewrites the text with the members of all kept objects in order.
func (p *parser) rearrange() {
	w := p.work
	if len(w.objects) == 0 {
		return
	}
	// Objects were kept when they ended; they are looked up by where they start.
	slices.SortFunc(w.objects, func(a, b object) int { return a.start - b.start })
	p.copy(p.base, len(p.out))
	p.out = append(p.out[:p.base], w.text...)
}

// copy appends out[from:to] to the workspace's text. It recurses as deep as kept objects are
// nested.
func (p *parser) copy(from, to int) {
	w := p.work
	next := func() int {
		i, _ := slices.BinarySearchFunc(w.objects, from, func(o object, at int) int { return o.start - at })
		return i
	}
	for i := next(); i < len(w.objects) && w.objects[i].start < to; i = next() {
		o := w.objects[i]
		w.text = append(w.text, p.out[from:o.start]...)
		separator := "{"
		for _, m := range w.kept[o.from:o.to] {
			w.text = append(w.text, separator...)
			p.copy(m.start, m.end)
			separator = ", "
		}
		w.text = append(w.text, '}')
		from = o.end
	}
	w.text = append(w.text, p.out[from:to]...)
}
