package mailbox

import "time"

// Family is what mailboxes of one kind have in common. Its fields must not be changed after Registry.Add.
type Family struct {
	Size      int           // how many requests have room
	Refuse    bool          // whoever finds no room, instead of letting it wait
	MaxBatch  int           // how many requests are delivered together, at most
	Hibernate time.Duration // after how long an idle mailbox gives its goroutine back; 0 is never
	Exit      time.Duration // after how long it leaves memory; 0 is never

	registry *Registry
	parked   idleQueue // those with a goroutine
	present  idleQueue // all in memory
}

// started is called, under the mailbox' lock, when it gets a goroutine.
func (f *Family) started(m *Mailbox) {
	f.registry.active.Add(1)
	f.watch(m)
}

// watch has the mailbox hibernate when it falls idle.
func (f *Family) watch(m *Mailbox) {
	if f.Hibernate > 0 {
		f.registry.idle.watch(&f.parked, m)
	}
}

// sleep makes a mailbox hibernate; it reports whether it is done with it.
func (f *Family) sleep(m *Mailbox) bool {
	m.mu.Lock()
	asleep := !m.running
	m.mu.Unlock()
	if asleep {
		return true
	}
	if !m.hibernate() {
		return false
	}
	if f.registry.config.Hibernated != nil {
		f.registry.config.Hibernated(m)
	}
	return true
}
