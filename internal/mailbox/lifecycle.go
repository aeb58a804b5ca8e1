package mailbox

import (
	"time"
)

// How a mailbox that is asked for nothing gives its goroutine back and leaves memory.

// idle reports whether nothing is asked of the mailbox. m.mu is held.
func (m *Mailbox) idle() bool {
	return (m.parked || m.wake == nil) && m.visitors == 0
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
	m.leaveDrained()
	m.mu.Unlock()
	m.Family.registry.Announce()
	m.Family.registry.ended()
}

// hibernate gives the goroutine of an idle mailbox back, and reports whether it has none any more.
func (m *Mailbox) hibernate() bool {
	m.mu.Lock()
	asleep, parked := m.wake == nil, m.parked
	if parked {
		m.dismiss()
	}
	m.mu.Unlock()
	if told := m.Family.registry.config.Hibernated; parked && told != nil {
		told(m)
	}
	return asleep || parked
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
	if !m.closed && !m.draining {
		m.draining = true
		m.leaveDrained()
	}
}

// leaveDrained lets a mailbox that drains leave once nothing is asked of it. m.mu is held.
func (m *Mailbox) leaveDrained() {
	switch {
	case !m.draining || m.closed || !m.idle():
	case m.parked:
		m.dismiss() // its goroutine comes here as it ends
	default:
		m.Owner.BeforeExit()
		m.depart()
	}
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
	s := Status{Depth: int(m.depth.Load()), Awake: m.wake != nil}
	if m.idle() {
		s.Idle = time.Duration(m.Family.registry.now() - m.used.Load())
	}
	return s
}
