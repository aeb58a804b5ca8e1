package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// mode is a way to cut a connection.
type mode string

const (
	before    mode = "before"     // the message and what follows are not forwarded
	replyLost mode = "reply lost" // all is forwarded, the answer is dropped from that message on
	late      mode = "late"       // the client is cut at once, the server gets the message after a while
)

// cutting is where and how the exchange of one commit is cut.
type cutting struct {
	mode  mode
	at    int           // the number of the message: of the request, or with replyLost of the answer
	delay time.Duration // with late
}

// plan decides which commits are cut, and counts all faults.
type plan struct {
	share atomic.Int64 // of 10,000 requests that are part of a commit, so many are cut
	cuts  atomic.Int64
	paths paths // that the proxy sees

	mu     sync.Mutex
	rng    *rand.Rand     // guarded by mu
	counts map[string]int // guarded by mu
}

func newPlan(seed uint64) *plan {
	return &plan{rng: rand.New(rand.NewPCG(seed, 1)), counts: map[string]int{}}
}

// longestDelay is how late a late commit is at most. Others wait meanwhile if it was partly sent.
const longestDelay = 600 * time.Millisecond

// draw decides about a request of so many messages.
func (p *plan) draw(messages int) (c cutting, wanted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rng.Int64N(10_000) >= p.share.Load() {
		return c, false
	}
	c.mode = []mode{before, replyLost, late}[p.rng.IntN(3)]
	c.at = p.rng.IntN(messages)
	if c.mode == replyLost {
		c.at = p.rng.IntN(messages + 2)
	}
	c.delay = time.Duration(p.rng.Int64N(int64(longestDelay)))
	return c, true
}

// count notes a fault of a kind.
func (p *plan) count(kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[kind]++
}

// countCut notes where a commit was cut: at which message, in which mode.
func (p *plan) countCut(m mode, kind byte) {
	names := requestNames
	if m == replyLost {
		names = replyNames
	}
	name := names[kind]
	if name == "" {
		name = fmt.Sprintf("%q", kind)
	}
	p.cuts.Add(1)
	p.count(fmt.Sprintf("cut %s: %s", m, name))
}

// number returns how often a fault happened whose kind begins so.
func (p *plan) number(prefix string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for kind, count := range p.counts {
		if strings.HasPrefix(kind, prefix) {
			n += count
		}
	}
	return n
}

func (p *plan) lines() (lines []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(p.counts)) {
		lines = append(lines, fmt.Sprintf("  %-28s %d", kind, p.counts[kind]))
	}
	return lines
}

// requestNames and replyNames are the messages' names in the protocol's documentation.
var (
	requestNames = map[byte]string{
		'P': "Parse", 'B': "Bind", 'D': "Describe", 'E': "Execute", 'S': "Sync", 'Q': "Query", 'C': "Close", 'H': "Flush",
	}
	replyNames = map[byte]string{
		'1': "ParseComplete", '2': "BindComplete", '3': "CloseComplete", 't': "ParameterDescription", 'T': "RowDescription",
		'n': "NoData", 'D': "DataRow", 'C': "CommandComplete", 'Z': "ReadyForQuery", 'E': "ErrorResponse", 'N': "NoticeResponse",
	}
)
