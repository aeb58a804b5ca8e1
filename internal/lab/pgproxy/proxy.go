package pgproxy

import (
	"bufio"
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Proxy stands between clients and a server, and cuts connections as the plan says.
type Proxy struct {
	plan     *Plan
	upstream atomic.Value // a string
	listener net.Listener
	open     sync.WaitGroup

	mu    sync.Mutex
	links map[*link]struct{} // guarded by mu
}

// Listen starts a proxy for the server at upstream, on a loopback port of its own.
func Listen(upstream string, p *Plan) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	x := &Proxy{plan: p, listener: l, links: map[*link]struct{}{}}
	x.Turn(upstream)
	x.open.Go(x.accept)
	return x, nil
}

func (x *Proxy) accept() {
	for {
		client, err := x.listener.Accept()
		if err != nil {
			return
		}
		x.open.Go(func() { x.serve(client) })
	}
}

// Turn leads new connections to another server. Those that are open stay where they are.
func (x *Proxy) Turn(upstream string) { x.upstream.Store(upstream) }

// Fence ends all connections: nobody hears from a server any more whose processes may live a moment
// longer than it.
func (x *Proxy) Fence() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for l := range x.links {
		_, _ = l.client.Close(), l.server.Close()
	}
}

// Address returns host:port, for clients to connect to.
func (x *Proxy) Address() string { return x.listener.Addr().String() }

// Close stops taking connections and waits until those that are open have ended.
func (x *Proxy) Close() {
	_ = x.listener.Close()
	x.open.Wait()
}

// link is one connection of a client, with the one to the server that belongs to it.
type link struct {
	plan           *Plan
	client, server net.Conn
	statements     map[string]string // that are prepared, by name

	mu      sync.Mutex
	pending []*unit // guarded by mu; requests whose answer has not ended
}

// unit is a request: the messages up to the one after which the client waits.
type unit struct {
	messages []Frame
	commit   bool
	cutting
	cutReply bool // the answer is to be dropped from its message number at on
	answered int  // messages of the answer so far
}

func (x *Proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", x.upstream.Load().(string), time.Second)
	if err != nil {
		return // the server is down, and so the client finds it
	}
	defer server.Close()
	l := &link{plan: x.plan, client: client, server: server, statements: map[string]string{}}
	x.mu.Lock()
	x.links[l] = struct{}{}
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		delete(x.links, l)
		x.mu.Unlock()
	}()
	var replies sync.WaitGroup
	replies.Go(l.answer)
	l.request()
	replies.Wait()
}

// request forwards what the client says until one of them is gone.
func (l *link) request() {
	defer l.server.Close() // ends answer as well
	in := bufio.NewReader(l.client)
	first, err := readFrame(in, true)
	if err != nil {
		return
	}
	if _, err := l.server.Write(first.raw); err != nil || first.isCancel() {
		return
	}
	for {
		u, err := l.readUnit(in)
		if err != nil {
			return
		}
		if !l.forward(u) {
			return
		}
	}
}

// readUnit reads a whole request: pgx sends it at once, so nothing waits for it in vain.
func (l *link) readUnit(in *bufio.Reader) (*unit, error) {
	u := &unit{}
	for {
		f, err := readFrame(in, false)
		if err != nil {
			return nil, err
		}
		u.messages = append(u.messages, f)
		switch f.Kind {
		case 'P':
			name, sql := f.parsed()
			l.statements[name] = sql
			u.commit = u.commit || isCommit(sql)
		case 'B':
			sql := l.statements[f.bound()]
			u.commit = u.commit || isCommit(sql)
			l.plan.asked(sql)
		case 'Q':
			sql, _ := cut(f.body())
			u.commit = u.commit || isCommit(sql)
			l.plan.asked(sql)
		case 'p', 'X': // a password, the end
			return u, nil
		}
		if f.endsUnit() {
			return u, nil
		}
	}
}

// isCommit reports whether a statement is part of storing events.
func isCommit(sql string) bool {
	return strings.Contains(sql, "INSERT INTO") && strings.Contains(sql, "event_log") ||
		strings.EqualFold(strings.TrimSuffix(strings.TrimSpace(sql), ";"), "commit")
}

// forward sends a request on, or what the plan leaves of it. It returns false when the connection
// is over.
func (l *link) forward(u *unit) bool {
	var wanted bool
	if u.commit {
		u.cutting, wanted = l.plan.draw(len(u.messages))
	}
	if wanted && u.mode != ReplyLost {
		return l.cutRequest(u)
	}
	u.cutReply = wanted
	l.expect(u)
	return l.send(u.messages)
}

// cutRequest forwards the messages before the one at which it cuts, and the others late or never.
func (l *link) cutRequest(u *unit) bool {
	l.plan.countCut(u.mode, u.messages[u.at].Kind)
	sent := l.send(u.messages[:u.at])
	if u.mode == Before || !sent {
		_ = l.client.Close()
		return false
	}
	rest := u.messages[u.at:]
	u.cutReply, u.at = true, 0 // nobody is there to hear any of it
	l.expect(u)
	_ = l.client.Close()
	time.Sleep(u.delay)
	if l.send(rest) && l.drain() && u.last {
		l.plan.Count(BeyondAll)
	}
	return false
}

func (l *link) send(messages []Frame) bool {
	var all []byte
	for _, f := range messages {
		all = append(all, f.raw...)
	}
	_, err := l.server.Write(all)
	return err == nil
}

// expect notes that the server will answer u.
func (l *link) expect(u *unit) {
	if last := u.messages[len(u.messages)-1].Kind; last != 'S' && last != 'Q' {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, u)
}

// answer forwards what the server says.
func (l *link) answer() {
	defer l.client.Close()
	in := bufio.NewReader(l.server)
	for {
		f, err := readFrame(in, false)
		if err != nil {
			return
		}
		l.plan.said(f)
		if l.dropped(f) {
			continue
		}
		if _, err := l.client.Write(f.raw); err != nil {
			return
		}
	}
}

// dropped notes a message of the server, and reports whether the client is not to have it.
func (l *link) dropped(f Frame) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) == 0 {
		return false
	}
	u := l.pending[0]
	number := u.answered
	u.answered++
	if f.Kind == 'Z' {
		l.pending = l.pending[1:]
	}
	if !u.cutReply {
		return false
	}
	// The last message is where a cut beyond the answer's length falls.
	if u.mode == ReplyLost && (number == u.at || f.Kind == 'Z' && number < u.at) {
		l.plan.countCut(ReplyLost, f.Kind)
		_ = l.client.Close()
	}
	return number >= u.at || f.Kind == 'Z'
}

// drain waits until the server has answered all it was asked, or a while. It reports whether it
// has.
func (l *link) drain() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		l.mu.Lock()
		left := len(l.pending)
		l.mu.Unlock()
		if left == 0 {
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}
