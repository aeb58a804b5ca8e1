package mailbox

import (
	"context"
	"sync/atomic"
)

// Phase is where a request is in its life. The mailbox and its owner move it forward, the caller whose
// context ends moves it to Gone; each step is a compare-and-swap, so that exactly one of them decides.
type Phase uint32

// The phases of a request.
const (
	Queued   Phase = iota // in the mailbox: the caller can still take it back
	Begun                 // with the owner: it can still be dropped
	Claimed               // the owner sees it through: who leaves is not told what became of it
	Answered              // the answer is there
	Gone                  // the caller left; nobody reads the answer
)

// Request is one caller's wish. The zero value is ready for Prepare.
type Request struct {
	next, prev *Request // guarded by Mailbox.mu while queued
	phase      atomic.Uint32
	crowded    bool // guarded by Mailbox.mu: it found no room
	ctx        context.Context
	wish       any
	err        error
	done       chan struct{} // one token, sent when answered
}

// Prepare makes a request ready to be put, with a context that ends its caller's wait. Nobody else may hold
// it. wish is what Wish returns: for the owner, to whom the request is no more than that.
func (r *Request) Prepare(ctx context.Context, wish any) {
	if r.done == nil {
		r.done = make(chan struct{}, 1)
	}
	r.ctx, r.wish = ctx, wish
}

// Reset forgets everything. Only the caller may, and only after its answer.
func (r *Request) Reset() { *r = Request{done: r.done} }

// Context is the caller's.
func (r *Request) Context() context.Context { return r.ctx }

// Wish is what the request is about.
func (r *Request) Wish() any { return r.wish }

// Phase returns where the request is now.
func (r *Request) Phase() Phase { return Phase(r.phase.Load()) }

func (r *Request) move(from, to Phase) bool {
	return r.phase.CompareAndSwap(uint32(from), uint32(to))
}

// Begin is for a request that is served without a mailbox.
func (r *Request) Begin() { r.phase.Store(uint32(Begun)) }

// Claim is called before something is done for the request that can't be undone. It fails if the caller left.
func (r *Request) Claim() bool { return r.move(Begun, Claimed) }

// Unclaim is called when it is certain that nothing was done.
func (r *Request) Unclaim() { r.move(Claimed, Begun) }

// Left reports whether the caller is gone.
func (r *Request) Left() bool { return r.Phase() == Gone }

// Leave is called by the caller whose context ended. It fails if the request is not in phase from any more.
func (r *Request) Leave(from Phase) bool { return r.move(from, Gone) }

// Answer ends the request, unless its caller left.
func (r *Request) Answer(err error) {
	for {
		phase := r.Phase()
		if phase == Gone || phase == Answered {
			return
		}
		// The answer belongs to the owner until the phase says answered.
		r.err = err
		if r.move(phase, Answered) {
			r.done <- struct{}{}
			return
		}
	}
}

// Wait returns when there is an answer, or its context ended, and reports which: false is that the
// context ended, and there may be an answer all the same.
func (r *Request) Wait() bool {
	ended := r.ctx.Done()
	if ended == nil {
		<-r.done
		return true
	}
	select {
	case <-r.done:
		return true
	case <-ended:
		return false
	}
}

// Err is the answer, after Wait reported that it is there.
func (r *Request) Err() error { return r.err }

// Late is the answer of a request that was answered while its caller was about to leave.
func (r *Request) Late() error {
	<-r.done
	return r.err
}
