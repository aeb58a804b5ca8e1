package aggregate

// How an aggregate that is asked for nothing gives its goroutine back and leaves memory.

// idle reports whether nothing is asked of the aggregate. m.mu is held.
func (m *mailbox) idle() bool {
	return m.head == nil && (m.parked || !m.running) && m.visitors == 0
}

// visit keeps the aggregate in memory until leave is called, and reports whether it still is.
func (m *mailbox) visit() delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.draining:
		return refused
	case m.closed:
		return departed
	}
	m.visitors++
	m.family.sup.active.Add(1)
	return delivered
}

// leave ends a visit.
func (m *mailbox) leave() {
	m.used.Store(m.family.now())
	m.mu.Lock()
	m.visitors--
	if m.draining && !m.closed && m.idle() {
		if m.parked {
			m.dismiss()
		} else {
			m.owner.beforeExit()
			m.depart()
		}
	}
	m.mu.Unlock()
	m.family.sup.registry.pass()
	m.family.ended()
}

// hibernate gives the goroutine of an idle aggregate back.
func (m *mailbox) hibernate() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.parked || m.head != nil {
		return false
	}
	m.dismiss()
	return true
}

// dismiss ends the parked goroutine. m.mu is held.
func (m *mailbox) dismiss() {
	m.dismissed, m.parked = true, false
	m.wake <- struct{}{}
}

// exit takes an idle aggregate out of memory.
func (m *mailbox) exit() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return true
	}
	if !m.idle() || !m.owner.beforeExit() {
		return false
	}
	if m.parked {
		m.dismiss()
	}
	m.depart()
	return true
}

// depart marks the aggregate as gone and takes it out of the registry. m.mu is held.
func (m *mailbox) depart() {
	m.closed = true
	m.family.departed(m)
}

// drain stops taking requests in; what waits is still answered, then the aggregate leaves.
func (m *mailbox) drain() {
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
		m.owner.beforeExit()
		m.depart()
	}
}

// refuseAll answers what still waits, after a shutdown whose time is over, and reports how
// many requests that were and whether the aggregate is still at work.
func (m *mailbox) refuseAll() (n int, busy bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.head != nil {
		r := m.head
		m.unlink(r)
		r.phase.Store(taken)
		r.answer(ErrClosed)
		n++
	}
	return n, !m.closed
}
