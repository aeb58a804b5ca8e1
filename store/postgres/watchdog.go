package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// watchdog breaks the connections whose answer is overdue. A context with a deadline would do the same, but costs a timer and a wake-up of
// the network poller for every statement, which is some percent of a short one. As all statements have the same
// bound, the first to begin is the first to be overdue: one timer is enough, and it is only set when it went off.
type watchdog struct {
	bound time.Duration

	mu          sync.Mutex
	first, last *watch // guarded by mu; by the order of beginning
	armed       bool   // guarded by mu
}

// watch is a statement that is being watched.
type watch struct {
	conn       *pgxpool.Conn
	due        time.Time
	overdue    bool   // guarded by the watchdog's mu
	prev, next *watch // guarded by the watchdog's mu
}

// begin starts to watch conn. The caller must call end before it gives conn away.
func (d *watchdog) begin(conn *pgxpool.Conn) *watch {
	w := &watch{conn: conn, due: time.Now().Add(d.bound)}
	d.mu.Lock()
	defer d.mu.Unlock()
	if w.prev = d.last; w.prev != nil {
		w.prev.next = w
	} else {
		d.first = w
	}
	d.last = w
	if !d.armed {
		d.armed = true
		time.AfterFunc(d.bound, d.look)
	}
	return w
}

// end stops watching. A connection that was broken is not used again, even if the answer came at that moment.
func (d *watchdog) end(w *watch) {
	d.mu.Lock()
	d.remove(w)
	overdue := w.overdue
	d.mu.Unlock()
	if overdue {
		discard(w.conn)
	}
}

// remove takes w out of the list, if it is there. The caller holds mu.
func (d *watchdog) remove(w *watch) {
	if w.overdue {
		return
	}
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		d.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		d.last = w.prev
	}
}

// look breaks what is overdue and comes back when the next may be.
func (d *watchdog) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for d.first != nil && !d.first.due.After(now) {
		w := d.first
		d.remove(w)
		w.overdue = true
		// Reads and writes that are under way fail now. The driver closes a connection that fails so.
		_ = w.conn.Conn().PgConn().Conn().SetDeadline(now)
	}
	if d.armed = d.first != nil; d.armed {
		time.AfterFunc(d.first.due.Sub(now), d.look)
	}
}

// seenThrough is the context of a statement that no caller's end may stop: a watchdog bounds it.
func seenThrough(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }
