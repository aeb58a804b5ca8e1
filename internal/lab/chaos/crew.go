package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// crew is the writers' processes.
type crew struct {
	*arena
	url string

	mu     sync.Mutex
	places []*place // guarded by mu
	ending bool     // guarded by mu
	failed error    // guarded by mu: of a writer that ended by itself
}

// place is filled by one writer after the other.
type place struct {
	number, lives int
	cmd           *exec.Cmd
	stdin         io.Closer
	done          chan struct{}
	killed        bool
}

// work starts the writers.
func (c *crew) work(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.writers {
		p := &place{number: i}
		c.places = append(c.places, p)
		if err := c.start(p); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// start begins the next life of a place. c.mu is held.
func (c *crew) start(p *place) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	p.lives++
	b := brief{
		Name: fmt.Sprintf("w%dg%d", p.number, p.lives), URL: c.url, Dir: c.dir,
		Seed: c.seed*1000 + uint64(p.number*100+p.lives), Callers: c.callers, Pace: 30 * time.Millisecond,
		Field: c.field, Settling: c.settling(), Committing: c.commitTimeout(), Failover: c.kind != single,
	}
	switch p.number {
	case 0, 1: // two nodes with one id, and clocks that agree
		b.Node = 7
	case 2:
		b.Skew, b.Jumps = time.Hour, true
	case 3:
		b.Skew = -time.Hour
	default:
		b.Jumps = p.number%2 == 0
	}
	// Not bound to a context: it is told to end, or killed, and waited for.
	cmd := exec.Command(program, roleWriter)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.stdin, p.done, p.killed = cmd, stdin, make(chan struct{}), false
	go c.watch(p, cmd, p.done)
	return json.NewEncoder(stdin).Encode(b)
}

// watch waits for the end of a writer, and replaces it.
func (c *crew) watch(p *place, cmd *exec.Cmd, done chan struct{}) {
	err := cmd.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(done)
	switch {
	case p.killed:
		if !c.ending {
			c.failed = errors.Join(c.failed, c.start(p))
		}
	case err != nil || !c.ending:
		c.failed = errors.Join(c.failed, fmt.Errorf("chaos: writer %d ended by itself: %w", p.number, errors.Join(err)))
	}
}

// kill ends a writer as the kernel does when memory is short.
func (c *crew) kill(number int) error {
	c.mu.Lock()
	p := c.places[number%len(c.places)]
	done, cmd := p.done, p.cmd
	p.killed = true
	c.mu.Unlock()
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-done
	return nil
}

// dismiss lets the writers end in good order and waits for them.
func (c *crew) dismiss() error {
	c.mu.Lock()
	c.ending = true
	places := c.places
	for _, p := range places {
		_ = p.stdin.Close()
	}
	c.mu.Unlock()
	for _, p := range places {
		select {
		case <-p.done:
		case <-time.After(2 * time.Minute):
			_ = p.cmd.Process.Kill()
			<-p.done
			c.failed = errors.Join(c.failed, fmt.Errorf("chaos: writer %d does not end", p.number))
		}
	}
	return c.failed
}
