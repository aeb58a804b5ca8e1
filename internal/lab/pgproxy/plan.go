package pgproxy

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

// Mode is a way to cut a connection.
type Mode string

// Ways to cut.
const (
	Before    Mode = "before"     // the message and what follows are not forwarded
	ReplyLost Mode = "reply lost" // all is forwarded, the answer is dropped from that message on
	Late      Mode = "late"       // the client is cut at once, the server gets the message after a while
)

// cutting is where and how the exchange of one commit is cut.
type cutting struct {
	mode  Mode
	at    int           // the number of the message: of the request, or with ReplyLost of the answer
	delay time.Duration // with Late
	last  bool          // with Late: it is later than Plan.Beyond
}

// Plan decides which commits are cut, and counts all faults. The same seed decides the same for the
// same requests in the same order.
type Plan struct {
	Share atomic.Int64 // of 10,000 requests that are part of a commit, so many are cut
	Cuts  atomic.Int64

	// Delay is how late a late commit is at most; others wait meanwhile if it was partly sent. 0
	// means LongestDelay.
	Delay time.Duration

	// Beyond is how late one in four late commits is at least: longer than a client waits for
	// anything. 0 means that none is.
	Beyond time.Duration

	// Asked is told of every statement that is sent, and Said of every message of a server. Both
	// may be nil.
	Asked func(sql string)
	Said  func(f Frame)

	mu     sync.Mutex
	rng    *rand.Rand     // guarded by mu
	counts map[string]int // guarded by mu
}

// LongestDelay is how late a late commit is at most, where the plan doesn't say.
const LongestDelay = 600 * time.Millisecond

// NewPlan returns a plan that cuts nothing yet.
func NewPlan(seed uint64) *Plan {
	return &Plan{rng: rand.New(rand.NewPCG(seed, 1)), counts: map[string]int{}, Delay: LongestDelay}
}

// draw decides about a request of so many messages.
func (p *Plan) draw(messages int) (c cutting, wanted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rng.Int64N(10_000) >= p.Share.Load() {
		return c, false
	}
	c.mode = []Mode{Before, ReplyLost, Late}[p.rng.IntN(3)]
	c.at = p.rng.IntN(messages)
	if c.mode == ReplyLost {
		c.at = p.rng.IntN(messages + 2)
	}
	c.delay = time.Duration(p.rng.Int64N(int64(p.Delay)))
	if c.last = c.mode == Late && p.Beyond > 0 && p.rng.IntN(4) == 0; c.last {
		c.delay += p.Beyond
	}
	return c, true
}

func (p *Plan) asked(sql string) {
	if p.Asked != nil {
		p.Asked(sql)
	}
}

func (p *Plan) said(f Frame) {
	if p.Said != nil {
		p.Said(f)
	}
}

// Count notes a fault of a kind.
func (p *Plan) Count(kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[kind]++
}

// countCut notes where a commit was cut: at which message, in which mode.
func (p *Plan) countCut(m Mode, kind byte) {
	names := requestNames
	if m == ReplyLost {
		names = replyNames
	}
	name := names[kind]
	if name == "" {
		name = fmt.Sprintf("%q", kind)
	}
	p.Cuts.Add(1)
	p.Count(fmt.Sprintf("cut %s: %s", m, name))
}

// BeyondAll is the kind under which a commit is counted that reached the server after Plan.Beyond.
const BeyondAll = "late beyond every bound"

// Number returns how often a fault happened whose kind begins so.
func (p *Plan) Number(prefix string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for kind, count := range p.counts {
		if strings.HasPrefix(kind, prefix) {
			n += count
		}
	}
	return n
}

// Lines tells how often each kind of fault happened.
func (p *Plan) Lines() (lines []string) {
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
