package mailbox

import "time"

// How a mailbox that is asked for nothing gives its goroutine back and leaves memory.

// idle reports whether nothing is asked of the mailbox. m.mu is held.
func (m *Mailbox) idle() bool {
	return m.head == nil && (m.parked || !m.running) && m.visitors == 0
}

// Visit keeps the mailbox in memory until EndVisit is called, if it still is.
func (m *Mailbox) Visit() Delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.draining:
		return Refused
	case m.closed:
		return Departed
	}
	m.visitors++
	m.Family.registry.active.Add(1)
	return Delivered
}

// EndVisit ends a visit.
func (m *Mailbox) EndVisit() {
	m.used.Store(m.Family.registry.now())
	m.mu.Lock()
	m.visitors--
	if m.draining && !m.closed && m.idle() {
		if m.parked {
			m.dismiss()
		} else {
			m.Owner.BeforeExit()
			m.depart()
		}
	}
	m.mu.Unlock()
	m.Family.registry.Announce()
	m.Family.registry.ended()
}

// hibernate gives the goroutine of an idle mailbox back.
func (m *Mailbox) hibernate() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.parked || m.head != nil {
		return false
	}
	m.dismiss()
	return true
}

// dismiss ends the parked goroutine. m.mu is held.
func (m *Mailbox) dismiss() {
	m.dismissed, m.parked = true, false
	m.wake <- struct{}{}
}

// Exit takes an idle mailbox out of memory, and reports whether it left.
func (m *Mailbox) Exit() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return true
	}
	if !m.idle() || !m.Owner.BeforeExit() {
		return false
	}
	if m.parked {
		m.dismiss()
	}
	m.depart()
	return true
}

// depart marks the mailbox as gone and takes it out of the registry. m.mu is held.
func (m *Mailbox) depart() {
	m.closed = true
	m.Family.registry.remove(m)
	if m.Family.registry.config.Exited != nil {
		m.Family.registry.config.Exited(m)
	}
}

// drain stops taking requests in; what waits is still answered, then the mailbox leaves.
func (m *Mailbox) drain() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.draining {
		return
	}
	m.draining = true
	switch {
	case !m.idle():
		return
	case m.parked:
		m.dismiss()
	default:
		m.Owner.BeforeExit()
		m.depart()
	}
}

// refuseAll answers what still waits with err, after a shutdown whose time is over, and reports how
// many requests that were and whether the mailbox is still at work.
func (m *Mailbox) refuseAll(err error) (n int, busy bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.head != nil {
		r := m.head
		m.unlink(r)
		r.Begin()
		r.Answer(err)
		n++
	}
	return n, !m.closed
}

// Status describes a mailbox at one moment.
type Status struct {
	Depth int           // requests that wait
	Awake bool          // it has a goroutine
	Idle  time.Duration // since its last request was answered; 0 while one is under way
}

// Status describes the mailbox now.
func (m *Mailbox) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Status{Depth: int(m.depth.Load()), Awake: m.running}
	if m.idle() {
		s.Idle = time.Duration(m.Family.registry.now() - m.used.Load())
	}
	return s
}
