package mailbox

import (
	"context"
	"sync/atomic"
)

// The phases of a request. The mailbox and its owner move it forward, the caller whose context ends
// moves it to Gone. Each step is a compare-and-swap, so that exactly one of them decides.
const (
	Queued   uint32 = iota // in the mailbox: the caller can still take it back
	Begun                  // with the owner: it can still be dropped
	Claimed                // the owner sees it through: who leaves is not told what became of it
	Answered               // the answer is there
	Gone                   // the caller left; nobody reads the answer
)

// Request is one caller's wish. The zero value is ready for Prepare.
type Request struct {
	next, prev *Request // guarded by Mailbox.mu while queued
	phase      atomic.Uint32
	crowded    bool          // guarded by Mailbox.mu: it found no room
	done       chan struct{} // one token, sent when answered

	Ctx  context.Context // the caller's, whose wait it ends
	Wish any             // what the request is about, to its owner
	Err  error           // the answer, once Wait reports that it is there
}

// Prepare makes a request ready to be put, and forgets what it was before. Only its caller may
// prepare it again, after its answer.
func (r *Request) Prepare(ctx context.Context, wish any) {
	*r = Request{done: r.done, Ctx: ctx, Wish: wish}
	if r.done == nil {
		r.done = make(chan struct{}, 1)
	}
}

// Phase returns where the request is now.
func (r *Request) Phase() uint32 { return r.phase.Load() }

// Begin is for a request that is served without a mailbox.
func (r *Request) Begin() { r.phase.Store(Begun) }

// Claim is called before something is done for the request that can't be undone. It fails if the
// caller left.
func (r *Request) Claim() bool { return r.phase.CompareAndSwap(Begun, Claimed) }

// Unclaim is called when it is certain that nothing was done.
func (r *Request) Unclaim() { r.phase.CompareAndSwap(Claimed, Begun) }

// Left reports whether the caller is gone.
func (r *Request) Left() bool { return r.Phase() == Gone }

// Leave is called by the caller whose context ended. It fails if the request is not in phase from
// any more.
func (r *Request) Leave(from uint32) bool { return r.phase.CompareAndSwap(from, Gone) }

// Answer ends the request, unless its caller left.
func (r *Request) Answer(err error) {
	for {
		phase := r.Phase()
		if phase == Gone || phase == Answered {
			return
		}
		// The answer belongs to the owner until the phase says answered.
		r.Err = err
		if r.phase.CompareAndSwap(phase, Answered) {
			r.done <- struct{}{}
			return
		}
	}
}

// Wait returns when there is an answer, or its context ended, and reports which. After false there
// may be an answer all the same.
func (r *Request) Wait() bool {
	ended := r.Ctx.Done()
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

// Late is the answer of a request that was answered while its caller was about to leave.
func (r *Request) Late() error {
	<-r.done
	return r.Err
}
